"""Records in our own format, tables of members and address books keep the contract of all connectors."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from connector_stage import Can
from file_contract import FileContract
from file_stage import HANDLES, MAILS, NAMES, NUMBERS, PHONES, POSTS, START, FileStage, Post

from grouparchive.model import codec
from grouparchive.model.records import (
    Attachment,
    Ban,
    Channel,
    Edit,
    Group,
    Media,
    Member,
    Membership,
    Message,
    Pins,
    Reaction,
    Record,
)
from grouparchive.platforms.generic.contacts import ContactsFile
from grouparchive.platforms.generic.members import MembersTable
from grouparchive.platforms.generic.records import GenericLines

IDS = {who: f"{number:032x}" for who, number in NUMBERS.items()} | {"keeper": "f" * 32}


class LinesStage(FileStage):
    can = POSTS | {
        Can.REPLIES, Can.MENTIONS, Can.STRANGERS, Can.EDITS, Can.REACTIONS, Can.PINS, Can.TOPICS, Can.FILES, Can.LOST_FILES, Can.ROSTERS,
        Can.LEVELS, Can.BANS, Can.HOSTILE,
    }  # fmt: skip
    kind = GenericLines
    group, room = "!garden", "!beds"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.edits: list[tuple[int, str]] = []

    def handle(self, who: str) -> str:
        return f"@{HANDLES[who]}:lamp.example"

    def edit(self, who: str, target: str, text: str) -> str:  # noqa: ARG002 - nobody else does
        self.edits.append((int(target), text))
        return ""

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        records: list[Record] = [
            Group(ref=self.group, platform="sandbox", origin="sandbox", name="Garden"),
            Channel(ref=self.room, group=self.group, name="Beds", topic=self._written(self.topic)),
            *(
                Member(id=IDS[who], platform="sandbox", origin="sandbox", native=self.handle(who), name=NAMES[who])
                for who in NAMES
            ),
            Member(id=IDS["keeper"], platform="sandbox", origin="sandbox", native="@keeper:lamp.example"),
            Membership(channel=self.room, member=IDS["keeper"], level=100),
            *(Membership(channel=self.room, member=IDS[who]) for who in self.members),
            *(Ban(channel=self.room, member=IDS[who]) for who in self.banned),
        ]
        if self.pinned:
            records.append(Pins(channel=self.room, messages=tuple(f"${number}" for number in self.pinned)))
        for post in posts:
            records += self._post(folder, post)
        there = {post.number for post in posts}
        for number, (target, text) in enumerate(self.edits):
            if target in there:
                records.append(
                    Edit(
                        channel=self.room, ref=f"$e{number}", target=f"${target}", time=START + 9**8, author=IDS["ada"],
                        text=self._written(text),
                    )
                )  # fmt: skip
        lines = [*(codec.encode(record) for record in records), *[b"5", b"{"][: self.wrong]]
        (folder / "group.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        return folder

    def _written(self, text: str) -> str:
        return Post(0, "", text, 0).said(lambda who: f"{{member:{IDS[who]}}}")

    def _post(self, folder: Path, post: Post) -> list[Record]:
        ref, answered = f"${post.number}", f"${post.reply_to}" if post.reply_to >= 0 else ""
        name = post.name
        for who, called in NAMES.items():  # as our own export names files
            name = name.replace(called, self._written(self.mention(who)))
        media = (Media(ref=f"mxc://{post.number}", name=name),) if post.file else ()
        records: list[Record] = [
            Message(
                channel=self.room, ref=ref, time=post.time, author=IDS[post.who], text=self._written(post.text),
                reply_to=answered, media=media, type="file" if media else "text",
            )
        ]  # fmt: skip
        records += [
            Reaction(channel=self.room, ref=f"{ref}/r", target=ref, time=post.time, author=IDS[who], key=key)
            for who, key in post.reactions
        ]
        if post.file:
            digest = hashlib.sha256(post.file).hexdigest()
            records.append(Attachment(ref=f"mxc://{post.number}", blob="ab" * 32, size=len(post.file), sha256=digest))
            if not self.lost:
                (folder / "media").mkdir(exist_ok=True)
                (folder / "media" / f"{post.number:06d}-{digest[:8]}.bin").write_bytes(post.file)
        return records

    def hostile(self) -> int:
        self.wrong = 2
        return 2


class _People(FileStage):
    def parts(self) -> tuple[Path, Path, Path]:
        self.members = ["ada", "ben"]
        first = self.export()
        self.members = ["ben", "cyd"]
        second = self.export()
        self.members = ["ada", "ben", "cyd"]
        return first, second, self.export()


class MembersStage(FileStage):
    """A table is a whole roster: of two, the later one counts. So both tell of the same people."""

    can = frozenset({Can.EXPORTS, Can.ROSTERS, Can.LEVELS})
    kind = MembersTable
    group = room = "table/Rose garden"

    def handle(self, who: str) -> str:
        return HANDLES[who]

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:  # noqa: ARG002 - nobody writes
        rows = ["Username,Full name,E-mail,Phone,Role", "keeper,Keeper,,,Admin"]
        rows += [f"{HANDLES[who]},{NAMES[who]},{MAILS[who]},{PHONES[who]},member" for who in self.members]
        path = folder / "Rose garden.csv"
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path


class CardsStage(_People):
    can = frozenset({Can.EXPORTS})
    kind = ContactsFile
    group = room = "contacts"

    def handle(self, who: str) -> str:
        return MAILS[who]

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:  # noqa: ARG002 - nobody writes
        path = folder / "contacts.vcf"
        cards = (
            f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{NAMES[who]}\r\nEMAIL:{MAILS[who]}\r\nTEL:{PHONES[who]}\r\nEND:VCARD\r\n"
            for who in self.members
        )
        path.write_text("".join(cards), encoding="utf-8", newline="")
        return path


class AddressBookStage(CardsStage):
    def write(self, folder: Path, posts: Sequence[Post]) -> Path:  # noqa: ARG002 - nobody writes
        rows = ["First Name,Last Name,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value"]
        for who in self.members:
            first, last = NAMES[who].split()
            rows.append(f"{first},{last},* myContacts,* ,{MAILS[who]},Mobile,{PHONES[who]}")
        path = folder / "contacts.csv"
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path


class TestLines(FileContract):
    stage = LinesStage


class TestMembers(FileContract):
    stage = MembersStage


class TestCards(FileContract):
    stage = CardsStage


class TestAddressBook(FileContract):
    stage = AddressBookStage
