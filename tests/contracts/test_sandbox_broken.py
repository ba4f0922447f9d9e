"""The contract of connectors sees what it is for: a sandbox broken on purpose fails the check that watches over the breach."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import connector_contract as reading
import msgspec
import pytest
from contract_clauses import applying
from sandbox_stages import HANDLES, SandboxConnectorStage

from grouparchive.errors import Damaged, NotFound
from grouparchive.model.ports import MediaRequest, Page
from grouparchive.model.records import Ban, Edit, Message, Pins, Reaction, Roster, Tombstone
from grouparchive.platforms.sandbox.connector import SandboxConnector

FAILS = (AssertionError, pytest.fail.Exception)
ADA = HANDLES["ada"]


class DropsTheLastPage(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        yield from list(super().pages(group, after))[:-1]


class IgnoresTheCursor(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:  # noqa: ARG002 - that is the fault
        return super().pages(group, {})


class RepeatsAPage(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield page
            if page.cursor:
                yield page


class TurnsPagesAround(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield msgspec.structs.replace(page, records=page.records[::-1]) if page.cursor else page


class EventsFirst(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        yield from sorted(super().pages(group, after), key=lambda page: not page.cursor)


class LeaksHandles(SandboxConnector):
    def _clean(self, text: str) -> str:
        return text


class LeaksHandlesInFileNames(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            records = [
                msgspec.structs.replace(
                    one, media=tuple(msgspec.structs.replace(file, name=f"{ADA}.txt") for file in one.media)
                )
                if isinstance(one, Message)
                else one
                for one in page.records
            ]
            yield msgspec.structs.replace(page, records=records)


class SplitsTheRoster(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            if isinstance(page.records[0], Roster) and len(page.records) > 2:
                yield msgspec.structs.replace(page, records=page.records[:2])
                yield msgspec.structs.replace(page, records=page.records[2:])
            else:
                yield page


class ForgetsBans(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield msgspec.structs.replace(page, records=[one for one in page.records if not isinstance(one, Ban)])


class HidesWhatItCannotRead(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield msgspec.structs.replace(page, gaps=[])


class FallsOverHostileEvents(SandboxConnector):
    def _event(self, row: Any) -> Any:
        try:
            return super()._event(row)
        except (msgspec.ValidationError, msgspec.DecodeError):
            raise AssertionError("cannot go on") from None


class TakesAnything(SandboxConnector):
    def _event(self, row: Any) -> Any:
        if row["kind"] == "message" and row["time"] < 0:
            return Message(channel=row["channel"], ref=row["ref"], time=row["time"], text="early")
        return super()._event(row)


class RunsAhead(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            newest = self._ask("SELECT max(n) AS n FROM events")[0]["n"]
            yield msgspec.structs.replace(page, cursor=dict.fromkeys(page.cursor, str(newest)))


class CountsInItsCursor(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, {name: str(value) for name, value in after.items()}):
            cursor: Any = {name: int(value) for name, value in page.cursor.items()}
            yield msgspec.structs.replace(page, cursor=cursor)


class NamesPeopleInItsCursor(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield msgspec.structs.replace(page, cursor={**page.cursor, "last": ADA} if page.cursor else {})


class SavesStates(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            if page.cursor or not after:
                yield page


class StampsAtRandom(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield page if page.cursor else msgspec.structs.replace(page, stamp=os.urandom(8).hex())


class AsksTooMuch(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        self.requests += 20
        return super().pages(group, after)


class CutsFiles(SandboxConnector):
    def media(self, ref: str) -> Iterator[bytes]:
        yield next(super().media(ref))[:1000]


class LostFilesAreEmpty(SandboxConnector):
    def media(self, ref: str) -> Iterator[bytes]:
        try:
            yield from super().media(ref)
        except NotFound:
            return


class FacesAreContent(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield msgspec.structs.replace(page, media=[MediaRequest(ref=file.ref) for file in page.media])


class ForgetsFiles(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield msgspec.structs.replace(page, media=[])


class InventsIds(SandboxConnector):
    def _id(self, handle: str) -> str:
        super()._id(handle)
        return handle.encode().hex()[:32].ljust(32, "0")


class RemembersIds(SandboxConnector):
    def _id(self, handle: str) -> str:
        known: dict[str, str] = self.__dict__.setdefault("ids", {})
        if handle not in known:
            known[handle] = super()._id(handle)
        return known[handle]


class ForgetsDeletions(SandboxConnector):
    def _event(self, row: Any) -> Any:
        record = super()._event(row)
        return None if isinstance(record, Tombstone) else record


class ForgetsReplies(SandboxConnector):
    def _event(self, row: Any) -> Any:
        record = super()._event(row)
        return msgspec.structs.replace(record, reply_to="") if isinstance(record, Message) else record


class ForgetsReactions(SandboxConnector):
    def _event(self, row: Any) -> Any:
        record = super()._event(row)
        return None if isinstance(record, Reaction) else record


class ForgetsPins(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield msgspec.structs.replace(page, records=[one for one in page.records if not isinstance(one, Pins)])


class ForgetsEdits(SandboxConnector):
    def _event(self, row: Any) -> Any:
        record = super()._event(row)
        return None if isinstance(record, Edit) else record


class MixesAuthors(SandboxConnector):
    def _event(self, row: Any) -> Any:
        record = super()._event(row)
        return msgspec.structs.replace(record, author=self._id(ADA)) if isinstance(record, Message) else record


class MarksAsRead(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        with self._world._change():
            self._world._db.execute("UPDATE members SET unread = 0")
        return super().pages(group, after)


class AnyGroupWillDo(SandboxConnector):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        try:
            yield from super().pages(group, after)
        except NotFound:
            return


BROKEN_CONNECTORS: list[tuple[type[SandboxConnector], Callable[[Any], None]]] = [
    (DropsTheLastPage, reading.every_post_comes_once_and_in_order),
    (DropsTheLastPage, reading.what_arrives_meanwhile_is_not_lost),
    (IgnoresTheCursor, reading.the_second_run_brings_nothing),
    (IgnoresTheCursor, reading.it_resumes_after_any_page),
    (RepeatsAPage, reading.every_post_comes_once_and_in_order),
    (TurnsPagesAround, reading.every_post_comes_once_and_in_order),
    (EventsFirst, reading.states_come_first),
    (LeaksHandles, reading.no_handle_is_in_content),
    (LeaksHandles, reading.a_mention_says_whom),
    (LeaksHandlesInFileNames, reading.no_handle_is_in_content),
    (SplitsTheRoster, reading.a_roster_is_one_whole_page),
    (ForgetsBans, reading.who_is_shut_out_is_told),
    (HidesWhatItCannotRead, reading.hostile_events_are_gaps),
    (FallsOverHostileEvents, reading.hostile_events_are_gaps),
    (RunsAhead, reading.what_arrives_meanwhile_is_not_lost),
    (RunsAhead, reading.it_resumes_after_any_page),
    (CountsInItsCursor, reading.cursors_are_plain_strings),
    (NamesPeopleInItsCursor, reading.cursors_are_plain_strings),
    (SavesStates, reading.the_second_run_brings_nothing),
    (StampsAtRandom, reading.the_second_run_brings_nothing),
    (AsksTooMuch, reading.the_second_run_brings_nothing),
    (CutsFiles, reading.files_are_the_same_bytes),
    (LostFilesAreEmpty, reading.a_lost_file_is_a_typed_error),
    (FacesAreContent, reading.faces_belong_to_the_roster),
    (ForgetsFiles, reading.files_are_the_same_bytes),
    (InventsIds, reading.ids_come_from_identify),
    (RemembersIds, reading.each_page_tells_who_is_in_it),
    (ForgetsDeletions, reading.what_was_deleted_is_a_tombstone),
    (ForgetsReplies, reading.a_reply_says_to_what),
    (ForgetsReactions, reading.reactions_are_told),
    (ForgetsPins, reading.pins_are_told),
    (ForgetsEdits, reading.edits_are_told),
    (ForgetsEdits, reading.the_second_run_brings_what_is_new),
    (MixesAuthors, reading.texts_authors_and_times_are_right),
    (MarksAsRead, reading.reading_changes_nothing),
    (AnyGroupWillDo, reading.an_unknown_group_is_a_typed_error),
]


def _name(value: Any) -> str:
    return str(value.__name__)


@pytest.mark.parametrize(("broken", "check"), BROKEN_CONNECTORS, ids=_name)
def test_a_broken_connector_is_seen(
    broken: type[SandboxConnector], check: Callable[[Any], None], tmp_path: Path
) -> None:
    with closing(SandboxConnectorStage(tmp_path, broken)) as stage, pytest.raises(FAILS):
        check(stage)


def test_a_record_against_the_rules_is_seen(tmp_path: Path) -> None:
    with closing(SandboxConnectorStage(tmp_path, TakesAnything)) as stage, pytest.raises((*FAILS, Damaged)):
        reading.records_keep_to_the_schema(stage)


def test_every_check_has_a_breach_that_it_sees() -> None:
    seen = {check for _, check in BROKEN_CONNECTORS} | {reading.records_keep_to_the_schema}
    checks = set(applying(SandboxConnectorStage.can))
    assert {check.__name__ for check in checks - seen} == set()
