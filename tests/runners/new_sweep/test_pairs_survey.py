"""Architectures that cannot be built are excluded before the first trial, with the reason."""

from __future__ import annotations

import pytest

from runners.new_sweep.pairs_survey import exclude_unbuildable
from search_spaces.axes import factor
from search_spaces.factors import Factor
from search_spaces.space import NamedArm, Space
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError


def survey(*factors: Factor, **fields: object) -> tuple[dict[str, str], list[str]]:
    """Return `encoder decoder` -> reason, and the notes."""
    notes: list[str] = []
    base = TrialConfig().with_fields(fields)
    exclusions = exclude_unbuildable(Space(factors=factors), base, (64, 96), notes.append)
    return {" ".join(x for labels in e.labels.values() for x in labels): e.reason for e in exclusions}, notes


def test_the_thirty_architectures_of_the_thesis_are_not_built() -> None:
    assert survey(factor("encoder"), factor("decoder")) == ({}, [])


def test_pairs_that_cannot_be_built_are_excluded_by_their_levels() -> None:
    excluded, notes = survey(
        factor("encoder", ["resnet18", "mit_b0@none"]), factor("decoder", ["unet", "linknet", "pan"])
    )
    assert excluded == {
        "resnet18 pan": "pan with resnet18 cannot be built: the images are too small for it",
        "mit_b0@none linknet": "linknet with mit_b0 cannot be built: Encoder `mit_b0` is not supported for Linknet",
        "mit_b0@none pan": "pan with mit_b0 cannot be built: the images are too small for it",
    }
    assert notes == ["checking which of 4 architectures can be built"]


def test_pairs_as_levels_of_one_factor_are_excluded() -> None:
    excluded, _ = survey(factor("architecture", ["unet/mit_b0", "linknet/mit_b0"]))
    assert list(excluded) == ["linknet/mit_b0"]


def test_depths_decide_too() -> None:
    excluded, _ = survey(factor("encoder_depth", ["3", "5"]), **{"model.encoder": "vgg11", "model.decoder": "pspnet"})
    assert list(excluded) == ["5"]


def test_nothing_left_is_one_error() -> None:
    what = r"^no architecture is left: linknet with mit_b0 cannot be built: .* \(and 1 more\); change --set or --fix$"
    with pytest.raises(UserError, match=what):
        survey(factor("encoder", ["mit_b0", "mit_b1"]), **{"model.decoder": "linknet"})
    with pytest.raises(UserError, match=r"^no architecture is left: dpt with resnet34 cannot be built: dpt takes"):
        survey(**{"model.decoder": "dpt"})


def test_unknown_models_of_timm_are_refused_at_once() -> None:
    with pytest.raises(UserError, match=r"^timm has no model 'resnet_eighteen'; "):
        survey(factor("encoder", ["resnet18", "timm:resnet_eighteen"]))


def test_an_arm_beside_the_space_that_cannot_be_built_is_refused() -> None:
    arm = NamedArm(name="own", fields={"model.encoder": "mit_b0", "model.decoder": "linknet"})
    space = Space(factors=(factor("decoder"),), arms=(arm,))
    with pytest.raises(UserError, match=r"^arm own: linknet with mit_b0 cannot be built: .*; leave it out$"):
        exclude_unbuildable(space, TrialConfig(), (64, 96), print)
