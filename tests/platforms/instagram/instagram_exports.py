"""Fictional Instagram downloads in the layouts that we know. How they are packed and read is as for Facebook."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "facebook"))

from facebook_exports import OPEN, PNG, Read, html_page, mangled, open_box, put

__all__ = ["OPEN", "PNG", "Read", "download", "html_download", "open_box", "put", "thread"]


def follower(handle: str, since: int, *, newer: bool = False) -> dict[str, Any]:
    one = {"href": f"https://www.instagram.com/{'_u/' if newer else ''}{handle}", "timestamp": since}
    return {
        "title": handle if newer else "",
        "media_list_data": [],
        "string_list_data": [one if newer else {**one, "value": handle}],
    }


def thread(**more: Any) -> dict[str, Any]:
    return {
        "participants": [{"name": "Reed Ivy"}, {"name": "Sol 🌞"}, {"name": "Fern"}],
        "messages": [
            {"sender_name": "Sol 🌞", "timestamp_ms": 1700000004000, "content": "Liked a message"},
            {
                "sender_name": "Reed Ivy",
                "timestamp_ms": 1700000003000,
                "share": {"link": "https://www.instagram.com/p/abc/", "share_text": "schön"},
            },
            {
                "sender_name": "Fern",
                "timestamp_ms": 1700000002500,
                "audio_files": [{"uri": "your_instagram_activity/messages/inbox/pond_1234567/audio/1.mp4"}],
            },
            {
                "sender_name": "Fern",
                "timestamp_ms": 1700000002000,
                "content": "grüß dich @Sol 🌞",
                "reactions": [{"reaction": "👍", "actor": "Reed Ivy"}],
            },
            {"sender_name": "Reed Ivy", "timestamp_ms": 1700000001000, "content": "Reed Ivy named the group Pond."},
        ],
        "title": "Pond",
        "is_still_participant": True,
        "thread_path": "inbox/pond_1234567",
        "magic_words": [],
        **more,
    }


def download(*, newer: bool = True, top: str = "") -> dict[str, Any]:
    """Since 2023, or before."""
    inside = "your_instagram_activity/" if newer else ""
    people = "connections/followers_and_following/" if newer else "followers_and_following/"
    content = f"{inside}{'media' if newer else 'content'}/"
    profile = "personal_information/personal_information/" if newer else "personal_information/"
    followers: Any = [
        follower("reed.ivy", 1600000001),
        follower("sol_", 1600000002, newer=newer),
        follower("reed.ivy", 1600000003),
    ]
    return {
        f"{top}{people}{'followers_1' if newer else 'followers'}.json": followers
        if newer
        else {"relationships_followers": followers},
        f"{top}{people}following.json": {"relationships_following": [follower("lark", 1600000004, newer=newer)]},
        f"{top}{content}posts_1.json": [
            {"media": [{"uri": "media/posts/202001/2.jpg", "creation_timestamp": 1600000020, "title": "Zwei 🌻"}]},
            {
                "media": [
                    {"uri": "media/posts/202001/1.jpg", "creation_timestamp": 1600000010, "title": ""},
                    {"uri": "media/posts/202001/x.mp4", "creation_timestamp": 1600000010, "title": ""},
                ],
                "title": "Ein Paar",
                "creation_timestamp": 1600000010,
            },
        ],
        f"{top}{content}stories.json": {
            "ig_stories": [{"uri": "media/stories/202001/3.mp4", "creation_timestamp": 1600000030, "title": "kurz"}]
        },
        f"{top}{content}reels.json": {
            "ig_reels_media": [
                {"media": [{"uri": "media/reels/4.mp4", "creation_timestamp": 1600000040, "title": "Rolle"}]}
            ]
        },
        f"{top}media/posts/202001/1.jpg": PNG,
        f"{top}media/posts/202001/2.jpg": PNG + b"2",
        f"{top}media/stories/202001/3.mp4": b"video",
        f"{top}media/profile.jpg": PNG + b"me",
        f"{top}{profile}personal_information.json": {
            "profile_user": [
                {
                    "media_map_data": {"Profile Photo": {"uri": "media/profile.jpg", "creation_timestamp": 1}},
                    "string_map_data": {
                        "Benutzername": {"value": "quiet.garden"},
                        "Name": {"value": "Quiet Gärden"},
                        "Bio": {"value": "for all"},
                    },
                }
            ]
        },
        f"{top}{inside}messages/inbox/pond_1234567/message_1.json": thread(),
        f"{top}{inside}messages/inbox/pond_1234567/audio/1.mp4": b"sound",
    }


def html_download() -> dict[str, Any]:
    people = "connections/followers_and_following/"
    link = '<div><a target="_blank" href="https://www.instagram.com/{0}">{0}</a></div><div>{1}</div>'
    return {
        f"{people}followers_1.html": html_page(
            ("", link.format("reed.ivy", "Sep 13, 2020 12:26 pm"), ""),
            ("", link.format("sol_", "Sep 13, 2020 12:27 pm"), ""),
        ),
        "your_instagram_activity/media/posts_1.html": html_page(
            (
                "Zwei<br>Zeilen 🌻",
                '<a href="media/posts/1.jpg"><img src="media/posts/1.jpg"></a>',
                "Sep 13, 2020 12:26 pm",
            )
        ),
        "your_instagram_activity/messages/inbox/pond_1234567/message_1.html": html_page(
            ("Sol", "later", "Nov 14, 2023 10:14 pm"), ("Reed", "hi", "Nov 14, 2023 10:13 pm"), title="Pond"
        ),
        "personal_information/personal_information/personal_information.html": html_page(
            (
                "",
                "<table><tr><td>Username</td><td>quiet.garden</td></tr><tr><td>Name</td><td>Quiet Garden</td></tr></table>",
                "",
            )
        ),
        "media/posts/1.jpg": PNG,
    }


def lone(path: Path) -> Path:
    """A single thread file with nothing to tell where it came from."""
    return put(path, {"export.json": mangled(thread())}) / "export.json"
