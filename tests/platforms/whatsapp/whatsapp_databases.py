"""Builds the databases of an invented phone, in both layouts, and encrypts them as the backup is."""

import hashlib
import os
import sqlite3
import zlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

GROUP, OLD_GROUP = "120363000000000001@g.us", "491701111111-1546300800@g.us"
FERN, MOSS, REED, LID = 1, 2, 3, 4  # rows in jid
BEGIN = 1_577_836_800_000

NEWER = """
CREATE TABLE jid (_id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, server TEXT NOT NULL, agent INTEGER,
  device INTEGER, type INTEGER, raw_string TEXT);
CREATE TABLE jid_map (lid_row_id INTEGER PRIMARY KEY NOT NULL, jid_row_id INTEGER NOT NULL, sort_id INTEGER);
CREATE TABLE lid_display_name (lid_row_id INTEGER PRIMARY KEY NOT NULL, display_name TEXT NOT NULL, username TEXT);
CREATE TABLE props (_id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, value TEXT);
CREATE TABLE chat (_id INTEGER PRIMARY KEY AUTOINCREMENT, jid_row_id INTEGER UNIQUE, subject TEXT, created_timestamp INTEGER);
CREATE TABLE message (_id INTEGER PRIMARY KEY AUTOINCREMENT, chat_row_id INTEGER NOT NULL, from_me INTEGER NOT NULL,
  key_id TEXT NOT NULL, sender_jid_row_id INTEGER, status INTEGER, timestamp INTEGER, message_type INTEGER,
  text_data TEXT, sort_id INTEGER NOT NULL DEFAULT 0);
CREATE TABLE message_media (message_row_id INTEGER PRIMARY KEY, file_path TEXT, file_size INTEGER, file_length INTEGER,
  mime_type TEXT, media_name TEXT, media_caption TEXT, media_duration INTEGER, width INTEGER, height INTEGER);
CREATE TABLE message_quoted (message_row_id INTEGER PRIMARY KEY, chat_row_id INTEGER, parent_message_chat_row_id INTEGER,
  key_id TEXT, text_data TEXT);
CREATE TABLE message_edit_info (message_row_id INTEGER PRIMARY KEY, original_key_id TEXT, edited_timestamp INTEGER,
  sender_timestamp INTEGER);
CREATE TABLE message_revoked (message_row_id INTEGER PRIMARY KEY, revoked_key_id TEXT, admin_jid_row_id INTEGER,
  revoke_timestamp INTEGER);
CREATE TABLE message_location (message_row_id INTEGER PRIMARY KEY, latitude REAL, longitude REAL, place_name TEXT,
  place_address TEXT);
CREATE TABLE message_vcard (_id INTEGER PRIMARY KEY AUTOINCREMENT, message_row_id INTEGER, vcard TEXT);
CREATE TABLE message_mentions (_id INTEGER PRIMARY KEY AUTOINCREMENT, message_row_id INTEGER, jid_row_id INTEGER);
CREATE TABLE message_poll (message_row_id INTEGER PRIMARY KEY, selectable_options_count INTEGER);
CREATE TABLE message_poll_option (_id INTEGER PRIMARY KEY AUTOINCREMENT, message_row_id INTEGER, option_name TEXT);
CREATE TABLE message_system (message_row_id INTEGER PRIMARY KEY, action_type INTEGER);
CREATE TABLE message_system_group (message_row_id INTEGER PRIMARY KEY, is_me_joined INTEGER);
CREATE TABLE message_system_chat_participant (message_row_id INTEGER, user_jid_row_id INTEGER);
CREATE TABLE message_system_value_change (message_row_id INTEGER PRIMARY KEY, old_data TEXT);
CREATE TABLE message_system_number_change (message_row_id INTEGER PRIMARY KEY, old_jid_row_id INTEGER, new_jid_row_id INTEGER);
CREATE TABLE message_add_on (_id INTEGER PRIMARY KEY AUTOINCREMENT, from_me INTEGER, key_id TEXT, sender_jid_row_id INTEGER,
  parent_message_row_id INTEGER, timestamp INTEGER, message_add_on_type INTEGER);
CREATE TABLE message_add_on_reaction (message_add_on_row_id INTEGER PRIMARY KEY, reaction TEXT, sender_timestamp INTEGER);
CREATE TABLE message_add_on_poll_vote (message_add_on_row_id INTEGER PRIMARY KEY, sender_timestamp INTEGER);
CREATE TABLE message_add_on_poll_vote_selected_option (_id INTEGER PRIMARY KEY AUTOINCREMENT, message_add_on_row_id INTEGER,
  message_poll_option_id INTEGER);
CREATE TABLE group_participant_user (_id INTEGER PRIMARY KEY AUTOINCREMENT, group_jid_row_id INTEGER,
  user_jid_row_id INTEGER, rank INTEGER, pending INTEGER, add_timestamp INTEGER);
"""
OLDER = """
CREATE TABLE messages (_id INTEGER PRIMARY KEY AUTOINCREMENT, key_remote_jid TEXT NOT NULL, key_from_me INTEGER,
  key_id TEXT NOT NULL, status INTEGER, data TEXT, timestamp INTEGER, media_mime_type TEXT, media_wa_type TEXT,
  media_size INTEGER, media_name TEXT, media_caption TEXT, media_duration INTEGER, latitude REAL, longitude REAL,
  remote_resource TEXT, quoted_row_id INTEGER, edit_version INTEGER, thumb_image BLOB);
CREATE TABLE messages_quotes (_id INTEGER PRIMARY KEY AUTOINCREMENT, key_id TEXT);
CREATE TABLE chat_list (_id INTEGER PRIMARY KEY AUTOINCREMENT, key_remote_jid TEXT UNIQUE, subject TEXT, creation INTEGER);
CREATE TABLE group_participants (_id INTEGER PRIMARY KEY AUTOINCREMENT, gjid TEXT, jid TEXT, admin INTEGER, pending INTEGER);
"""


class Phone:
    """A database being built."""

    def __init__(self, path: Path, layout: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.db = sqlite3.connect(path)
        self.db.executescript(layout)

    def add(self, table: str, **values: Any) -> int:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        query = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - a test's own words
        return self.db.execute(query, tuple(values.values())).lastrowid or 0

    def close(self) -> Path:
        self.db.commit()
        self.db.close()
        return self.path

    def message(self, key: str, kind: int = 0, text: str | None = None, sender: int = FERN, **more: Any) -> int:
        count = self.db.execute("SELECT count(*) FROM message").fetchone()[0]
        values = {
            "chat_row_id": 1, "from_me": int(not sender), "key_id": key, "sender_jid_row_id": sender, "status": 0,
            "timestamp": BEGIN + count * 1000, "message_type": kind, "text_data": text, "sort_id": count + 1, **more,
        }  # fmt: skip
        return self.add("message", **values)

    def notice(self, action: int, text: str | None = None, sender: int = FERN, people: tuple[int, ...] = ()) -> int:
        row = self.message(f"S{action}", 7, text, sender)
        self.add("message_system", message_row_id=row, action_type=action)
        for person in people:
            self.add("message_system_chat_participant", message_row_id=row, user_jid_row_id=person)
        return row


def newer(path: Path) -> Phone:
    """People, a group of three with an admin, a private chat."""
    phone = Phone(path, NEWER)
    for user, server in (
        ("491701111111", "s.whatsapp.net"), ("491702222222", "s.whatsapp.net"), ("491703333333", "s.whatsapp.net"),
        ("99000000000001", "lid"), (GROUP.partition("@")[0], "g.us"),
    ):  # fmt: skip
        phone.add("jid", user=user, server=server, raw_string=f"{user}@{server}")
    phone.add("jid_map", lid_row_id=LID, jid_row_id=MOSS)
    phone.add("lid_display_name", lid_row_id=LID, display_name="Moss")
    phone.add("props", key="user_push_name", value="Ivy")
    phone.add("chat", jid_row_id=5, subject="Lantern walk", created_timestamp=BEGIN)
    phone.add("chat", jid_row_id=REED, subject=None)
    for user, rank in ((FERN, 2), (LID, 0), (REED, 1)):
        phone.add(
            "group_participant_user", group_jid_row_id=5, user_jid_row_id=user, rank=rank, pending=0,
            add_timestamp=BEGIN,
        )  # fmt: skip
    return phone


def older(path: Path) -> Phone:
    """A group that Fern, whose phone it is, made."""
    phone = Phone(path, OLDER)
    phone.add("chat_list", key_remote_jid=OLD_GROUP, subject="Lantern walk", creation=BEGIN)
    phone.add("chat_list", key_remote_jid="491703333333@s.whatsapp.net", subject=None, creation=None)
    for jid, admin in (("", 1), ("491702222222@s.whatsapp.net", 0)):
        phone.add("group_participants", gjid=OLD_GROUP, jid=jid, admin=admin, pending=0)
    return phone


def old_message(phone: Phone, key: str, data: str | None, sender: str = "", **more: Any) -> int:
    values = {
        "key_remote_jid": OLD_GROUP, "key_from_me": int(not sender), "key_id": key, "status": 0, "data": data,
        "timestamp": BEGIN, "media_wa_type": "0", "media_size": 0, "remote_resource": sender, **more,
    }  # fmt: skip
    return phone.add("messages", **values)


def encrypted(plain: bytes, key: bytes, *, checksum: bool = True, flag: bool = True, packed: bool = True) -> bytes:
    """A backup as it is publicly described, made with another library's HKDF than ours."""
    nonce = os.urandom(16)
    inner = bytes([0x0A, 16]) + nonce
    info = bytes([0x0A, 9]) + b"2.24.1.99" + bytes([0x1A, 2]) + b"42"
    header = bytes([0x08, 1, 0x1A, len(inner)]) + inner + bytes([0x22, len(info)]) + info
    derived = HKDF(SHA256(), 32, salt=None, info=b"backup encryption").derive(key)
    body = AESGCM(derived).encrypt(nonce, zlib.compress(plain) if packed else plain, None)
    data = bytes([len(header)]) + (b"\x01" if flag else b"") + header + body
    return data + (hashlib.md5(data, usedforsecurity=False).digest() if checksum else b"")
