"""The factors and the base configuration of a new sweep, from its study, the options and the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runners.new_sweep.request import Request
from runners.new_sweep.space_options import Narrowed, narrow
from search_spaces.factors import Factor
from search_spaces.space import Space
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import DataSet, decode
from seatbelt.errors import UserError


def narrow_study(request: Request) -> Narrowed:
    """Apply the options of a request to the factors of its study.

    Raises:
        UserError: The options contradict the study or each other.
    """
    return narrow(
        request.study.factors,
        vary=request.vary,
        fix=request.fix,
        levels=request.levels,
        all_subsets=request.all_subsets,
        architectures_from=request.architectures_from,
    )


def space_without_data(request: Request, narrowed: Narrowed) -> tuple[Space, TrialConfig]:
    """Return the space and the base configuration as far as study and options decide them."""
    study = request.study
    space = Space(factors=tuple(narrowed.factors.values()), exclusions=study.exclusions, arms=study.arms)
    return space, study.base().with_fields(_changes(request, narrowed))


def factors_and_base(
    request: Request, narrowed: Narrowed, datasets: list[DataSet], note: Callable[[str], None]
) -> tuple[tuple[Factor, ...], TrialConfig]:
    """Return the factors and the base configuration; `note` shows what the data decide.

    Raises:
        UserError: The options contradict the data.
    """
    changes = _changes(request, narrowed)
    changes |= _from_data(request, datasets, set(narrowed.named) | set(narrowed.factors), note)
    return tuple(narrowed.factors.values()), request.study.base().with_fields(changes)


def why_not_real(request: Request, base: TrialConfig) -> str:
    """Return why trials train on no real images; empty if they do."""
    if base.data.real:
        return ""
    fixed = any(option.partition("=")[0].strip() in ("real", "data.real") for option in request.fix)
    return f"data.real = False, {'from --fix' if fixed else 'from the study'}"


def _changes(request: Request, narrowed: Narrowed) -> dict[str, Any]:
    """Return the fields that the request fixes."""
    changes: dict[str, Any] = {"seed": request.seed, **narrowed.changes}
    if request.max_epochs is not None:
        changes["epochs"] = request.max_epochs
        if "pretraining_epochs" not in narrowed.named:
            changes["pretraining.epochs"] = request.max_epochs
    return changes


def _from_data(
    request: Request, datasets: list[DataSet], named: set[str], note: Callable[[str], None]
) -> dict[str, Any]:
    """Return the fields that the data decide if the user did not: domain, target and size; `note` shows each."""
    changes: dict[str, Any] = {}
    rows = [row for dataset in datasets for row in dataset.rows]
    base = request.study.base().data
    if "generations" not in named and base.generations and all(row.domain == "real" for row in rows):
        note(f"the data hold no synthetic images: trials train on the {len(rows)} real ones, less the held-out")
        changes["data.generations"] = ()
        if "real" not in named:
            changes["data.real"] = True
    targets = {dataset.target for dataset in datasets}
    if "target" not in named and targets != {base.target}:
        if len(targets) > 1:
            names = sorted(targets)
            raise UserError(
                f"the data sets have different targets ({', '.join(names)}); choose one, such as by --fix "
                f"target={names[0]}"
            )
        note(f"target: {next(iter(targets))} (from dataset.json)")
        changes["data.target"] = next(iter(targets))
    if request.size is not None:
        if {"height", "width"} & named:
            raise UserError("--size contradicts --set or --fix of height or width; use one of them")
        changes |= {"data.height": request.size[0], "data.width": request.size[1]}
    elif not {"height", "width"} & named:
        height, width = _native_size(datasets[0])
        note(f"training resolution: {height}x{width}, the size of the images (--size HEIGHTxWIDTH changes it)")
        changes |= {"data.height": height, "data.width": width}
    return changes


def _native_size(dataset: DataSet) -> tuple[int, int]:
    height, width = decode(dataset, dataset.rows[0])[1].shape
    return height, width
