"""The effect of each level, in sentences."""

from __future__ import annotations

import contextlib

from analysis.answers.effects import Effect
from analysis.figures import figure
from analysis.figures.chart import NotApplicableError
from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Block, Picture, Section, Text, capital
from seatbelt.errors import UserError
from seatbelt.text.wording import counted

_SENTENCES = 20


def contributions(data: SweepData) -> Section | None:
    """Return the section; None if nothing varied."""
    try:
        effects = data.effects
    except UserError as error:
        if not data.varied:
            return None
        text = Text(text=f"No effects: {error}", kind="note")
        return Section(name="effects", title="What each choice contributes", blocks=(text,))
    estimated = [effect for effect in effects.effects if effect.effect is not None]
    ranked = sorted(estimated, key=lambda effect: (not effect.decided, -abs(effect.effect or 0)))
    blocks: list[Block] = [Text(text=sentence(effect)) for effect in ranked[:_SENTENCES]]
    if len(ranked) > _SENTENCES:
        blocks.append(
            Text(text=f"{counted(len(ranked) - _SENTENCES, 'further effect')} are in the table.", kind="note")
        )
    blocks += [Text(text=f"{capital(note)}.", kind="note") for note in effects.notes]
    for name in ("main_effects", "interactions"):
        with contextlib.suppress(NotApplicableError):
            blocks.append(Picture(figure=figure(name, data)))
    return Section(name="effects", title="What each choice contributes", blocks=tuple(blocks))


def sentence(effect: Effect) -> str:
    """Return an effect in words: `cutout=on costs 0.032 IoU against off [-0.043, -0.021], n = 33; decided`."""
    name = f"{effect.factor}={effect.level}"
    against = "" if effect.reference == "-" else f" against {effect.reference}"
    if effect.effect is None:
        return f"{name}: the complete trials cannot identify its effect{against} (n = {effect.n})."
    does = "costs" if effect.effect < 0 else "adds"
    if effect.low is None or effect.high is None:
        return f"{name} {does} {abs(effect.effect):.3f} IoU{against}, n = {effect.n}; too few trials for an interval."
    interval = f"[{effect.low:+.3f}, {effect.high:+.3f}]"
    if effect.decided:
        return f"{name} {does} {abs(effect.effect):.3f} IoU{against} {interval}, n = {effect.n}; decided."
    if effect.low > 0 or effect.high < 0:
        return (
            f"{name} may {does[:-1]} {abs(effect.effect):.3f} IoU{against} {interval}, n = {effect.n}; not decided: "
            "with this many comparisons, such an interval may occur by chance."
        )
    seen = "" if effect.detectable is None else f"; effects below {effect.detectable:.3f} are not detectable"
    return f"{name}: no significant difference{against}: {effect.effect:+.3f} {interval}, n = {effect.n}{seen}."
