"""Exports taken into archives, and what these then tell."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backup_box import Box
from file_stage import FileStage

from grouparchive.archive.fold import View, fold
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, Summary, run_import, stage_mark
from grouparchive.model import codec
from grouparchive.model.records import Attachment, Fact, Member
from grouparchive.platforms.files import open_box

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - archives that are looked at once: what they wait for is the disk

_ID = re.compile(r"[0-9a-f]{32}")


@contextmanager
def archive(stage: FileStage, name: str) -> Iterator[Box]:
    where = IN_MEMORY if IN_MEMORY.is_dir() else stage.folder
    with TemporaryDirectory(prefix=f"archive-{name}-", dir=where) as folder, closing(Box(Path(folder))) as box:
        yield box


def _mark(path: Path) -> bytes:
    with closing(open_box(path)) as box:
        return box.fingerprint()


def knows(box: Box, path: Path, how: Any = "read") -> bool:
    with Writer.open(box.path, box.home, pinned=box.pin) as writer:
        return writer.knows_file(stage_mark(_mark(path), how))


def take(box: Box, stage: FileStage, path: Path) -> Summary:
    """As `import` does."""
    with closing(open_box(path)) as export:
        people = Identities(*stage.reads.whose(export))
    with (
        Writer.open(box.path, box.home, pinned=box.pin) as writer,
        closing(stage.open(path, people)) as connector,
    ):
        return run_import(connector, mark=_mark(path), writer=writer, identities=people)


def history(box: Box) -> dict[str, Any]:
    """Everything that an archive tells, with handles in the place of ids."""
    with Archive.open(box.path) as archive:
        reader = archive.unlock(box.secret)
        with closing(fold([reader])) as view:

            def named(match: re.Match[str]) -> str:
                member = view.members.get(view.canonical(match[0]))
                return f"<{member.native}>" if member else match[0]

            def line(record: Any) -> str:
                return _ID.sub(named, codec.encode(record).decode())

            found = _folded(view, line, lambda text: _ID.sub(named, text))
        raw = [record for vault in ("content", "roster") for _, record in reader.records(vault)]  # type: ignore[arg-type]
        natives = {record.id: record.native for record in raw if isinstance(record, Member)}
        facts = [(natives[one.member], one.field, one.key, one.value) for one in raw if isinstance(one, Fact)]
        found["facts"] = sorted(set(facts))
        found["files"] = sorted({(one.ref, one.sha256) for one in raw if isinstance(one, Attachment)})
        found["names"] = sorted({(one.native, one.name) for one in raw if isinstance(one, Member)})
        reader.check()
    return found


def _folded(view: View, line: Any, words: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: [] for name in ("groups", "channels", "posts", "reactions", "states", "people", "bans")
    }
    for group in view.groups():
        found["groups"].append(line(group))
        for channel in view.channels(group.ref):
            found["channels"].append(line(channel))
            found["states"] += sorted(map(line, view.settings(channel.ref)))
            found["states"].append((channel.ref, view.pins(channel.ref)))
            for post in view.posts(channel.ref):
                found["posts"].append((line(post.message), words(post.text), [line(one) for one in post.edits]))
                found["reactions"] += sorted(line(one) for one in (*post.reactions, *post.votes))
        found["states"] += sorted(map(line, view.roles(group.ref)))
        for person in view.people(group.ref):
            for place in person.memberships:
                found["people"].append((view.members[person.id].native, place.channel, place.state, place.level))
        found["bans"] += [(line(ban)) for ban in view.bans(group.ref)]
    found["people"].sort()
    found["bans"].sort()
    return found
