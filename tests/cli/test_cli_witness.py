"""The witness on the command line: words to write down, and what they prove later."""

import re
import shutil
from pathlib import Path

from cli_machine import GROUP, Machine, Village

from grouparchive.platforms.sandbox.world import World


def grow(kept: Machine, village: Village) -> None:
    world = World(village.path)
    world.post(village.rooms[0], "@quince-00:sandbox", "one more")
    world.close()
    kept.run("backup", "home")


def noted(kept: Machine) -> str:
    done = kept.run("verify", "--print-witness", "--json")
    return str(next(one for one in done.events if one["event"] == "print-witness")["words"])


def test_the_words_prove_the_archive_later(kept: Machine, village: Village) -> None:
    words = noted(kept)
    assert len(words.split()) == 13
    for _ in range(2):
        grow(kept, village)
    proved = kept.run("verify", "--witness", words, "--json")
    assert next(one for one in proved.events if one["event"] == "witness")["after"] == 2
    said = kept.run("verify", "--witness", words.upper()).out
    assert "fits commit 1" in said
    assert "2 commits" in said


def test_people_see_numbered_words_and_a_square(kept: Machine) -> None:
    out = kept.run("verify", "--print-witness").out
    words = re.findall(r"\b\d+\. ([a-z]+)", out)
    assert " ".join(words) == noted(kept)
    assert "█" in out
    path = kept.secret("witness.txt", "\n".join(f"{at}. {word}" for at, word in enumerate(words, 1)))
    kept.run("verify", "--witness", path)


def test_an_older_copy_in_its_place_is_noticed(kept: Machine, village: Village) -> None:
    old = Path(shutil.copy(kept.archive, kept.folder / "old.gar"))
    grow(kept, village)
    words = noted(kept)
    failure = kept.run("--archive", old, "verify", "--witness", words, "--json", code=13).failure
    assert "older than the witness" in failure["error"]
    kept.run("verify", "--witness", words)


def test_a_mistyped_witness_is_told_by_its_word(kept: Machine) -> None:
    words = noted(kept).split()
    words[6] = "zzzzzz"
    assert "word 7" in kept.run("verify", "--witness", " ".join(words), code=2).err
    assert "13 words" in kept.run("verify", "--witness", " ".join(words[:5]), code=2).err


def test_a_plan_trusts_what_the_witness_proves(kept: Machine, village: Village, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    World(there).close()
    kept.add("there", there)
    words = noted(kept)
    grow(kept, village)
    plan = ["plan", GROUP, "--to", "there", "-o", kept.plan, "--json"]
    made = kept.run(*plan, "--witness", words, opened=True).done
    assert made["trusted_by"] == "given"
    assert made["trusted"].endswith(":1")
    assert kept.run(*plan, "--trusted", "1", opened=True).done["trusted"] == made["trusted"]
    kept.run(*plan, "--witness", words, "--trusted", "1", opened=True, code=2)
    other = " ".join(["academic"] * 13)
    kept.run(*plan, "--witness", other, opened=True, code=13)
