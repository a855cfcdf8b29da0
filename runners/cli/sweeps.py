"""`sweep`, `resume`, `stop`: launching sweeps and going on with them."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Literal

import typer

from runners.cli.options import SweepArgument, parse_gpus, parse_names, parse_rungs, parse_size
from seatbelt.errors import UserError

_RUN = "Where and how it runs"
_LIMITS = "Limits"
_SPACE = "What varies"


class EngineName(enum.StrEnum):
    """Engines of the command line."""

    ray = "ray"
    in_process = "in-process"


class ProposeName(enum.StrEnum):
    """Strategies of proposing."""

    exhaustive = "exhaustive"
    random = "random"
    optuna = "optuna"


class RetryName(enum.StrEnum):
    """Endings after which a trial can be tried again."""

    failed = "failed"
    out_of_memory = "out-of-memory"
    diverged = "diverged"


class PruneName(enum.StrEnum):
    """Strategies of pruning."""

    none = "none"
    asha = "asha"


Trials = Annotated[int | None, typer.Option(min=1, help="At most so many trials.", rich_help_panel=_LIMITS)]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="At most so many epochs over all trials.", rich_help_panel=_LIMITS)
]
Hours = Annotated[
    float | None, typer.Option(min=0, help="At most so many hours of drivers' time.", rich_help_panel=_LIMITS)
]
Replicates = Annotated[
    int | None, typer.Option(min=1, help="Trials per arm, each with its own seed.", rich_help_panel=_LIMITS)
]
Engine = Annotated[EngineName, typer.Option(help="What runs the trials.", rich_help_panel=_RUN)]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster: auto or host:port.", rich_help_panel=_RUN)]
Insecure = Annotated[
    bool,
    typer.Option(
        "--allow-insecure",
        help="Join a cluster that asks for no token: whoever reaches its ports can run code there.",
        rich_help_panel=_RUN,
    ),
]
Slots = Annotated[int | None, typer.Option(min=1, help="Trials at a time.", rich_help_panel=_RUN)]
Cpus = Annotated[float, typer.Option(min=0.1, help="CPUs per trial.", rich_help_panel=_RUN)]
Gpus = Annotated[
    str | None,
    typer.Option(
        help="GPUs per trial, such as 0.5, or auto: as memory allows (default: 1 where the cluster has any).",
        rich_help_panel=_RUN,
    ),
]
Stages = Annotated[
    str | None,
    typer.Option(help="Folder or bucket of pretraining stages that sweeps share.", rich_help_panel=_RUN),
]
CodeChange = Annotated[
    bool,
    typer.Option("--accept-code-change", help="Go on although the numeric code changed.", rich_help_panel=_RUN),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write event files, one run per trial.", rich_help_panel=_RUN)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=_RUN)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(no_args_is_help=True)(sweep)
    app.command(no_args_is_help=True)(resume)
    app.command(no_args_is_help=True)(stop)


def sweep(
    study: Annotated[str, typer.Argument(help="A study's name (see `seatbelt studies`) or a Python file.")],
    data: Annotated[
        list[str] | None,
        typer.Option(help="A native data-set folder; repeat for more (default: embedded scenes)."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep (default: the study's).")] = None,
    out: Annotated[str, typer.Option(help="Where sweeps lie: a folder, or s3://BUCKET/PREFIX.")] = "sweeps",
    vary: Annotated[
        list[str] | None,
        typer.Option("--set", help="FACTOR=LEVEL,LEVEL narrows or adds a factor.", rich_help_panel=_SPACE),
    ] = None,
    fix: Annotated[list[str] | None, typer.Option(help="AXIS=VALUE fixes a condition.", rich_help_panel=_SPACE)] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(help="FACTOR=NUMBER gives a range so many levels.", rich_help_panel=_SPACE),
    ] = None,
    all_subsets: Annotated[
        str | None,
        typer.Option(
            help="CLASS,CLASS,...: vary the context over all subsets of these labels.", rich_help_panel=_SPACE
        ),
    ] = None,
    architectures_from: Annotated[
        str | None,
        typer.Option(
            help="A finished architecture sweep: take its best three decoders with their best two encoders.",
            rich_help_panel=_SPACE,
        ),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="full, ofat, fractional-32, fractional-32-foldover, fractional-128, lhs:N or sobol:N.",
            rich_help_panel=_SPACE,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Training resolution, HEIGHTxWIDTH (default: that of the images).", rich_help_panel=_SPACE),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of replicate 0.", rich_help_panel=_SPACE)] = 0,
    select_on: Annotated[
        str, typer.Option(help="Domain of the selection set: real or synthetic.", rich_help_panel=_SPACE)
    ] = "real",
    propose: Annotated[ProposeName | None, typer.Option(help="Which arms are tried.", rich_help_panel=_SPACE)] = None,
    prune: Annotated[PruneName | None, typer.Option(help="Which trials end early.", rich_help_panel=_SPACE)] = None,
    rungs: Annotated[
        str | None, typer.Option(help="Epochs of comparison, such as 3,9.", rich_help_panel=_SPACE)
    ] = None,
    max_epochs: Annotated[
        int | None, typer.Option(min=1, help="Full epochs of a trial.", rich_help_panel=_LIMITS)
    ] = None,
    trials: Trials = None,
    epochs: Epochs = None,
    hours: Hours = None,
    replicates: Replicates = None,
    engine: Engine = EngineName.ray,
    address: Address = None,
    allow_insecure: Insecure = False,
    slots: Slots = None,
    cpus_per_trial: Cpus = 1,
    gpus_per_trial: Gpus = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...", rich_help_panel=_RUN)] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads per trial.", rich_help_panel=_RUN)] = 1,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes per trial.", rich_help_panel=_RUN)] = 0,
    checkpoint_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Most time for checkpoints; 1: every epoch.", rich_help_panel=_RUN),
    ] = 0.05,
    keep_weights: Annotated[
        str,
        typer.Option(help="Weights kept of finished trials: best, last, none or top:N.", rich_help_panel=_RUN),
    ] = "best",
    weights_folder: Annotated[
        Path | None, typer.Option(help="Folder of ImageNet weights files.", rich_help_panel=_RUN)
    ] = None,
    tensorboard: TensorBoard = False,
    stages: Stages = None,
    as_new: Annotated[
        str | None,
        typer.Option(help="Begin a new sweep of this name, and take over what still holds.", rich_help_panel=_RUN),
    ] = None,
    accept_code_change: CodeChange = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    quiet: Quiet = False,
) -> None:
    """Launch a sweep; the same command again goes on with it.

    Examples:
      seatbelt sweep architecture --data my-images --set encoder=resnet18,resnet34 --max-epochs 9

      seatbelt sweep architecture --fix weights=none --size 96x160 --dry-run
    """
    from runners.launch import Request
    from runners.run_sweep import Session, launch
    from search_spaces.studies import find

    request = Request(
        study=find(study),
        data=tuple(_data_folders(data)),
        vary=tuple(vary or ()),
        fix=tuple(fix or ()),
        levels=tuple(levels or ()),
        all_subsets=parse_names("--all-subsets", all_subsets),
        architectures_from=architectures_from,
        design=design,
        size=parse_size(size),
        max_epochs=max_epochs,
        rungs=parse_rungs(rungs),
        propose=propose.value if propose else None,
        prune=prune.value if prune else None,
        seed=seed,
        select_on=_domain(select_on),
        weights_folder=weights_folder,
        device=device,
        threads=threads,
        workers=workers,
        checkpoint_share=checkpoint_share,
        keep_weights=keep_weights,
    )
    session = Session(
        engine=engine.value,
        address=address,
        allow_insecure=allow_insecure,
        slots=slots,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=parse_gpus(gpus_per_trial),
        tensorboard=tensorboard,
        quiet=quiet,
        trials=trials,
        epochs=epochs,
        hours=hours,
        replicates=replicates,
        stages=stages,
        accept_code_change=accept_code_change,
    )
    raise typer.Exit(
        launch(request, session, f"{out.rstrip('/')}/{name or request.study.name}", dry_run=dry_run, as_new=as_new)
    )


def resume(
    sweep: SweepArgument,
    trials: Trials = None,
    epochs: Epochs = None,
    hours: Hours = None,
    replicates: Replicates = None,
    engine: Engine = EngineName.ray,
    address: Address = None,
    allow_insecure: Insecure = False,
    slots: Slots = None,
    cpus_per_trial: Cpus = 1,
    gpus_per_trial: Gpus = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Let trials become so long: complete ones go on.", rich_help_panel=_LIMITS),
    ] = None,
    retry: Annotated[
        list[RetryName] | None, typer.Option(help="Try trials again that ended so.", rich_help_panel=_RUN)
    ] = None,
    tensorboard: TensorBoard = False,
    stages: Stages = None,
    accept_code_change: CodeChange = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is left and stop.")] = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a sweep that was interrupted, or extend it with larger limits.

    Example:
      seatbelt resume sweeps/architecture --replicates 3
    """
    from runners.run_sweep import Session
    from runners.run_sweep import resume as resume_sweep

    session = Session(
        engine=engine.value,
        address=address,
        allow_insecure=allow_insecure,
        slots=slots,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=parse_gpus(gpus_per_trial),
        tensorboard=tensorboard,
        quiet=quiet,
        trials=trials,
        epochs=epochs,
        hours=hours,
        replicates=replicates,
        max_epochs=max_epochs,
        retry=tuple(name.value.upper().replace("-", "_") for name in retry or ()),
        stages=stages,
        accept_code_change=accept_code_change,
    )
    raise typer.Exit(resume_sweep(sweep, session, dry_run=dry_run))


def stop(
    sweep: SweepArgument,
    wait: Annotated[float, typer.Option(min=0, help="Wait so many seconds for the driver to end.")] = 0,
) -> None:
    """Ask the driver of a sweep to stop after the epochs that are running.

    Example:
      seatbelt stop sweeps/architecture --wait 600
    """
    import time

    from runners.ledger import holder
    from runners.sweep_folder import SweepFolder

    folder = SweepFolder(sweep)
    folder.describe()
    who = holder(folder)
    if who is None:
        typer.echo(f"nobody is writing to {sweep}: nothing to stop")
        return
    folder.request_stop()
    typer.echo(f"asked {who} to stop")
    until = time.monotonic() + wait
    while time.monotonic() < until:
        if holder(folder) is None:
            typer.echo("stopped")
            return
        time.sleep(0.2)
    if wait:
        raise typer.Exit(1)


def _data_folders(data: list[str] | None) -> list[Path]:
    from runners.scenes import embedded_scenes

    return [Path(text) for text in data] if data else [embedded_scenes()]


def _domain(text: str) -> Literal["real", "synthetic"]:
    if text == "real":
        return "real"
    if text == "synthetic":
        return "synthetic"
    raise UserError(f"--select-on takes real or synthetic, but got {text!r}")
