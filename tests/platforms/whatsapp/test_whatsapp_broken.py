"""What the contract of files asks of formats with rosters and deletions is seen where it is broken."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import connector_contract as common
import file_contract as files
import pytest
from connector_stage import Can
from contract_clauses import CHECKS
from msgspec.structs import replace
from test_whatsapp_contract import DatabaseStage

from grouparchive.model.ports import Page
from grouparchive.model.records import Roster, Tombstone
from grouparchive.platforms.whatsapp.database import WhatsAppDatabase


class Changed(WhatsAppDatabase):
    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for page in super().pages(group, after):
            yield replace(page, records=[found for one in page.records for found in self.record(one)])

    def record(self, record: Any) -> list[Any]:
        return [record]


class ForgetsDeletions(Changed):
    def record(self, record: Any) -> list[Any]:
        return [] if isinstance(record, Tombstone) else [record]


class RostersWithoutAHead(Changed):
    def record(self, record: Any) -> list[Any]:
        return [] if isinstance(record, Roster) else [record]


class RostersWithoutATime(Changed):
    def record(self, record: Any) -> list[Any]:
        return [replace(record, time=0) if isinstance(record, Roster) else record]


BROKEN: list[tuple[type[WhatsAppDatabase], Callable[[Any], None]]] = [
    (ForgetsDeletions, files.a_deletion_is_told_by_a_later_export),
    (RostersWithoutAHead, common.a_roster_is_one_whole_page),
    (RostersWithoutAHead, files.a_roster_is_whole_or_said_to_be_partial),
    (RostersWithoutATime, files.who_left_is_gone_in_either_order),
]


@pytest.mark.parametrize(("broken", "check"), BROKEN, ids=lambda one: one.__name__)
def test_a_broken_connector_is_seen(
    broken: type[WhatsAppDatabase], check: Callable[[Any], None], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError):
        check(DatabaseStage(tmp_path, broken))


def test_every_check_of_rosters_and_deletions_in_files_has_a_breach_that_it_sees() -> None:
    ours = {Can.ROSTERS, Can.DELETIONS}
    checks = {check for check, needed in CHECKS.items() if Can.EXPORTS in needed and needed & ours}
    assert {check.__name__ for check in checks - {check for _, check in BROKEN}} == set()
