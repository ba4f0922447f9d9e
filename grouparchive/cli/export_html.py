"""A group as a small site: one page of rooms, pages of posts, files in a folder beside them. Needs no network, runs no script,
and shows everything from the archive as text: formatting that a platform sent is not passed on.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from grouparchive.archive.fold import PostView
from grouparchive.cli.export_media import MediaFolder
from grouparchive.cli.names import Names
from grouparchive.cli.output import many
from grouparchive.cli.page import esc, foot, head, table
from grouparchive.cli.surroundings import Opened
from grouparchive.cli.times import when
from grouparchive.durable import write_whole
from grouparchive.model.records import Channel, Group, Media, Reaction

POSTS_ON_A_PAGE = 500
_QUOTED = 160
_SHOWN = (".png", ".jpg", ".gif", ".webp")


def write_site(
    folder: Path,
    opened: Opened,
    group: Group,
    media: MediaFolder | None,
    *,
    with_roster: bool,
    say: Callable[[str], None],
) -> int:
    """Fill a folder; index.html is where to begin. The number of posts."""
    return _Site(folder, opened, group, media, with_roster=with_roster, say=say).write()


class _Site:
    def __init__(
        self,
        folder: Path,
        opened: Opened,
        group: Group,
        media: MediaFolder | None,
        *,
        with_roster: bool,
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._opened = opened
        self._view = opened.view
        self._group = group
        self._media = media
        self._names = Names(opened, with_roster=with_roster, digits=12)
        self._with_roster = with_roster
        self._say = say
        self._posts = 0

    def write(self) -> int:
        """All pages."""
        links = []
        for number, channel in enumerate(self._view.channels(self._group.ref), 1):
            posts = self._room(channel, number)
            links.append((channel, f"room-{number}.html" if posts else "", posts))
        self._page("index.html", [*self._front(links)])
        return self._posts

    def _page(self, name: str, parts: Iterable[str]) -> None:
        write_whole(self._folder / name, "".join(parts).encode("utf-8", "replace"))

    # --- the front page ---

    def _front(self, links: list[tuple[Channel, str, int]]) -> Iterable[str]:
        group = self._group
        yield head(group.name or "Group")
        yield f'<p class="soft small">Archive of a group, as it was on {esc(when(self._view.moment))}</p>\n'
        yield f'<h1 dir="auto">{esc(group.name or "(no name)")}</h1>\n'
        if group.topic:
            yield f'<p dir="auto">{esc(self._names.text(group.topic))}</p>\n'
        who = "People are shown by name." if self._with_roster else "People are shown as opaque ids."
        yield f'<div class="card warn">These pages are not encrypted. {who} Delete them when you are done.</div>\n'
        yield "<h2>Rooms</h2>\n"
        for channel, link, posts in links:
            title = esc(channel.name or channel.ref)
            shown = f'<a href="{link}">{title}</a>' if link else title
            about = f'<p class="soft" dir="auto">{esc(self._names.text(channel.topic))}</p>' if channel.topic else ""
            counted = f'<span class="soft small">{many(posts, "post")}</span>'
            yield f'<div class="card"><b dir="auto">{shown}</b> {counted}{about}</div>\n'
        if self._with_roster:
            yield from self._people()
        gaps: Counter[str] = Counter()
        for gap in self._view.gaps():
            gaps[gap.code] += gap.count
        if gaps:
            yield "<h2>What the archive could not get</h2>\n"
            yield table(["how many", "what"], [[count, code] for code, count in sorted(gaps.items())])
        yield foot()

    def _people(self) -> Iterable[str]:
        rows: list[list[str | int]] = []
        for person in self._view.people(self._group.ref):
            member = self._view.members.get(person.id)
            level = max((one.level for one in person.memberships), default=0)
            rows.append([member.name if member else "", member.native if member else person.id, level])
        if rows:
            rows.sort(key=lambda row: (-int(row[2]), str(row[0]).casefold()))
            yield f"<h2>People ({len(rows):,})</h2>\n"
            yield table(["name", "handle", "power"], rows)

    # --- rooms ---

    def _room(self, channel: Channel, number: int) -> int:
        total = 0
        pages = -(-self._view.message_count(channel.ref) // POSTS_ON_A_PAGE)
        for page, posts in enumerate(_batches(self._view.posts(channel.ref), POSTS_ON_A_PAGE), 1):
            self._page(_name(number, page), self._room_page(channel, number, page, pages, posts))
            total += len(posts)
            self._posts += len(posts)
            self._say(many(self._posts, "post"))
        return total

    def _room_page(self, channel: Channel, number: int, page: int, pages: int, posts: list[PostView]) -> Iterable[str]:
        title = channel.name or channel.ref
        steps = [f'<a href="index.html">{esc(self._group.name or "All rooms")}</a>']
        if pages > 1:
            steps += [
                f"<b>{other}</b>" if other == page else f'<a href="{_name(number, other)}">{other}</a>'
                for other in range(1, pages + 1)
            ]
        nav = f"<nav>{' '.join(steps)}</nav>\n"
        yield head(title)
        yield nav
        yield f'<h1 dir="auto">{esc(title)}</h1>\n'
        if channel.topic and page == 1:
            yield f'<p class="soft" dir="auto">{esc(self._names.text(channel.topic))}</p>\n'
        anchors = {post.message.ref: f"p{at}" for at, post in enumerate(posts)}
        pins = set(self._view.pins(channel.ref))
        for post in posts:
            yield from self._post(channel, post, anchors, pinned=post.message.ref in pins)
        yield nav if pages > 1 else ""
        yield foot()

    def _post(self, channel: Channel, post: PostView, anchors: dict[str, str], *, pinned: bool) -> Iterable[str]:
        message = post.message
        thread = " thread" if message.thread else ""
        yield f'<article class="post{thread}" id="{anchors[message.ref]}">\n<header>'
        yield f'<span class="who" dir="auto">{esc(self._who(message.author))}</span>'
        yield f'<span class="soft small">{esc(when(message.time))}{", pinned" if pinned else ""}</span></header>\n'
        answered = message.reply_to or message.thread
        if answered:
            yield self._quote(channel, answered, anchors)
        if message.type == "encrypted":
            yield '<p class="soft">(encrypted, and the archive has no key for it)</p>\n'
        elif post.text:
            yield f'<p class="text" dir="auto">{esc(self._names.text(post.text))}</p>\n'
        yield from map(self._file, message.media)
        if message.poll:
            yield self._poll(post)
        if post.edits:
            yield self._revisions(post)
        if post.reactions:
            yield _reactions(post.reactions)
        yield "</article>\n"

    def _who(self, author: str) -> str:
        return self._names.of(author) if author else "(unknown)"

    def _quote(self, channel: Channel, ref: str, anchors: dict[str, str]) -> str:
        answered = self._view.message(channel.ref, ref)
        text = self._names.text(answered.text) if answered else "(a post that is not in the archive)"
        cut = text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
        who = f"{esc(self._who(answered.author))}: " if answered else ""
        link = f' <a href="#{anchors[ref]}">↑</a>' if ref in anchors else ""
        return f'<div class="quote" dir="auto">{who}{esc(cut)}{link}</div>\n'

    def _file(self, file: Media) -> str:
        path = self._media.of(file.ref, file.name) if self._media else ""
        name = esc(self._names.text(file.name) or "file")
        if not path:
            return f'<p class="soft">({name}: not in the archive)</p>\n'
        if path.endswith(_SHOWN):
            return f'<a href="{esc(path)}"><img src="{esc(path)}" alt="{name}" loading="lazy"></a>\n'
        return f'<p><a href="{esc(path)}" download>{name}</a></p>\n'

    def _poll(self, post: PostView) -> str:
        poll = post.message.poll
        if poll is None:
            return ""
        last = {vote.author or vote.ref: vote.choices for vote in post.votes}
        counts: Counter[str] = Counter(choice for choices in last.values() for choice in set(choices))
        options = "".join(
            f'<li dir="auto">{esc(self._names.text(text))} <span class="soft">{counts[ref]:,}</span></li>'
            for ref, text in poll.options
        )
        return f'<p class="text" dir="auto"><b>{esc(self._names.text(poll.question))}</b></p>\n<ul>{options}</ul>\n'

    def _revisions(self, post: PostView) -> str:
        earlier = [(post.message.time, post.message.text), *((edit.time, edit.text) for edit in post.edits[:-1])]
        told = "".join(
            f'<div class="quote" dir="auto">{esc(when(time))}: {esc(self._names.text(text))}</div>'
            for time, text in earlier
        )
        return f'<details><summary class="small">edited {esc(when(post.edits[-1].time))}</summary>{told}</details>\n'


def _reactions(reactions: tuple[Reaction, ...]) -> str:
    counts: Counter[str] = Counter()
    for reaction in reactions:
        counts[reaction.key] += reaction.count
    return (
        '<div class="reactions">'
        + "".join(f"<span>{esc(key[:40])} {count:,}</span>" for key, count in counts.most_common(50))
        + "</div>\n"
    )


def _name(number: int, page: int) -> str:
    return f"room-{number}.html" if page == 1 else f"room-{number}-{page}.html"


def _batches(posts: Iterable[PostView], count: int) -> Iterable[list[PostView]]:
    source = iter(posts)
    while batch := list(islice(source, count)):
        yield batch
