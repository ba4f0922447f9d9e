"""One measurement in one process, so that its peak memory is its own: `python -m tests.benchmarks.worker TASK FOLDER COUNT`.

Prints one line of JSON. Times include making the messages, which is the same for everybody; `make` measures that alone.
"""

import json
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from itertools import islice, repeat
from pathlib import Path

from grouparchive.archive.create import create_archive
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.search import search
from grouparchive.archive.writer import Writer
from grouparchive.crypto.recovery import generate_recovery
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from tests.benchmarks import data

CREATE = "CREATE TABLE message (channel TEXT, ref TEXT, time INTEGER, author TEXT, text TEXT, reply_to TEXT)"

COMMIT_EVERY = 200_000
PAGE = 1_000


def make(_: Path, count: int) -> dict[str, float]:
    """Only making the messages."""
    total = sum(len(message.text) for message in data.messages(count))
    return {"characters": total}


def sqlite_utils_insert(folder: Path, count: int) -> dict[str, float]:
    """What most people would write."""
    import sqlite_utils  # noqa: PLC0415 - only this task pays for it

    path = folder / "utils.db"
    names = data.ROW
    table = sqlite_utils.Database(path)["message"]
    table.insert_all(dict(zip(names, row, strict=True)) for row in data.rows(count))  # type: ignore[union-attr]
    return {"bytes": path.stat().st_size}


def sqlite3_insert(folder: Path, count: int) -> dict[str, float]:
    """The floor for plain tables."""
    path = folder / "plain.db"
    with sqlite3.connect(path) as database:
        database.execute(CREATE)
        database.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", data.rows(count))
    database.close()
    return {"bytes": path.stat().st_size}


def prepare(folder: Path) -> tuple[Path, WriterHome, bytes]:
    """A new archive whose recovery key stands beside it. Recovery slots need no Argon2, whose memory is not counted."""
    key = generate_recovery()
    (folder / "key").write_bytes(key)
    home = WriterHome.create(folder / "writer")
    path = folder / "bench.archive"
    genesis = create_archive(
        path, home, lambda archive_id, roots: new_recovery_slots(RecoveryKey(key), archive_id, 0, roots)
    )
    return path, home, genesis.archive_id


def append(folder: Path, count: int) -> dict[str, float]:
    """Append sealed, with commits as a long run makes them."""
    return take_in(*prepare(folder), count, news=None)


def first_import(folder: Path, count: int) -> dict[str, float]:
    """The same, asking for each message whether it is known already."""
    path, home, pin = prepare(folder)
    (folder / "pin").write_bytes(pin)
    return take_in(path, home, pin, count, news=count)


def same_import(folder: Path, count: int) -> dict[str, float]:
    """What `first_import` took in, once more: all of it is known."""
    home = WriterHome.load(folder / "writer")
    return take_in(folder / "bench.archive", home, (folder / "pin").read_bytes(), count, news=0)


def take_in(path: Path, home: WriterHome, pin: bytes, count: int, *, news: int | None) -> dict[str, float]:
    """Append messages in pages, as connectors give them: all of them, or those that are not known yet, which must be `news`."""
    start = time.perf_counter()
    making = 0.0
    found = 0
    with Writer.open(path, home, pinned=pin) as writer:
        given = data.messages(count)
        for number in range(0, count, PAGE):
            begun = time.perf_counter()
            page = list(islice(given, PAGE))
            making += time.perf_counter() - begun
            answers = repeat(True, len(page)) if news is None else writer.fresh_many(page)
            for message, fresh in zip(page, answers, strict=True):
                if fresh:
                    writer.add(message)
                    found += 1
            if (number + PAGE) % COMMIT_EVERY == 0:
                writer.commit({}, {}, [])
        writer.commit({}, {}, [])
    if found != (count if news is None else news):
        raise SystemExit(f"{found} messages were news")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "own": seconds - making, "bytes": path.stat().st_size}


def unlock(folder: Path) -> Reader:
    """Open what `append` made."""
    return Archive.open(folder / "bench.archive").unlock(RecoveryKey((folder / "key").read_bytes()))


def read(folder: Path, count: int) -> dict[str, float]:
    """Decode every record."""
    reader = unlock(folder)
    start = time.perf_counter()
    found = sum(1 for _ in reader.records("content"))
    if found < count:
        raise SystemExit(f"{found} records instead of {count}")
    return {"seconds": time.perf_counter() - start}


def quick_search(folder: Path, _: int) -> dict[str, float]:
    """Two words that are nowhere together, so that everything is looked at."""
    words = [text for text in data.texts()[:2] if " " in text]
    reader = unlock(folder)
    start = time.perf_counter()
    hits = sum(1 for _ in search(reader, [words[0].split()[0], "nowhereword"]))
    return {"seconds": time.perf_counter() - start, "hits": hits}


TASKS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "make": make,
    "sqlite-utils": sqlite_utils_insert,
    "sqlite3": sqlite3_insert,
    "append": append,
    "first-import": first_import,
    "same-import": same_import,
    "read": read,
    "search": quick_search,
}


def main() -> None:
    """Run one task and print what it measured."""
    task, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    start = time.perf_counter()
    result = TASKS[task](folder, count)
    result.setdefault("seconds", time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["peak_mb"] = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
