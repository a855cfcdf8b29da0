"""The plan of a sweep as text: what `--dry-run` prints."""

from __future__ import annotations

from dataclasses import asdict

from runners.core.history import History
from runners.core.plan import Limits, Plan
from runners.new_sweep.parts_survey import PartsSurvey, survey_parts
from runners.new_sweep.space_checks import arms_to_check
from runners.preview.cost import device_here, seconds_per_trial_epoch, some_cells
from runners.session.sweep_progress import total_epochs
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from search_spaces.factors import Factor
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.records.tables import FINAL
from seatbelt.text.wording import counted, duration

_MOST_LEVELS = 8


def plan_text(
    folder: SweepFolder, description: SweepDescription, limits: Limits, *, slots: int, history: History | None = None
) -> str:
    """Return the plan of a sweep: factors, numbers of trials and epochs, data, and an estimate of the time.

    Args:
        folder: The sweep.
        description: Its description.
        limits: What it may spend.
        slots: Trials at a time.
        history: Its history; None for a sweep that has not begun.
    """
    plan = description.plan(limits)
    data = SweepData.of(description)
    lines = [f"study      {description.study}: {description.question}", f"folder     {folder.name}"]
    lines += [f"factor     {factor_text(factor)}" for factor in plan.space.factors]
    lines += [f"arm        {arm.name}, beside the space" for arm in plan.space.arms]
    lines += [f"excluded   {exclusion.reason}" for exclusion in plan.space.exclusions]
    if plan.propose == "exhaustive":
        lines.append(f"design     {plan.design_name}: {len(plan.design)} arms")
        lines += [f"           {note}" for note in plan.design.notes]
    lines += _search_lines(plan, description, limits)
    lines += _data_lines(plan, description, data)
    lines += [f"baseline   {name}: selection IoU {value:.3f}" for name, value in description.baselines.items()]
    lines.append(_device_line(description.device))
    epochs = total_epochs(plan)
    if history is not None:
        lines.append(_left_line(plan, history))
        epochs = max(0, epochs - history.epochs_done) if epochs is not None else None
    lines.append(_time_line(plan, data, slots, epochs))
    return "\n".join(lines)


def _left_line(plan: Plan, history: History) -> str:
    ended = sum(history.statuses[status] for status in FINAL)
    trials, epochs = plan.most_trials, total_epochs(plan)
    done = f"{counted(ended, 'trial')} and {counted(history.epochs_done, 'epoch')} are done"
    if trials is not None and ended >= trials:
        return f"left       nothing: {done}; larger limits such as --replicates extend the sweep"
    left = f"{counted(trials - ended, 'trial')}" if trials is not None else "trials until a limit is reached"
    if epochs is not None:
        left += f", about {counted(max(0, epochs - history.epochs_done), 'epoch')}"
    return f"left       {left}; {done}"


def factor_text(factor: Factor) -> str:
    """Return a factor with its levels or its range."""
    if factor.range is not None:
        return f"{factor.name}: {factor.range.low:g} to {factor.range.high:g}{', logarithmic' * factor.range.log}"
    labels = [level.label for level in factor.levels]
    levels = ", ".join(labels[:_MOST_LEVELS]) + (", ..." if len(labels) > _MOST_LEVELS else "")
    return f"{factor.name}: {levels} ({len(labels)})"


def _search_lines(plan: Plan, description: SweepDescription, limits: Limits) -> list[str]:
    trials, epochs = plan.most_trials, total_epochs(plan)
    bounds = {name: value for name, value in asdict(limits).items() if value is not None}
    if limits.until is None:
        bounds.pop("sure")
    rungs = f", rungs {'+'.join(map(str, plan.rungs))}" if plan.prune == "asha" else ""
    return [
        f"search     propose {description.propose}, prune {description.prune}{rungs}; "
        f"limits {', '.join(f'{name} {value:g}' for name, value in bounds.items())}",
        f"trials     {trials if trials is not None else 'until a limit is reached'} of {plan.epochs} epochs each at "
        f"most; {f'about {epochs}' if epochs is not None else 'an unknown number of'} epochs in all",
    ]


def _data_lines(plan: Plan, description: SweepDescription, data: SweepData) -> list[str]:
    tried = plan.design.cells if plan.propose == "exhaustive" else ()
    arms = arms_to_check(plan.space, plan.base, tried)
    survey = survey_parts(data, arms)
    first = plan.space.config(plan.base, some_cells(plan)[0], seed=plan.base.seed)
    lines = [
        f"data       {source.name} ({len(dataset.rows)} images) {source.path}"
        for source, dataset in zip(description.data, data.datasets, strict=True)
    ]
    size, images = f"{first.data.height}x{first.data.width}", survey.images
    lines.append(
        f"images     train {images['train']}, validation {images['validation']}, selection {images['selection']} "
        f"({description.select_on}), test {images['test']}; {size}, target {first.data.target}"
    )
    if description.trained_on == "training":
        lines += _part_lines(survey, description.select_on)
    else:
        lines.append("           validation and selection images train too, so that their scores say nothing")
    if not survey.test:
        lines.append(f"           no test images of the {description.select_on} domain: test scores stay empty")
    for target in dict.fromkeys(target for target, _ in survey.with_target):
        parts = ", ".join(_target_text(survey, target, part) for part in ("training", "selection", "test"))
        lines.append(f"target     {target} is in {parts} images")
    why_not_real = "" if plan.base.data.real else "data.real = False"
    warnings = survey.warnings(description.select_on, why_not_real=why_not_real)
    return lines + [f"warning    {text}" for text in (*survey.faults, *warnings)]


def _part_lines(survey: PartsSurvey, domain: str) -> list[str]:
    validation = "a held-out part of each arm's own images"
    if survey.trained & survey.selection:
        more = survey.images["validation"].high > survey.images["selection"].high
        validation = f"the selection images{' and held-out synthetic ones' if more else ''}"
    return [
        f"           validation: {validation}; only lowers the learning rate",
        f"           selection: {domain} images of held-out people; ranks arms and picks each trial's best epoch",
        "           test: images of other people; measured once when a trial is complete, never ranks",
    ]


def _target_text(survey: PartsSurvey, target: str, part: str) -> str:
    return f"{survey.with_target[target, part]} of {survey.different[target, part]} {part}"


def _device_line(device: str) -> str:
    if device != "auto":
        return f"device     {device}"
    here = "the CPU (torch can use no GPU)" if device_here() == "cpu" else "a GPU"
    return f"device     auto: CUDA for each trial that has a GPU, else the CPU; on this machine {here}"


def _time_line(plan: Plan, data: SweepData, slots: int, epochs: int | None) -> str:
    if epochs is None:
        return "time       only limited by --hours"
    if not epochs:
        return "time       none"
    per_epoch = seconds_per_trial_epoch(plan, data)
    total = epochs * per_epoch / slots
    return (
        f"time       about {duration(total)} with {counted(slots, 'trial')} at a time "
        f"({per_epoch:.1f} s per epoch on average, from one training step of each architecture on this machine's "
        f"{'CPU' if device_here() == 'cpu' else 'GPU'})"
    )
