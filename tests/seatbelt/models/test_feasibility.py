"""Which encoders go with which decoders, without memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seatbelt.config.trial import ModelConfig
from seatbelt.errors import UserError
from seatbelt.models.architectures import build, segment
from seatbelt.models.encoders import check_name
from seatbelt.models.feasibility import find_obstacle, takes_single_images
from seatbelt.models.weights import resolve

VIT = "timm:vit_tiny_patch16_224"


def model_of(encoder: str, decoder: str, **fields: object) -> ModelConfig:
    return ModelConfig.model_validate({"encoder": encoder, "decoder": decoder, "weights": "none", **fields})


@pytest.mark.parametrize(
    ("encoder", "decoder", "size"),
    [
        ("efficientnet-b0", "unet", (60, 90)),
        ("mit_b0", "segformer", (60, 90)),
        ("mit_b0", "deeplabv3plus", (60, 90)),
        ("timm-efficientnet-b0", "pspnet", (60, 90)),
        ("timm-tf_efficientnet_lite3", "manet", (60, 90)),
        ("timm:convnext_atto", "upernet", (60, 90)),
        ("timm:convnext_atto", "dpt", (60, 90)),
        ("timm:swin_tiny_patch4_window7_224", "fpn", (60, 90)),
        ("timm:mobilenetv3_small_050", "pan", (124, 130)),
        ("timm:vit_tiny_patch16_224", "dpt", (60, 90)),
        ("densenet121", "linknet", (60, 90)),
        ("vgg11", "unet", (60, 90)),
    ],
)
def test_what_can_be_built_trains_and_gives_logits_at_the_size_of_the_images(
    encoder: str, decoder: str, size: tuple[int, int]
) -> None:
    model = model_of(encoder, decoder)
    assert find_obstacle(model, *size) is None
    network = build(model, 2, weights=resolve(encoder, "none"))
    logits = segment(network, torch.randn(2, 3, *size))
    assert logits.shape == (2, 2, *size)
    logits.sum().backward()
    without = [name for name, value in network.named_parameters() if value.grad is None and name.startswith("decoder")]
    assert without == []


@pytest.mark.parametrize(
    ("encoder", "decoder", "reason"),
    [
        ("resnet18", "dpt", "dpt takes models of timm only, such as timm:vit_tiny_patch16_224"),
        ("mit_b0", "linknet", "Encoder `mit_b0` is not supported for Linknet"),
        ("vgg11", "deeplabv3", "do not support dilated mode"),
        ("timm:swin_tiny_patch4_window7_224", "pspnet", "it cannot be dilated to the output stride"),
        (VIT, "unet", "its features do not halve from stage to stage; dpt takes plain vision transformers"),
        ("timm:vit_small_patch14_dinov2", "dpt", "its patches do not divide images that are padded to multiples of 32"),
        ("efficientnet-b0", "pan", "the images are too small for it"),
    ],
)
def test_what_cannot_be_built_has_a_reason(encoder: str, decoder: str, reason: str) -> None:
    assert reason in str(find_obstacle(model_of(encoder, decoder), 60, 90))


def test_a_shorter_encoder_needs_no_dilation() -> None:
    assert find_obstacle(model_of("vgg11", "pspnet", encoder_depth=3), 60, 90) is None


def test_batches_of_one_image_are_too_small_for_pooled_attention() -> None:
    assert not takes_single_images(model_of("timm-skresnet18", "unet"), 64, 96)
    assert takes_single_images(model_of("efficientnet-b0", "unet"), 64, 96)


@pytest.mark.parametrize("encoder", ["efficientnet-b0", "mit_b0", "timm:swin_tiny_patch4_window7_224"])
def test_encoders_have_no_randomness_of_their_own(encoder: str) -> None:
    network = build(model_of(encoder, "fpn"), 1, weights=resolve(encoder, "none")).train()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(network(images), network(images))
    assert {layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)} <= {0.0}


@pytest.mark.parametrize(
    ("encoder", "what"),
    [
        (
            "timm:convnext_tinny",
            r"^timm has no model 'convnext_tinny'; did you mean timm:convnext_tiny, ",
        ),
        (
            "timm:convnext_tiny.mine",
            r"^the model convnext_tiny of timm has no weights with the tag 'mine'; it",
        ),
    ],
)
def test_names_that_timm_does_not_have_are_refused_with_similar_ones(encoder: str, what: str) -> None:
    with pytest.raises(UserError, match=what):
        check_name(encoder)
