"""Runs a backup that stops at a named point until a file appears, so that a wipe falls exactly there.

Used by test_cli_wipe.py. Arguments: the point, the file that says "there", the file that says "go on".
"""

import sys
import time
from pathlib import Path
from typing import Any

from grouparchive.archive import home, writer
from grouparchive.cli import app

POINT, THERE, GO = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])


def stop(module: Any, name: str) -> None:
    """Wait before a function of a module does its work, the first time."""
    work = getattr(module, name)

    def waiting(*args: Any, **kwargs: Any) -> Any:
        if not THERE.exists():
            THERE.touch()
            while not GO.exists():
                time.sleep(0.005)
        return work(*args, **kwargs)

    setattr(module, name, waiting)


match POINT:
    case "before the commit":
        stop(writer.Writer, "commit")
    case "signing":
        stop(writer, "sign_commit")
    case "writing the next seed":
        stop(home, "write_private")
    case "half of the next seed is written":
        stop(Path, "replace")

sys.exit(app.run(["--no-input", "backup", "home", "--json"]))
