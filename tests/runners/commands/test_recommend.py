"""The recommendation from the ledger of a sweep, and what a driver prints about it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from runners.cli.compare_why import recommend
from runners.commands.recommend import JudgedRecommendation, recommendation, recommendation_lines
from runners.core.events import CertaintyJudged
from runners.core.plan import Finished, Limits
from runners.session.driver import Driver
from runners.session.progress import Progress
from runners.session.recommendation_text import certainty_text
from runners.sweep_files.folder import SweepFolder
from runners.worker.messages import LegTask
from seatbelt.errors import UserError
from seatbelt.records.sweep import cell_text
from tests.runners.conftest import describe, ended_message, epoch_message

GOOD = {"resnet34": 0.05, "unet": 0.03}
"""What these levels add."""


def train(driver: Driver, spec: LegTask) -> None:
    """Run a leg whose score follows from its levels, and a little from its seed."""
    model = spec.config.model
    end = 0.4 + GOOD.get(model.encoder, 0.0) + GOOD.get(model.decoder, 0.0) + 0.001 * (int(spec.trial_key[:2], 16) % 5)
    for epoch in range(spec.recorded_epochs + 1, spec.stop + 1):
        driver.handle(spec, epoch_message(epoch, end * epoch / spec.config.epochs))
    driver.handle(spec, ended_message("complete" if spec.stop == spec.config.epochs else "paused", spec.stop))


def run(folder: SweepFolder, limits: Limits) -> str:
    """Run a sweep one leg at a time and return its output."""
    output = io.StringIO()
    with Driver.open(folder, folder.describe(), limits, Progress(output)) as driver:
        while isinstance(step := driver.next(), LegTask):
            train(driver, step)
        assert isinstance(step, Finished)
    return output.getvalue()


def test_the_model_recommends_after_any_sweep(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe(encoders=3, decoders=3))
    with pytest.raises(UserError, match="its ledger holds no complete trial"):
        recommendation(str(tmp_path / "sweep"), 0.005, 0.9)
    assert "recommended" not in run(folder, Limits(replicates=2))
    judged = recommendation(str(tmp_path / "sweep"), 0.02, 0.9)
    assert judged.arm.cell == {"encoder": "resnet34", "decoder": "unet"}
    assert judged.replicates == 2
    assert judged.arm.score == pytest.approx(0.482, abs=0.01)
    assert judged.certainty.probability > 0.9
    first, second = recommendation_lines(judged)
    assert re.fullmatch(
        r"encoder=resnet34, decoder=unet \(2 trials\): expected selection IoU 0\.4[78]\d \+- 0\.00\d", first
    )
    assert "is within 0.02 of the best with probability" in second


def answer_after(tmp_path: Path, replicates: int, *, trials: int | None = None) -> JudgedRecommendation:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe(encoders=3, decoders=3))
    with Driver.open(
        folder, folder.describe(), Limits(replicates=replicates, trials=trials), Progress(quiet=True)
    ) as driver:
        while isinstance(step := driver.next(), LegTask):
            train(driver, step)
    return recommendation(str(tmp_path / "sweep"), 0.02, 0.9)


@pytest.mark.slow
@pytest.mark.parametrize(("replicates", "trials"), [(1, None), (1, 4), (2, 10)])
def test_a_noise_that_nothing_measured_gives_no_probability(
    tmp_path: Path, replicates: int, trials: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = answer_after(tmp_path, replicates, trials=trials)
    assert (judged.certainty.probability, judged.certainty.rival, judged.certainty.more) == (None, None, None)
    assert judged.arm.error is None
    first, second = recommendation_lines(judged)
    assert "+-" not in first
    assert second == (
        f"the noise between replicates is unknown, so that there is no probability that {cell_text(judged.arm.cell)} "
        "is within 0.02 of the best; it takes two complete trials of at least two arms (--replicates 2)"
    )
    recommend(tmp_path / "sweep", within=0.02, sure=0.9, json_output=True)
    output = json.loads(capsys.readouterr().out)
    assert output["arm"]["error"] is None
    assert output["certainty"]["probability"] is None


def test_two_arms_of_two_replicates_measure_the_noise(tmp_path: Path) -> None:
    judged = answer_after(tmp_path, 2, trials=11)
    assert judged.certainty.probability is not None and judged.arm.error is not None


@pytest.mark.slow
def test_judgements_without_a_measured_noise_name_no_probability(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe(encoders=5, decoders=6).model_copy(update={"propose": "factorial"}))
    output = run(folder, Limits(trials=30, until=0.02, sure=0.999, most_replicates=1))
    judged = [line for line in output.splitlines() if "is within 0.02 of the best" in line and "finished" not in line]
    assert judged and all(line.startswith("the noise between replicates is unknown") for line in judged)
    assert "+-" not in output


def test_nothing_varies(tmp_path: Path) -> None:
    SweepFolder(tmp_path / "sweep").create(describe(encoders=1, decoders=1))
    with pytest.raises(UserError, match="varies nothing"):
        recommendation(str(tmp_path / "sweep"), 0.005, 0.9)


@pytest.mark.slow
def test_a_factorial_sweep_ends_when_it_is_sure_and_says_so(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe(encoders=4, decoders=4).model_copy(update={"propose": "factorial"}))
    output = run(folder, Limits(trials=90, until=0.02))
    assert "recommended: encoder=resnet34, decoder=unet; expected selection IoU" in output
    assert "finished: encoder=resnet34, decoder=unet is within 0.02 of the best with probability" in output
    assert "by the model, which guesses the noise between replicates" in output, "arms were pruned or tried once"
    assert output.count("is within 0.02 of the best") >= 2, "every judgement is printed"
    # With the same limits the resumed sweep ends at once; with larger ones it goes on.
    assert "finished: encoder=resnet34" in run(folder, Limits(trials=90, until=0.02))
    assert "the limit of --trials is reached" in run(folder, Limits(trials=40))


def test_the_number_of_trials_that_would_settle_it_is_named() -> None:
    judged = CertaintyJudged(
        trials=20,
        within=0.005,
        cell={"encoder": "resnet34", "decoder": "unet"},
        probability=0.61,
        rival={"encoder": "resnet34", "decoder": "fpn"},
        more=14,
        at=0.0,
    )
    assert certainty_text(judged) == (
        "encoder=resnet34, decoder=unet is within 0.005 of the best with probability 0.61; its rival has decoder=fpn: "
        "roughly 14 more trials of the two would settle it"
    )
