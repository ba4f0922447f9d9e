"""A plan in plain words: the same facts for the terminal, for the page that is reviewed, and for scripts. Pure."""

from collections import Counter

import msgspec
from shamir_mnemonic.wordlist import WORDLIST

from grouparchive.cli import page
from grouparchive.cli.output import duration, many
from grouparchive.cli.times import when
from grouparchive.model.plan import (
    AddAuthor,
    BanMember,
    Configure,
    CreateChannel,
    CreateGroup,
    Grant,
    Plan,
    Replay,
    Reveal,
    SetPins,
    Upload,
)
from grouparchive.model.records import Channel

SHOWN_WORDS = 6
_BITS = 10


def digest_words(digest: str) -> list[str]:
    """The first words of a digest: 10 bits each, easy to compare and to type."""
    number = int(digest, 16)
    bits = len(digest) * 4
    return [WORDLIST[number >> (bits - _BITS * (at + 1)) & (1 << _BITS) - 1] for at in range(SHOWN_WORDS)]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A room as the plan rebuilds it."""

    name: str
    neutral: str
    private: bool
    encrypted: bool
    posts: int = 0
    edits: int = 0
    reactions: int = 0
    files: int = 0
    gathered: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan does, in numbers and names of rooms; it names no person."""

    group: str
    neutral: str
    target: str
    platform: str
    moment: str
    trusted: str
    content: str
    authors: str
    rooms: list[Room]
    bans: int
    settings: int
    pins: int
    stand_ins: int
    grants: int
    reveals: int
    uploads: int
    seconds: float
    digest: str
    gaps: list[tuple[str, int, str]]


def facts(plan: Plan) -> Facts:
    """Read a plan."""
    replays = {action.channel: action for action in plan.actions if isinstance(action, Replay)}
    names = {action.channel: action.name for action in plan.reveal if isinstance(action, Reveal)}
    rooms = []
    neutral = ""
    for action in plan.actions:
        if isinstance(action, CreateGroup):
            neutral = action.name
        if isinstance(action, CreateGroup | CreateChannel):
            private = isinstance(action, CreateChannel) and action.private
            rooms.append(_room(action.channel, names, action.name, replays.get(action.channel.ref), private=private))
    kinds = Counter(type(action) for action in plan.actions)
    later = Counter(type(action) for action in plan.reveal)
    return Facts(
        group=plan.group_name,
        neutral=neutral,
        target=plan.target,
        platform=plan.platform,
        moment=when(plan.moment),
        trusted=_trusted(plan),
        content=plan.policy.content,
        authors=plan.policy.authors,
        rooms=rooms,
        bans=kinds[BanMember],
        settings=kinds[Configure] + later[Configure],
        pins=sum(len(action.messages) for action in plan.actions if isinstance(action, SetPins)),
        stand_ins=len({action.author for action in plan.actions if isinstance(action, AddAuthor)}),
        grants=later[Grant],
        reveals=later[Reveal],
        uploads=later[Upload] + sum(replay.files for replay in replays.values()),
        seconds=plan.seconds,
        digest=plan.digest(),
        gaps=[(gap.code, gap.count, gap.text) for gap in plan.gaps],
    )


def _room(channel: Channel, names: dict[str, str], neutral: str, replay: Replay | None, *, private: bool) -> Room:
    return Room(
        name=channel.name or names.get(channel.ref, ""),
        neutral=neutral,
        private=private,
        encrypted=channel.encrypted,
        posts=replay.posts if replay else 0,
        edits=replay.edits if replay else 0,
        reactions=replay.reactions if replay else 0,
        files=replay.files if replay else 0,
        gathered=replay.gathered if replay else False,
    )


def _trusted(plan: Plan) -> str:
    """Up to where the backups are believed in what they tell of people, and who said so."""
    if not plan.trusted_by:
        return "Trusted backups: nobody has said which."
    places = [entry.rpartition(":") for entry in plan.trusted.split(",") if entry]
    told = " and ".join(
        f"commit {seq}" + (f" of the machine {writer[:8]}" if len(places) > 1 else "") for writer, _, seq in places
    )
    by = "as you said" if plan.trusted_by == "given" else "as the owner stated in the archive"
    return f"Trusted backups: up to {told}, {by}."


def how_long(seconds: float) -> str:
    """An estimate in words."""
    return "less than a minute" if seconds < 60 else f"about {duration(seconds)}"


def steps(found: Facts) -> list[str]:
    """What happens, in its order, in sentences."""
    told = [f"A new group is made under the neutral name “{found.neutral}”, closed, with no topic and no picture."]
    rooms = len(found.rooms) - 1
    if rooms > 0:
        private = sum(room.private for room in found.rooms[1:])
        closed = f"; {private:,} of them by invitation only" if private else ""
        told.append(f"{many(rooms, 'room')} in it, under neutral names{closed}.")
    if found.bans:
        told.append(f"{many(found.bans, 'ban')} put in place again.")
    posts = sum(room.posts for room in found.rooms)
    if posts:
        by = f" by {many(found.stand_ins, 'stand-in')} with invented names" if found.stand_ins else ""
        told.append(f"{many(posts, 'post')} written again{by}, with {many(found.uploads, 'file')}.")
    if found.pins:
        told.append(f"{many(found.pins, 'post')} pinned again.")
    if found.settings:
        told.append(f"{many(found.settings, 'setting')} made as they were.")
    told.append("Nobody is contacted and nobody is added. Inviting is a step of its own: grouparchive invite.")
    if found.reveals:
        roles = f" and {many(found.grants, 'role')} given back to who has returned" if found.grants else ""
        told.append(f"Only later, with apply --reveal: real names, topics and pictures{roles}.")
    return told


_GAP_HEAD = "What will not come back, or comes back differently"
_CHECK = "To apply it, these words will be asked for"


def lines(found: Facts, *, gaps_only: bool = False) -> list[str]:
    """For a terminal."""
    told: list[str] = []
    if not gaps_only:
        told += [
            f"Plan: “{found.group}” as it was on {found.moment}, to {found.target} ({found.platform})",
            f"Content: {found.content}; authors: {found.authors}",
            found.trusted,
            "",
        ]
        told += [f"  {number}. {step}" for number, step in enumerate(steps(found), 1)]
        told.append("")
        for room in found.rooms:
            about = f"{many(room.posts, 'post')}, {many(room.edits, 'edit')}, {many(room.reactions, 'reaction')}"
            marks = "".join(
                f", {word}"
                for word, holds in (
                    ("by invitation only", room.private),
                    ("was encrypted, will not be", room.encrypted),
                    ("posts gathered", room.gathered),
                )
                if holds
            )
            told.append(f"  {room.neutral} (later “{room.name}”): {about}, {many(room.files, 'file')}{marks}")
        told.append("")
    told.append(f"{_GAP_HEAD}:" if found.gaps else "Nothing will be lost.")
    told += [f"  {count:>7,}  {text} ({code})" for code, count, text in found.gaps]
    if not gaps_only:
        told += [
            "",
            f"Takes {how_long(found.seconds)}.",
            f"Digest: {found.digest}",
            f"Words:  {' '.join(digest_words(found.digest))}",
        ]
    return told


def as_page(found: Facts) -> str:
    """For review, on a screen or on paper."""
    esc = page.esc
    parts = [
        page.head("Restore plan"),
        '<p class="soft small">Restore plan, for review</p>\n',
        f'<h1 dir="auto">{esc(found.group)}</h1>\n',
        f"<p>As it was on <b>{esc(found.moment)}</b>, to be rebuilt at <b>{esc(found.target)}</b> ({esc(found.platform)}).\n",
        f"Content: <b>{esc(found.content)}</b>. Authors: <b>{esc(found.authors)}</b>.\n",
        f"Takes {esc(how_long(found.seconds))}. {esc(found.trusted)}</p>\n",
        '<div class="card warn">This page shows names of the group. Do not leave it lying about.</div>\n',
        "<h2>What will be done</h2>\n<ol>\n",
        *(f"<li>{esc(step)}</li>\n" for step in steps(found)),
        "</ol>\n<h2>Rooms</h2>\n",
        page.table(
            ["first called", "later", "posts", "edits", "reactions", "files", ""],
            [
                [room.neutral, room.name, room.posts, room.edits, room.reactions, room.files, _marks(room)]
                for room in found.rooms
            ],
        ),
        f"<h2>{_GAP_HEAD if found.gaps else 'Nothing will be lost'}</h2>\n",
    ]
    if found.gaps:
        parts.append(page.table(["how many", "what"], [[count, text] for _, count, text in found.gaps]))
    parts += [
        "<h2>If this is what should happen</h2>\n",
        f"<p>{_CHECK}:</p>\n",
        f'<div class="card"><p class="words">{esc(" ".join(digest_words(found.digest)))}</p>',
        f'<p class="small soft">Digest <code>{found.digest}</code></p></div>\n',
        "<p>Anything that changes the plan changes these words.</p>\n",
        page.foot(),
    ]
    return "".join(parts)


def _marks(room: Room) -> str:
    words = (
        ("by invitation only", room.private),
        ("was encrypted, will not be", room.encrypted),
        ("posts gathered", room.gathered),
    )
    return ", ".join(word for word, holds in words if holds)
