"""Weights of encoders of smp and timm: where they are found, what belongs to them, and how they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch

from seatbelt.config.trial import ModelConfig
from seatbelt.errors import UserError, WeightsNotFoundError
from seatbelt.models.architectures import build
from seatbelt.models.encoders import building_quietly, encoder_on_meta
from seatbelt.models.pretrained import pretrained
from seatbelt.models.weights import licence_note, resolve
from seatbelt.models.weights_file import check_file

State = dict[str, torch.Tensor]

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def drawn_like(state: State) -> State:
    generator = torch.Generator().manual_seed(3)
    return {
        name: torch.rand(value.shape, generator=generator).to(value.dtype) if value.is_floating_point() else value * 0
        for name, value in {name: torch.zeros(v.shape, dtype=v.dtype) for name, v in state.items()}.items()
    }


def timm_file(name: str, path: Path) -> State:
    """A file of timm, with its classifier."""
    with torch.device("meta"), building_quietly():
        shapes = timm.create_model(name).state_dict()
    state = drawn_like(shapes)
    safetensors.torch.save_file(state, path)
    return state


def network_with(encoder: str, decoder: str, path: Path, **fields: object) -> State:
    model = ModelConfig.model_validate({"encoder": encoder, "decoder": decoder, "weights": f"file:{path}", **fields})
    resolved = resolve(encoder, model.weights)
    check_file(encoder, resolved)
    return build(model, 1, weights=resolved).get_submodule("encoder").state_dict()


@pytest.mark.parametrize(
    ("encoder", "stem", "normalisation", "licence"),
    [
        ("efficientnet-b0", "efficientnet-b0", IMAGENET, ""),
        ("xception", "xception", HALF, ""),
        ("dpn68b", "dpn68b", ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3), ""),
        ("timm:convnext_tiny", "convnext_tiny.in12k_ft_in1k", IMAGENET, "apache-2.0"),
        ("timm:vit_tiny_patch16_224.augreg_in21k", "vit_tiny_patch16_224.augreg_in21k", HALF, "apache-2.0"),
    ],
)
def test_normalisation_and_licence_belong_to_the_weights(
    encoder: str, stem: str, normalisation: object, licence: str
) -> None:
    published = pretrained(encoder)
    assert published is not None
    assert (published.stem, (published.mean, published.std), published.licence) == (stem, normalisation, licence)
    resolved = resolve(encoder, "none")
    assert (resolved.mean, resolved.std) == normalisation


@pytest.mark.parametrize("encoder", ["resnext101_32x48d", "timm-efficientnet-l2", "timm:sam2_hiera_tiny"])
def test_weights_that_never_saw_imagenet_are_not_called_imagenet(encoder: str, bare_machine: Path) -> None:
    assert pretrained(encoder) is None
    with pytest.raises(UserError, match=rf"^smp and timm publish no ImageNet weights of {encoder}; bring a file by"):
        resolve(encoder, "imagenet")


def test_the_cache_of_the_hub_is_searched_last(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    what = (
        rf"no efficientnet-b0-\*.pth in {bare_machine} \(torch hub cache\), {tmp_path}/hub \(Hugging Face hub cache\); "
    )
    with pytest.raises(WeightsNotFoundError, match=what):
        resolve("efficientnet-b0", "imagenet")
    folder = tmp_path / "hub" / "models--smp-hub--efficientnet-b0.imagenet" / "snapshots"
    path = folder / "1bbe7ecc1d5ea1d2058de1a2db063b8701aff314" / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content")
    assert resolve("efficientnet-b0", "imagenet").path == path
    (bare_machine / "efficientnet-b0.safetensors").write_bytes(b"other")
    assert resolve("efficientnet-b0", "imagenet").path == bare_machine / "efficientnet-b0.safetensors"


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        ("timm:convnext_atto", "upernet"),
        ("timm:convnext_atto", "dpt"),
        ("timm:swin_tiny_patch4_window7_224", "fpn"),
        ("timm:mobilenetv3_small_050", "unet"),
        ("timm:regnetx_002", "unet"),
        ("timm:vit_tiny_patch16_224", "dpt"),
    ],
)
def test_a_file_of_timm_fills_the_encoder_of_any_decoder(encoder: str, decoder: str, tmp_path: Path) -> None:
    file = timm_file(encoder.removeprefix("timm:"), tmp_path / "w.safetensors")
    state = network_with(encoder, decoder, tmp_path / "w.safetensors")
    assert sum(value.numel() for value in state.values()) > 200_000
    values = {value.sum().item() for value in file.values()}
    assert all(value.sum().item() in values for value in state.values())


def test_a_shorter_encoder_takes_its_part_of_the_file(tmp_path: Path) -> None:
    timm_file("convnext_atto", tmp_path / "w.safetensors")
    whole = network_with("timm:convnext_atto", "unet", tmp_path / "w.safetensors")
    short = network_with("timm:convnext_atto", "unet", tmp_path / "w.safetensors", encoder_depth=3)
    assert 0 < len(short) < len(whole)
    assert all(torch.equal(value, whole[name]) for name, value in short.items())


@pytest.mark.parametrize("encoder", ["efficientnet-b0", "mit_b0", "densenet121", "vgg11", "timm-skresnet18"])
def test_a_file_of_smp_fills_its_encoder(encoder: str, tmp_path: Path) -> None:
    file = drawn_like(encoder_on_meta(encoder).state_dict())
    safetensors.torch.save_file(file, tmp_path / "w.safetensors")
    state = network_with(encoder, "unet", tmp_path / "w.safetensors")
    assert all(torch.equal(value, file[name]) for name, value in state.items())
    assert len(state) == len(file)


@pytest.mark.parametrize(
    ("encoder", "other"), [("timm:convnext_atto", "convnext_femto"), ("timm:resnet18", "resnet34")]
)
def test_a_file_of_another_encoder_is_refused_before_the_first_trial(encoder: str, other: str, tmp_path: Path) -> None:
    timm_file(other, tmp_path / f"{other}.safetensors")
    resolved = resolve(encoder, f"file:{tmp_path}/{other}.safetensors")
    with pytest.raises(UserError, match=rf"{other}.safetensors do not fit the encoder {encoder} \(.*bring a file for"):
        check_file(encoder, resolved)


def test_the_licence_is_told_with_the_page() -> None:
    assert licence_note("timm:convnext_tiny", "imagenet").startswith(
        "weights from https://huggingface.co/timm/convnext_tiny.in12k_ft_in1k (apache-2.0); trained on ImageNet"
    )
    assert "smp-hub/mit_b0.imagenet (see there for the licence)" in licence_note("mit_b0", "imagenet")
