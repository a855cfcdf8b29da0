"""Profiles are measured once; damage to the cache only costs time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runners.core.plan import Plan
from runners.preview import profiles
from runners.preview.cost import largest_bytes
from runners.preview.profiles import cached_profile, memory_of, profile_of
from search_spaces.axes import factor
from search_spaces.space import Space
from seatbelt.config.trial import TrialConfig
from seatbelt.records.cost import Profile
from seatbelt.training import profile as measuring

PROFILE = Profile(parameters=1000, forward_seconds=0.5, backward_seconds=1.0, memory_bytes=4096)


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[TrialConfig]:
    """Return the measured configurations; each measurement gives the same profile."""
    configurations: list[TrialConfig] = []

    def measure(config: TrialConfig, device: str) -> Profile:
        configurations.append(config)
        return PROFILE

    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path))
    monkeypatch.setattr(measuring, "measure", measure)
    return configurations


def files(root: Path) -> list[Path]:
    return sorted((root / "profiles").iterdir())


def test_once_for_each_architecture_and_size(measured: list[TrialConfig], tmp_path: Path) -> None:
    config = TrialConfig()
    assert cached_profile(config) is None
    assert profile_of(config) == profile_of(config) == cached_profile(config) == PROFILE
    # Fields that do not change the cost need no further measurement.
    assert (
        profile_of(config.with_fields({"seed": 3, "augmentation.transforms": (), "model.weights": "none"})) == PROFILE
    )
    assert len(measured) == 1
    for change in ({"data.height": 96}, {"model.decoder": "fpn"}, {"data.context": ("hair",)}):
        profile_of(config.with_fields(change))
    profile_of(config, "cuda")
    assert len(measured) == len(files(tmp_path)) == 5


def damaged(entry: dict[str, Any], name: str, value: Any) -> str:
    return json.dumps({**entry, "profile": {**entry["profile"], name: value}})


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: "",
        lambda entry: "{",
        lambda entry: "[]",
        lambda entry: json.dumps({"profile": entry["profile"]}),
        lambda entry: json.dumps({**entry, "what": {"host": "another"}}),
        lambda entry: damaged(entry, "memory_bytes", -1),
        lambda entry: damaged(entry, "forward_seconds", float("nan")),
        lambda entry: damaged(entry, "forward_seconds", "0.5"),
        lambda entry: damaged(entry, "parameters", True),
    ],
)
def test_a_damaged_file_is_measured_anew(
    measured: list[TrialConfig], tmp_path: Path, damage: Callable[[dict[str, Any]], str]
) -> None:
    profile_of(TrialConfig())
    (path,) = files(tmp_path)
    path.write_text(damage(json.loads(path.read_text())))
    assert cached_profile(TrialConfig()) is None
    assert profile_of(TrialConfig()) == PROFILE
    assert len(measured) == 2
    assert cached_profile(TrialConfig()) == PROFILE


def test_a_cache_that_cannot_be_written(measured: list[TrialConfig], tmp_path: Path) -> None:
    (tmp_path / "profiles").write_text("in the way")
    assert profile_of(TrialConfig()) == PROFILE


def test_the_largest_trial_of_a_plan(measured: list[TrialConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {("lite0", 4): 10, ("lite0", 8): 30, ("resnet18", 4): 20, ("resnet18", 8): 50}

    def estimated(config: TrialConfig) -> int:
        return sizes[config.model.encoder, config.optimisation.batch_size]

    monkeypatch.setattr(measuring, "estimated_bytes", estimated)
    factors = (factor("encoder", ["lite0", "resnet18"]), factor("batch_size", ["4", "8"]), factor("real"))
    assert largest_bytes(Plan(space=Space(factors=factors), base=TrialConfig())) == 50
    assert not measured, "the memory is counted, nothing is run"
    assert memory_of(TrialConfig().with_fields({"model.encoder": "lite0"})) == 10
    assert largest_bytes(Plan(space=Space(factors=factors[:1]), base=TrialConfig(), propose="random")) == 20
    # A measured profile replaces the estimate.
    profiles.profile_of(TrialConfig().with_fields({"model.encoder": "lite0"}))
    assert memory_of(TrialConfig().with_fields({"model.encoder": "lite0"})) == 4096
