"""`studies` and `doctor`: what can be asked, and whether this machine can answer."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(studies)
    app.command()(doctor)


def studies(
    name: Annotated[str | None, typer.Argument(help="A study's name or Python file; all if left out.")] = None,
) -> None:
    """List the studies, or show one: factors, levels, fixed conditions, protocol.

    Example:
      seatbelt studies architecture
    """
    from search_spaces.studies import STUDIES, find

    if name is not None:
        typer.echo(_describe(name))
        return
    for known in STUDIES:
        study = find(known)
        typer.echo(f"{known:<16} {study.space.size:>6} cells  {study.question} [thesis: {study.reference}]")
    typer.echo("\nseatbelt studies NAME shows one; a Python file that defines study() is a study too")


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
        typer.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}: {finding.found}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _describe(name: str) -> str:
    from search_spaces.studies import find

    study = find(name)
    lines = [f"{study.name}: {study.question}", f"thesis: {study.reference}", "", "factors"]
    for factor in study.factors:
        lines.append(f"  {factor.name}: {', '.join(level.label for level in factor.levels)}")
    lines += [
        f"  {study.space.size} cells",
        "",
        "fixed conditions (others: table 3.3; change one with --fix)",
    ]
    for field, condition in study.conditions.items():
        value = "+".join(condition.value) if isinstance(condition.value, tuple) else condition.value
        note = f": {condition.note}" if condition.note else ""
        lines.append(f"  {field} = {value} ({condition.source}{note})")
    protocol = study.protocol
    lines += [
        "",
        f"protocol: {protocol.epochs} epochs, {protocol.replicates} replicate(s), propose {protocol.propose}, "
        f"prune {protocol.prune}",
        f"run it: seatbelt sweep {name} --dry-run",
    ]
    return "\n".join(lines)
