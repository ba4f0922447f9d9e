import errno
import itertools
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grouparchive.crypto import log as log_module
from grouparchive.crypto.files import SealedLog
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, UsageError

KEY, CONTEXT = b"k" * 32, b"plan 1"


def entries(path: Path) -> list[bytes]:
    with SealedLog(path, KEY, CONTEXT) as log:
        return list(log)


def written(path: Path, *sessions: list[bytes]) -> bytes:
    for session in sessions:
        with SealedLog(path, KEY, CONTEXT) as log:
            for entry in session:
                log.append(entry)
    return path.read_bytes()


def frame_ends(data: bytes) -> list[int]:
    """Where the frames end, read from the clear prefixes alone."""
    ends, position = [], len(log_module.MAGIC)
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        position += 8 + (size or 32)
        ends.append(position)
    return ends


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.binary(max_size=100), max_size=4), max_size=4))
def test_what_is_appended_is_there_at_the_next_opening(tmp_path: Path, sessions: list[list[bytes]]) -> None:
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    written(path, [], *sessions)
    assert entries(path) == [entry for session in sessions for entry in session]


def test_iterating_gives_the_earlier_entries_only(tmp_path: Path) -> None:
    written(tmp_path / "log", [b"before"])
    with SealedLog(tmp_path / "log", KEY, CONTEXT) as log:
        log.append(b"now", sync=True)
        assert list(log) == [b"before"]
        assert len(log) == 1
    assert entries(tmp_path / "log") == [b"before", b"now"]


def test_torn_at_every_byte_it_opens_with_all_whole_entries_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    data = written(path, [b"one", b"", b"three"], [b"four"])
    whole = [b"one", b"", b"three", b"four"]
    ends = frame_ends(data)
    entry_ends = [ends[1], ends[2], ends[3], ends[5]]
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        expected = [entry for entry, end in zip(whole, entry_ends, strict=True) if end <= cut]
        with SealedLog(path, KEY, CONTEXT) as log:
            assert list(log) == expected, cut
            log.append(b"after the crash")
        assert entries(path) == [*expected, b"after the crash"], cut


def test_a_tail_of_zeros_after_a_power_cut_is_torn_off(tmp_path: Path) -> None:
    path = tmp_path / "log"
    data = written(path, [b"one", b"two" * 20])
    last = frame_ends(data)[-2]
    for zeroed in (data + bytes(5), data + bytes(5000)):
        path.write_bytes(zeroed)
        assert entries(path) == [b"one", b"two" * 20]
    for start in (last, last + 3, last + 8, last + 20):
        path.write_bytes(data[:start] + bytes(len(data) - start))
        assert entries(path) == [b"one"]


def test_a_flipped_bit_anywhere_is_damage_and_nothing_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log"
    data = written(path, [b"one", b"two"], [b"three"])
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        path.write_bytes(flipped)
        with pytest.raises((Damaged, UsageError)):
            SealedLog(path, KEY, CONTEXT)
        assert path.read_bytes() == flipped


def test_entries_and_sessions_cannot_be_dropped_swapped_or_repeated(tmp_path: Path) -> None:
    path = tmp_path / "log"
    data = written(path, [b"one", b"two"], [b"six", b"ten"])
    ends = [len(log_module.MAGIC), *frame_ends(data)]
    frames = [data[start:end] for start, end in itertools.pairwise(ends)]
    head = data[: ends[0]]
    salt1, one, two, salt2, six, ten = frames
    for wrong in (
        [salt1, two, one, salt2, six, ten],
        [salt1, two, salt2, six, ten],
        [salt1, one, one],
        [salt2, six, ten, salt1, one, two],
        [salt2, six, ten],
        [one, two],
        [salt1, one, two, six],
    ):
        path.write_bytes(head + b"".join(wrong))
        with pytest.raises(Damaged):
            SealedLog(path, KEY, CONTEXT)


@pytest.mark.parametrize(("key", "context"), [(b"j" * 32, CONTEXT), (KEY, b"plan 2")])
def test_another_key_or_context_does_not_open_it_and_leaves_it_whole(
    tmp_path: Path, key: bytes, context: bytes
) -> None:
    data = written(tmp_path / "log", [b"one"])
    with pytest.raises(Damaged):
        SealedLog(tmp_path / "log", key, context)
    assert (tmp_path / "log").read_bytes() == data


@pytest.mark.parametrize("content", [b"hello", b"a longer text of something else", b"SQLite format 3\0"])
def test_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(UsageError):
        SealedLog(tmp_path / "log", KEY, CONTEXT)
    assert (tmp_path / "log").read_bytes() == content


def test_nothing_readable_and_nothing_for_others(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert b"juniper" not in written(path, [b"juniper" * 3, b"juniper" * 3])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = path.read_bytes()
    frames = [data[start:end] for start, end in itertools.pairwise(frame_ends(data))]
    assert frames[0] != frames[1]


def test_two_at_once_are_told_to_wait(tmp_path: Path) -> None:
    with SealedLog(tmp_path / "log", KEY, CONTEXT) as log:
        with pytest.raises(ArchiveBusy):
            SealedLog(tmp_path / "log", KEY, CONTEXT)
        log.append(b"one")
    assert entries(tmp_path / "log") == [b"one"]


def test_threads_append_without_loss(tmp_path: Path) -> None:
    with SealedLog(tmp_path / "log", KEY, CONTEXT) as log:

        def work(name: int) -> None:
            for number in range(50):
                log.append(b"%d %d" % (name, number))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    read = entries(tmp_path / "log")
    assert sorted(read) == sorted(b"%d %d" % (a, b) for a in range(4) for b in range(50))
    assert [entry for entry in read if entry.startswith(b"2 ")] == [b"2 %d" % b for b in range(50)]


def test_a_full_disk_is_told_and_loses_nothing_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    real = os.pwrite
    with SealedLog(path, KEY, CONTEXT) as log:
        log.append(b"one")

        def half(file: int, data: bytes, offset: int) -> int:
            if len(data) > 10:
                return real(file, data[:10], offset)
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(log_module.os, "pwrite", half)
            with pytest.raises(GroupArchiveError, match="disk is full") as caught:
                log.append(b"two")
            assert "space" in caught.value.hint
        log.append(b"three")
    assert entries(path) == [b"one", b"three"]


def test_a_failed_append_never_reuses_a_key_and_nonce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    real = log_module.AESGCM

    class Watching:
        def __init__(self, key: bytes) -> None:
            self.key, self.cipher = key, real(key)

        def encrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
            used.append((self.key, nonce))
            return self.cipher.encrypt(nonce, data, aad)

    def refuse(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(log_module, "AESGCM", Watching)
    with SealedLog(tmp_path / "log", KEY, CONTEXT) as log:
        log.append(b"one")
        for _ in range(3):
            with monkeypatch.context() as patch:
                patch.setattr(log_module.os, "pwrite", refuse)
                with pytest.raises(GroupArchiveError):
                    log.append(b"never")
            log.append(b"written")
    assert len(used) == len(set(used))


def test_an_entry_too_large_is_refused_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_ENTRY", 100)
    with SealedLog(tmp_path / "log", KEY, CONTEXT) as log:
        with pytest.raises(UsageError):
            log.append(bytes(85))
        log.append(bytes(84))
    assert entries(tmp_path / "log") == [bytes(84)]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(GroupArchiveError, match="no such file") as caught:
        SealedLog(tmp_path / "none" / "log", KEY, CONTEXT)
    assert str(tmp_path) not in caught.value.message


def test_closing_twice_is_fine_and_lets_the_next_one_in(tmp_path: Path) -> None:
    log = SealedLog(tmp_path / "log", KEY, CONTEXT)
    log.close()
    log.close()
    assert entries(tmp_path / "log") == []


def test_killed_between_appends_every_synced_entry_is_there(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom grouparchive.crypto.files import SealedLog\n"
        "log = SealedLog(sys.argv[1], b'k' * 32, b'plan 1')\n"
        "n = 0\n"
        "while True:\n"
        "    log.append(b'%d' % n, sync=True)\n"
        "    n += 1\n"
        "    print(n, flush=True)\n"
    )
    known = 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for line in child.stdout:
                acknowledged = int(line)
                if acknowledged == 20:
                    break
            child.kill()
        read = entries(tmp_path / "log")
        known += 20
        assert len(read) >= known
        known = len(read)


def test_a_disk_that_does_not_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with SealedLog(tmp_path / "log", KEY, CONTEXT) as log:
        with monkeypatch.context() as patch:
            patch.setattr(log_module.os, "fsync", refuse)
            with pytest.raises(GroupArchiveError, match="input/output error"):
                log.append(b"one", sync=True)
            with pytest.raises(GroupArchiveError, match="input/output error"):
                log.sync()
        log.append(b"two", sync=True)
    monkeypatch.setattr(log_module.os, "fsync", refuse)
    with pytest.raises(GroupArchiveError, match="input/output error"):
        SealedLog(tmp_path / "new", KEY, CONTEXT)
    monkeypatch.undo()
    assert entries(tmp_path / "log") == [b"one", b"two"]
