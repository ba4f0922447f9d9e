"""Held to a public export that is not part of this project."""

import os
from pathlib import Path

import pytest
from mail_exports import Read, ref_of

NEAR = Path(__file__).resolve().parents[3].parent
PLACES = [Path(os.environ["GROUPARCHIVE_SAMPLES"])] if "GROUPARCHIVE_SAMPLES" in os.environ else []
PLACES += [NEAR / "shared" / "samples", NEAR.parent / "shared" / "samples"]
SAMPLE = next(
    (one for place in PLACES if (one := place / "googlegroups" / "dcarrero__google_groups.mbox").exists()), None
)


@pytest.mark.skipif(SAMPLE is None, reason="the public samples are not here")
def test_a_google_group() -> None:
    assert SAMPLE
    found = Read(SAMPLE)
    assert [(one.ref, one.name) for one in found.groups] == [("my-group@googlegroups.com", "my-group")]
    first, second, third = found.messages
    assert [one.time for one in found.messages] == [1429177984000, 1429268400000, 1429345800000]
    assert [one.ref for one in found.messages] == [
        ref_of(f"{one}@example.invalid") for one in ("root", "reply", "other")
    ]
    assert (first.thread, second.thread, third.thread) == ("", first.ref, "")
    assert (second.reply_to, third.reply_to) == (first.ref, "")
    people = [found.who(f"{one}@example.invalid") for one in "abc"]
    assert [one.author for one in found.messages] == people
    assert [found.names[f"{one}@example.invalid"] for one in "abc"] == ["Someone", "Other", "Third"]
    assert [one.member for one in found.memberships] == people
    assert first.text == "Groups message with no Date header\n\nOpening post, with no Date: header at all."
    assert second.text == "Reply in the same conversation."
    assert found.codes == {"members-partial": 1}
