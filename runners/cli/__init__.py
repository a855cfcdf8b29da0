"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

import typer

from runners.cli import (
    best_query,
    cluster,
    compare_why,
    confirm,
    data,
    effects,
    export,
    listing,
    model,
    report,
    simulate,
    studies,
    sweep,
    weights,
)
from runners.engines.isolation import import_nothing_from_working_folder
from runners.terminal import end_process, exit_code_of
from seatbelt.errors import UserError
from seatbelt.machine.home import expand_options, provide_user

app = typer.Typer(
    name="seatbelt",
    help="Search for what finds the seat belt best: launch sweeps, resume them, query their results.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")
app.add_typer(cluster.app, name="cluster")
sweep.register(app)
confirm.register(app)
best_query.register(app)
effects.register(app)
compare_why.register(app)
export.register(app)
listing.register(app)
model.register(app)
report.register(app)
simulate.register(app)
studies.register(app)


def run() -> NoReturn:
    """Run the command line as a program."""
    code: int | str | None = 0
    try:
        main()
    except SystemExit as stopped:
        code = stopped.code
    end_process(code)


def main() -> None:
    """Run the command line: exit code 0, 1 for a failure, 2 for a mistake of the user."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal shows letters that it lacks as escapes.
            stream.reconfigure(errors="backslashreplace")
    if code := exit_code_of(_run_command):
        sys.exit(code)


def _run_command() -> int:
    _check_working_folder()
    import_nothing_from_working_folder()
    provide_user()
    app(expand_options(sys.argv[1:]))
    return 0


def _check_working_folder() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise UserError(f"the current folder is gone ({error.strerror}); go to one that exists with `cd`") from None
