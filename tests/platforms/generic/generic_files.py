"""Reads files with the generic importers: records by kind, people by their ids."""

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from grouparchive.model import codec
from grouparchive.model.records import Gap, Record
from grouparchive.platforms.files import Choices, FileConnector, open_box
from grouparchive.platforms.generic import PLATFORM

R = TypeVar("R", bound=Record)


def kind_of(path: Path, **choices: Any) -> type[FileConnector] | None:
    """Which importer takes a file."""
    with closing(open_box(path)) as box:
        return next((one for one in PLATFORM.formats if one.recognises(box, Choices(**choices))), None)


class Reading:
    """A file read to its end, all its groups."""

    def __init__(self, path: Path, **given: Any) -> None:
        choices = Choices(**given)
        kind = kind_of(path, **given)
        assert kind is not None
        self.natives: dict[str, tuple[str, str]] = {}
        self._ids: dict[str, str] = {}
        self.records: list[Record] = []
        self.gaps: list[Gap] = []
        self.stamps: list[str] = []
        self.media: dict[str, bytes] = {}
        with closing(open_box(path)) as box:
            self.modified = box.modified
            self.whose = kind.whose(box)
        with closing(kind(open_box(path), self.identify, choices)) as connector:
            self.title = connector.title
            self.groups = list(connector.groups())
            for group in self.groups:
                for page in connector.pages(group.ref, {}):
                    self.records += page.records
                    self.gaps += page.gaps
                    self.stamps += [page.stamp] if page.stamp else []
                    for request in page.media:
                        self.media[request.ref] = b"".join(connector.media(request.ref))
        self.codes = Counter[str]()
        for gap in self.gaps:
            self.codes[gap.code] += gap.count
        for record in (*self.records, *self.gaps):
            assert codec.decode(codec.encode(record)) == record

    def identify(self, native: str, name: str, avatar: str) -> str:
        assert not avatar
        found = self._ids.setdefault(native, f"{len(self._ids) + 0xFACE:032x}")
        self.natives[found] = (native, name or self.natives.get(found, ("", ""))[1])
        return found

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self.records if isinstance(record, kind)]
