"""The one place that writes to the terminal: safe text, progress bars, and how a program reports its end."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seatbelt.errors import UserError
from seatbelt.text.redaction import printable, safe_text


def say(text: str, *, err: bool = False) -> None:
    """Print text without secrets and control characters, to standard output or error."""
    typer.echo(safe_text(text), err=err)


def terminal_width() -> int | None:
    """Return the columns of the terminal that standard output goes to; None if it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


@contextlib.contextmanager
def progress_bar(label: str, *, hidden: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; yields a function that takes the steps done and their total."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def exit_code_of(program: Callable[[], int]) -> int:
    """Run a program and return its exit code: 2 for a mistake of the user, which is one line, 1 for other failures."""
    try:
        return program()
    except UserError as error:
        say(f"error: {printable(str(error))}", err=True)
        return 2
    except OSError as error:
        # A failing disk or server is not the user's mistake.
        say(f"error: {printable(str(error))}", err=True)
    except Exception:
        say(traceback.format_exc().rstrip(), err=True)
    return 1


def end_process(code: int | str | None) -> NoReturn:
    """End this process with an exit code, or with a text as its error.

    Library threads that still run while the interpreter shuts down sometimes end the process by SIGABRT. A finished
    sweep must not exit with code 134, so the process ends here, once everything is written.
    """
    if isinstance(code, str):
        say(code, err=True)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # The reader of a pipe may be gone.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(1 if isinstance(code, str) else code or 0)
