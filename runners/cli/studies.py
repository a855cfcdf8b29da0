"""`studies` and `doctor`: what can be asked, and whether this machine can answer."""

from __future__ import annotations

from typing import Annotated

import typer

from runners.cli.options import parse_size
from runners.cli.saying import say


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
        str | None, typer.Option(help="Resolution that hours are told for, HEIGHTxWIDTH (default: 480x848).")
    ] = None,
) -> None:
    """List the studies with size and cost, or show one: factors, arms, design, fixed conditions, protocol.

    Hours are told where the architectures were profiled on this machine, as `seatbelt sweep --dry-run` does.

    Examples:
      seatbelt studies architecture

      seatbelt studies augmentation --design fractional-32
    """
    from runners.studies_text import list_text, study_text
    from seatbelt.errors import UserError

    if name is not None:
        say(study_text(name, design, parse_size(size)))
    elif design is not None:
        raise UserError("--design needs the name of a study, such as `seatbelt studies augmentation --design ofat`")
    else:
        say(list_text(parse_size(size)))


def doctor(
    address: Annotated[str | None, typer.Option(help="Also ask this Ray cluster.")] = None,
    start_ray: Annotated[bool, typer.Option(help="Start Ray and run one task on it.")] = True,
) -> None:
    """Check this machine: packages, devices, weights, disk, and that Ray runs a task.

    Example:
      seatbelt doctor
    """
    from runners.doctor import examine

    findings = examine(address=address, start_ray=start_ray)
    for finding in findings:
        say(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}: {finding.found}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
