"""The ways in through the command line: shares, keys kept apart from the archive, and every way in which they can be wrong."""

import itertools
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cli_machine import GROUP, Machine, Terminal, Village
from shamir_mnemonic import Share

from grouparchive.archive.reader import Archive
from grouparchive.cli import archive
from grouparchive.crypto.keyfile import short_id
from grouparchive.errors import GroupArchiveError
from grouparchive.platforms.sandbox.world import World


class Made:
    """A machine with an archive that two of three holders open, its keys kept apart, and one backup."""

    def __init__(self, folder: Path, village: Village) -> None:
        folder.mkdir()
        self.machine = Machine(folder)
        self.stick = folder / "stick"
        self.stick.mkdir()
        self.shares_dir = self.stick / "shares"
        self.recovery = self.machine.recovery
        self.machine.init(
            "--recovery-file",
            self.recovery,
            "--shares",
            "2/3",
            "--shares-dir",
            self.shares_dir,
            "--detached",
            self.stick,
        )
        self.machine.add("home", village.path)
        self.machine.run("backup", "home")
        self.keys = self.stick / "group.gar.keys"
        self.shares = [self.shares_dir / f"share-{number}.txt" for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def template_made(tmp_path_factory: pytest.TempPathFactory, template: tuple[Path, Village]) -> Made:
    return Made(tmp_path_factory.mktemp("ways") / "machine", template[1])


@pytest.fixture
def made(template_made: Made) -> Iterator[Made]:
    """The machine. What a test changes on the stick is put right afterwards."""
    kept = template_made.stick.with_name("kept")
    shutil.copytree(template_made.stick, kept)
    yield template_made
    shutil.rmtree(template_made.stick)
    kept.rename(template_made.stick)


@pytest.fixture
def helper(made: Made, tmp_path: Path) -> Machine:
    """Another computer with a copy of the archive and no profile."""
    folder = tmp_path / "borrowed"
    folder.mkdir()
    machine = Machine(folder)
    shutil.copy(made.machine.archive, machine.archive)
    return machine


def given(*paths: Path) -> list[str]:
    return [word for path in paths for word in ("--share-file", str(path))]


def typed(machine: Machine, name: str, text: str) -> Path:
    return machine.secret(name, text)


def words_of(path: Path) -> list[str]:
    return path.read_text().split("words:")[1].split("slots:")[0].split()


def failure(machine: Machine, code: int, *arguments: Any) -> dict[str, Any]:
    found = machine.run(*arguments, "--json", code=code).failure
    assert found["hint"]
    return found


def test_what_init_writes(made: Made) -> None:
    assert (made.stick / "shares").stat().st_mode & 0o777 == 0o700
    for path in [*made.shares, made.recovery, made.keys]:
        assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(made.shares_dir.iterdir())) == 3
    with sqlite3.connect(made.machine.archive) as database:
        assert database.execute("SELECT count(*) FROM slots").fetchone() == (0,)
    database.close()
    archive_id = Archive.open(made.machine.archive).archive_id
    for path in [*made.shares, made.recovery, made.keys]:
        text = path.read_text()
        assert f"archive: {short_id(archive_id)}\n" in text
        assert GROUP not in text
        assert "slots:\n" in text


def test_two_of_three_shares_do_everything_on_a_second_profile(made: Made, helper: Machine, tmp_path: Path) -> None:
    for pair in (made.shares[:2], made.shares[1:], made.shares[::2]):
        opened = given(*pair)
        assert GROUP in helper.run(*opened, "groups").out
    assert helper.run(*opened, "roster", "list", "--summary", "--json").events[0]["members"] == 11
    there = tmp_path / "there.sqlite"
    World(there).close()
    helper.add("there", there)
    helper.run(*opened, "plan", GROUP, "--to", "there", "-o", helper.plan)
    assert GROUP in helper.run(*opened, "show", helper.plan).out
    found = failure(helper, 12, *given(made.shares[0]), "plan", GROUP, "--to", "there", "-o", tmp_path / "other.plan")
    assert found["error"] == "this needs 2 shares, 1 was given"


def test_with_shares_one_secret_alone_opens_the_posts_and_not_the_members(made: Made) -> None:
    for way in (["--passphrase-file", made.machine.passphrase], ["--key-file", made.recovery]):
        assert GROUP in made.machine.run(*way, "groups").out
        found = failure(made.machine, 12, *way, "roster", "list")
        assert "does not open the list of people" in found["error"]


def test_the_recovery_file_or_enough_share_files_bring_the_keys_along(made: Made, helper: Machine) -> None:
    assert GROUP in helper.run("--key-file", made.recovery, "groups").out
    assert GROUP in helper.run(*given(*made.shares[:2]), "groups").out


def test_the_passphrase_needs_the_keys_file(made: Made, helper: Machine) -> None:
    passphrase = ["--passphrase-file", made.machine.passphrase]
    found = failure(helper, 2, *passphrase, "groups")
    assert "keys file, which is missing" in found["error"]
    assert "--key-file" in found["hint"]
    assert GROUP in helper.run(*passphrase, "--key-file", made.keys, "groups").out
    assert GROUP in made.machine.run(*passphrase, "groups").out  # its profile knows where it is
    made.keys.rename(made.keys.with_name("elsewhere"))
    found = failure(made.machine, 2, *passphrase, "groups")
    assert "not where it was put" in found["error"]
    assert GROUP in made.machine.run("--key-file", made.recovery, "groups").out


def test_shares_typed_as_bare_words_need_the_keys_file(made: Made, helper: Machine) -> None:
    bare = [typed(helper, f"{number}", " ".join(words_of(path))) for number, path in enumerate(made.shares[:2])]
    assert "missing" in failure(helper, 2, *given(*bare), "groups")["error"]
    assert GROUP in helper.run(*given(*bare), "--key-file", made.keys, "groups").out


def test_a_recovery_key_typed_off_paper_goes_with_the_keys_file(made: Made, helper: Machine) -> None:
    short = typed(helper, "short", made.recovery.read_text().split("slots:")[0])
    failure(helper, 2, "--key-file", short, "groups")
    assert GROUP in helper.run("--key-file", short, "--key-file", made.keys, "groups").out


def test_wrong_too_few_foreign_mistyped_substituted_and_damaged_differ(
    made: Made, helper: Machine, tmp_path: Path
) -> None:
    one, two, three = made.shares
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    other = Machine(stranger)
    other.init("--shares", "2/2", "--shares-dir", stranger / "anna-secret-name")
    foreign = stranger / "anna-secret-name" / "share-1.txt"
    words = words_of(two)
    mistyped = typed(helper, "mistyped", two.read_text().replace(words[20], "qwertz", 1))
    share = Share.from_mnemonic(" ".join(words))
    fake = Share(**{**vars(share), "value": b"f" * 32}).mnemonic()
    forged = typed(helper, "forged", two.read_text().split("words:")[0] + f"words: {fake}")
    damaged = made.keys.read_text()
    at = damaged.index("slots:\n") + 300
    keys = typed(helper, "damaged.keys", damaged[:at] + ("A" if damaged[at] != "A" else "B") + damaged[at + 1 :])
    wrong = typed(helper, "wrong", "an entirely different passphrase")
    cases = [
        (12, ["--passphrase-file", wrong, "--key-file", made.keys], "the passphrase does not open this archive"),
        (12, given(one), "this needs 2 shares, 1 was given"),
        (12, given(one, one), "this needs 2 shares, 1 was given"),
        (12, given(one, foreign), "share 2 of those given belongs to another archive, or to an older set"),
        (12, given(mistyped, one), f"share 1 of those given has a typing error: word {words.index(words[20]) + 1} "),
        (13, given(one, forged), "put in the place of the real one"),
        (
            13,
            ["--passphrase-file", made.machine.passphrase, "--key-file", keys],
            "the key slots of the archive are damaged",
        ),
    ]
    messages = set()
    for code, way, message in cases:
        found = failure(helper, code, *way, "groups")
        assert message in found["error"]
        messages.add(found["error"])
        said = found["error"] + found["hint"]
        assert "anna" not in said
        assert not any(f"{a} {b}" in said for a, b in itertools.pairwise(words))
    assert len(messages) == len(cases) - 1
    for bad in (foreign, mistyped, forged):
        assert GROUP in helper.run(*given(bad, one, three), "groups").out


def test_a_slot_of_a_thief_is_not_taken_for_the_real_one(made: Made, helper: Machine) -> None:
    """The thief replaces the keys file's slots by ones that wrap another root under the same numbers."""
    stranger = helper.folder / "stranger"
    stranger.mkdir()
    other = Machine(stranger)
    other.init("--recovery-file", other.recovery, "--detached", stranger)
    text = (stranger / "group.gar.keys").read_text()
    mine = re.search("archive: (.*)", made.keys.read_text())
    assert mine
    put = typed(helper, "put.keys", re.sub("archive: .*", mine[0], text))
    failure(helper, 13, "--passphrase-file", other.passphrase, "--key-file", put, "groups")
    assert (
        "another archive"
        in failure(
            helper, 12, "--passphrase-file", other.passphrase, "--key-file", stranger / "group.gar.keys", "groups"
        )["error"]
    )


def test_nothing_is_overwritten_and_nothing_half_made_stays(machine: Machine, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    shares = stick / "shares"
    shares.mkdir(parents=True)
    ways = ["--recovery-file", machine.recovery, "--shares", "2/3", "--shares-dir", shares, "--detached", stick]
    for taken in (shares / "share-2.txt", stick / "group.gar.keys", machine.recovery):
        taken.write_text("precious")
        assert "never overwritten" in machine.init(*ways, code=2).failure["error"]
        assert taken.read_text() == "precious"
        taken.unlink()
    shares.rmdir()

    def fails(*given: Any) -> None:
        given[2](b"a" * 32, {"content": b"c" * 32, "roster": b"r" * 32})
        assert shares.is_dir()
        raise GroupArchiveError("the disk is full")

    with mock.patch.object(archive, "create_archive", fails):
        machine.init(*ways, code=1)
    assert list(stick.iterdir()) == []
    assert list(machine.drawer.iterdir()) == [machine.passphrase]
    assert not list(machine.profile.glob("**/*.*"))
    machine.init(*ways)


@pytest.mark.parametrize(
    "ways",
    [
        [],
        ["--shares", "2/3"],
        ["--shares-dir", "shares"],
        ["--shares", "1/3", "--shares-dir", "shares"],
        ["--shares", "4/3", "--shares-dir", "shares"],
        ["--shares", "2/17", "--shares-dir", "shares"],
        ["--shares", "some", "--shares-dir", "shares"],
        ["--shares", "2/3", "--shares-dir", "nowhere/shares"],
        ["--shares", "2/3", "--shares-dir", "shares", "--only-passphrase"],
        ["--recovery-file", "r.txt", "--only-passphrase"],
        ["--only-passphrase", "--detached", "nowhere"],
        ["--only-passphrase", "--share-file", "share.txt"],
        ["--only-passphrase", "--key-file", "key.txt"],
    ],
)
def test_ways_in_that_make_no_sense_make_nothing(machine: Machine, ways: list[str]) -> None:
    found = machine.run(
        "init", machine.archive, "--passphrase-file", machine.passphrase, *ways, "--json", code=2
    ).failure
    assert found["hint"]
    assert not machine.archive.exists()
    assert not (machine.folder / "shares").exists()


def test_only_a_passphrase_with_the_keys_apart(machine: Machine) -> None:
    assert "beside" not in machine.init("--only-passphrase", "--detached", machine.drawer).err
    machine.run("verify", "--deep", opened=True)


def test_keys_beside_the_archive_are_hardly_apart(machine: Machine) -> None:
    assert "lies beside the archive" in machine.init("--only-passphrase", "--detached", machine.folder).err


def test_several_archives_each_with_its_own_key_files(made: Made, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    other = Machine(tmp_path / "second")
    other.init("--recovery-file", other.recovery, "--detached", other.drawer)
    both = ["--archive", made.machine.archive, "--archive", other.archive]
    apart = other.drawer / "group.gar.keys"
    assert GROUP in other.run(*both, "--key-file", made.recovery, "--key-file", other.recovery, "groups").out
    assert GROUP in other.run(*both, "--key-file", made.keys, "--key-file", apart, "groups", opened=True).out
    failure(other, 12, *both, "--key-file", made.recovery, "groups")


def test_a_person_types_shares(made: Made) -> None:
    person = Terminal(made.machine, "groups")
    person.wait_for("Passphrase of the archive (only Enter: type shares)")
    person.type("", hidden=True)
    person.wait_for("Share 1")
    words = words_of(made.shares[0])
    person.type(" ".join([*words[:5], "akademik", *words[6:]]), hidden=True)
    person.wait_for("typing error: word 6 ")
    person.wait_for("Share 1")
    person.type(" ".join(words), hidden=True)
    person.wait_for("Share 2")
    person.type("", hidden=True)
    person.wait_for("this needs 2 shares, 1 was given")
    person.wait_for("Passphrase of the archive")
    person.type("", hidden=True)
    for number in (0, 2):
        person.wait_for("Share ")
        person.type(" ".join(words_of(made.shares[number])), hidden=True)
    person.wait_for("Share 3")
    person.type("", hidden=True)
    assert person.end() == 0, person.text
    assert GROUP in person.text
    assert words[0] + " " + words[1] not in person.text


def test_no_secret_is_left_on_the_machine(made: Made, tmp_path: Path) -> None:
    key = re.search(r"key: (\S{20})", made.recovery.read_text())
    assert key
    secrets = [key[1], *(" ".join(words_of(path)[4:7]) for path in made.shares)]
    for path in [*made.machine.profile.rglob("*"), made.machine.archive, *made.machine.temp.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret.encode() in data for secret in secrets)
    said = "".join(made.machine.spoken)
    assert not any(secret in said for secret in secrets)
    assert tmp_path.exists()
