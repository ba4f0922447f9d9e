"""The contract of files sees what it is for: a real connector broken on purpose fails the check that watches over the breach."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import connector_contract as common
import file_contract as files
import pytest
from connector_stage import Can
from contract_clauses import CHECKS
from file_stage import NAMES
from msgspec.structs import replace
from test_telegram_contract import TelegramStage

from grouparchive.model.ports import Page
from grouparchive.model.records import Channel, Gap, Group, Message
from grouparchive.platforms.files import Box, Choices
from grouparchive.platforms.telegram.export import TelegramExport

FAILS = (AssertionError, pytest.fail.Exception)


class Changed(TelegramExport):
    """Pages as `page` changes them."""

    def pages(self, group: str, after: Any) -> Iterator[Page]:
        return map(self.page, super().pages(group, after))

    def page(self, page: Page) -> Page:
        return replace(page, records=[found for one in page.records for found in self.record(one)])

    def record(self, record: Any) -> list[Any]:
        return [record]


class RefsByPosition(Changed):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        self.number = count()
        return super().pages(group, after)

    def record(self, record: Any) -> list[Any]:
        return [replace(record, ref=f"{next(self.number)}") if isinstance(record, Message) else record]


class RefsAtRandom(Changed):
    def record(self, record: Any) -> list[Any]:
        return [replace(record, ref=os.urandom(8).hex()) if isinstance(record, Message) else record]


class NamesInTexts(Changed):
    def record(self, record: Any) -> list[Any]:
        for who, name in NAMES.items():
            if isinstance(record, Message):
                id_ = self.identify(TelegramStage.handle(None, who), "", "")  # type: ignore[arg-type]
                record = replace(record, text=record.text.replace(f"{{member:{id_}}}", name))
        return [record]


class NamesInFileNames(Changed):
    def record(self, record: Any) -> list[Any]:
        if isinstance(record, Message):
            return [replace(record, media=tuple(replace(one, name=f"{NAMES['ada']}.txt") for one in record.media))]
        return [record]


class NamesInGaps(Changed):
    def page(self, page: Page) -> Page:
        return replace(page, gaps=[replace(gap, detail=NAMES["ben"]) for gap in page.gaps])


class LosesAPage(Changed):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        found = list(super().pages(group, after))
        return iter(found[:1] + found[2:])


class TellsTwice(Changed):
    def record(self, record: Any) -> list[Any]:
        return [record] * 2


class SwallowsGaps(Changed):
    def page(self, page: Page) -> Page:
        return replace(page, gaps=[])


class LimitsAreFaults(Changed):
    def page(self, page: Page) -> Page:
        return replace(page, gaps=[replace(gap, limit=False) for gap in page.gaps])


class GapsThatNobodyKnows(Changed):
    def page(self, page: Page) -> Page:
        return replace(page, gaps=[Gap(code="surprise", limit=True)])


class OneRefForAllFiles(Changed):
    def page(self, page: Page) -> Page:
        return replace(super().page(page), media=[replace(file, ref="file") for file in page.media])

    def record(self, record: Any) -> list[Any]:
        if isinstance(record, Message):
            return [replace(record, media=tuple(replace(one, ref="file") for one in record.media))]
        return [record]

    def media(self, ref: str) -> Iterator[bytes]:
        return super().media(next(iter(self._paths)) if ref == "file" else ref)


class CutsFiles(TelegramExport):
    def media(self, ref: str) -> Iterator[bytes]:
        yield next(super().media(ref))[:5]


class PagesWithoutABound(TelegramExport):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        found = list(super().pages(group, after))
        yield found[0]
        records = [record for page in found[1:] for record in page.records]
        media = [file for page in found for file in page.media]
        yield Page(
            records=records, media=media, gaps=[gap for page in found[1:] for gap in page.gaps], cursor={"a": "b"}
        )


class NewestFirst(Changed):
    def page(self, page: Page) -> Page:
        return replace(page, records=page.records[::-1])


class ForgetsTheChannel(Changed):
    def record(self, record: Any) -> list[Any]:
        return [] if isinstance(record, Channel) else [record]


class AnotherGroup(Changed):
    def record(self, record: Any) -> list[Any]:
        return [replace(record, ref="another") if isinstance(record, Group) else record]


class AnnouncesLess(TelegramExport):
    exports: ClassVar[Any] = TelegramExport.exports - {Message}


class ForgetsReplies(Changed):
    def record(self, record: Any) -> list[Any]:
        return [replace(record, reply_to="") if isinstance(record, Message) else record]


class ForgetsChanges(Changed):
    def record(self, record: Any) -> list[Any]:
        return [replace(record, version=0, edited=0) if isinstance(record, Message) else record]


class KnowsNothing(TelegramExport):
    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - that is the fault
        return False


class KnowsEverything(TelegramExport):
    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - that is the fault
        return True


class FallsOverNonsense(TelegramExport):
    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:
        assert all(box.head(name).decode("ascii") for name in box.entries), "this is no text"
        return super().recognises(box, choices)


class KeepsFilesOpen(TelegramExport):
    opened: ClassVar[list[Any]] = []

    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            self.opened.append(self.box.open(next(iter(self.box.entries))))
            yield page


class WritesBeside(TelegramExport):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        (self.box.path / "cache").write_text("seen")
        return super().pages(group, after)


BROKEN: list[tuple[type[TelegramExport], Callable[[Any], None]]] = [
    (RefsByPosition, files.exports_that_overlap_are_one_history),
    (RefsAtRandom, files.a_second_reading_gives_the_same),
    (RefsAtRandom, files.a_second_import_brings_nothing),
    (NamesInTexts, common.no_handle_is_in_content),
    (NamesInTexts, common.a_mention_says_whom),
    (NamesInFileNames, common.no_handle_is_in_content),
    (NamesInGaps, common.no_handle_is_in_content),
    (LosesAPage, common.every_post_comes_once_and_in_order),
    (LosesAPage, files.pages_are_bounded),
    (TellsTwice, common.every_post_comes_once_and_in_order),
    (SwallowsGaps, files.a_missing_file_is_a_gap),
    (SwallowsGaps, files.a_roster_is_whole_or_said_to_be_partial),
    (SwallowsGaps, common.hostile_events_are_gaps),
    (LimitsAreFaults, files.limits_do_not_fail_an_import),
    (GapsThatNobodyKnows, files.gaps_are_known_and_explained),
    (OneRefForAllFiles, files.each_file_has_a_ref_of_its_own),
    (CutsFiles, files.each_file_has_a_ref_of_its_own),
    (CutsFiles, common.files_are_the_same_bytes),
    (PagesWithoutABound, files.pages_are_bounded),
    (NewestFirst, files.events_come_oldest_first),
    (ForgetsTheChannel, files.everything_has_its_place),
    (AnotherGroup, files.everything_has_its_place),
    (AnnouncesLess, common.records_keep_to_the_schema),
    (ForgetsReplies, common.a_reply_says_to_what),
    (RefsByPosition, files.what_a_later_export_lacks_stays),
    (ForgetsChanges, files.the_last_words_count_in_either_order),
    (KnowsNothing, files.no_other_format_takes_it),
    (KnowsEverything, files.it_takes_nothing_else),
    (FallsOverNonsense, files.it_takes_nothing_else),
    (KeepsFilesOpen, files.it_lets_go_of_files),
    (WritesBeside, common.reading_changes_nothing),
]


@pytest.mark.parametrize(("broken", "check"), BROKEN, ids=lambda one: one.__name__)
def test_a_broken_connector_is_seen(broken: type[TelegramExport], check: Callable[[Any], None], tmp_path: Path) -> None:
    stage = TelegramStage(tmp_path, broken)
    try:
        with pytest.raises(FAILS):
            check(stage)
    finally:
        while KeepsFilesOpen.opened:
            KeepsFilesOpen.opened.pop().close()


def test_every_check_of_files_has_a_breach_that_it_sees() -> None:
    seen = {check for _, check in BROKEN}
    # What Telegram cannot do is broken with WhatsApp's databases.
    others = {Can.ROSTERS, Can.DELETIONS}
    checks = {check for check, needed in CHECKS.items() if Can.EXPORTS in needed and not needed & others}
    assert {check.__name__ for check in checks - seen} == set()
