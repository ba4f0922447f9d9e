"""The archive with a million synthetic messages, against plain tables."""

import tempfile
from pathlib import Path

from tests.benchmarks.show import Line, apart, show

WORKER = "tests.benchmarks.worker"


def run(*, quick: bool) -> list[Line]:
    """Measure and print."""
    count = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="grouparchive-bench-") as name:
        folder, again = Path(name) / "a", Path(name) / "b"
        folder.mkdir()
        again.mkdir()
        made = apart(WORKER, "make", str(folder), str(count))
        utils = apart(WORKER, "sqlite-utils", str(folder), str(count))
        plain = apart(WORKER, "sqlite3", str(folder), str(count))
        ours = apart(WORKER, "append", str(folder), str(count))
        first = apart(WORKER, "first-import", str(again), str(count))
        same = apart(WORKER, "same-import", str(again), str(count))
        reading = apart(WORKER, "read", str(folder), str(count))
        found = apart(WORKER, "search", str(folder), str(count))
    # Everybody gets the messages from the same generator, whose time is nobody's work.
    making = made["seconds"]
    slow, floor, fast = (run["seconds"] - making for run in (utils, plain, ours))
    lines = [
        Line("making the messages, within every write below", making),
        Line("sqlite-utils insert_all", utils["seconds"], note=f"{utils['bytes'] / 1e6:.0f} MB"),
        Line("sqlite3 executemany", plain["seconds"], note=f"{plain['bytes'] / 1e6:.0f} MB"),
        Line("archive: append", ours["seconds"], note=f"{ours['bytes'] / 1e6:.0f} MB"),
        Line("archive: first import, which remembers each message", first["seconds"]),
        Line("archive: the same import again, with nothing new", same["seconds"]),
        Line("archive: read everything", reading["seconds"]),
        Line("archive: quick search", found["seconds"], goal=3.0, at_most=True),
        Line("append, times the rate of sqlite-utils (without the making)", slow / fast, "x", 5.0),
        Line("append, times the rate of sqlite3 (without the making)", floor / fast, "x"),
        Line("read, times that rate of sqlite-utils", slow / reading["seconds"], "x", 8.0),
        Line(
            "first import with its tags, in times of writing (without the making)",
            first["own"] / ours["own"],
            "x",
        ),
        Line(
            "import of known messages, in times of writing them (likewise)",
            same["own"] / ours["own"],
            "x",
            2.5,
            at_most=True,
        ),
        Line("size, of sqlite-utils'", ours["bytes"] / utils["bytes"], "x", 0.45, at_most=True),
        Line("peak memory, append", ours["peak_mb"], "MB", 200.0, at_most=True),
        Line("peak memory, first import", first["peak_mb"], "MB", 200.0, at_most=True),
        Line("peak memory, import of known messages", same["peak_mb"], "MB", 200.0, at_most=True),
        Line("peak memory, read", reading["peak_mb"], "MB", 200.0, at_most=True),
        Line("peak memory, search", found["peak_mb"], "MB", 200.0, at_most=True),
    ]
    show(f"Archive: {count:,} messages", lines)
    return lines
