"""The story of a trial as text."""

from __future__ import annotations

from analysis.answers.rung_story import Neighbour, RungStory
from analysis.answers.why import Decision, Story
from seatbelt.records.names import cell_name, replicate_name
from seatbelt.records.sweep import cell_text
from seatbelt.text.wording import counted


def story_text(story: Story) -> str:
    """Return the story of a trial, one line per event."""
    lines = [story.provisional] if story.provisional else []
    number = "" if story.number is None else f"[{story.number}] "
    lines.append(f"trial {number}{cell_name(story.cell)}, {_kind(story)}: {cell_text(story.cell)}")
    lines.append(f"trial key {story.trial_key}, arm key {story.arm_key}")
    lines += _beginning(story)
    rungs = {rung.rung: rung for rung in story.rungs}
    for decision in story.decisions:
        rung_story = rungs.pop(decision.epoch, None) if decision.by == "asha" and decision.epoch is not None else None
        lines += _rung(rung_story, story) if rung_story is not None else _other(decision)
    for rung in rungs.values():
        lines += _rung(rung, story)
    lines += _not_pruned(story)
    lines += _troubles(story)
    lines += _ending(story)
    return "\n".join(lines)


def _kind(story: Story) -> str:
    if story.role == "stage":
        return "pretraining"
    return replicate_name(story.replicate or 0) + (f", {story.role}" if story.role == "copied" else "")


def _beginning(story: Story) -> list[str]:
    proposal = next((item for item in story.decisions if item.kind == "proposal"), None)
    if proposal is None:
        lines = [f"proposed by {story.proposed_by or 'an unknown strategy'}"]
    else:
        when = f" at {proposal.at}" if proposal.at else ""
        lines = [f"proposed by {proposal.by}{when}: {proposal.reason}"]
    if story.stage is not None:
        whose = "trained for another trial or sweep" if story.stage.reused else "trained for this trial first"
        took = "" if story.stage.seconds is None else f", {story.stage.seconds:.0f} s of training"
        lines.append(f"begins with the pretraining {story.stage.stage_key} ({whose}{took})")
    if story.used_by:
        count, begin = counted(len(story.used_by), "trial"), "begins" if len(story.used_by) == 1 else "begin"
        lines.append(f"{count} {begin} with it: {', '.join(user.text for user in story.used_by[:5])}")
    return lines


def _other(decision: Decision) -> list[str]:
    if decision.kind == "proposal":
        return []
    at = "" if decision.epoch is None else f" at epoch {decision.epoch}"
    return [f"{decision.kind} by {decision.by}{at}: {decision.reason}"]


def _rung(rung: RungStory, story: Story) -> list[str]:
    fate = "promoted" if rung.promoted else "not promoted"
    allowed = "" if rung.allowed is None else f", {counted(rung.allowed, 'promotion')} allowed by then"
    lines = [
        f"rung at epoch {rung.rung}: {fate}; score {rung.score:.4f}, rank {rung.rank} of {rung.compared}{allowed}",
        f"  decision: {rung.reason}",
    ]
    near = [_named("just above it", rung.ahead), _named("just below it", rung.behind)]
    near += [_named("best of the others waiting", rung.best_waiting), _named("the cut", rung.cut)]
    lines.append(f"  {'; '.join(text for text in near if text) or 'no other trial at this rung'}")
    if rung.promoted:
        return lines
    if rung.needed is not None:
        lines.append(
            f"  needed: more than {rung.needed:.4f}, the lowest score promoted after it arrived; "
            f"it had {rung.score:.4f}"
        )
    else:
        lines.append(
            "  needed: another promotion; none was allowed after it arrived, because only one is allowed per "
            f"{story.eta} trials that reach the rung"
        )
    return lines


def _named(what: str, neighbour: Neighbour | None) -> str:
    return "" if neighbour is None else f"{what}: [{neighbour.number}] ({neighbour.score:.4f})"


def _not_pruned(story: Story) -> list[str]:
    if not story.prunes:
        return ["no rungs: this sweep does not prune"]
    return ["no rungs: the trial is exempt from pruning"] if story.exempt else []


def _troubles(story: Story) -> list[str]:
    legs = counted(story.attempts, "leg")
    hosts = f" on {', '.join(story.hosts)}" if story.hosts else ""
    troubles = [
        f"{count} ended by {what}"
        for count, what in ((story.failures, "an error of the trial"), (story.machine_faults, "a fault of a machine"))
        if count
    ]
    lines = [f"trained in {legs}{hosts}" + (f"; {', '.join(troubles)}" if troubles else "")]
    return lines + ([f"last error: {' '.join(story.error.split())}"] if story.error else [])


def _ending(story: Story) -> list[str]:
    when = f" at {story.ended_at}" if story.ended_at else ""
    lines = [f"status: {story.status}{when}, {_epochs(story)}"]
    if story.selection_iou is not None:
        lines.append(f"best epoch: {story.best_epoch}, selection IoU {story.selection_iou:.4f}")
    if story.test_iou is not None:
        lines.append(f"test IoU with the weights of that epoch: {story.test_iou:.4f}")
    if story.place is not None:
        lines.append(f"its arm ranks {story.place} of {story.arms} by mean selection IoU of complete trials")
    return lines


def _epochs(story: Story) -> str:
    if story.epochs_planned is None:
        return counted(story.epochs_done, "epoch")
    return f"{story.epochs_done} of {counted(story.epochs_planned, 'epoch')}"
