"""The cgconv command: find the sub-command, run it, turn whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import contextlib
import difflib
import errno
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence

import click

from cgconv.runtime.errors import CgconvError

# Each is a module of this folder that holds a command of the same name, and is imported when it is asked for;
# the worker has a room of its own.
COMMANDS = (
    *("images", "video", "pipe", "sheet", "jobs", "models", "doctor", "bench", "data"),
    *("train", "distill", "evaluate", "test", "export", "engines", "gui", "serve", "worker", "completion"),
)
# Those read many files of others, about which decoders print lines that help nobody.
_SISTERS = {"images": "video", "video": "images"}
_INSTEAD = {"--quality": "--crf", "--crf": "--quality", "--overwrite": "--exists overwrite"}
READING = frozenset({"images", "video", "sheet", "data", "distill", "evaluate", "test"})


class LazyGroup(click.Group):
    """A group whose commands lie in modules that are imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:
                return None
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise click.UsageError(f"there is no command {cmd_name!r}{hint}", ctx)
        module = "worker.command" if cmd_name == "worker" else cmd_name
        command = getattr(importlib.import_module(f"cgconv.cli.{module}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"cgconv {version('cgconv')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try: cgconv images photos --model monet",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def cgconv(context: click.Context) -> None:
    """Turn pictures and films of one kind into another: photo to Monet, summer to winter.

    Train on two folders of pictures, export one file, then translate folders of pictures and films with it.
    """
    if context.invoked_subcommand in READING:
        from .native_lines import native_lines_to_log

        context.with_resource(native_lines_to_log())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit code; see runtime/errors.py for what each means."""
    _open_missing_streams()
    _show_warnings()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that are no text, arrows on old consoles
    try:
        code = cgconv.main(arguments, prog_name="cgconv", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        name = context.command_path if context is not None else "cgconv"
        hint = _hint(error, context) or error.format_message().rstrip(".")
        return _say(f"{hint} (see {name} --help)", error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as `cgconv models list | head -1` does
        _drop_output()
        return 1
    except (KeyboardInterrupt, click.Abort):
        return _say("stopped", 130)
    except CgconvError as error:
        if debugging():
            logging.getLogger("cgconv").exception("the error's traceback")
        return _say(str(error), error.exit_code)
    except MemoryError:
        return _say("memory ran out: close other programs, or work on smaller pictures", 1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            _drop_output()
            return _say("what is printed cannot be written: the disk is full", 1)
        if debugging():
            raise
        text = " ".join(str(error).split())[:300]
        return _say(f"unexpected {type(error).__name__}: {text} (run it again with --debug to see where)", 1)


def _hint(error: click.ClickException, context: click.Context | None) -> str | None:
    """Return what to say of an option that a command's sister has, or has under another name."""
    if not isinstance(error, click.NoSuchOption) or context is None or context.info_name not in _SISTERS:
        return None
    name = error.option_name
    if (instead := _INSTEAD.get(name)) is not None:
        return f"No such option {name!r}: here it is {instead}"
    sister = cgconv.get_command(context, _SISTERS[context.info_name])
    if sister is not None and any(name in option.opts for option in sister.params):
        return f"No such option {name!r}: only cgconv {sister.name} has it"
    return None


def _drop_output() -> None:
    """Lead standard output to nowhere, so that the rest of it raises nothing when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_missing_streams() -> None:
    """Put a stream to nowhere in place of one that the shell has closed (`>&-`), so that no file takes its number."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is not None:
            continue
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


class _Lines(logging.Handler):
    """Show what libraries warn of as lines on standard error, tracebacks only with --debug."""

    def emit(self, record: logging.LogRecord) -> None:
        from .progress import printable

        if debugging():
            click.echo("\n".join(printable(line) for line in self.format(record).split("\n")), err=True)
        elif record.levelno >= logging.WARNING:
            click.echo(printable(f"warning: {record.getMessage()}"), err=True)


class _Debugging(logging.Handler):
    """Show what a library says, with --debug only."""

    def emit(self, record: logging.LogRecord) -> None:
        from .progress import printable

        if debugging():
            click.echo(printable(f"{record.name}: {record.getMessage()}"), err=True)


def _show_warnings() -> None:
    log = logging.getLogger("cgconv")
    if not any(isinstance(handler, _Lines) for handler in log.handlers):
        log.addHandler(_Lines())
    log.propagate = False
    for name in (
        "PIL",
        "pillow_heif",
        "py.warnings",
    ):  # without a handler of their own, Python prints what they say of damaged files
        library = logging.getLogger(name)
        if not library.handlers:
            library.addHandler(_Debugging())


def debugging() -> bool:
    """Say whether tracebacks are wanted: the option --debug, or CGCONV_DEBUG set."""
    return logging.getLogger("cgconv").level == logging.DEBUG


def _say(sentence: str, exit_code: int) -> int:
    from .progress import printable

    click.echo(printable(f"cgconv: {' '.join(sentence.split())}"), err=True)
    return exit_code
