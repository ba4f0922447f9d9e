"""The frame: help, options before and after the command, prompts at a terminal, safe printing, exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli_machine import GROUP, PASSPHRASE, Machine, Terminal, Village

from grouparchive.cli import app
from grouparchive.cli.output import duration, many, one_line, safe, size
from grouparchive.cli.plan_words import digest_words
from grouparchive.errors import GroupArchiveError, WrongSecret
from grouparchive.platforms.sandbox.world import World

CONTRACT = {
    "init", "kit", "source", "import", "backup", "status", "schedule", "groups", "search", "export", "roster", "plan", "show",
    "apply", "report", "invite", "verify-message", "wipe", "verify", "key", "writer", "forget", "retain", "demo",
}  # fmt: skip


def commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += commands(inner, (*path, name))
    return found


def test_every_command_is_there_and_explains_itself() -> None:
    found = commands(app.cli)
    assert {path[0] for path, _ in found if path} == CONTRACT
    for path, command in found:
        text = command.get_help(click.Context(command, info_name=" ".join(("grouparchive", *path))))
        assert "Example" in text, path
        assert "\\b" not in text
        assert re.search(r"^    (  )?grouparchive ", text, re.MULTILINE), path


def test_help_groups_commands_under_the_headings() -> None:
    text = app.cli.get_help(click.Context(app.cli))
    places = [
        text.index(f"{heading}:") for heading in ("Every day", "Look inside", "After an attack", "Keys and copies")
    ]
    assert places == sorted(places)


def test_examples_in_help_are_lines_that_parse() -> None:
    for path, command in commands(app.cli):
        for line in re.findall(r"^ +grouparchive (.*)$", command.help or "", re.MULTILINE):
            words = re.findall(r'"[^"]*"|\S+', line.partition(" > ")[0])
            context: click.Context | None = None
            inner: click.Command = app.cli
            while isinstance(inner, click.Group):
                context = inner.make_context("x", list(words), parent=context, allow_extra_args=True, obj=app.Globals())
                _, inner, words = inner.resolve_command(context, [*context._protected_args, *context.args])  # type: ignore[assignment]
            inner.make_context("x", list(words), parent=context)
            assert path is not None


def test_options_stand_before_or_after(kept: Machine) -> None:
    words = ["--passphrase-file", str(kept.passphrase)]
    for arguments in (
        ["--json", *words, "roster", "list"],
        ["roster", "--json", "list", *words],
        ["roster", "list", "--json", *words],
    ):
        assert kept.run(*arguments).done["people"] == 11


def test_a_named_archive_wins_over_the_environment(kept: Machine) -> None:
    other = kept.folder / "other.gar"
    for arguments in (["--archive", other, "verify"], ["verify", "--archive", other]):
        kept.run(*arguments, code=10)
    kept.run("verify", "--archive", kept.archive)


def test_several_archives_are_merged(kept: Machine) -> None:
    copy = kept.folder / "copy.gar"
    copy.write_bytes(kept.archive.read_bytes())
    both = ["--archive", kept.archive, "--archive", copy]
    assert kept.run("groups", *both, "--json", opened=True).done["groups"] == 1
    assert kept.run("export", GROUP, "--format", "jsonl", *both, opened=True).out.count('"kind":"message"') == 30


def test_exit_codes_by_weight() -> None:
    assert app.worst([0, 3, 20, 12]) == 12
    assert app.worst([3, 0]) == 3
    assert app.worst([]) == 0
    assert app.worst([1, 0]) == 1


def test_an_error_says_what_and_what_next(kept: Machine) -> None:
    err = kept.run("backup", "nowhere", code=2).err
    assert re.fullmatch(r"error: [^\n]+\nhint: [^\n]+\n", err)


def test_as_said() -> None:
    assert isinstance(app.as_said(WrongSecret("x")), WrongSecret)
    said = app.as_said(KeyError("@canary:x"))
    assert said.__class__ is GroupArchiveError
    assert "canary" not in said.message + said.hint
    assert "disk is full" in app.as_said(OSError(28, "No space left on device", "/home/canary")).message


def test_what_a_terminal_would_obey_is_taken_out(kept: Machine, tmp_path: Path) -> None:
    assert safe("a\x1b[31mred\x07\x9b2J\u202eb\r") == "a[31mred2Jb"
    assert one_line("a\n b\x1b]0;t\x07", 5) == "a b]…"
    path = tmp_path / "hostile.sqlite"
    world = World(path)
    world.create_group("\x1b]0;owned\x07\x1b[2Jname")
    world.close()
    kept.add("hostile", path)
    kept.run("backup", "hostile")
    assert "\x1b" not in kept.run("groups", opened=True).out


def test_whoever_reads_may_leave(kept: Machine) -> None:
    words = f"--passphrase-file {kept.passphrase} export {GROUP!r} --format jsonl"
    command = f"{sys.executable} -m grouparchive {words} | head -c 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=kept.environment())
    assert done.stdout == "{"
    assert done.stderr == ""


def test_small_words() -> None:
    assert [duration(value) for value in (0, 59, 61, 3700, 200_000)] == [
        "less than a second",
        "59 s",
        "1 min",
        "1 h 01 min",
        "2 days",
    ]
    assert [size(value) for value in (0, 999, 1500, 2_000_000)] == ["0 bytes", "999 bytes", "1.5 KB", "2.0 MB"]
    assert [many(1, "room"), many(2, "room"), many(2, "entry")] == ["1 room", "2 rooms", "2 entries"]


def test_digest_words_follow_the_digest() -> None:
    first = digest_words("00" * 32)
    assert len(first) == 6
    assert len(set(first)) == 1
    assert digest_words("0040" + "00" * 30) != first
    assert digest_words("ff" * 32)[0] == "zero"


def test_init_with_the_offered_passphrase(machine: Machine) -> None:
    person = Terminal(machine, "init", machine.archive)
    person.wait_for("File to write it to")
    person.type(str(machine.recovery))
    person.wait_for("Use this passphrase?")
    offered = re.search(r"\n {4}([a-z]+(?: [a-z]+){8})\r", person.text)
    assert offered
    person.type("y")
    person.wait_for("Type it back")
    person.type("something else", hidden=True)
    person.wait_for("Type it back")
    person.type(offered[1].upper(), hidden=True)
    assert person.end() == 0, person.text
    assert person.text.count(offered[1]) == 1
    machine.passphrase.write_text(offered[1])
    machine.run("verify", "--deep", opened=True)


def test_a_person_may_mistype(kept: Machine) -> None:
    person = Terminal(kept, "groups")
    person.wait_for("Passphrase")
    person.type("mistyped", hidden=True)
    person.wait_for("does not open")
    person.wait_for("Passphrase")
    person.type(PASSPHRASE, hidden=True)
    assert person.end() == 0
    assert GROUP in person.text
    assert PASSPHRASE not in person.text


def test_progress_is_for_a_terminal_only(kept: Machine, village: Village) -> None:
    world = World(village.path)
    world.post(village.rooms[0], "@quince-01:sandbox", "one more")
    world.close()
    person = Terminal(kept, "backup", "home")
    assert person.end() == 0
    assert "Backing up home" in person.text
    assert "Backing up" not in kept.run("backup", "home").err
    quiet = kept.run("-q", "backup", "home")
    assert quiet.out + quiet.err == ""


def test_apply_asks_for_the_words(kept: Machine, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    World(there).close()
    kept.add("there", there)
    kept.run("plan", GROUP, "--to", "there", "-o", kept.plan, opened=True)
    words = kept.run("show", kept.plan, "--json", opened=True).done["words"]
    person = Terminal(kept, "--passphrase-file", kept.passphrase, "apply", kept.plan)
    person.wait_for("type the 6 words")
    person.type("quite wrong words")
    assert person.end() == 30
    person = Terminal(kept, "--passphrase-file", kept.passphrase, "apply", kept.plan)
    person.wait_for("type the 6 words")
    person.type(" ".join(words))
    assert person.end() == 0, person.text


def test_a_passphrase_file_that_others_can_read(kept: Machine) -> None:
    kept.passphrase.chmod(0o644)
    assert "warning:" in kept.run("groups", "--passphrase-file", kept.passphrase).err
    kept.passphrase.chmod(0o600)
    assert "warning" not in kept.run("groups", "--passphrase-file", kept.passphrase).err


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b"x" * 100_000])
def test_a_passphrase_file_that_is_none(kept: Machine, content: bytes) -> None:
    kept.passphrase.write_bytes(content)
    kept.run("groups", opened=True, code=2)
