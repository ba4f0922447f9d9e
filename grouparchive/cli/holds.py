"""Why people are on hold, in plain words, for every command that counts them."""

from collections.abc import Iterable, Mapping

from grouparchive.cli.output import Output
from grouparchive.people.campaign import NOT_RELEASED, OVERRULED_BY

WORDS: dict[str, str] = {
    "no-trusted-position": "nobody has said up to which backup the archive can be trusted",
    "first-seen-after-trust": "only backups after the trusted ones tell of them: somebody may have put them in",
    "suspect-commit": "only backups whose clock or signature cannot be right tell of them: somebody may have forged them",
    "consent-unknown": "not known whether they agree to be asked",
    "consent-no": "they do not agree to be asked",
    "do-not-contact": "they must not be contacted",
    "minor": "under age",
    "on-hold": "put on hold by somebody",
    NOT_RELEASED: "nothing speaks against it: they wait for your release",
}
_ALL = OVERRULED_BY["all"] | {NOT_RELEASED}
_LIST = OVERRULED_BY["list"] - _ALL


def in_order(reasons: Iterable[str]) -> list[str]:
    """Reasons as they are always listed."""
    return sorted(reasons, key=list(WORDS).index)


def tell(output: Output, reasons: Mapping[str, int]) -> None:
    """Why so many are on hold, and what would release them."""
    if not reasons:
        return
    output.line("Why people are on hold. Somebody may be so for several reasons, and is released when none is left.")
    ordered = in_order(reasons)
    for title, chosen in (
        ("`--release all` overrules:", [one for one in ordered if one in _ALL]),
        ("only a list of people you know overrules (`--release FILE`):", [one for one in ordered if one in _LIST]),
        (
            "nothing overrules; if it is wrong, lift it by name with `grouparchive roster set`:",
            [one for one in ordered if one not in _ALL | _LIST],
        ),
    ):
        if chosen:
            output.line(f"  {title}")
        for reason in chosen:
            output.line(f"    {reasons[reason]:>7,}  {WORDS[reason]} ({reason})")
