"""What a restore can lose, in plain words: one sentence per gap code, and the tally that becomes a plan's gaps.

No sentence names a person, a group or a text.
"""

from collections import Counter

from grouparchive.model.plan import PlanGap

SENTENCES: dict[str, str] = {
    "archive-damaged": "places in the archive cannot be read: what stood there is not in this plan, bans and deletions too",
    "posts-left-out": "posts stay in the archive, with their changes, reactions and files, because of --content",
    "posts-without-consent": "posts stay in the archive because their authors are not known to agree to republishing",
    "message-undecrypted": "encrypted posts cannot be opened with the keys in the archive",
    "service-lines": "lines of the service itself (who joined, who left) are not repeated",
    "messages-empty": "posts hold nothing that could be shown again",
    "media-unavailable": "files were never had by the archive; the posts say so in their place",
    "files-not-supported": "files cannot be put on this target; the posts say so in their place",
    "metadata-kept": "files of kinds that are passed on unchanged may tell when, where or with what they were made",
    "edits-lost": "changes of posts belong to posts that the archive does not hold",
    "edits-merged": "earlier wordings of changed posts are left out; only the last wording is shown",
    "edits-cut": "changed posts are too long for this target and are cut",
    "edits-by-others": "changes that somebody other than the author made are left out",
    "reactions-lost": "reactions cannot be given in the name of others on this target",
    "reactions-merged": "equal reactions of several people become one, because they share a stand-in",
    "reactions-without-post": "reactions belong to posts that the archive does not hold",
    "replies-lost": "answers lose the link to the post they answer",
    "threads-lost": "posts of threads stand among the other posts",
    "poll-votes": "votes in polls are not given again; the questions are asked anew",
    "formatting-lost": "posts lose bold, links and the like, and keep their words",
    "times-in-text": "posts bear the time of the restore; the original time stands in the text",
    "authors-in-text": "posts come from the account that restores; who wrote them stands in the text",
    "authors-hidden": "posts bear no author of their own, because of --authors",
    "posts-gathered": "posts are gathered, many to one, because this target takes posts only slowly",
    "posts-split": "long posts are cut into several",
    "pins-lost": "pinned posts are not among the restored ones",
    "pins-not-supported": "pins cannot be set on this target",
    "encryption-lost": "encrypted rooms come back without encryption, and only after --allow-plaintext",
    "settings-left-out": "settings stay in the archive, because of --content",
    "settings-not-supported": "settings cannot be made on this target",
    "joining-opened": "rooms that held the whole group by invitation are open to whoever is in the group",
    "channels-left-out": "rooms stay in the archive, because of --content",
    "channels-not-supported": "rooms cannot be made on this target",
    "avatar-missing": "pictures of the group or of rooms are not in the archive or cannot be set on this target",
    "names-not-supported": "real names and topics cannot be given on this target",
    "bans-lost": "bans cannot be repeated on this target",
    "address-not-restored": "addresses of rooms are not given again: they tell the real name, and may be in other hands",
    "retention-left-out": "limits on how long posts are kept are not made again: the restored posts would go at once",
    "acl-shuts-us-out": "lists of allowed servers would keep our own server out, and are not made again",
    "kept-invite-only": "rooms stay open by invitation only: whom they were open to cannot be named on this target",
    "made-anew": "settings belong to the old room alone",
    "rebuilt-without-encryption": "encryption is not switched on again",
    "setting-unreadable": "settings cannot be read",
    "setting-unknown": "settings are not known to this target",
    "own-account": "bans or roles are about the account that restores",
    "refused": "things were refused by the target",
    "not-found": "things could not be done, because the target does not find what they are about",
    "in-doubt": "things were sent, and nobody knows whether they arrived",
    "post-missing": "changes, reactions or pins belong to posts that could not be made",
    "person-unknown": "bans or roles belong to people whose handle the archive does not tell",
    "not-joined": "roles wait until their members are back",
    "roles-not-proved": "people get a role only by hand, because no backup that can be trusted tells that they had it",
    "roles-lost": "roles of members cannot be given back on this target",
}


class Losses:
    """A tally of gap codes."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, code: str, count: int = 1) -> None:
        """Count a loss."""
        if count > 0:
            self.counts[code] += count

    def merge(self, other: "Losses") -> None:
        """Add another tally to this one."""
        self.counts.update(other.counts)

    def gaps(self) -> tuple[PlanGap, ...]:
        """The tally as gaps, in a fixed order."""
        return tuple(gap_of(code, count) for code, count in sorted(self.counts.items()) if count)


def gap_of(code: str, count: int) -> PlanGap:
    """One gap of a plan."""
    return PlanGap(code=code, count=count, text=sentence(code))


def sentence(code: str) -> str:
    """What a gap code means."""
    return SENTENCES.get(code, "things could not be restored")
