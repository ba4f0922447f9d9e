"""One task with an export file: `python -m tests.benchmarks.exports_worker make KIND FILE COUNT`, or `parse FILE`.

`parse` reads through the connector's pages, with nobody behind it. Prints one line of JSON.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from grouparchive.platforms import registry
from grouparchive.platforms.files import Choices, FileConnector, open_box
from tests.benchmarks import (
    exports_discord,
    exports_facebook,
    exports_generic,
    exports_instagram,
    exports_mail,
    exports_slack,
    exports_telegram,
    exports_whatsapp,
)

MAKERS: dict[str, Callable[[Path, int], object]] = {
    "whatsapp-android": exports_whatsapp.write,
    "whatsapp-ios": partial(exports_whatsapp.write, ios=True),
    "telegram": exports_telegram.write,
    "slack": exports_slack.write,
    "discord": exports_discord.write,
    "mbox": exports_mail.write,
    "facebook-capture": exports_facebook.write,
    "facebook-download": exports_facebook.write_download,
    "instagram": exports_instagram.write,
    "generic": exports_generic.write,
}


def formats() -> list[type[FileConnector]]:
    """Every kind of export, that of no platform last, as `import` asks them."""
    names = sorted(registry.names(), key=lambda name: (name == "generic", name))
    return [one for name in names for one in getattr(registry.load(name), "formats", ())]


def parse(path: Path) -> dict[str, int]:
    """Read everything and count it."""
    box = open_box(path)
    kind = next(one for one in formats() if one.recognises(box, Choices()))
    people: dict[str, str] = {}

    def identify(native: str, _name: str, _avatar: str) -> str:
        return people.setdefault(native, f"{len(people):032x}")

    counts: Counter[str] = Counter()
    with closing(kind(box, identify, Choices())) as connector:
        for group in list(connector.groups()):
            for page in connector.pages(group.ref, {}):
                counts.update([type(record).__name__ for record in page.records])
    return {"messages": counts["Message"], "records": counts.total()}


def main() -> None:
    """Do the task."""
    match sys.argv[1:]:
        case ["make", kind, path, count]:
            MAKERS[kind](Path(path), int(count))
            print(json.dumps({"bytes": Path(path).stat().st_size}))
        case ["parse", path]:
            print(json.dumps(parse(Path(path))))
        case _:
            raise SystemExit("make KIND FILE COUNT, or parse FILE")


if __name__ == "__main__":
    main()
