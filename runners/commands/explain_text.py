"""What explanations come to, as text."""

from __future__ import annotations

from analysis.text.tables import table_text
from runners.commands.explain import Explained
from seatbelt.explain.importance import Share

_SAME = 0.005
"""Scores that differ by more are not those of the same prediction."""


def explained_text(explained: list[Explained]) -> str:
    """Return a table for each image, with where its panel lies."""
    lines = [explained[0].trial]
    for item in explained:
        found, chosen = item.found, item.chosen
        lines += ["", f"{chosen.image} ({chosen.why}): IoU {found.iou:.3f}", *_warnings(item)]
        lines.append(_table(item.target, found.by_occlusion, found.by_gradient))
        lines.append(f"wrote {item.panel} and .json")
    radius, compare = explained[0].found.radius, explained[0].found.options.compare
    lines += [
        "",
        f"near: within {radius} pixels; concentration: share of importance / share of area; "
        f"occlusion compares {compare}",
    ]
    return "\n".join(lines)


def _warnings(item: Explained) -> list[str]:
    recorded, found = item.chosen.recorded, item.found
    lines = []
    if recorded and abs(recorded.iou - found.iou) > _SAME:
        lines.append(f"the sweep recorded IoU {recorded.iou:.3f}: other versions or device?")
    if item.chosen.part == "train":
        lines.append("the trial was trained with this image: it says little about others")
    if not found.predicted.any():
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
