"""`init --join`: a second machine that backs up into a file of its own, sealed to the same keys."""

import os
from pathlib import Path

import msgspec

from grouparchive.archive.create import join_archive
from grouparchive.archive.writers import ask, read_public
from grouparchive.cli.files import read_bounded, write_new
from grouparchive.cli.profile import Config
from grouparchive.cli.surroundings import Run
from grouparchive.crypto.words import check_words


def join(run: Run, path: Path, public: Path) -> None:
    """Make the file and this machine's writer, and the request that the owner certifies."""
    genesis, slots = read_public(read_bounded(public, "file to join with"))
    request = path.with_name(path.name + ".request.json")
    home = run.profile.new_writer()
    made: list[Path] = []
    try:
        write_new(request, msgspec.json.encode(ask(home, genesis.archive_id)))
        made.append(request)
        join_archive(path, home, genesis, slots)
        made.append(path)
        run.profile.save_config(Config(archive=os.fspath(path), archive_id=genesis.archive_id.hex()))
    except BaseException:
        for half in made:
            half.unlink(missing_ok=True)
        run.profile.drop_writer()
        raise
    words = check_words(genesis.archive_id)
    run.output.line(f"The file is made. The archive that it belongs to has the check-words: {' '.join(words)}")
    run.output.line("Compare them with those of the kit: if they differ, somebody gave you keys of their own.")
    run.output.line(f"This machine is {home.writer_id.hex()[:8]}: whoever certifies it must be shown the same.")
    run.output.line(
        "What this machine adds counts once the owner has certified it. Take the file that ends in .request.json"
    )
    run.output.line(
        "to where the archive can be opened, run `grouparchive writer certify FILE` there, then once more here."
    )
    run.output.done(archive_id=genesis.archive_id.hex(), writer=home.writer_id.hex(), check=words)
