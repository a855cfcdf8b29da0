"""`export`: sweeps for Optuna, MLflow and TensorBoard."""

from __future__ import annotations

from typing import Annotated

import typer

from runners.cli.options import SweepArguments
from runners.terminal import say
from seatbelt.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(no_args_is_help=True)(export)


def export(
    sweeps: SweepArguments,
    optuna: Annotated[
        str | None, typer.Option(metavar="FILE.db", help="Optuna's SQLite storage: a study for each sweep.")
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option(metavar="FILE.db", help="MLflow's SQLite store: an experiment for each sweep.")
    ] = None,
    tensorboard: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="TensorBoard's event files: a run for each trial.")
    ] = None,
) -> None:
    """Write sweeps in the form of another tool: Optuna, MLflow or TensorBoard.

    Also works while a sweep runs. It makes a new file or folder, overwrites nothing, and leaves nothing half-written.

    --mlflow needs the extra `mlflow` of this package. Nothing is sent anywhere.

    Example:
      seatbelt export sweeps/architecture --optuna architecture.db
      seatbelt export "sweeps/*" --mlflow mlflow.db
      seatbelt export sweeps/first s3://bucket/sweeps/second --tensorboard events
    """
    targets = {"--optuna": optuna, "--mlflow": mlflow, "--tensorboard": tensorboard}
    chosen = [(option, place) for option, place in targets.items() if place is not None]
    if not chosen:
        raise UserError("export needs a target: --optuna FILE.db, --mlflow FILE.db or --tensorboard FOLDER")
    from runners.export.run import export_sweeps

    say(export_sweeps(sweeps, chosen))
