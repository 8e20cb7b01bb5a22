"""The command line: one file per command, loaded when that command is called; no algorithm in any of them.

A command is one line in `COMMANDS` and one function in one file: its signature is parsed by typer, its body is one
library call and the rendering of what came back. Everything common lives here: errors become one sentence on standard
error and an exit code, Ctrl-C becomes the command that resumes, logging goes to standard error.
"""

from __future__ import annotations

import importlib
import logging
import shlex
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from claros import __version__
from claros.errors import ClarosError, InputError

__all__ = ["COMMANDS", "main"]


class Entry(NamedTuple):
    """Where a command's function is, and the line that stands for it in ``claros --help``."""

    path: str
    summary: str


#: The table: a command appears in help when it is here, and its module is imported only when it is called.
COMMANDS: dict[str, Entry] = {
    "demo": Entry("claros.cli.demo:demo", "See it work: auto, margin and random on digits, offline."),
    "run": Entry("claros.cli.run:run", "Simulate the labeling of a labeled data set."),
    "bench": Entry("claros.cli.bench:COMMANDS", "Compare on a grid of data sets, models and strategies, in parallel."),
    "stop": Entry("claros.cli.stop:COMMANDS", "Replay stopping rules on recorded runs, and weigh them by cost."),
    "shift": Entry("claros.cli.shift:COMMANDS", "Estimate the classes' shares in the target, from predictions."),
    "verify": Entry("claros.cli.verify:verify", "Do one round again from its records, and say whether it is the same."),
    "evaluate": Entry("claros.cli.evaluate:evaluate", "Score the models of recorded rounds on other test data."),
    "replicate": Entry("claros.cli.replicate:replicate", "Run a published comparison, its figures beside ours."),
    "train": Entry("claros.cli.train:train", "Train on a selection and on as many random items, and compare."),
    "dalmax": Entry("claros.cli.dalmax:COMMANDS", "DalMax's commands, with its options, names and files."),
    "embed": Entry("claros.cli.embed:embed", "Compute features of images, texts or sounds by a pretrained network."),
    "train-policy": Entry(
        "claros.cli.train_policy:train_policy", "Train the policy of lal_rl, or the regressor of lal."
    ),
    "report": Entry("claros.cli.report:report", "Make one self-contained HTML page of a run."),
    "label": Entry("claros.cli.label:label", "Label a pool yourself, here in the terminal."),
    "ask": Entry("claros.cli.ask:ask", "Ask a campaign which items to label next."),
    "tell": Entry("claros.cli.tell:tell", "Tell a campaign the labels of items."),
    "export": Entry("claros.cli.export:export", "Get the labels out of a campaign, as CSV or JSON lines."),
    "list": Entry("claros.cli.listing:list_", "List the strategies, stopping rules, models or inputs."),
    "doctor": Entry("claros.cli.doctor:doctor", "Say what is installed and what each extra would add."),
}

EPILOG = (
    "Exit codes: 0 done; 1 it failed, and one sentence on standard error says why; 2 what was asked for makes no sense "
    "(an unknown name, a wrong value, a wrong option); 130 interrupted by Ctrl-C. Answers go to standard output, "
    "logging and progress to standard error."
)

# Typer brings its own click or the one installed, by version; its public BadParameter leads to the base of both.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class Interrupted(Exception):
    """Ctrl-C, on its way to `main`; its argument, if any, is the command that resumes."""


class LazyGroup(TyperGroup):
    """The group of commands: all are listed, only the one that is called is imported."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.summary), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The name, the real command in place of its stand-in, and the arguments that are left."""
        name, command, rest = super().resolve_command(ctx, args)
        if name not in COMMANDS:
            return name, command, rest
        command = load(name)
        if hasattr(command, "commands") and rest and rest[0].startswith("-") and rest[0] not in _HELP:
            rest = [next(iter(command.commands)), *rest]  # options at once: the first of a group is meant
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C must reach `main`, not typer's own handler."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(*error.args) from None


def load(name: str) -> Any:
    """The command of that name, or the group of commands, its module imported now."""
    module, _, attribute = COMMANDS[name].path.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    is_group = isinstance(found, Mapping)
    about = COMMANDS[name].summary if is_group else None
    app = typer.Typer(add_completion=False, rich_markup_mode=None, help=about, no_args_is_help=is_group)
    if is_group:
        app.callback()(lambda: None)  # also one command alone is called by its name
    for word, function in (found if is_group else {name: found}).items():
        app.command(word, context_settings=_CONTEXT)(function)
    return get_command(app)


_HELP = ("-h", "--help")
_CONTEXT = {"help_option_names": list(_HELP), "max_content_width": 100}
_app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, context_settings=_CONTEXT, epilog=EPILOG)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"claros {__version__}")
        raise typer.Exit


@_app.callback()
def claros(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what happens, on standard error."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error; may stand anywhere."),
) -> None:
    """What to label next, when to stop, and how good the model is by then."""
    logger = logging.getLogger("claros")
    logger.setLevel(logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logger.handlers[:] = [handler]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; the arguments are those of the process unless given."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in typed
    words = ["--debug"] * debug + [word for word in typed if word != "--debug"] if typed else ["--help"]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a text of the pool must not end the program
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = get_command(_app).main(args=words, prog_name="claros", standalone_mode=False)
    except Interrupted as error:
        resume = str(error) or shlex.join(["claros", *typed])
        print(f"\nInterrupted; what was written stays. Resume with: {resume}", file=sys.stderr)
        return 130
    except Exception as error:  # noqa: BLE001  the one place where every error becomes a sentence
        if debug:
            traceback.print_exc()
        return _explain(error)
    return code if isinstance(code, int) else 0


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"claros: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _explain(error: Exception) -> int:
    """Print one sentence on standard error; the exit code that goes with it."""
    if isinstance(error, _UsageError):
        context = getattr(error, "ctx", None)
        hint = f" Try: {context.command_path} --help" if context else ""
        sentence, code = " ".join(f"{getattr(error, 'format_message')()}{hint}".split()), 2  # noqa: B009
    elif isinstance(error, ClarosError):
        sentence, code = str(error), 2 if isinstance(error, InputError) else 1
    elif isinstance(error, typer.Abort):
        sentence, code = "standard input ended before there was an answer.", 1
    elif isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        sentence, code = f"{error.strerror or error}{place}", 1
    else:
        sentence, code = f"unexpected {type(error).__name__}: {error} (--debug shows where; please report it)", 1
    print(f"claros: {sentence}", file=sys.stderr)
    return code
