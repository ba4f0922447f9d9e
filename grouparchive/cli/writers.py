"""`writer`: the machines that may append to the archive."""

from pathlib import Path

import click
import msgspec

from grouparchive.archive import writers
from grouparchive.archive.attended import attend, owner_seed, owner_session
from grouparchive.archive.home import WriterHome
from grouparchive.archive.moment import parse_position, resolve
from grouparchive.archive.reader import Reader
from grouparchive.cli.app import Command, Family
from grouparchive.cli.files import read_bounded, write_new
from grouparchive.cli.output import many
from grouparchive.cli.profile import Config
from grouparchive.cli.surroundings import Run, start
from grouparchive.cli.times import when
from grouparchive.cli.witnesses import proved
from grouparchive.crypto.statements import Revocation
from grouparchive.durable import write_whole
from grouparchive.errors import Damaged, UsageError
from grouparchive.model.attended import Attended


@click.group(cls=Family)
def writer() -> None:
    r"""The machines that may add to the archive.

    Each has a key of its own, which the owner of the archive has certified. A machine that was lost or stolen is revoked: what
    it adds from then on counts for nothing.

    \b
    Example:
      grouparchive writer list
      grouparchive writer revoke 3fa9c1d2
    """


@writer.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""List the machines, what they wrote, and which of them are revoked. Asks for no secret.

    With -v also each commit with its time; "suspect" says that the machine's clock, or the chain, is not as it should be.

    \b
    Example:
      grouparchive writer list
      grouparchive writer list -v
    """
    run = start(context)
    archives = run.open()
    own = _own(run)
    rows = []
    for one in writers.states(archives):
        state = "revoked from commit " + str(one.revoked) if one.revoked is not None else "certified"
        state = state if one.certified else "not certified"
        here = "this machine" if one.writer_id == own else ""
        rows.append((one.writer_id[:8], state, one.commits, when(one.time) if one.commits else "never", here))
        run.output.event(
            "writer",
            id=one.writer_id,
            certified=one.certified,
            commits=one.commits,
            newest=one.newest if one.commits else None,
            time=one.time if one.commits else None,
            revoked=one.revoked,
            this_machine=one.writer_id == own,
        )
    run.output.table(["machine", "state", "commits", "last wrote", ""], rows)
    if run.options.verbosity > 0:
        for commit in (commit for archive in archives for commit in archive.commits):
            suspect = "  suspect" if commit.suspect else ""
            run.output.line(f"  {commit.writer[:8]}  commit {commit.seq}  {when(commit.time)}{suspect}")
    for archive in archives:
        if archive.damage:
            raise Damaged(f"the archive is damaged: {archive.damage[0]}")
    run.output.done(writers=len(rows))


@writer.command(cls=Command)
@click.option("-o", "--output", "out", required=True, metavar="FILE", help="Where to write it.")
@click.pass_context
def public(context: click.Context, out: str) -> None:
    r"""Write what another machine needs to make backups into a file of its own. Asks for no secret, and holds none.

    Take the file to that machine and run there: grouparchive init FILE --join THE-FILE

    \b
    Example:
      grouparchive writer public -o public.json
    """
    run = start(context)
    archive = run.open()[0]
    write_new(Path(out).expanduser(), writers.publish(archive))
    run.output.line("Written. On the other machine: grouparchive init FILE --join THIS-FILE")
    run.output.done(archive_id=archive.archive_id.hex())


@writer.command(cls=Command)
@click.argument("who", required=False, metavar="[REQUEST|MACHINE]")
@click.pass_context
def certify(context: click.Context, who: str | None) -> None:
    r"""Let a machine add to the archive. Needs the archive's secret.

    Without a word: this machine, for instance a new one after the old one is gone. With the file that `init --join` wrote on
    another machine: that one. Its certificate is put into the archive and into the file; over there the same command takes it
    in, and asks for no secret.

    \b
    Example:
      grouparchive --archive ~/group.gar writer certify
      grouparchive writer certify request.json
    """
    run = start(context)
    if who is None:
        _certify_here(run)
    elif Path(who).expanduser().is_file():
        _certify_request(run, Path(who).expanduser())
    else:
        _certify_waiting(run, who)


def _certify_here(run: Run) -> None:
    path = run.writing_path().resolve()
    config = run.profile.config()
    readers = run.unlock()
    reader = readers[0]
    if config is not None:
        if config.archive_id != reader.archive_id.hex():
            raise UsageError(
                "this profile belongs to another archive", hint="Use another --profile for this one, then try again."
            )
        known = {one.writer_id: one for one in writers.states([one.archive for one in readers])}
        mine = known.get(_own(run))
        if mine is not None and mine.certified and mine.revoked is None:
            raise UsageError("this machine may add to the archive already", hint="Try: grouparchive backup --all")
    seed = _seed(readers)
    home = run.profile.new_writer()
    with owner_session(path, reader.archive_id, seed) as session:
        session.certify(home.writer_id, home.public())
    run.profile.save_config(Config(archive=str(path), archive_id=reader.archive_id.hex()))
    run.output.line(f"This machine may add to the archive from now on, as {home.writer_id.hex()[:8]}.")
    run.output.note("If it takes the place of one that is gone: grouparchive writer revoke THE-OLD-ONE")
    run.output.done(writer=home.writer_id.hex())


def _certify_request(run: Run, path: Path) -> None:
    archives = run.open()
    request = writers.read_request(read_bounded(path, "request"), archives[0].genesis)
    if request.certificate:
        own = {one.writer_id: one for one in writers.states(archives)}.get(_own(run))
        if own is not None and not own.certified and own.writer_id != request.writer_id:
            raise UsageError(
                f"this certificate is for another machine, {request.writer_id[:8]}; this one is {own.writer_id[:8]}",
                hint="If nobody mixed up files, somebody has put a machine of theirs in its place: revoke that one where the "
                "archive can be opened, grouparchive writer revoke, and carry the request there yourself.",
            )
        for archive in archives:
            writers.take_in(archive.path, request)
        run.output.line("The certificate is taken in: what this machine adds counts.")
    else:
        certificate = _certified(run, request)
        write_whole(path, msgspec.json.encode(msgspec.structs.replace(request, certificate=certificate.hex())))
        run.output.line(f"Machine {request.writer_id[:8]} may add to the archive. Its certificate is in the file, too:")
        run.output.line("take it back there and run the same command, which asks for no secret then.")
        run.output.note(f"That machine must call itself {request.writer_id[:8]}; if it does not, revoke this one.")
    run.output.done(writer=request.writer_id)


def _certify_waiting(run: Run, prefix: str) -> None:
    archives = run.open()
    one = writers.find(writers.states(archives), prefix)
    if one.certified:
        raise UsageError("this machine is certified already", hint="See: grouparchive writer list")
    row = next(row for archive in archives for row in archive.writers if row.writer_id.hex() == one.writer_id)
    request = writers.Request(archive_id=archives[0].archive_id.hex(), writer_id=one.writer_id, pk0=row.pk0.hex())
    _certified(run, request)
    run.output.line(f"Machine {one.writer_id[:8]} may add to the archive; what it wrote counts.")
    run.output.done(writer=one.writer_id)


def _certified(run: Run, request: writers.Request) -> bytes:
    """The certificate, which is put into every archive that was named."""
    readers = run.unlock()
    seed = _seed(readers)
    certificate = b""
    for reader in readers:
        with owner_session(reader.archive.path, reader.archive_id, seed) as session:
            certificate = session.certify(bytes.fromhex(request.writer_id), bytes.fromhex(request.pk0))
    return certificate


@writer.command(cls=Command)
@click.argument("machine")
@click.option("--from", "first", type=click.IntRange(0), metavar="N", help="Commits N and later count for nothing.")
@click.pass_context
def revoke(context: click.Context, machine: str, first: int | None) -> None:
    r"""Let what a machine adds count for nothing, from a commit on. Needs the archive's secret.

    MACHINE is the first digits of its id. Without --from, all that is here now still counts and nothing after it. If it was
    stolen before today, name the first commit that you do not trust: `grouparchive writer list -v` tells their times.
    Nothing is deleted.

    \b
    Example:
      grouparchive writer revoke 3fa9c1d2
      grouparchive writer revoke 3fa9c1d2 --from 118
    """
    run = start(context)
    readers = run.unlock()
    one = writers.find(writers.states([reader.archive for reader in readers]), machine)
    from_ = one.newest + 1 if first is None else first
    seed = _seed(readers)
    for reader in readers:
        with owner_session(reader.archive.path, reader.archive_id, seed) as session:
            session.state("revoke", Revocation(bytes.fromhex(one.writer_id), from_).encode())
    gone = max(0, one.newest + 1 - from_)
    run.output.line(f"Machine {one.writer_id[:8]} is revoked from commit {from_} on.")
    if gone:
        run.output.line(f"{many(gone, 'commit')} that it wrote before now count for nothing. They are not deleted.")
    run.output.note("Other copies of the archive learn of it when they are read together with this one.")
    if one.writer_id == _own(run):
        run.output.warn("this is the machine you are at: its next backup will refuse")
    run.output.done(writer=one.writer_id, revoked_from=from_, commits=gone)


@writer.command(cls=Command)
@click.argument("position", required=False, metavar="[COMMIT]")
@click.option("--witness", "witnesses", metavar="W", multiple=True, help="The words noted before the attack.")
@click.pass_context
def trust(context: click.Context, position: str | None, witnesses: tuple[str, ...]) -> None:
    r"""State up to which backup the machines were surely in the right hands. Needs secrets that open posts and members.

    It is signed into the archive, for all plans to come: members whom only later backups tell of stay on hold. COMMIT is a
    number, or MACHINE:NUMBER where several machines write. A later statement can trust more, none can trust less; for a single
    plan there is `plan --trusted`.

    \b
    Example:
      grouparchive writer trust 41
      grouparchive writer trust --witness "enjoy mother senior ..."
    """
    run = start(context)
    if (position is None) == (not witnesses):
        raise UsageError("up to where?", hint="Give the number of a commit, or --witness with the words noted.")
    readers = run.unlock()
    commits = [commit for reader in readers for commit in reader.commits]
    if position is not None:
        trusted = dict(resolve(parse_position(position), commits))
    else:
        found = proved([reader.archive for reader in readers], witnesses)
        trusted = {one.writer: one.seq for one in found if not one.of_owner}
    if not trusted:
        raise UsageError("these words prove no backup", hint="Give the words of the machine that makes the backups.")
    seen: dict[str, int] = {}
    for commit in commits:
        seen[commit.writer] = max(commit.seq, seen.get(commit.writer, 0))
    heads = {commit.writer: commit.head.hex() for commit in commits if commit.seq == trusted.get(commit.writer)}
    attend(readers[0], Attended(position=seen, trusted=trusted, heads=heads))
    for machine, seq in sorted(trusted.items()):
        run.output.line(f"Trusted: the backups of machine {machine[:8]} up to commit {seq}.")
    suspect = sum(commit.suspect and commit.seq <= trusted.get(commit.writer, -1) for commit in commits)
    if suspect:
        run.output.warn(f"{many(suspect, 'commit')} among them stay suspect: see grouparchive writer list -v")
    run.output.done(trusted=trusted, suspect=suspect)


def _seed(readers: list[Reader]) -> bytes:
    """The owner's seed, from whichever archive holds it."""
    failure: Damaged | None = None
    for reader in readers:
        try:
            return owner_seed(reader)
        except Damaged as error:
            failure = error
    raise failure or Damaged("no archive was named")


def _own(run: Run) -> str:
    """The id of this machine's writer, "" where there is none."""
    folder = run.profile.writer_folder
    return WriterHome.load(folder).writer_id.hex() if (folder / "id").exists() else ""
