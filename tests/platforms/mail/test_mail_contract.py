"""Mailboxes in each of their forms and Google's groups keep the contract of all connectors."""

import base64
from collections.abc import Sequence
from pathlib import Path

from connector_stage import Can
from file_contract import FileContract
from file_stage import MAILS, NAMES, POSTS, FileStage, Post
from mail_exports import LIST, LISTED, mail, mbox

from grouparchive.platforms.mail import GoogleGroup, MailBox

GROUP = "garden@googlegroups.com"
HEADER = "Email address,Nickname,Group status,Email status,Email preference,Posting permissions"


class MboxStage(FileStage):
    can = POSTS | {Can.REPLIES, Can.MENTIONS, Can.FILES}
    kind = MailBox
    group = room = LIST
    headers = LISTED

    def handle(self, who: str) -> str:
        return MAILS[who]

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        path = folder / "garden.mbox"
        path.write_bytes(mbox(*map(self._mail, posts)))
        return path

    def _mail(self, post: Post) -> bytes:
        extra, body = self.headers, post.said(MAILS.__getitem__) + "\n"
        if post.reply_to >= 0:
            extra += f"In-Reply-To: <m{post.reply_to}@example.org>\n"
        if post.file:
            extra += "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
            data = base64.encodebytes(post.file).decode()
            body = (
                f"--b\nContent-Type: text/plain\n\n{body}\n--b\nContent-Type: application/octet-stream\n"
                f'Content-Disposition: attachment; filename="{post.name}"\nContent-Transfer-Encoding: base64\n\n{data}\n--b--\n'
            )
        return mail(
            post.number,
            body,
            sender=f"{NAMES[post.who]} <{MAILS[post.who]}>",
            subject="",
            date=post.clock("%a, %d %b %Y %H:%M:%S +0000"),
            extra=extra,
        )


class MaildirStage(MboxStage):
    can = MboxStage.can - {Can.PLENTY}

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        for place in ("cur", "new", "tmp"):
            (folder / place).mkdir()
        for post in posts:
            (folder / "cur" / f"{post.seconds}.M{post.number}.lamp:2,S").write_bytes(self._mail(post))
        return folder


class SingleMailsStage(MboxStage):
    can = MboxStage.can - {Can.PLENTY}

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        for post in posts:
            (folder / f"{post.number:06d}.eml").write_bytes(self._mail(post))
        return folder


class GoogleGroupStage(MboxStage):
    can = MboxStage.can | {Can.ROSTERS, Can.LEVELS, Can.BANS, Can.TOPICS}
    kind = GoogleGroup
    group = room = GROUP
    headers = "X-Google-Groups: garden\n"

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        place = folder / "Groups" / "googlegroups.com" / "owned" / GROUP
        place.mkdir(parents=True)
        (place / "topics.mbox").write_bytes(mbox(*map(self._mail, posts)))
        rows = [HEADER, "keeper@lamp.example,Keeper,owner,,Each email,allowed"]
        rows += [f"{MAILS[who]},{NAMES[who]},member,,Each email,allowed" for who in self.members]
        rows += [f"{MAILS[who]},{NAMES[who]},banned,,," for who in self.banned]
        (place / "members.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        topic = Post(0, "", self.topic, 0).said(MAILS.__getitem__)
        about = f"Name,Address,Description,Who can post\nThe garden,{GROUP},{topic},all\n"
        (place / "info.csv").write_text(about, encoding="utf-8")
        return folder


class TestMbox(FileContract):
    stage = MboxStage


class TestMaildir(FileContract):
    stage = MaildirStage


class TestSingleMails(FileContract):
    stage = SingleMailsStage


class TestGoogleGroup(FileContract):
    stage = GoogleGroupStage
