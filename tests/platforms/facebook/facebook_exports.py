"""Fictional Facebook exports in every layout that we know, and a reader that gathers what a connector yields."""

import base64
import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from grouparchive.model.ports import Page
from grouparchive.model.records import AnyRecord, Gap, Record
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.files import open_box as really_open

GROUP = "100200300400"
CANARIES = {
    "cookie": "c_user=CANARY-COOKIE-1; xs=CANARY-COOKIE-2",
    "authorization": "Bearer CANARY-BEARER",
    "fb_dtsg": "CANARY-DTSG",
    "access_token": "CANARY-TOKEN",
    "lsd": "CANARY-LSD",
    "doc_variables": "CANARY-POST-DATA",
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


OPEN: list[Box] = []


def open_box(path: Path) -> Box:
    """Open an export; it is closed at the end of the test."""
    OPEN.append(really_open(path))
    return OPEN[-1]


class People:
    """Gives ids and remembers who is who."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.avatars: dict[str, str] = {}

    def __call__(self, native: str, name: str, avatar: str) -> str:
        id_ = self.ids.setdefault(native, f"{len(self.ids) + 1:032x}")
        self.names[id_] = name or self.names.get(id_, "")
        self.avatars[id_] = avatar or self.avatars.get(id_, "")
        return id_

    def native(self, id_: str) -> str:
        return next(native for native, known in self.ids.items() if known == id_)


class Read:
    """Everything that an export comes to."""

    def __init__(self, form: type[FileConnector], path: Path, **choices: Any) -> None:
        self.people = People()
        self.connector = form(open_box(path), self.people, Choices(**choices))
        self.groups = list(self.connector.groups())
        self.pages: dict[str, list[Page]] = {
            group.ref: list(self.connector.pages(group.ref, {})) for group in self.groups
        }

    def records(self, kind: type[Record] | None = None, group: str | None = None) -> list[Any]:
        return [
            record
            for ref, pages in self.pages.items()
            for page in pages
            for record in page.records
            if group in {None, ref} and (kind is None or isinstance(record, kind))
        ]

    @property
    def gaps(self) -> list[Gap]:
        return [gap for pages in self.pages.values() for page in pages for gap in page.gaps]

    @property
    def codes(self) -> set[str]:
        return {gap.code for gap in self.gaps}

    @property
    def media(self) -> dict[str, bytes]:
        return {
            request.ref: b"".join(self.connector.media(request.ref))
            for pages in self.pages.values()
            for page in pages
            for request in page.media
        }

    def said(self) -> bytes:
        """All of it, as it would be sealed, without the people themselves."""
        everything: list[AnyRecord] = [*self.records(), *self.gaps]
        return b"\n".join(msgspec.json.encode(record) for record in everything)

    def name(self, id_: str) -> str:
        return self.people.names.get(id_, "")


def mangled(value: Any) -> Any:
    """As Meta writes it: each byte of the UTF-8 as a character."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, list):
        return [mangled(one) for one in value]
    if isinstance(value, dict):
        return {mangled(key): mangled(one) for key, one in value.items()}
    return value


def put(path: Path, files: dict[str, Any]) -> Path:
    """A folder, or a zip where the path ends so, of JSON (for what is no text and no bytes), texts and bytes."""
    packed = {name: _bytes(value) for name, value in files.items()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in packed.items():
                file.writestr(name, data)
        return path
    for name, data in packed.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(mangled(value), indent=2).encode()


ADMINED = {"groups_admined_v2": [{"name": "Café Garden 🌱", "timestamp": 1500000000}]}
JOINED = {
    "groups_joined_v2": [
        {"timestamp": 1600000900, "title": "Fern Moss stopped being a member of Old Pond."},
        {"timestamp": 1600000500, "data": [{"name": "Old Pond"}], "title": "Fern Moss became a member of Old Pond."},
        {
            "timestamp": 1600000600,
            "data": [{"name": "Only Joined"}],
            "title": "Fern Moss became a member of Only Joined.",
        },
    ]
}
PROFILE = {
    "profile_v2": {"name": {"full_name": "Fern Moss"}, "profile_uri": "https://www.facebook.com/profile.php?id=900100"}
}


def posts(prefix: str = "") -> dict[str, Any]:
    return {
        "group_posts_v2": [
            {
                "timestamp": 1600000300,
                "title": "Fern Moss posted in Café Garden 🌱.",
                "data": [{"post": "Who waters on Sunday? – Fern"}, {"update_timestamp": 1600000400}],
                "attachments": [
                    {
                        "data": [
                            {
                                "poll": {
                                    "question": "Who?",
                                    "options": [{"option": "Me", "voted": True}, {"option": "Später", "voted": False}],
                                }
                            }
                        ]
                    }
                ],
            },
            {
                "timestamp": 1600000200,
                "title": "Fern Moss posted in Café Garden 🌱.",
                "data": [{"post": "Ein Bild: naïve 🌻"}],
                "attachments": [
                    {
                        "data": [
                            {"media": {"uri": f"{prefix}groups/media/sun_1.jpg", "creation_timestamp": 1600000200}},
                            {
                                "media": {
                                    "uri": f"{prefix}groups/media/other_part.mp4",
                                    "creation_timestamp": 1600000200,
                                }
                            },
                        ]
                    }
                ],
            },
            {
                "timestamp": 1600000200,
                "title": "Fern Moss hat einen Link in Café Garden 🌱 geteilt.",
                "attachments": [
                    {
                        "data": [
                            {
                                "external_context": {
                                    "url": "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fa%3Ffbclid%3DX"
                                }
                            }
                        ]
                    }
                ],
            },
            {
                "timestamp": 1600000700,
                "title": "Fern Moss posted in Old Pond.",
                "data": [{"post": "goodbye"}],
                "attachments": [{"data": [{"event": {"name": "Walk", "start_timestamp": 1600100000}}]}],
            },
            {"timestamp": 1600000701, "title": "???", "data": [{"post": "where was this?"}]},
        ]
    }


COMMENTS = {
    "group_comments_v2": [
        {
            "timestamp": 1600000350,
            "title": "Fern Moss commented on Reed Ivy's post.",
            "data": [
                {
                    "comment": {
                        "timestamp": 1600000350,
                        "comment": "Ich auch, schön",
                        "author": "Fern Moss",
                        "group": "Café Garden 🌱",
                    }
                }
            ],
        }
    ]
}
ANONYMOUS = {
    "anonymous_author_posts": [
        {"timestamp": 1600000360, "title": "Fern Moss posted in Café Garden 🌱.", "data": [{"post": "a hidden word"}]}
    ]
}
TIMELINE = [
    {"timestamp": 1600000380, "title": "Fern Moss posted in Café Garden 🌱.", "data": [{"post": "from the timeline"}]},
    {"timestamp": 1600000390, "title": "Fern Moss updated her status.", "data": [{"post": "private matters"}]},
]


def thread(**more: Any) -> dict[str, Any]:
    return {
        "participants": [{"name": "Reed Ivy"}, {"name": "Sol Ärger"}, {"name": "Fern Moss"}],
        "messages": [
            {
                "sender_name": "Fern Moss",
                "timestamp_ms": 1700000009000,
                "content": "Fern Moss removed Reed Ivy from the group.",
            },
            {"sender_name": "Reed Ivy", "timestamp_ms": 1700000008000, "is_unsent": True},
            {"sender_name": "Sol Ärger", "timestamp_ms": 1700000007000, "content": "Sol Ärger left the group."},
            {
                "sender_name": "Reed Ivy",
                "timestamp_ms": 1700000006000,
                "call_duration": 12,
                "content": "Reed Ivy started a call.",
            },
            {
                "sender_name": "Reed Ivy",
                "timestamp_ms": 1700000005000,
                "photos": [
                    {"uri": "messages/inbox/gardenfriends_777888/photos/9_n.jpg", "creation_timestamp": 1700000005}
                ],
            },
            {
                "sender_name": "Sol Ärger",
                "timestamp_ms": 1700000004000,
                "content": "look",
                "share": {"link": "https://example.org/é", "share_text": "a page"},
            },
            {"sender_name": "Reed Ivy", "timestamp_ms": 1700000003000, "content": "second in a ms"},
            {"sender_name": "Reed Ivy", "timestamp_ms": 1700000003000, "content": "first in a ms"},
            {
                "sender_name": "Sol Ärger",
                "timestamp_ms": 1700000002000,
                "content": "hello @Reed Ivy ❤",
                "reactions": [{"reaction": "❤", "actor": "Reed Ivy"}],
            },
            {
                "sender_name": "Fern Moss",
                "timestamp_ms": 1700000001000,
                "content": "Fern Moss added Gone Person to the group.",
            },
        ],
        "title": "Garden friends",
        "is_still_participant": True,
        "thread_path": "inbox/gardenfriends_777888",
        **more,
    }


def download(
    root: str = "your_facebook_activity/", *, top: str = "", profile: str = "personal_information/profile_information/"
) -> dict[str, Any]:
    inside = top + root
    return {
        f"{inside}groups/your_groups.json": ADMINED,
        f"{inside}groups/your_group_membership_activity.json": JOINED,
        f"{inside}groups/group_posts_and_comments.json": posts(root),
        f"{inside}groups/your_comments_in_groups.json": COMMENTS,
        f"{inside}groups/anonymous_posts.json": ANONYMOUS,
        f"{inside}groups/media/sun_1.jpg": PNG,
        f"{inside}posts/your_posts_1.json": TIMELINE,
        f"{inside}messages/inbox/gardenfriends_777888/message_1.json": thread(thread_type="RegularGroup"),
        f"{inside}messages/inbox/gardenfriends_777888/photos/9_n.jpg": PNG,
        f"{inside}messages/inbox/reedivy_555/message_1.json": {
            "participants": [{"name": "Reed Ivy"}, {"name": "Fern Moss"}],
            "messages": [{"sender_name": "Reed Ivy", "timestamp_ms": 1700000001000, "content": "SECRET between two"}],
            "title": "Reed Ivy",
            "is_still_participant": True,
            "thread_path": "inbox/reedivy_555",
            "thread_type": "Regular",
        },
        f"{top}{profile}profile_information.json": PROFILE,
    }


def html_page(*blocks: tuple[str, str, str], title: str = "Groups", marked: bool = True) -> str:
    """(heading, body as HTML, time) each, in the style of 2023 and later, or with class names that nobody knows."""
    names = (
        ("_3-95 _a6-g", "_2ph_ _a6-h _a6-i", "_2ph_ _a6-p", "_3-94 _a6-o", "_a72d")
        if marked
        else ("q1", "q2", "q3", "q4", "q5")
    )
    style = "<style>._a6-g{margin:0}</style>" if marked else ""
    inside = "".join(
        f'<section class="{names[0]}"><h2 class="{names[1]}">{head}</h2><div class="{names[2]}"><div>{body}</div></div>'
        f'<footer class="{names[3]}"><div class="{names[4]}">{time}</div></footer></section>'
        for head, body, time in blocks
    )
    return f"<html><head><title>{title}</title>{style}</head><body><main class='_a706'>{inside}</main></body></html>"


def html_download() -> dict[str, Any]:
    inside = "your_facebook_activity/groups/"
    sun = f"{inside}media/sun_1.jpg"
    return {
        f"{inside}your_groups.html": html_page(("Café Garden 🌱", "", "Jul 14, 2017 2:40:00 am")),
        f"{inside}group_posts_and_comments.html": html_page(
            (
                "Fern Moss posted in Café Garden 🌱.",
                f"<div>Zwei Zeilen<br>&lt;b&gt; 🌻</div><script>alert('x')</script><a href='{sun}'><img src='{sun}'/></a>",
                "Sep 13, 2020 12:30:00 pm",
            ),
            ("Fern Moss posted in Café Garden 🌱.", "older", "Sep 13, 2020 12:26:40 pm"),
        ),
        f"{inside}your_comments_in_groups.html": html_page(
            ("Fern Moss commented on Reed Ivy's post in Café Garden 🌱.", "yes", "Sep 13, 2020 12:32:30 pm")
        ),
        f"{inside}media/sun_1.jpg": PNG,
        "your_facebook_activity/messages/inbox/gardenfriends_777888/message_1.html": html_page(
            ("Sol", "later", "Nov 14, 2023 10:14:00 pm"),
            ("Reed Ivy", "<div>hi</div><ul class='_a6-q'><li>❤Sol</li></ul>", "Nov 14, 2023 10:13:20 pm"),
            title="Garden friends",
        ),
    }


# --- captures --------------------------------------------------------------------------------------------------------------


def user(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {
        "__typename": "User",
        "__isProfile": "User",
        "id": str(number),
        "name": name,
        "url": f"https://www.facebook.com/profile.php?id={number}",
        "profile_picture": {"uri": f"https://scontent.fbcdn.net/v/t1/{number}_n.jpg?_nc=SIGNED"},
        **more,
    }


def member_edge(
    number: int, name: str, *, group: str = GROUP, joined: str = "Joined about 2 weeks ago"
) -> dict[str, Any]:
    node = user(
        number,
        name,
        bio_text={"text": "likes ponds"},
        group_membership={"associated_group": {"id": group}, "id": "x"},
    )
    return {"node": node, "join_status_text": {"text": joined}, "cursor": "AQ"}


def members_answer(
    *edges: dict[str, Any], key: str = "new_members", under: str = "node", **more: Any
) -> dict[str, Any]:
    return {
        "data": {
            under: {
                "__typename": "Group",
                "id": GROUP,
                key: {"edges": list(edges), "page_info": {"has_next_page": True}},
                **more,
            }
        }
    }


def first_answer() -> dict[str, Any]:
    """What the members page asks first: admins, a guest, the count."""
    guest = {
        "node": {
            "__isEntity": "GroupUserInvite",
            "__typename": "GroupUserInvite",
            "id": "555666777",
            "invitee_profile": user(41, "Guest Gil"),
        },
        "membership": {"join_status_text": {"text": "Invited by Fern"}},
    }
    answer = members_answer(member_edge(21, "Reed Ivy"), guest, key="new_forum_members", under="group")
    answer["data"]["group"] |= {
        "name": "Quiet Garden",
        "group_member_profiles": {"count": 353},
        "group_admin_profiles": {
            "edges": [
                {"node": user(11, "Fern Moss", group_membership={"associated_group": {"id": GROUP}})},
                {"node": user(12, "Sol", group_membership={"associated_group": {"id": GROUP}, "role": "MODERATOR"})},
            ]
        },
        "description_with_entities": {"text": "A quiet place"},
    }
    return answer


def story(number: int, text: str, author: dict[str, Any], time: int, **more: Any) -> dict[str, Any]:
    """A post as the feed's answers wrap it."""
    own = base64.b64encode(f"S:_I{author['id']}:VK:{number}".encode()).decode()
    return {
        "__typename": "Story",
        "id": own,
        "post_id": str(number),
        "comet_sections": {
            "content": {
                "story": {
                    "id": own,
                    "comet_sections": {
                        "message": {"story": {"id": own, "message": {"text": text, "ranges": more.pop("ranges", [])}}}
                    },
                    "actors": [author],
                    "attachments": more.pop("attachments", []),
                    **({"attached_story": more.pop("attached_story")} if "attached_story" in more else {}),
                }
            },
            "timestamp": {
                "story": {"creation_time": time, "url": f"https://www.facebook.com/groups/{GROUP}/posts/{number}/"}
            },
            "feedback": {
                "story": {
                    "story_ufi_container": {
                        "story": {
                            "feedback_context": {
                                "feedback_target_with_context": {
                                    "reaction_count": {"count": 7},
                                    "total_comment_count": 2,
                                    "top_reactions": {
                                        "edges": [{"reaction_count": 5, "node": {"localized_name": "Like"}}]
                                    },
                                }
                            }
                        }
                    }
                }
            },
        },
        "to": {"__typename": "Group", "id": GROUP, "name": "Quiet Garden"},
        **more,
    }


def comment(  # noqa: PLR0917 - as they are said
    number: int, post: int, text: str, author: dict[str, Any], time: int, parent: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "__typename": "Comment",
        "id": base64.b64encode(f"comment:{post}_{number}".encode()).decode(),
        "legacy_fbid": str(number),
        "body": {"text": text, "ranges": []},
        "author": author,
        "created_time": time,
        "depth": 1 if parent else 0,
        "comment_direct_parent": {"id": base64.b64encode(f"comment:{post}_{parent}".encode()).decode()}
        if parent
        else None,
        "feedback": {"reactors": {"count_reduced": "3"}},
        **more,
    }


def entry(
    body: str | bytes | None,
    *,
    url: str = "https://www.facebook.com/api/graphql/",
    at: str = "2024-05-01T10:00:00.000Z",
    mime: str = "text/html; charset=utf-8",
    encode: bool = False,
) -> dict[str, Any]:
    """An entry of a HAR with a canary in every place where a browser puts the session."""
    content: dict[str, Any] = {"size": 10, "mimeType": mime}
    if isinstance(body, bytes) or (encode and body is not None):
        data = body if isinstance(body, bytes) else body.encode()
        content |= {"text": base64.b64encode(data).decode(), "encoding": "base64"}
    elif body is not None:
        content["text"] = body
    return {
        "startedDateTime": at,
        "time": 12.5,
        "request": {
            "method": "POST",
            "url": f"{url}?access_token={CANARIES['access_token']}",
            "httpVersion": "h2",
            "headers": [
                {"name": "Cookie", "value": CANARIES["cookie"]},
                {"name": "Authorization", "value": CANARIES["authorization"]},
            ],
            "queryString": [{"name": "access_token", "value": CANARIES["access_token"]}],
            "cookies": [{"name": "xs", "value": CANARIES["cookie"]}],
            "postData": {
                "mimeType": "application/x-www-form-urlencoded",
                "text": f"fb_dtsg={CANARIES['fb_dtsg']}&variables={CANARIES['doc_variables']}",
                "params": [{"name": "lsd", "value": CANARIES["lsd"]}],
            },
        },
        "response": {
            "status": 200,
            "headers": [{"name": "Set-Cookie", "value": CANARIES["cookie"]}],
            "cookies": [{"name": "xs", "value": CANARIES["cookie"]}],
            "content": content,
        },
        "cache": {},
        "timings": {},
    }


def har(path: Path, *entries: dict[str, Any]) -> Path:
    """As Chrome writes it; packed where the name says so."""
    log = {
        "version": "1.2",
        "creator": {"name": "WebInspector", "version": "537.36"},
        "pages": [{"title": f"https://www.facebook.com/groups/{GROUP}/members", "id": "page_1"}],
        "entries": list(entries),
    }
    data = json.dumps({"log": log}, indent=2).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


HEADER = ["Profile Id", "Full Name", "Profile Link", "Bio", "ImageSrc", "GroupId", "Group Joining Text", "Profile Type"]


def table(path: Path, *rows: tuple[str, ...]) -> Path:
    """As the scraper writes it, with its BOM."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER)
    writer.writerows(rows)
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    return path


def saved_members(
    people: dict[int, str], *, data: str = "", title: str = "(2) Quiet Garden | Members | Facebook"
) -> str:
    """The members page as a browser saves it."""
    links = "".join(
        f'<div><a class="x1i10hfl" href="https://www.facebook.com/groups/{GROUP}/user/{number}/" aria-hidden="true">'
        f'<svg><image xlink:href="./Members_files/{number}_n.jpg"></image></svg></a>'
        f'<span><a class="x1i10" href="/groups/{GROUP}/user/{number}/?__tn__=R" role="link"><span>{name}</span></a></span>'
        f'<a href="/groups/{GROUP}/user/{number}/">Message</a></div>'
        for number, name in people.items()
    )
    return (
        f"<!DOCTYPE html>\n<!-- saved from url=(0056)https://www.facebook.com/groups/{GROUP}/members -->\n"
        f"<html><head><title>{title}</title><script>document.cookie='{CANARIES['cookie']}'; var a='</div>';</script></head>"
        f'<body><script type="application/json" data-sjs>{data}</script>{links}</body></html>'
    )
