"""Quick search: all words, any script, upper or lower case, nothing lost to the fast path."""

from typing import Any

import pytest

from grouparchive.archive.search import search
from grouparchive.errors import UsageError
from grouparchive.model.records import AnyRecord, Edit, Group, Media, Message, Poll

TEXTS = {
    "$a": "The Quick brown fox",
    "$b": "quick silver lines",
    "$c": "Привет Мир",
    "$d": "Straße am Fluß",
    "$e": 'She said "stop" and\nwent \\ home',
    "$f": "cafe\u0301 on the corner",
    "$g": "ΟΔΥΣΣΕΥΣ",
    "$h": "東京の夜",
    "$i": "İstanbul",
}


@pytest.fixture
def reader(made: Any) -> Any:
    posts: list[Any] = [Message(channel="!a", ref=ref, time=1, text=text) for ref, text in TEXTS.items()]
    posts += [
        Message(channel="!b", ref="$p", time=2, poll=Poll(question="Tea or coffee?", options=(("1", "Rooibos"),))),
        Message(channel="!b", ref="$q", time=2, media=(Media(ref="m", name="holiday plan.pdf"),)),
        Message(channel="!b", ref="$r", time=2, type="encrypted", data='{"ciphertext":"xyz"}'),
        Edit(channel="!b", ref="$s", target="$q", time=3, text="a quick correction"),
        Group(ref="!g", platform="p", origin="o", name="quick"),
    ]
    made.write(posts)
    made.write(posts[:3])
    return made.reader()


@pytest.mark.parametrize(
    ("words", "refs"),
    [
        (["quick"], ["$a", "$b", "$s"]),
        (["QUICK", "fox"], ["$a"]),
        (["quick", "nothing"], []),
        (["ПРИВЕТ"], ["$c"]),
        (["мир", "привет"], ["$c"]),
        (["STRASSE"], ["$d"]),
        (["strasse", "fluss"], ["$d"]),
        (['"stop"'], ["$e"]),
        (["\\ home"], ["$e"]),
        (["caf\u00e9"], ["$f"]),
        (["cafe\u0301"], ["$f"]),
        (["CAFÉ"], ["$f"]),
        (["οδυσσευς"], ["$g"]),
        (["東京"], ["$h"]),
        (["i\u0307stanbul"], ["$i"]),
        (["rooibos", "tea"], ["$p"]),
        (["holiday"], ["$q"]),
        (["kind"], []),
        (["channel"], []),
        (["xyz"], []),
    ],
)
def test_finds(reader: Any, words: list[str], refs: list[str]) -> None:
    assert [hit.ref for _, hit in search(reader, words)] == refs


def test_only_some_channels(reader: Any) -> None:
    assert [hit.ref for _, hit in search(reader, ["quick"], channels={"!b"})] == ["$s"]


def test_encrypted_ones_when_they_can_be_opened(reader: Any) -> None:
    def open_message(message: Message) -> AnyRecord:
        return Message(channel=message.channel, ref=message.ref, time=message.time, text="a hidden Thing")

    assert [hit.text for _, hit in search(reader, ["thing"], open_message=open_message)] == ["a hidden Thing"]


def test_no_word_is_an_error(reader: Any) -> None:
    with pytest.raises(UsageError):
        list(search(reader, [" "]))
