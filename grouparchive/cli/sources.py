"""`source`: the platforms that this machine reads from or rebuilds on, with their credentials."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from grouparchive.archive.home import WriterHome
from grouparchive.archive.writer import Writer
from grouparchive.cli.app import Command, Family
from grouparchive.cli.files import read_bounded
from grouparchive.cli.output import many
from grouparchive.cli.profile import SourceFile, check_name
from grouparchive.cli.secrets import STDIN
from grouparchive.cli.surroundings import Run, start
from grouparchive.errors import UsageError
from grouparchive.model.ports import Check, Option, Platform, Source
from grouparchive.platforms import registry

ROOM_KEYS = "room-keys-file"
ROOM_KEYS_PASSPHRASE = "room-keys-passphrase-file"  # noqa: S105 - the name of an option
_PATHS = frozenset({"ca-file", "file", "folder"})
_LARGEST_KEYS = 256 * 1024 * 1024


@click.group(cls=Family)
def source() -> None:
    r"""The platforms that this machine reads from or rebuilds on.

    A source is where backups come from, and where a group can be rebuilt. What is kept here is its address and its credential,
    readable for you only.

    \b
    Example:
      grouparchive source add home matrix origin=https://matrix.example.org
      grouparchive source check home
    """


@source.command(cls=Command)
@click.argument("name")
@click.argument("platform")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.pass_context
def add(context: click.Context, name: str, platform: str, settings: tuple[str, ...]) -> None:
    r"""Add a source, after a live look at its credential.

    Secrets are asked for, or read with KEY-file=FILE, or from the standard input with KEY=-; a secret as a value is refused,
    because other programs on this machine could see it. For Matrix, room-keys-file=FILE takes exported room keys, seals them
    into the archive at once and keeps no copy; use it again on a source that is there to add newer keys.

    \b
    Example:
      grouparchive source add home matrix origin=https://matrix.example.org token-file=token.txt
      grouparchive source add home matrix room-keys-file=element-keys.txt
    """
    run = start(context)
    check_name(name)
    found = registry.load(platform)
    values = _parse(settings)
    room_keys = values.pop(ROOM_KEYS, "")
    keys_passphrase = values.pop(ROOM_KEYS_PASSPHRASE, "")
    if name in run.profile.sources():
        if not room_keys or values or run.profile.source_file(name).platform != platform:
            raise UsageError(
                "there is a source of that name already", hint=f"Remove it first: grouparchive source remove {name}"
            )
    else:
        added = _gather(run, found, name, values)
        check = found.check(added)
        _tell(run, name, check)
        kept = SourceFile(
            platform=platform,
            origin=check.origin,
            options=_canonical(added.options, check),
            secrets=added.secrets,
        )
        run.profile.save_source(name, kept)
        run.output.line(f"Source {name} is added. Its credential stays in the profile, readable for you only.")
    if room_keys:
        _add_room_keys(run, found, room_keys, keys_passphrase)
    run.output.done(name=name, platform=platform)


def _canonical(options: Mapping[str, str], check: Check) -> dict[str, str]:
    """The options with the origin as the platform writes it, so that one place has one name."""
    return {**options, "origin": check.origin} if "origin" in options else dict(options)


def _parse(settings: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UsageError("settings look like key=value", hint="For example: origin=https://matrix.example.org")
        if key in values:
            raise UsageError(f"{key} is given twice")
        values[key] = value
    return values


def _gather(run: Run, platform: Platform, name: str, values: Mapping[str, str]) -> Source:
    """The source out of what was typed, read and asked."""
    left = dict(values)
    options: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for key, option in platform.options.items():
        if option.secret:
            secret = _secret(run, key, option, left)
            if secret:
                secrets[key] = secret
        elif key in left:
            value = left.pop(key)
            # A timer runs elsewhere: what names a place on this machine must mean the same place there.
            options[key] = os.path.abspath(os.path.expanduser(value)) if key in _PATHS else value  # noqa: PTH100, PTH111
        elif option.required:
            raise UsageError(f"{key}=... is missing", hint=f"{key}: {option.help}")
    if left:
        known = ", ".join(key + ("-file" if option.secret else "") for key, option in platform.options.items())
        raise UsageError("this platform has no such setting", hint=f"It knows: {known}")
    return Source(name=name, platform=platform.name, options=options, secrets=secrets)


def _secret(run: Run, key: str, option: Option, left: dict[str, str]) -> str:
    value, file = left.pop(key, ""), left.pop(f"{key}-file", "")
    if value and value != STDIN:
        raise UsageError(
            f"{key} is a secret, and a secret is never typed into a command line: others could see it",
            hint=f"Use {key}-file=FILE, or {key}=- for the standard input, or leave it out to be asked. "
            "What was typed may be in the history of your shell: revoke it if others use this machine.",
        )
    if value and file:
        raise UsageError(f"{key} is given twice")
    if value or file:
        return run.secrets.read(value or file, f"file with the {key}").strip()
    if option.required:
        hint = f"{key}-file=FILE or {key}=- (standard input)"
        return run.secrets.ask(f"{key} ({option.help})", missing=f"the {key}", option=hint).strip()
    return ""


def _tell(run: Run, name: str, check: Check) -> None:
    """What the credential is good for, in a thief's hands too."""
    run.output.line(f"Origin: {check.origin}")
    run.output.line("Whoever steals this credential can:")
    for sentence in check.can:
        run.output.line(f"  - {sentence}")
    for sentence in check.warnings:
        run.output.warn(sentence)
    run.output.event(
        "check", name=name, origin=check.origin, ok=check.ok, can=list(check.can), warnings=list(check.warnings)
    )


def _add_room_keys(run: Run, platform: Platform, path: str, passphrase_file: str) -> None:
    """Seal exported room keys into the archive. Neither they nor their passphrase are kept here."""
    data = read_bounded(Path(path).expanduser(), "file with the room keys", limit=_LARGEST_KEYS)
    if passphrase_file:
        passphrase = run.secrets.read(passphrase_file, "file with the passphrase of the room keys")
    else:
        passphrase = run.secrets.ask(
            "Passphrase of the room key file",
            missing="the passphrase of the room key file",
            option=f"{ROOM_KEYS_PASSPHRASE}=FILE",
        )
    keys = list(platform.keys(data, passphrase))
    config = run.profile.must_config()
    home = WriterHome.load(run.profile.writer_folder)
    with Writer.open(run.writing_path(), home, pinned=bytes.fromhex(config.archive_id)) as writer:
        fresh = [key for key in keys if writer.fresh(key)]
        for key in fresh:
            writer.add(key)
        if fresh:
            writer.commit({}, {"room-keys": len(fresh)}, [])
    run.output.line(f"{many(len(fresh), 'new room key')} of {len(keys):,} sealed into the archive.")
    run.output.line("Delete the exported file now: whoever has it and its passphrase can read those rooms.")
    run.output.event("room-keys", read=len(keys), new=len(fresh))


@source.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""List the sources of this machine.

    \b
    Example:
      grouparchive source list
    """
    run = start(context)
    kept = list(run.profile.each_source())
    if kept:
        run.output.table(["name", "platform", "origin"], [(name, one.platform, one.origin) for name, one in kept])
    else:
        run.output.line("There is no source yet. Add one with: grouparchive source add NAME PLATFORM ...")
    for name, one in kept:
        run.output.event("source", name=name, platform=one.platform, origin=one.origin)
    run.output.done(sources=len(kept))


@source.command(cls=Command)
@click.argument("name")
@click.pass_context
def check(context: click.Context, name: str) -> None:
    r"""Try a source's credential, and say what a thief could do with it.

    \b
    Example:
      grouparchive source check home
    """
    run = start(context)
    configured = run.profile.source(name)
    result = registry.load(configured.platform).check(configured)
    _tell(run, name, result)
    run.output.done(name=name, ok=result.ok)


@source.command(cls=Command)
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    r"""Remove a source and its credential from this machine.

    What was archived stays. Revoke the credential at the platform as well: a removed file can sometimes be read back.

    \b
    Example:
      grouparchive source remove home
    """
    run = start(context)
    run.profile.remove_source(name)
    run.output.line(f"Source {name} is removed. Revoke its credential at the platform, too.")
    run.output.done(name=name)
