"""Other people's readers of export files, each as its own documentation uses it. Run by the interpreter that has them, so this
file needs the standard library only: `python exports_peer.py TASK FILE`, or `versions PACKAGE...`.

Prints how many messages came out, and of them how many as said by a person where the reader makes that difference.
"""

import importlib
import json
import logging
import mailbox
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

Counts = dict[str, int]


def versions(packages: list[str]) -> dict[str, str]:
    """Which of these packages this interpreter has."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def whatsapp_chat_exporter(path: Path) -> Counts:
    """Its messages have a sender or none."""
    handler: Any = importlib.import_module("Whatsapp_Chat_Exporter.exported_handler")
    model: Any = importlib.import_module("Whatsapp_Chat_Exporter.data_model")
    chats = handler.messages(str(path), model.ChatCollection(), assume_first_as_me=True)
    found = [chat.get_message(key) for chat in chats.values() for key in chat.keys()]  # noqa: SIM118 - theirs, no dict
    return {"messages": len(found), "people": sum(bool(one.sender or one.from_me) for one in found)}


def whatstk(path: Path) -> Counts:
    """System lines are not in its table."""
    table = importlib.import_module("whatstk").df_from_whatsapp(str(path), max_size=None)
    return {"messages": len(table), "people": len(table)}


def chat_miner(parser: str, path: Path) -> Counts:
    """Of its parsers the one of that name."""
    logging.disable(logging.INFO)  # it logs every system line
    reader = getattr(importlib.import_module("chatminer.chatparsers"), parser)(str(path))
    reader.parse_file()
    found = len(reader.parsed_messages.get_df())
    return {"messages": found, "people": found}


def perceval(path: Path) -> Counts:
    """Its backend wants the folder of the file."""
    backend = importlib.import_module("perceval.backends.core.mbox").MBox("mailto:garden", str(path.parent))
    return {"messages": sum(1 for _ in backend.fetch())}


def slack_export_viewer(path: Path) -> Counts:
    """Reading, as its server does at the start; no page is rendered."""
    config: Any = importlib.import_module("slackviewer.config").Config({"archive": str(path), "show_dms": False})
    channels = importlib.import_module("slackviewer.reader").Reader(config).compile_channels()
    return {"messages": sum(map(len, channels.values()))}


def json_load(path: Path) -> Counts:
    """Floor: only `json.load`, no records."""
    with path.open("rb") as file:
        return {"messages": len(json.load(file)["messages"])}


def json_zip(path: Path) -> Counts:
    """Floor: `json.loads` of each day's file in the zip."""
    with zipfile.ZipFile(path) as pack:
        days = [name for name in pack.namelist() if "/" in name]
        return {"messages": sum(len(json.loads(pack.read(name))) for name in days)}


def stdlib_mailbox(path: Path) -> Counts:
    """Floor: the standard library's mailbox, and each mail walked and its parts decoded."""
    count = 0
    for mail in mailbox.mbox(path, create=False):
        count += 1
        for part in mail.walk():
            if not part.is_multipart():
                part.get_payload(decode=True)
    return {"messages": count}


def main() -> None:
    """Do the task."""
    task, *more = sys.argv[1:]
    if task == "versions":
        print(json.dumps(versions(more)))
        return
    path = Path(more[0])
    match task:
        case "WhatsAppParser" | "TelegramJsonParser":
            found = chat_miner(task, path)
        case _:
            tasks = (
                whatsapp_chat_exporter, whatstk, perceval, slack_export_viewer, json_load, json_zip, stdlib_mailbox,
            )  # fmt: skip
            found = next(one for one in tasks if one.__name__ == task)(path)
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
