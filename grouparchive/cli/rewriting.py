"""What the commands share that rewrite an archive: which one, the decision of a person, and what they must know afterwards."""

from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Reader
from grouparchive.cli.surroundings import Run
from grouparchive.errors import UsageError

_ELSEWHERE = (
    "Copies that were made before (sticks, other computers, whoever holds one) still hold what they held.",
    "Replace them by copies of the new file. On this disk, too, old bytes may survive for a while.",
)


def open_owned(run: Run) -> tuple[Reader, WriterHome | None]:
    """The one archive to rewrite, unlocked; and this machine's writer, if it writes to it.

    Raises:
        UsageError: several archives were named.
        NoArchive, WrongSecret, Damaged: as `Run.unlock`.
    """
    path = run.writing_path()
    reader = run.unlock()[0]
    home = WriterHome.load(run.profile.writer_folder) if run.pinned(path) is not None else None
    return reader, home


def decide(run: Run, question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone.

    Raises:
        UsageError: the answer was no, or nobody can be asked and --yes was not given.
    """
    if not yes and not run.secrets.choose(question, missing="the decision", option="--yes"):
        raise UsageError("nothing was done", hint="Run it again when you are sure.")


def tell_elsewhere(run: Run) -> None:
    """What a rewriting cannot reach."""
    for sentence in _ELSEWHERE:
        run.output.note(sentence)
