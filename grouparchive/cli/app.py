"""The frame of the command line: the global options that may stand anywhere, the grouped help, and the one place where an
error becomes words and an exit code. Knows no command from the inside; each lives in its own module and loads when it is used.
"""

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import click

from grouparchive import __version__
from grouparchive.cli.output import Output
from grouparchive.errors import GroupArchiveError, UsageError

INTERRUPTED = 130
WORST_FIRST = (13, 12, 11, 20, 4, 3)
"""Where several exit codes apply, the first of these wins."""

SECTIONS: dict[str, dict[str, str]] = {
    "Every day": {
        "init": "grouparchive.cli.archive:init",
        "kit": "grouparchive.cli.kit:kit",
        "source": "grouparchive.cli.sources:source",
        "import": "grouparchive.cli.importing:import_",
        "backup": "grouparchive.cli.backup:backup",
        "status": "grouparchive.cli.backup:status",
        "schedule": "grouparchive.cli.schedule:schedule",
    },
    "Look inside": {
        "groups": "grouparchive.cli.read:groups",
        "search": "grouparchive.cli.read:search",
        "export": "grouparchive.cli.export:export",
        "roster": "grouparchive.cli.roster:roster",
    },
    "After an attack": {
        "plan": "grouparchive.cli.restore:plan",
        "show": "grouparchive.cli.restore:show",
        "apply": "grouparchive.cli.restore:apply",
        "report": "grouparchive.cli.restore:report",
        "invite": "grouparchive.cli.invite:invite",
        "verify-message": "grouparchive.cli.verify_message:verify_message",
        "wipe": "grouparchive.cli.wipe:wipe",
    },
    "Keys and copies": {
        "verify": "grouparchive.cli.verify:verify",
        "writer": "grouparchive.cli.writers:writer",
        "key": "grouparchive.cli.keys:key",
        "forget": "grouparchive.cli.forget:forget",
        "retain": "grouparchive.cli.retain:retain",
        "demo": "grouparchive.cli.demo:demo",
    },
}


@dataclass
class Globals:
    """The global options as they were given, wherever they stood."""

    archives: list[Path] = field(default_factory=list)
    profile: Path | None = None
    passphrase_file: str | None = None
    key_files: list[str] = field(default_factory=list)
    share_files: list[str] = field(default_factory=list)
    json: bool = False
    verbosity: int = 0
    no_input: bool = False
    from_environment: bool = False

    @property
    def output(self) -> Output:
        """Where to print."""
        return Output(json=self.json, verbosity=self.verbosity)


def given(context: click.Context) -> Globals:
    """The global options of this run."""
    return context.ensure_object(Globals)


def _take(context: click.Context, param: click.Parameter, value: Any) -> None:
    """Note a global option. Commands are parsed from the outside in, so what stands nearer to the end wins."""
    if not value:
        return
    options = given(context)
    match param.name:
        case "archive":
            environment = context.get_parameter_source("archive") is click.core.ParameterSource.ENVIRONMENT
            if options.from_environment and not environment:
                options.archives.clear()
            options.from_environment = environment
            options.archives.extend(Path(path) for path in value)
        case "profile":
            options.profile = Path(value)
        case "passphrase_file":
            options.passphrase_file = value
        case "key_files" | "share_files":
            getattr(options, param.name).extend(value)
        case "quiet":
            options.verbosity = -1
        case "verbose":
            options.verbosity = value
        case "json" | "no_input":
            setattr(options, param.name, True)


def _global_options(*, environment: bool) -> list[click.Option]:
    """The global options anew. The environment is read once, at the outermost command."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option([*names], expose_value=False, callback=_take, **more)

    return [
        option(
            "--archive",
            metavar="FILE",
            type=click.Path(),
            multiple=True,
            envvar="GROUPARCHIVE_ARCHIVE" if environment else None,
            help="The archive. Reading commands take several and merge them.",
        ),
        option(
            "--profile",
            metavar="DIR",
            envvar="GROUPARCHIVE_PROFILE" if environment else None,
            help="The folder with this machine's settings, writer and credentials.",
        ),
        option("--passphrase-file", metavar="F", help="Read the passphrase from a file; - is the standard input."),
        option(
            "--key-file",
            "key_files",
            metavar="F",
            multiple=True,
            help="Open with a recovery file instead of the passphrase; or the keys file of an archive that holds no keys.",
        ),
        option(
            "--share-file",
            "share_files",
            metavar="F",
            multiple=True,
            help="Open with shares: give it once for each share that you have.",
        ),
        option("--json", is_flag=True, help="Output for scripts: one JSON object a line."),
        option("-q", "--quiet", is_flag=True, help="Only errors and warnings."),
        option("-v", "--verbose", count=True, help="More words."),
        option("--no-input", is_flag=True, help="Never ask: what is missing is an error."),
    ]


def _examples(text: str | None) -> str | None:
    """Help texts are raw strings; the mark that keeps an example's lines apart is one sign for click."""
    return text.replace("\\b\n", "\b\n") if text else text


class _Anywhere(click.Command):
    """A command that also takes the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = _examples(self.help)
        self.own = [param for param in self.params if isinstance(param, click.Option)]
        self.params = [*self.params, *_global_options(environment=False)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options first; the global ones only where they are explained, at the top."""
        own = [param.get_help_record(ctx) for param in [*self.own, *self._help(ctx)]]
        records = [record for record in own if record]
        if records:
            with formatter.section("Options"):
                formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Where to read about the global options."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("Options for every command (--archive, --json, ...): grouparchive --help")

    def _help(self, ctx: click.Context) -> list[click.Option]:
        option = self.get_help_option(ctx)
        return [option] if option else []


class Command(_Anywhere):
    """A single command."""


class Family(_Anywhere, click.Group):
    """A command with commands of its own, such as `source`."""

    command_class = Command


class Root(click.Group):
    """The outermost command: loads the others when they are named, and lists them under the headings of SECTIONS."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = _examples(self.help)
        self.params = [*self.params, *_global_options(environment=True)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the help."""
        del ctx
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name."""
        del ctx
        for section in SECTIONS.values():
            if cmd_name in section:
                module, _, name = section[cmd_name].partition(":")
                return cast("click.Command", getattr(importlib.import_module(module), name))
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under their headings."""
        for heading, section in SECTIONS.items():
            rows = []
            for name in section:
                command = self.get_command(ctx, name)
                if command is not None:
                    rows.append((name, command.get_short_help_str(limit=72)))
            with formatter.section(heading):
                formatter.write_dl(rows)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="grouparchive")
def cli() -> None:
    r"""Encrypted backup of a community group and its members, and the quiet way back after it was deleted.

    The global options below may stand before or after a command.

    \b
    Example, once on the machine that makes the backups:
      grouparchive init ~/group.gar --recovery-file /media/stick/recovery.txt
      grouparchive source add home matrix origin=https://matrix.example.org
      grouparchive backup home
      grouparchive schedule install home --every 6h
    """


def run(args: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit code. Every error of every command ends here."""
    arguments = list(sys.argv[1:] if args is None else args)
    options = Globals(json="--json" in arguments)
    try:
        result = cli.main(arguments, prog_name="grouparchive", standalone_mode=False, obj=options)
    except (click.Abort, KeyboardInterrupt):
        options.output.error(_InterruptedError("interrupted", hint="Run the same command again to go on."))
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return UsageError.code
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does. What is still in the buffer must not be complained about at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: a person never sees a traceback
        said = as_said(error)
        options.output.error(said)
        if said.__class__ is GroupArchiveError and options.verbosity > 0:
            options.output.detail(where(error))
        return said.code
    return result if isinstance(result, int) else 0


class _InterruptedError(GroupArchiveError):
    code = INTERRUPTED


def as_said(error: Exception) -> GroupArchiveError:
    """An exception as what a person is told about it."""
    match error:
        case GroupArchiveError():
            return error
        case click.ClickException():
            return _usage(error)
        case MemoryError():
            return GroupArchiveError("this machine has too little free memory", hint="Close other programs, try again.")
        case OSError():
            return _system(error)
        case _:
            return GroupArchiveError(
                "something unexpected went wrong in grouparchive itself",
                hint="What was committed before is safe. With -v it says where; please report that line.",
            )


def _usage(error: click.ClickException) -> UsageError:
    """Click's own complaint, without repeating a value: it may be a secret or a name."""
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "grouparchive"
    hint = f"See: {command} --help"
    match error:
        case click.NoSuchOption():
            return UsageError(f"there is no option {error.option_name.partition('=')[0]}", hint=hint)
        case click.MissingParameter():
            kind = error.param.human_readable_name if error.param else "something"
            option = error.param.opts[0] if isinstance(error.param, click.Option) else kind
            return UsageError(f"{option} is missing", hint=hint)
        case click.BadParameter():
            name = error.param.opts[0] if isinstance(error.param, click.Option) else "an argument"
            choices = error.param.type.choices if error.param and isinstance(error.param.type, click.Choice) else ()
            also = f"; it is one of: {', '.join(map(str, choices))}" if choices else ""
            return UsageError(f"the value of {name} does not fit{also}", hint=hint)
        case click.BadOptionUsage():
            return UsageError(f"the option {error.option_name} is not used like that", hint=hint)
        case _ if error.message.startswith("No such command"):
            return UsageError("there is no such command", hint=hint)
        case _:
            return UsageError("there are more words than the command takes, or some are missing", hint=hint)


def _system(error: OSError) -> GroupArchiveError:
    """What the operating system refused. Paths stay out: they may name a group."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return GroupArchiveError(
                "the disk is full", hint="Free some space and run this again. What was committed before is safe."
            )
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return GroupArchiveError(
                "a file or folder may not be read or written here", hint="Check the rights of the folder you named."
            )
        case errno.ENOENT | errno.ENOTDIR:
            return GroupArchiveError("a file or folder is not there", hint="Check the paths you named.")
        case _:
            reason = (error.strerror or "unknown reason").lower()
            return GroupArchiveError(f"the system refused: {reason}")


def where(error: Exception) -> str:
    """The kind of an exception and the line it came from; no value, for values may be secret."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "grouparchive" in Path(frame.filename).parts]
    frame = ours[-1] if ours else frames[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


def worst(codes: Sequence[int]) -> int:
    """The one exit code of several."""
    for code in WORST_FIRST:
        if code in codes:
            return code
    return max(codes, default=0)
