"""`studies` and `doctor`: which studies there are, and whether this machine can run them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runners.new_sweep.request import parse_size
from runners.terminal import progress_bar, say, terminal_width
from seatbelt.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(studies)
    app.command()(doctor)


def studies(
    name: Annotated[str | None, typer.Argument(help="A study's name or Python file; all if left out.")] = None,
    design: Annotated[
        str | None, typer.Option(help="Show another design: full, ofat, fractional-32, lhs:N, ...")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="HEIGHTxWIDTH", help="Resolution of the estimated hours, pixels (default: 480x848)."),
    ] = None,
    encoders: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="List encoders instead: '*', '*b0*', 'timm:convnext*', ..."),
    ] = None,
    transforms: Annotated[
        bool, typer.Option("--transforms", help="List the augmentations instead, with what their strength scales.")
    ] = False,
) -> None:
    """List the studies with size and cost, or show one: factors, arms, design, fixed conditions, protocol.

    With --encoders, list the encoders whose names match, with their parameters in millions, the licence of their
    ImageNet weights, and whether these are here; `fetch` means that `seatbelt weights fetch` downloads them.

    Hours appear once `seatbelt sweep --dry-run` has profiled the architectures on this machine.

    Examples:
      seatbelt studies architecture

      seatbelt studies augmentation --design fractional-32

      seatbelt studies --encoders 'efficientnet*'

      seatbelt studies --encoders 'timm:convnext*'

      seatbelt studies --transforms
    """
    if encoders is not None:
        if name is not None or design is not None or size is not None or transforms:
            raise UserError("--encoders lists encoders and goes with nothing else")
        _list_encoders(encoders)
        return
    from runners.preview.studies import list_text, study_text
    from runners.preview.transforms import transforms_text

    if transforms:
        if name is not None or design is not None or size is not None:
            raise UserError("--transforms lists augmentations; leave the study, --design and --size out")
        say(transforms_text())
        return
    resolution = None if size is None else parse_size(size)
    if name is not None:
        say(study_text(name, design, resolution))
    elif design is not None:
        raise UserError("--design needs the name of a study, such as `seatbelt studies augmentation --design ofat`")
    else:
        say(list_text(resolution))


def _list_encoders(pattern: str) -> None:
    from runners.preview.encoder_table import encoder_table

    with progress_bar("counting parameters") as progress:
        text = encoder_table(pattern, terminal_width(), progress)
    say(text)


def doctor(
    address: Annotated[
        str | None, typer.Option(help="Check every node of this running Ray cluster too: auto or host:port.")
    ] = None,
    sweep: Annotated[str | None, typer.Option(help="With --address: check that every node can run this sweep.")] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="With --address: check that every node has this data set; repeat for more."),
    ] = None,
    allow_insecure: Annotated[
        bool, typer.Option("--allow-insecure", help="Join a cluster that asks for no token.")
    ] = False,
    start_ray: Annotated[bool, typer.Option(help="Start Ray and run one task on it.")] = True,
) -> None:
    """Check this machine: packages, GPUs, weights, disk, and that Ray runs a task; or a cluster.

    Each check prints `ok`, `note` for something that only some sweeps need, or `FAIL` with advice. The exit code is 0
    if nothing fails, 1 if something does, and 2 if a cluster cannot be joined.

    Examples:
      seatbelt doctor

      seatbelt doctor --address auto --sweep /shared/sweeps/architecture
    """
    from runners.commands.doctor import examine

    if address is None and (sweep is not None or data):
        raise UserError("--sweep and --data ask the nodes of a cluster; say which by --address")
    fit = True
    for check in examine(start_ray=start_ray and address is None):
        say(f"{check.state:<4} {check.what}: {check.text}")
        fit = fit and check.state != "FAIL"
    if address is not None:
        fit = _cluster_is_fit(address, sweep, data or [], allow_insecure=allow_insecure) and fit
    if not fit:
        raise typer.Exit(1)


def _cluster_is_fit(address: str, sweep: str | None, data: list[Path], *, allow_insecure: bool) -> bool:
    from rich.console import Console

    from runners.engines.connection import Resources
    from runners.engines.preflight import examine_cluster, needs, table

    nodes, faults = examine_cluster(Resources(address=address, allow_insecure=allow_insecure), needs(sweep, data))
    Console().print(table(nodes, faults))
    return not faults
