"""Rows of the download that are posts and comments, as records. A post has no id there: its ref is made from its second."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import Media, MemberId, Message, Poll, Vote
from grouparchive.platforms.facebook.links import clean_link
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.shapes import Attached, Post, Uri, millis
from grouparchive.platforms.files.mimes import mime_of, type_of
from grouparchive.platforms.files.texts import fitted

Kind = Literal["p", "c", "a", "t", "g"]
"""A post, a comment, a post written as an anonymous member, a post of the timeline, a post of a page."""

Attach = Callable[[str, str, str], MediaRequest | None]
"""attach(media ref, uri, name) -> what to ask for."""

Gapped = Callable[[str, str], None]
"""gapped(code, ref)."""

Recorded = tuple[list[Message | Vote], list[MediaRequest]]


def time_of(post: Post) -> int | None:
    """When it was posted, in milliseconds."""
    return millis(post.timestamp) or next(
        (time for said in post.data or () if said.comment and (time := millis(said.comment.timestamp))), None
    )


def group_told(post: Post) -> str:
    """The group that a comment names; "" where it does not."""
    return next(
        (tidy(said.comment.group).strip() for said in post.data or () if said.comment and said.comment.group), ""
    )


def record(
    post: Post,
    kind: Kind,
    *,
    channel: str,
    ref: str,
    time: int,
    author: MemberId | Literal[""],
    attach: Attach,
    gapped: Gapped,
) -> Recorded:
    """A post with its files and, of its poll, the account's own vote."""
    parts = _Parts(f"{channel}/{ref}", attach)
    for attachment in post.attachments or ():
        for one in attachment.data or ():
            parts.take(one)
    text, edited = _said(post)
    text = text or "\n\n".join(parts.texts)
    text, _, lost = fitted(text)
    if lost:
        gapped(lost, ref)
    if not text and parts.links:
        text = "\n".join(parts.links)
    data = parts.data
    if kind == "c":
        data["comment"] = True
    elif kind == "a":
        data["anonymous"] = True
    message = Message(
        channel=channel,
        ref=ref,
        time=time,
        author="" if kind == "a" else author,
        type="poll" if parts.poll else type_of(*(one.mime for one in parts.media)),
        text=text,
        media=tuple(parts.media),
        poll=parts.poll,
        data=msgspec.json.encode(data).decode() if data else "",
        version=edited,
        edited=edited,
    )
    records: list[Message | Vote] = [message]
    if parts.votes and kind != "a":
        vote = Vote(
            channel=channel, ref=f"{ref}/vote", target=ref, time=time, author=author, choices=tuple(parts.votes)
        )
        records.append(vote)
    return records, parts.requests


def _said(post: Post) -> tuple[str, int]:
    """What somebody wrote, and when they last changed it."""
    texts: list[str] = []
    edited = 0
    for said in post.data or ():
        texts += [tidy(text) for text in (said.post, said.comment.comment if said.comment else None) if text]
        edited = max(edited, millis(said.update_timestamp) or 0)
    return "\n\n".join(texts), edited


class _Parts:
    """What is attached to a post."""

    def __init__(self, prefix: str, attach: Attach) -> None:
        self._prefix = prefix
        self._attach = attach
        self.media: list[Media] = []
        self.requests: list[MediaRequest] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.data: dict[str, Any] = {}
        self.poll: Poll | None = None
        self.votes: list[str] = []

    def take(self, one: Attached) -> None:
        """Something that is attached."""
        if one.media and one.media.uri:
            self.file(one.media)
        if one.external_context and one.external_context.url:
            link = clean_link(tidy(one.external_context.url))
            if link and link not in self.links:
                self.links.append(link)
                self.data.setdefault("links", []).append(
                    {"url": link, "title": tidy(one.external_context.name or "")[:1000]}
                )
        if one.poll and self.poll is None and one.poll.options:
            options = [tidy(option.option or "")[:2000] for option in one.poll.options[:100]]
            self.poll = Poll(
                question=tidy(one.poll.question or "")[:20_000],
                options=tuple((str(n), option) for n, option in enumerate(options)),
                choices=len(options),
            )
            self.votes = [str(n) for n, option in enumerate(one.poll.options[:100]) if option.voted]
        if one.event:
            self.data["event"] = {
                "name": tidy(one.event.name or "")[:1000],
                "start": millis(one.event.start_timestamp) or 0,
                "end": millis(one.event.end_timestamp) or 0,
                "text": tidy(one.event.description or "")[:20_000],
            }
            self.texts.append(tidy(one.event.name or ""))
        if one.place:
            where = {"name": tidy(one.place.name or "")[:500], "address": tidy(one.place.address or "")[:500]}
            self.data["place"] = {**where, **(one.place.coordinate or {})}
        if one.for_sale_item:
            sale = one.for_sale_item
            self.data["sale"] = {"title": tidy(sale.title or "")[:1000], "price": tidy(sale.price or "")[:100]}
            self.texts += [tidy(text) for text in (sale.title, sale.description) if text]
        if one.text:
            self.texts.append(tidy(one.text))

    def file(self, uri: Uri) -> None:
        """A file of the download."""
        name = tidy(uri.uri or "").rpartition("/")[2].split("?")[0][:200]
        ref = f"{self._prefix}/{len(self.media)}"
        request = self._attach(ref, uri.uri or "", name)
        self.media.append(Media(ref=ref, name=name, mime=mime_of(name), size=request.size if request else 0))
        if request:
            self.requests.append(request)
        if uri.description and (text := tidy(uri.description)) not in self.texts:
            self.texts.append(text)
