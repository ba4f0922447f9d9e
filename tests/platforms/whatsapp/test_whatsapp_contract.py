"""WhatsApp's chats, databases and encrypted backups keep the contract of all connectors."""

from collections.abc import Sequence
from pathlib import Path

from connector_stage import Can
from file_contract import FileContract
from file_stage import NAMES, PHONES, POSTS, START, FileStage, Post
from whatsapp_databases import NEWER, Phone, encrypted

from grouparchive.platforms.files import Choices
from grouparchive.platforms.whatsapp.chat import WhatsAppChat
from grouparchive.platforms.whatsapp.database import WhatsAppBackup, WhatsAppDatabase

KEY = bytes(range(32))
GROUP = "120363000000000001@g.us"
ROWS = {"ada": 1, "ben": 2, "cyd": 3}
KEEPER, PLACE = 4, 5


class ChatStage(FileStage):
    can = POSTS | {Can.MENTIONS, Can.STRANGERS, Can.SERVICE, Can.FILES, Can.LOST_FILES}
    kind = WhatsAppChat
    choices = Choices(dates="dmy")
    group = room = "whatsapp:Lantern walk"

    def handle(self, who: str) -> str:
        return f"name:{NAMES[who]}"

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        lines = []
        for post in posts:
            text = post.said(lambda who: f"@\u2068{NAMES[who]}\u2069")
            if post.file:
                text = f"{post.name} (file attached)\n{text}"
                if not self.lost:
                    (folder / post.name).write_bytes(post.file)
            told = f"{NAMES[post.who]} added {NAMES[post.whom]}" if post.whom else f"{NAMES[post.who]}: {text}"
            lines.append(f"{post.clock('%d/%m/%Y, %H:%M')} - {told}\n")
        (folder / "WhatsApp Chat with Lantern walk.txt").write_text("".join(lines), encoding="utf-8")
        return folder


class DatabaseStage(FileStage):
    can = POSTS | {
        Can.CHANGES, Can.DELETIONS, Can.REPLIES, Can.MENTIONS, Can.STRANGERS, Can.SERVICE, Can.REACTIONS, Can.FILES, Can.LOST_FILES, Can.ROSTERS, Can.LEVELS,
    }  # fmt: skip
    kind = WhatsAppDatabase
    group = room = GROUP

    def handle(self, who: str) -> str:
        return PHONES[who]

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        phone = Phone(folder / "Databases" / "msgstore.db", NEWER)
        for number in (*PHONES.values(), "+491705550199"):
            phone.add("jid", user=number[1:], server="s.whatsapp.net", raw_string=f"{number[1:]}@s.whatsapp.net")
        phone.add("jid", user=GROUP.partition("@")[0], server="g.us", raw_string=GROUP)
        for who, row in ROWS.items():  # what others call people stands beside their other address
            lid = phone.add("jid", user=f"990000{row}", server="lid", raw_string=f"990000{row}@lid")
            phone.add("jid_map", lid_row_id=lid, jid_row_id=row)
            phone.add("lid_display_name", lid_row_id=lid, display_name=NAMES[who])
        phone.add("chat", jid_row_id=PLACE, subject="Lantern walk", created_timestamp=START - 1000)
        for row, rank in ((KEEPER, 2), *((ROWS[who], 0) for who in self.members)):
            phone.add(
                "group_participant_user", group_jid_row_id=PLACE, user_jid_row_id=row, rank=rank, pending=0,
                add_timestamp=START,
            )  # fmt: skip
        for post in posts:
            self._message(folder, phone, post)
        phone.close()
        return folder

    def _message(self, folder: Path, phone: Phone, post: Post) -> None:
        text = post.said(lambda who: f"@{PHONES[who][1:]}")
        kind = 15 if post.deleted else 7 if post.whom else 9 if post.file else 0
        row = phone.add(
            "message", chat_row_id=1, from_me=0, key_id=f"K{post.number}", sender_jid_row_id=ROWS[post.who], status=0,
            timestamp=post.time, message_type=kind, text_data=None if post.deleted else text or None, sort_id=post.number + 1,
        )  # fmt: skip
        for who in dict.fromkeys(who for _, who in post.parts() if who):
            phone.add("message_mentions", message_row_id=row, jid_row_id=ROWS[who])
        if post.changed:
            phone.add(
                "message_edit_info", message_row_id=row, original_key_id=f"K{post.number}", edited_timestamp=post.changed,
            )  # fmt: skip
        if post.deleted:
            phone.add(
                "message_revoked", message_row_id=row, revoked_key_id=f"K{post.number}", revoke_timestamp=post.time + 1,
            )  # fmt: skip
        if post.whom:
            phone.add("message_system", message_row_id=row, action_type=12)
            phone.add("message_system_chat_participant", message_row_id=row, user_jid_row_id=ROWS[post.whom])
        if post.reply_to >= 0:
            phone.add(
                "message_quoted", message_row_id=row, chat_row_id=1, parent_message_chat_row_id=1,
                key_id=f"K{post.reply_to}",
            )  # fmt: skip
        for who, key in post.reactions:
            more = phone.add(
                "message_add_on", from_me=0, key_id=f"R{post.number}", sender_jid_row_id=ROWS[who],
                parent_message_row_id=row,
            )  # fmt: skip
            phone.add(
                "message_add_on_reaction", message_add_on_row_id=more, reaction=key, sender_timestamp=post.time + 1
            )
        if post.file:
            path = f"Media/WhatsApp Documents/DOC-{post.number}.bin"
            phone.add(
                "message_media", message_row_id=row, file_path=path, file_length=len(post.file), media_name=post.name,
                mime_type="application/octet-stream",
            )  # fmt: skip
            if not self.lost:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(post.file)


class BackupStage(DatabaseStage):
    kind = WhatsAppBackup
    choices = Choices(key=KEY.hex().encode())

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        super().write(folder, posts)
        plain = folder / "Databases" / "msgstore.db"
        (folder / "Databases" / "msgstore.db.crypt15").write_bytes(encrypted(plain.read_bytes(), KEY))
        plain.unlink()
        return folder


class TestChat(FileContract):
    stage = ChatStage


class TestDatabase(FileContract):
    stage = DatabaseStage


class TestBackup(FileContract):
    stage = BackupStage
