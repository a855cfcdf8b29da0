from __future__ import annotations

import pytest

from seatbelt.config.encoders import ENCODERS, SMP_NAMES, encoder_name


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        ("EfficientNet-B0", "efficientnet-b0"),
        ("efficientnet_b0", "efficientnet-b0"),
        ("mit-b2", "mit_b2"),
        ("resnext50_32x4d", "resnext50_32x4d"),
        ("timm-efficientnet-b0", "timm-efficientnet-b0"),
        ("timm-tf_efficientnet_lite0", "timm-tf_efficientnet_lite0"),
        ("timm:ConvNeXt_tiny", "timm:convnext_tiny"),
        ("tu-convnext_tiny.fb_in1k", "timm:convnext_tiny.fb_in1k"),
        ("timm:tf_efficientnet_lite0", "lite0"),
        ("tu-tf_efficientnet_lite2", "lite2"),
    ],
)
def test_an_encoder_has_one_name(written: str, recorded: str) -> None:
    assert encoder_name(written) == recorded
    assert encoder_name(recorded) == recorded


def test_the_names_are_those_of_smp() -> None:
    import segmentation_models_pytorch as smp

    assert set(SMP_NAMES) == set(smp.encoders.encoders)
    assert [encoder_name(name) for name in (*ENCODERS, *SMP_NAMES)] == [*ENCODERS, *SMP_NAMES]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("eficientnet-b0", r"^there is no encoder 'eficientnet-b0'; did you mean efficientnet-b0, .*\? `seatbelt stud"),
        (
            "zebra",
            r"^there is no encoder 'zebra'; `seatbelt studies --encoders '\*'` lists them, ",
        ),
        ("timm:", r"^a model of timm is written timm:NAME or timm:NAME.TAG, but got 'timm:'$"),
        ("timm:../weights", r"^a model of timm is written timm:NAME or timm:NAME.TAG, but got "),
        ("timm:a.b.c", r"^a model of timm is written timm:NAME or timm:NAME.TAG, but got "),
        ("", r"^there is no encoder ''; "),
    ],
)
def test_unknown_names_are_refused_with_similar_ones(written: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        encoder_name(written)
