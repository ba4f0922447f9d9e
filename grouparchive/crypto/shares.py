"""Shares: a random key split so that any k of n holders together have it again, and fewer have nothing (SLIP-39, one group,
empty passphrase). A share is 33 words, alone or in a share file. What people bring is read here and told apart: mistyped, of
another set, too few, not genuine.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, islice
from typing import NamedTuple

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.wordlist import WORD_INDEX_MAP

from grouparchive.crypto.keyfile import MAX_TEXT, is_named, named_archive, short_id, write_slots_block
from grouparchive.crypto.primitives import KEY_SIZE, be64, lp, split_lp
from grouparchive.crypto.slotrow import SlotRow
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

MOST_SHARES = 16
WORDS = 33
_MOST_GIVEN = 64
_SUBSETS = 500
_MOST_KEYS = 8
_EXPONENT = 0  # rounds of stretching: the secret is random and needs none
_WORDS_LINE = re.compile(r"^[ \t>]*words:(.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_OTHER_LINE = re.compile(r"^[ \t>]*[a-z ]{2,20}:", re.IGNORECASE | re.MULTILINE)
_PER_LINE = 6


class Quorum(NamedTuple):
    """A set of shares as its slot names it: the SLIP-39 identifier, how many are needed, how many there are."""

    identifier: int
    needed: int
    total: int

    def encode(self) -> bytes:
        """The slot row's `params`."""
        return lp(be64(self.identifier), be64(self.needed), be64(self.total))

    @classmethod
    def decode(cls, params: bytes) -> "Quorum":
        """Read a slot row's `params`.

        Raises:
            Damaged: no set has such numbers.
        """
        parts = split_lp(params, limit=3)
        if [len(part) for part in parts] != [8, 8, 8]:
            raise Damaged("a key slot of the archive is damaged")
        found = cls(*(int.from_bytes(part, "big") for part in parts))
        if found.identifier >= 1 << 15 or not 2 <= found.needed <= found.total <= MOST_SHARES:
            raise Damaged("a key slot of the archive is damaged")
        return found


@dataclass(frozen=True, slots=True)
class NewShares:
    """A fresh set: the key that was split, and each holder's words."""

    key: bytes = field(repr=False)
    quorum: Quorum
    mnemonics: tuple[str, ...] = field(repr=False)


def new_shares(needed: int, count: int) -> NewShares:
    """Split a new random key.

    Raises:
        UsageError: no such set is possible.
    """
    if not 2 <= needed <= count <= MOST_SHARES:
        raise UsageError(
            f"shares are K/N: any K of N holders together, at least 2 and at most {MOST_SHARES}",
            hint="2/3 is a good choice: two of three people you trust, who do not live together.",
        )
    key = os.urandom(KEY_SIZE)
    mnemonics = generate_mnemonics(1, [(needed, count)], key, iteration_exponent=_EXPONENT)[0]
    identifier = Share.from_mnemonic(mnemonics[0]).identifier
    return NewShares(key, Quorum(identifier, needed, count), tuple(mnemonics))


def write_share_text(made: NewShares, number: int, archive_id: bytes, slots: Sequence[SlotRow] = ()) -> str:
    """The file of one holder. It names no group, no person and no other holder.

    Args:
        made: the set.
        number: which share, from 0.
        archive_id: of the archive it helps to open.
        slots: the set's slot rows, where the archive itself holds none.
    """
    words = made.mnemonics[number].split()
    lines = "\n       ".join(" ".join(words[start : start + _PER_LINE]) for start in range(0, WORDS, _PER_LINE))
    needed, total = made.quorum.needed, made.quorum.total
    return (
        "grouparchive share\n"
        "\n"
        f"This is one of {total} shares. Any {needed} of them, with a copy of the archive, open all that is in it.\n"
        "By itself it opens nothing. Keep it on paper or on a stick, and tell nobody who the other holders are.\n"
        "\n"
        f"archive: {short_id(archive_id)}\n"
        f"share: {number + 1} of {total}\n"
        f"opens with: any {needed}\n"
        f"words: {lines}\n"
        f"{write_slots_block(slots)}"
    )


def read_share_text(text: str, archive_id: bytes, which: str = "this share") -> str:
    """The words out of a share file, or words that were typed or scanned by themselves. Case, wraps, quoting and numbers
    before the words do not matter.

    Args:
        text: what was given.
        archive_id: of the archive to be opened.
        which: how a message speaks of this share: "share 2 of those given".

    Raises:
        WrongSecret: a typing error, or it belongs to another archive.
        UsageError: this is no share.
    """
    text = text[:MAX_TEXT]
    named = named_archive(text)
    if named is not None and not is_named(named, archive_id):
        raise _foreign(which, archive_id)
    found = _WORDS_LINE.search(text)
    if found is None and named is not None:
        raise _no_share(which)
    words = _words(found[1])[:WORDS] if found else _words(text)
    if _is_whole(words[:WORDS]):  # what follows them on the paper does not count
        return " ".join(words[:WORDS])
    unknown = [at for at, word in enumerate(words[:WORDS], 1) if word not in WORD_INDEX_MAP]
    if not words or (found is None and len(unknown) > len(words) // 2):
        raise _no_share(which)
    if unknown:
        raise WrongSecret(
            f"{which} has a typing error: word {unknown[0]} is none of the words that shares are made of",
            hint="Compare that word with the paper, letter by letter.",
        )
    if len(words) != WORDS:
        raise WrongSecret(
            f"{which} has {len(words)} words, but a share has {WORDS}",
            hint="Compare it with the paper: a word or a line is missing, or one is there twice.",
        )
    raise WrongSecret(
        f"{which} has a typing error: a word stands for another, or two have changed places",
        hint="Compare it with the paper word by word, also their order.",
    )


def _words(text: str) -> list[str]:
    """The words of a share: up to the next line that begins with a name and a colon, without numbers and marks."""
    other = _OTHER_LINE.search(text)
    pieces = (text[: other.start()] if other else text).lower().split()
    words = (re.sub(r"^[^a-z]*|[^a-z]*$", "", piece) if piece.isascii() else piece for piece in pieces[: WORDS * 4])
    return [word for word in words if word]


def _is_whole(words: list[str]) -> bool:
    try:
        Share.from_mnemonic(" ".join(words))
    except MnemonicError:
        return False
    return len(words) == WORDS


class GivenShares:
    """The shares that somebody brought to one archive, sorted."""

    def __init__(self, texts: Sequence[str], archive_id: bytes) -> None:
        if len(texts) > _MOST_GIVEN:
            raise UsageError("more shares were given than there can be", hint=f"A set has at most {MOST_SHARES}.")
        self._archive_id = archive_id
        self._good: dict[str, tuple[str, Share]] = {}  # words -> how to speak of it, and what it says
        self._bad: list[GroupArchiveError] = []
        for number, text in enumerate(texts, 1):
            which = f"share {number} of those given" if len(texts) > 1 else "this share"
            try:
                words = read_share_text(text, archive_id, which)
            except (WrongSecret, UsageError) as error:
                self._bad.append(error)
            else:
                self._good.setdefault(words, (which, Share.from_mnemonic(words)))

    def keys(self, quorum: Quorum) -> Iterator[bytes]:
        """The keys that subsets of the shares give: nearly always one or none, however many bad ones are among them."""
        found: set[bytes] = set()
        for subset in self._subsets(quorum):
            try:
                key = combine_mnemonics(subset)
            except MnemonicError:  # one of them is not genuine: the digest inside says so
                continue
            if key not in found:
                found.add(key)
                yield key
            if len(found) == _MOST_KEYS:
                return

    def why_not(self, quorums: Sequence[Quorum], *, damaged: bool) -> GroupArchiveError | None:
        """Why the shares open none of the sets that an archive has, most telling reason first.

        Args:
            quorums: the sets.
            damaged: the archive has slots that cannot be read, and the shares may be of one of them.

        Returns:
            None where the shares are not to blame.
        """
        claiming = {quorum: self._claiming(quorum) for quorum in quorums}
        if any(len(claimed) >= quorum.needed for quorum, claimed in claiming.items()):
            return Damaged(
                "these shares say that they belong to this archive, but what they open is not its key: "
                "a share, or the archive's own key slot, was put in the place of the real one",
                hint="Try other shares, and another copy of the archive. Ask each holder, by voice, if the share is theirs.",
            )
        if self._bad:
            return self._bad[0]
        ours = {which for claimed in claiming.values() for which in claimed}
        for which, _ in self._good.values():
            if which not in ours:
                return None if damaged or not quorums else _foreign(which, self._archive_id)
        most, needed = max((len(claimed), quorum.needed) for quorum, claimed in claiming.items())
        hint = "Give as many different ones, each with --share-file F."
        if most < len(ours):
            return WrongSecret(f"this needs {needed} shares of one set, and those given are of several", hint=hint)
        return WrongSecret(f"this needs {needed} shares, {'1 was' if most == 1 else f'{most} were'} given", hint=hint)

    def _claiming(self, quorum: Quorum) -> list[str]:
        """The shares that bear a set's identifier."""
        return [which for which, share in self._good.values() if share.identifier == quorum.identifier]

    def _subsets(self, quorum: Quorum) -> Iterator[tuple[str, ...]]:
        """Choices of as many shares as are needed. Those in a row come first: one bad share is in few of them."""
        ours = [(words, share.index) for words, (_, share) in self._good.items() if _is_of(share, quorum)]
        rows = (
            tuple(ours[(start + step) % len(ours)] for step in range(quorum.needed))
            for start in range(len(ours) if len(ours) >= quorum.needed else 0)
        )
        for subset in islice(chain(rows, combinations(ours, quorum.needed)), _SUBSETS):
            if len({index for _, index in subset}) == quorum.needed:
                yield tuple(words for words, _ in subset)


def check_quorum(text: str) -> tuple[int, int]:
    """K and N out of "K/N".

    Raises:
        UsageError: it is something else.
    """
    found = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})", text.strip())
    if found is None:
        raise UsageError("the number of shares is written as K/N", hint="2/3 means: any 2 of 3 holders together.")
    return int(found[1]), int(found[2])


def _is_of(share: Share, quorum: Quorum) -> bool:
    """Is it shaped like the shares that we make? A forged one could ask for hours of stretching."""
    shape = (share.identifier, share.extendable, share.iteration_exponent, share.group_threshold, share.group_count)
    sizes = share.member_threshold == quorum.needed and share.index < quorum.total and len(share.value) == KEY_SIZE
    return shape == (quorum.identifier, True, _EXPONENT, 1, 1) and share.group_index == 0 and sizes


def _foreign(which: str, archive_id: bytes) -> WrongSecret:
    return WrongSecret(
        f"{which} belongs to another archive, or to an older set",
        hint=f"The right ones have the line `archive: {short_id(archive_id)}`; of several sets the newest counts.",
    )


def _no_share(which: str) -> UsageError:
    return UsageError(
        f"{which} is not a share",
        hint=f"A share is {WORDS} words, alone or in a file after a line that starts `words:`.",
    )
