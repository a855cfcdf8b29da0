"""What a model card says of the quality of a model."""

from __future__ import annotations

from analysis.answers.arm_scores import ArmScores
from runners.core.trial_state import TrialState
from seatbelt.text.wording import counted


def score_line(view: TrialState) -> str:
    """Return both scores of a trial."""
    test = (view.test or {}).get("iou")
    tested = "no test images" if test is None else f"test IoU {test:.3f}"
    return f"selection IoU {view.best_score or 0.0:.3f}, {tested}"


def selection_sentence(view: TrialState, scores: ArmScores) -> str:
    """Return the selection score of a trial and of its arm."""
    own = f"Selection IoU {view.best_score or 0.0:.3f} (this model, best epoch)."
    if scores.selection is None or scores.selection.n < 2:
        return f"{own} Its arm was trained once, so that the spread between seeds is unknown."
    return f"{own} Its arm over {counted(scores.selection.n, 'seed')}: {scores.selection.text()}, 95 % interval."


def test_sentence(view: TrialState, scores: ArmScores) -> str:
    """Return the test score of a trial and of its arm."""
    test = (view.test or {}).get("iou")
    if test is None:
        return "There were no test images: nothing says how it does on people that the search did not see."
    own = f"Test IoU {test:.3f} (this model), on people that neither trained nor selected."
    if scores.test is None:
        return own
    people = counted(scores.test.n, "person").replace("persons", "people")
    return f"{own} Its arm: {scores.test.text()}, 95 % interval over {people} and its seeds."


def confirmation_sentence(scores: ArmScores, sweep: str) -> str:
    """Return what fresh seeds say of an arm, or how to ask them."""
    arm = scores.confirmation
    chosen = f"It was chosen as the best of {counted(scores.arms, 'arm')}, and part of its selection score is luck"
    if arm is None:
        return f"{chosen}; how much is unknown until `seatbelt confirm {sweep}` has trained it with fresh seeds."
    test = "" if arm.test is None else f", test IoU {arm.test.text()}"
    shrinkage = "" if arm.shrinkage is None else f"; the part that was luck (the winner's curse): {arm.shrinkage:+.3f}"
    return (
        f"{chosen}. Trained again with {counted(arm.replicates, 'fresh seed')}: selection IoU {arm.selection.text()}"
        f"{test}{shrinkage}."
    )
