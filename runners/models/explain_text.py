"""Explanations as text."""

from __future__ import annotations

from analysis.text.tables import table_text
from runners.models.explain import Explained
from seatbelt.explain.importance import Share

_SAME = 0.005
"""Scores that differ by more belong to different predictions."""


def explained_text(explained: list[Explained]) -> str:
    """Return a table for each image, and the path of its panel."""
    lines = [explained[0].trial]
    for item in explained:
        explanation, chosen = item.explanation, item.chosen
        lines += ["", f"{chosen.image} ({chosen.why}): IoU {explanation.iou:.3f}", *_warnings(item)]
        lines.append(_table(item.target, explanation.by_occlusion, explanation.by_gradient))
        lines.append(f"wrote {item.panel} and .json")
    radius, compare = explained[0].explanation.radius, explained[0].explanation.options.compare
    lines += [
        "",
        f"near: within {radius} pixels; concentration: share of importance / share of area; "
        f"occlusion compares {compare}",
    ]
    return "\n".join(lines)


def _warnings(item: Explained) -> list[str]:
    recorded, explanation = item.chosen.recorded, item.explanation
    lines = []
    if recorded and abs(recorded.iou - explanation.iou) > _SAME:
        lines.append(f"the sweep recorded IoU {recorded.iou:.3f}: other versions or device?")
    if item.chosen.part == "train":
        lines.append("the trial was trained with this image: it says little about others")
    if not explanation.predicted.any():
        lines.append("nothing is predicted: the gradient is that of the logits of the whole image")
    return lines


def _table(target: str, by_occlusion: tuple[Share, ...], by_gradient: tuple[Share, ...]) -> str:
    rows = []
    for occluded, guided in zip(by_occlusion, by_gradient, strict=True):
        name = target if occluded.region == "target" else occluded.region
        rows.append([name, f"{100 * occluded.area:.1f}", *_cells(occluded), *_cells(guided)])
    names = ["region", "area %", "occlusion %", "concentration", "gradient %", "concentration"]
    return table_text(names, rows)


def _cells(share: Share) -> list[str]:
    importance = "-" if share.importance is None else f"{100 * share.importance:.1f}"
    concentration = "-" if share.concentration is None else f"{share.concentration:.2f}"
    return [importance, concentration]
