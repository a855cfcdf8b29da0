"""Studies in words: their sizes, their costs, and hours where profiles exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from runners.preview import profiles
from runners.preview.studies import cost, list_text, study_text
from search_spaces.catalogue import STUDIES, find_study
from search_spaces.designs import baseline_cell, build_design
from search_spaces.space import Study
from seatbelt.config.trial import TrialConfig
from seatbelt.records.cost import Profile
from seatbelt.training import profile as measuring


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path))


def lines_of(text: str) -> dict[str, str]:
    return {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line[:1].isalpha()}


def test_the_list() -> None:
    lines = lines_of(list_text())
    assert set(STUDIES) <= set(lines)
    assert lines["architecture"] == "30 cells; 1,500 trial-epochs"
    # 18 arms; the synthetic ones are the stages of the last six.
    assert lines["pretraining"] == "18 cells; 900 trial-epochs"
    assert lines["composition"] == "13 arms (ofat of 729 cells); 650 trial-epochs"
    assert lines["augmentation"] == "1,024 cells; at most 100 trials of 50 epochs, as they are pruned"
    assert lines["joint"].startswith("2.1e+10 cells; at most 300 trials")
    assert "[thesis: section 5.3]" in list_text()


def profile_all(study: Study, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    def measure(config: TrialConfig, device: str) -> Profile:
        seconds = 0.01 if config.model.encoder == "resnet34" else 0.02
        return Profile(parameters=1, forward_seconds=seconds, backward_seconds=2 * seconds, memory_bytes=1)

    monkeypatch.setattr(measuring, "measure", measure)
    base = study.base().with_fields({"data.height": size[0], "data.width": size[1]})
    for cell in study.space.cells():
        profiles.profile_of(study.space.config(base, cell, seed=0))


def test_hours_are_estimated_only_if_every_architecture_was_profiled(monkeypatch: pytest.MonkeyPatch) -> None:
    study = find_study("pretraining")
    cells = list(study.space.cells())
    assert cost(study, cells).hours is None
    profile_all(study, monkeypatch, (96, 160))
    assert cost(study, cells).hours is None, "known at another size only"
    estimate = cost(study, cells, (96, 160))
    # Three regimes of 50 epochs and 1,000 images: two architectures with resnet34 at 0.03 s, three others at 0.06 s.
    six = [level.label for level in study.factors[1].levels]
    seconds = sum(0.03 if label.endswith("resnet34") else 0.06 for label in six)
    assert estimate.hours == pytest.approx(3 * 50 * 1000 * seconds / 3600)
    assert (estimate.trial_epochs, estimate.device) == (900, "cpu")
    assert f"cost: 900 trial-epochs, {estimate.hours:.1f} h of training per 1,000 images on this machine's CPU" in (
        study_text("pretraining", size=(96, 160))
    )
    assert "h of training" not in study_text("architecture", size=(96, 160)), "resnet18 is not known"


@pytest.mark.slow
def test_one_study() -> None:
    text = study_text("composition")
    assert "  share.seat.empty: as_is*, 0.0, 0.2\n" in text
    assert "\ndesign ofat: 13 arms\n" in text
    assert "  data.generations = 2+3+4+5+6 (ours: of its best model)\n" in text
    assert "\nprotocol: 50 epochs, 1 replicate, propose exhaustive, prune none\ncost: 650 trial-epochs\n" in text
    assert text.endswith("run it: seatbelt sweep composition --dry-run")
    text = study_text("composition", "full")
    assert "\ndesign full: 729 arms\n" in text
    assert "cost: 36,450 trial-epochs\nrun it: seatbelt sweep composition --design full --dry-run" in text


def test_arms_beside_the_space_and_what_is_excluded() -> None:
    text = study_text("augmentation")
    assert "\narms beside the space\n  none: augmentation.transforms = none\n" in text
    assert "design\n  none: arms are proposed by factorial during the sweep (--design NAME tries one)\n" in text
    text = study_text("joint")
    assert "\nexcluded\n  context shirt+skin with training_data 1 or 2" in text
    assert "what the occupants wear is labelled in generation 6 only" in text


def test_a_users_study_over_a_range(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from search_spaces.axes import factor\n"
        "from search_spaces.space import Study\n"
        "def study():\n"
        "    return Study(name='mine', question='Which?', reference='none',\n"
        "                 factors=(factor('decoder_learning_rate', ['0.0001..0.01']),))\n"
    )
    text = study_text(str(path))
    assert "decoder_learning_rate: 0.0001 to 0.01, logarithmic (0.00025*)\n  endless cells" in text
    assert "design\n  a range needs --design or --levels" in text
    assert "cost: as many trials as you allow" in text
    assert "\ndesign sobol:8: 8 arms\n" in study_text(str(path), "sobol:8")


def test_the_cost_counts_each_training_once() -> None:
    study = find_study("pretraining")
    last = [cell for cell in study.space.cells() if cell["regime"] == "synthetic_then_real"]
    assert len(last) == 6
    # The stages are trained too, although none of the six arms is a stage.
    assert cost(study, last).trial_epochs == 12 * 50
    space = study.space
    assert len(build_design(space, "ofat", baseline=baseline_cell(space, study.base()), seed=0)) == 8
