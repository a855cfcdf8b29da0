"""Turns a request into the description of a sweep, and checks everything before the first trial."""

from __future__ import annotations

import dataclasses
import datetime
import os
import secrets
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from runners.core.halving import check_rungs, default_rungs
from runners.core.strategies.proposal import check_enumerable
from runners.new_sweep.base_config import factors_and_base, narrow_study, space_without_data, why_not_real
from runners.new_sweep.composition_checks import fix_number
from runners.new_sweep.pairs_survey import exclude_unbuildable
from runners.new_sweep.parts_survey import check_parts, survey_parts
from runners.new_sweep.refusals import (
    check_batches,
    check_comparable,
    check_transform_parameters,
    check_transforms,
    resolve_weights,
)
from runners.new_sweep.request import Request
from runners.new_sweep.space_checks import arms_to_check, configs_to_check, propose_and_design, resolve_all_labels
from runners.new_sweep.space_options import Narrowed
from runners.sweep_files.code_version import code_hashes, package_versions
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.weight_retention import parse_keep
from search_spaces.designs import baseline_cell, build_design
from search_spaces.space import Cell, Prune, Space
from seatbelt.config.trial import TrialConfig
from seatbelt.data.checks.label_coverage import NamedConfig
from seatbelt.data.datasets.dataset import DataSet, fingerprint, read
from seatbelt.data.loading.trial_samples import SweepData, colours_clothes, target_masks
from seatbelt.data.partition.splits import selection_set
from seatbelt.data.partition.subjects import check_subjects, share_subjects
from seatbelt.errors import UserError
from seatbelt.records.sweep import DataSource, SweepExclusion
from seatbelt.text.redaction import redact, refuse_secret
from seatbelt.training.metrics import trivial_baselines

_ETA = 3
"""Of this many trials at a rung, asynchronous successive halving promotes one."""
_EXEMPT_EVERY = 8
"""In a pruned sweep one in this many replicates of a cell is never pruned."""
_RETRIES = 2
"""Retries of a trial after an error of its own."""


def describe(
    request: Request,
    note: Callable[[str], None] = lambda _: None,
    *,
    default_data: Callable[[], Path] | None = None,
    command: Sequence[str] | None = None,
) -> SweepDescription:
    """Check a request and return the description of its sweep.

    Args:
        request: The request.
        note: Called with each choice that the data made for the user, and before slow steps.
        default_data: Makes the data set of a request without data; called when nothing else can fail.
        command: The words after `seatbelt` that ask for the same; None for those that this process began with.

    Raises:
        UserError: The sweep could not work; nothing has run yet.
    """
    parse_keep(request.keep_weights)
    if not request.data and default_data is None:
        raise UserError("there are no data; name at least one data-set folder with --data")
    datasets = [read(path) for path in request.data]
    _refuse_secrets(request, datasets)
    narrowed = narrow_study(request)
    weights = _check_before_data(request, narrowed, note)
    if default_data is not None and not datasets:
        datasets = [read(default_data())]
    _check_names(datasets)
    sources, data = _open_data(request, datasets)
    factors, base = factors_and_base(request, narrowed, datasets, note)
    factors, base, all_labels = resolve_all_labels(factors, base, data, note)
    space = Space(factors=factors, exclusions=request.study.exclusions, arms=request.study.arms)
    size = (base.data.height, base.data.width)
    unbuildable = exclude_unbuildable(space, base, size, note if size != request.size else lambda _: None)
    exclusions = (*request.study.exclusions, *unbuildable)
    space = dataclasses.replace(space, exclusions=exclusions)
    propose, design = propose_and_design(request.study.protocol, request.propose, request.design)
    prune = request.prune or request.study.protocol.prune
    baseline = baseline_cell(space, base)
    tried = _design_cells(request, space, base)
    base = fix_number(space, base, tried, data, note)
    arms = arms_to_check(space, base, tried)
    baselines = _check_arms(request, base, data, arms, all_labels, note)
    described = SweepDescription(
        identity=secrets.token_hex(8),
        study=request.study.name,
        question=request.study.question,
        base=base,
        factors=tuple(f.record() for f in factors),
        exclusions=tuple(SweepExclusion(reason=x.reason, labels=dict(x.labels)) for x in exclusions),
        arms={arm.name: dict(arm.fields) for arm in space.arms},
        design=design,
        baseline=baseline,
        propose=propose,
        prune=prune,
        rungs=_rungs(request, base.epochs, prune),
        eta=_ETA,
        exempt_every=_EXEMPT_EVERY,
        retries=_RETRIES,
        data=sources,
        select_on=request.select_on,
        selection=data.selection,
        subjects_per_data_set=data.subjects_per_data_set,
        weights_folder=os.fspath(request.weights_folder.resolve()) if request.weights_folder else None,
        weights=weights,
        baselines=baselines,
        device=request.device,
        threads=request.threads,
        workers=request.workers,
        checkpoint_share=request.checkpoint_share,
        keep_weights=request.keep_weights,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=redact(shlex.join(["seatbelt", *map(redact, sys.argv[1:] if command is None else command)])),
        versions=package_versions(),
        code=code_hashes(),
    )
    # Read back from JSON, so that the same request always compares equal.
    return SweepDescription.model_validate_json(described.model_dump_json())


def _open_data(request: Request, datasets: list[DataSet]) -> tuple[tuple[DataSource, ...], SweepData]:
    """Return the data sets of a sweep with their fingerprints and the selection set."""
    per_data_set = request.subjects_per_data_set or not share_subjects(datasets)
    if not per_data_set:
        check_subjects(datasets)
    sources = tuple(
        DataSource(path=os.fspath(dataset.root.resolve()), name=dataset.name, fingerprint=fingerprint(dataset))
        for dataset in datasets
    )
    selection = selection_set(datasets, domain=request.select_on, seed=request.seed, subjects_per_data_set=per_data_set)
    return sources, SweepData(sources, selection, subjects_per_data_set=per_data_set)


def _check_arms(
    request: Request,
    base: TrialConfig,
    data: SweepData,
    arms: list[NamedConfig],
    all_labels: tuple[str, ...],
    note: Callable[[str], None],
) -> dict[str, float]:
    """Check the data of every arm, note warnings, and return the scores of the trivial baselines."""
    configs = [config for _, config in arms]
    for config in {(config.data, colours_clothes(config)): config for config in configs}.values():
        data.partition(config)
    check_batches(configs, data)
    check_transforms(configs)
    baselines = _baselines(data, configs[0], note)
    # `all` may include a label that no image shows, because nobody named it.
    survey = survey_parts(data, arms, unnamed_context=all_labels)
    check_parts(survey, arms)
    for warning in survey.warnings(request.select_on, why_not_real=why_not_real(request, base)):
        note(f"warning: {warning}")
    return baselines


def _check_before_data(request: Request, narrowed: Narrowed, note: Callable[[str], None]) -> dict[str, str | None]:
    """Check what needs no data, before any image is rendered or decoded.

    Returns:
        `encoder weights` -> sha256 of the weights file, None for random weights.

    Raises:
        UserError: Levels that do not compare, or weights that are missing or do not fit.
    """
    space, base = space_without_data(request, narrowed)
    check_comparable(space)
    # Without --size the images decide; pairs that do not fit any size are known already.
    size = request.size or (base.data.height, base.data.width)
    space = dataclasses.replace(space, exclusions=(*space.exclusions, *exclude_unbuildable(space, base, size, note)))
    configs = configs_to_check(space, base, _design_cells(request, space, base))
    check_transform_parameters(configs)
    return resolve_weights(configs, request.weights_folder, note)


def _design_cells(request: Request, space: Space, base: TrialConfig) -> Sequence[Cell]:
    """Return the cells of a design; none if the strategy chooses them during the sweep."""
    propose, design = propose_and_design(request.study.protocol, request.propose, request.design)
    if propose != "exhaustive":
        return ()
    if design == "full":
        check_enumerable(space)
    return build_design(space, design, baseline=baseline_cell(space, base), seed=base.seed).cells


def _refuse_secrets(request: Request, datasets: list[DataSet]) -> None:
    """Refuse secrets in values that the sweep must record as they are, and so cannot mask."""
    for dataset in datasets:
        _refuse_undecodable("data set", dataset.root.resolve())
        refuse_secret("data set", os.fspath(dataset.root.resolve()))
    if request.weights_folder is not None:
        refuse_secret("weights folder", os.fspath(request.weights_folder.resolve()))
    for option in (*request.vary, *request.fix):
        refuse_secret("the choice", option)


def _refuse_undecodable(what: str, path: Path) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in os.fspath(path)):
        raise UserError(
            f"{what} {path}: the path is no text (bytes that are no UTF-8), so that a sweep cannot record it; rename "
            "that folder, or set LC_ALL=C.UTF-8 if that is how its name is written"
        )


def _rungs(request: Request, epochs: int, prune: Prune) -> tuple[int, ...]:
    if request.rungs and prune == "none":
        raise UserError("--rungs only makes sense with --prune asha")
    if prune == "none":
        return (epochs,)
    return check_rungs(request.rungs, epochs) if request.rungs else default_rungs(epochs, _ETA)


def _baselines(data: SweepData, config: TrialConfig, note: Callable[[str], None]) -> dict[str, float]:
    count = sum(len(dataset.rows) for dataset in data.datasets)
    note(f"decoding {count} images at {config.data.height}x{config.data.width} (once per machine)")
    samples = data.samples(config)
    train, train_valid = target_masks(samples.train)
    selection, selection_valid = target_masks(samples.selection)
    baselines = trivial_baselines(train, selection, train_valid=train_valid, selection_valid=selection_valid)
    return {
        "all background": baselines.background.iou,
        "mean training mask": baselines.mean_mask.iou,
        "mean training mask, with target": _rounded(baselines.mean_mask.iou_with_target),
    }


def _rounded(value: float | None) -> float:
    return 0.0 if value is None else float(np.round(value, 6))


def _check_names(datasets: list[DataSet]) -> None:
    names = [dataset.name for dataset in datasets]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(f"two data sets are called {repeated[0]!r}; change the name in one dataset.json")
