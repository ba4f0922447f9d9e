"""Writes the JSON Schemas of all record kinds into schemas/: one file per kind, and record.json for any of them.

The records in grouparchive/model/records.py are the only source. With `--check` nothing is written: the script fails when
a file in schemas/ differs from what the records say, and tells what to run.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from grouparchive.model.records import KINDS, AnyRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).resolve().parent.parent / "schemas"


def build() -> dict[str, bytes]:
    """File names and their content, the same on every run and every Python."""
    roots: dict[str, tuple[Any, str]] = {
        kind: (record, f"One line of `grouparchive export --format jsonl` with kind {kind!r}.")
        for kind, record in KINDS.items()
    }
    roots["record"] = (AnyRecord, "One line of `grouparchive export --format jsonl`, of any kind.")
    files = {}
    for name, (root, about) in sorted(roots.items()):
        schema = {"$schema": DIALECT, "title": name, "$comment": about, **msgspec.json.schema(root)}
        files[f"{name}.json"] = (
            msgspec.json.format(msgspec.json.encode(_plain(schema), order="sorted"), indent=2) + b"\n"
        )
    return files


def _plain(node: Any) -> Any:
    """Docstrings joined to one paragraph each: line breaks of the source are no part of the schema."""
    if isinstance(node, dict):
        return {
            key: " ".join(value.split()) if key == "description" and isinstance(value, str) else _plain(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return node


def drift(folder: Path = FOLDER) -> list[str]:
    """Names of the files that are missing, changed, or belong to no kind."""
    wanted = build()
    there = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write(folder: Path = FOLDER) -> None:
    """Bring the folder up to date."""
    folder.mkdir(exist_ok=True)
    wanted = build()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (folder / name).write_bytes(content)


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the exit code says whether the files matched."""
    parser = argparse.ArgumentParser(description="Write schemas/ from the records, or check that it matches them.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    different = drift()
    if different:
        print(f"error: schemas/ does not match the records: {', '.join(different)}", file=sys.stderr)
        print("hint: run python tools/schemas.py and commit what it wrote", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
