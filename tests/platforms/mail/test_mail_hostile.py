"""Whatever is in the file: bounded memory and time, a gap that says where, and everything readable before and after it."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from mail_exports import LISTED, NUMBERS, Read, mail, mbox, read

from grouparchive.platforms.mail import MailBox
from grouparchive.platforms.mail import mailbox as module
from grouparchive.platforms.mail.mime import walk
from grouparchive.platforms.mail.store import Window

MIB = 1 << 20


def around(*odd: bytes) -> bytes:
    """An ordinary mail before and one after."""
    return mbox(mail(1), *odd, mail(99))


def refs(found: Read) -> list[str]:
    return [NUMBERS.get(one.ref, one.ref) for one in found.messages]


def multipart(body: str, kind: str = "multipart/mixed; boundary=b") -> bytes:
    return mail(2, body, extra=f"{LISTED}Content-Type: {kind}\n")


def test_a_header_block_without_an_end(tmp_path: Path) -> None:
    found = read(tmp_path, around(b"From: x@example.org\nTo: y\n" + b"X-Long: " + b"y" * 2 * MIB))
    assert refs(found) == ["m1", "m99"]
    assert found.faults == {"message-unreadable": 1}


def test_too_many_parts_and_too_many_levels(tmp_path: Path) -> None:
    many = "".join("--b\n\nx\n" for _ in range(10_050)) + "--b--\n"
    found = read(tmp_path, around(multipart(many)))
    assert refs(found) == ["m1", "m2", "m99"]
    assert found.faults["message-partly-read"] == 1
    deep = "".join(
        f"--{'b' * level}\nContent-Type: multipart/mixed; boundary={'b' * (level + 1)}\n\n" for level in range(1, 80)
    )
    found = read(tmp_path, around(multipart(deep + "words")))
    assert refs(found) == ["m1", "m2", "m99"]
    assert found.faults == {"message-partly-read": 1}
    inner = "Content-Type: message/rfc822\n\n" * 80 + "words"
    found = read(tmp_path, around(multipart(inner, "message/rfc822")))
    assert refs(found) == ["m1", "m2", "m99"]
    assert found.faults == {"message-partly-read": 1}


def test_a_text_longer_than_a_record_is_cut_and_told(tmp_path: Path) -> None:
    found = read(tmp_path, around(mail(2, "ж" * 3 * MIB), mail(3, "x\n" * 3 * MIB)))
    assert refs(found) == ["m1", "m2", "m3", "m99"]
    assert found.faults["text-cut"] >= 2
    assert all(500_000 < len(text.encode()) <= 1_510_000 for text in found.texts[1:3])


def test_a_large_mail_is_seen_through_a_window_and_its_files_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 4096)
    coded, lines = "QUJD\n" * 400_000, "line\n" * 1000
    body = (
        "--b\nContent-Type: text/plain\n\nWords\n--b\nContent-Type: image/png; name=a.png\n"
        "Content-Transfer-Encoding: base64\n\n"
        f"{coded}--b\nContent-Type: text/plain; name=b.txt\n\n{lines}--b--\n"
    )
    for name in ("garden.mbox", "garden.zip"):
        path = tmp_path / name
        if name.endswith("zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
                out.writestr("garden.mbox", around(multipart(body)))
        else:
            path.write_bytes(around(multipart(body)))
        found = Read(path)
        assert refs(found) == ["m1", "m2", "m99"]
        assert found.texts[1] == "Seeds\n\nWords"
        first, second = found.files.values()
        assert first == b"ABC" * 400_000
        assert second == lines.rstrip("\n").encode()


def test_a_number_of_very_many_digits(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "1.emlx").write_bytes(b"9" * 5000 + b"\n" + mail(1))
    (folder / "2.emlx").write_bytes(b"9" * 18 + b"\n" + mail(2))
    (folder / "3.emlx").write_bytes(f"{len(mail(3))}\n".encode() + mail(3) + b"<plist/>")
    (folder / "4.eml").write_bytes(mail(4, extra=LISTED + f"Content-Length: {'9' * 5000}\nLines: {'9' * 5000}\n"))
    found = Read(folder)
    assert refs(found) == ["m1", "m2", "m3", "m4"]
    assert "plist" not in "".join(found.texts)


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "garden.mbox"
    body = (
        b"--b\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\n"
        + b"QUJD" * 15 * MIB
        + b"\n--b--\n"
    )
    big = mail(2, body, extra=LISTED + "Content-Type: multipart/mixed; boundary=b\n")
    with path.open("wb") as out:
        out.write(around(big))
    del big, body
    tracemalloc.start()
    try:
        found = Read(path, media=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refs(found) == ["m1", "m2", "m99"]
    assert peak < 24 * MIB


def test_a_line_without_an_end_and_a_file_without_a_newline(tmp_path: Path) -> None:
    found = read(tmp_path, around(mail(2, b"x" * 9 * MIB)))
    assert refs(found) == ["m1", "m2", "m99"]
    assert found.faults == {"text-cut": 1}


def test_a_torn_zip_keeps_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "garden.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("garden.mbox", mbox(*(mail(number, "x" * 3000) for number in range(1000))))
    data = bytearray(path.read_bytes())
    data[2_000_000] ^= 0xFF
    path.write_bytes(data)
    found = Read(path)
    assert len(found.messages) > 100
    assert "file-damaged" in found.faults


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.binary(max_size=600), st.binary(max_size=300))
@example(b"Content-Type: multipart/mixed; boundary=", b"--")
@example(b"Content-Type: text/plain; charset=utf-16\n", b"\xd8\x00")
@example(b"Date: Thu, 99999 Apr 99999 99:99:99 +9999\n", b"")
@example(b"From: " + b"(" * 300 + b"\nReferences: " + b"<" * 300 + b"\n", b"@" * 300)
@example(b"Content-Type: text/plain; name*99999999999999999999*=x\n", b"")
@example(b"Date: Mon, 31 Dec 9998 23:59:59 -2400\n", b"")
def test_nothing_in_a_mail_stops_the_others(tmp_path: Path, head: bytes, body: bytes) -> None:
    head = head.replace(b"\n\n", b"\n").replace(b"\n\r\n", b"\n").replace(b"\nFrom ", b"\n")
    odd = b"From: Fern <fern@example.org>\nTo: garden@lists.example.org\n" + head.strip() + b"\n\n" + body
    found = read(tmp_path, around(odd))
    assert refs(found)[0] == "m1"
    assert refs(found)[-1] == "m99"
    assert len(found.messages) + found.faults.get("message-unreadable", 0) >= 3


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.binary(max_size=2000), st.integers(min_value=0, max_value=2000))
def test_any_bytes_at_all(tmp_path: Path, data: bytes, at: int) -> None:
    whole = around()
    mails = whole[:at] + data + whole[at:]
    assume(not mails.startswith(b"PK"))  # a zip
    path = tmp_path / "garden.mbox"
    path.write_bytes(mails)
    Read(path, kind=MailBox)


@given(st.lists(st.sampled_from([b"--b", b"--b--", b"--c", b"--c--", b"", b"x", b"Content-Type: multipart/mixed; boundary=c",
                                 b"Content-Type: text/plain", b"Content-Type: message/rfc822", b"\r"]), max_size=25),
       st.integers(min_value=1, max_value=64))  # fmt: skip
def test_the_walk_is_the_same_through_a_window(lines: list[bytes], ahead: int) -> None:
    raw = b"\n\n" + b"\n".join(lines)

    class Narrow(Window):
        BEHIND = 4 * 64
        AHEAD = ahead

    headers = {b"content-type": b"multipart/mixed; boundary=b"}
    seen = walk(raw, 2, headers)
    window = Narrow(io.BufferedReader(io.BytesIO(raw)), 0, len(raw))  # type: ignore[arg-type]
    through = walk(window, 2, headers)
    quick = walk(raw, 2, headers, "multipart/mixed", "b")
    assert through.items == seen.items

    def places(items: list[object]) -> list[object]:
        return [(one.kind, one.start, one.end) if hasattr(one, "start") else one for one in items]

    assert places(quick.items) == places(seen.items)  # type: ignore[arg-type]


def test_a_mail_that_says_nothing_at_all_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, mbox(mail(1), mail(2)).replace(b"\n", b"\r"))
    assert found.faults == {"message-unreadable": 1}
