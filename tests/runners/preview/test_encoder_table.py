"""`seatbelt studies --encoders PATTERN`."""

from __future__ import annotations

import pytest

from runners.preview.encoder_table import matching_encoders
from seatbelt.errors import UserError
from tests.command_line import mistake, seatbelt


def test_patterns_match_names_of_smp_and_with_a_prefix_those_of_timm() -> None:
    assert matching_encoders("mobileone_s?") == [f"mobileone_s{number}" for number in range(5)]
    assert matching_encoders("LITE*") == ["lite0", "lite1", "lite2"]
    assert "timm:convnext_tiny" in matching_encoders("timm:convnext*")
    assert "timm:convnext_tiny.fb_in1k" in matching_encoders("tu-convnext_tiny.*")
    assert len(matching_encoders("*")) == 79
    with pytest.raises(UserError, match=r"^no encoder matches 'mobilone_s0'; did you mean mobileone_s0, "):
        matching_encoders("mobilone_s0")
    with pytest.raises(UserError, match=r"^no encoder matches 'zzz'; try '\*', '\*b0\*' or 'timm:convnext\*'$"):
        matching_encoders("zzz")


def test_the_table_has_parameters_licence_and_weights() -> None:
    lines = seatbelt("studies", "--encoders", "mit_b0").out.splitlines()
    assert lines[0].split() == ["encoder", "parameters", "decoders", "licence", "weights"]
    assert lines[1].split()[:2] == ["mit_b0", "3.3"]
    assert "smp-hub/mit_b0.imagenet" in lines[1]
    assert lines[3] == "1 encoder; parameters without classifier, in millions"
    assert lines[4] == "timm has 0 models of such a name: --encoders 'timm:mit_b0'"
    line = seatbelt("studies", "--encoders", "timm:vit_tiny_patch16_224").out.splitlines()[1]
    assert line.split() == ["timm:vit_tiny_patch16_224", "5.5", "dpt", "at", "most", "apache-2.0", "fetch"]


def test_the_option_stands_alone() -> None:
    assert (
        mistake("studies", "architecture", "--encoders", "*") == "--encoders lists encoders and goes with nothing else"
    )
