from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seatbelt.config.trial import ModelConfig
from seatbelt.errors import UserError
from seatbelt.inference.export import CheckImage, GraphForm, check_graph, export_graph, mask_iou, require_packages
from seatbelt.inference.model import load_networks
from seatbelt.inference.onnx_model import OnnxModel
from tests.seatbelt.inference.models import picture, record, untrained

SIZES = ((40, 56), (80, 112), (97, 61), (20, 90))


def images() -> list[CheckImage]:
    rng = np.random.default_rng(1)
    return [CheckImage(name=f"{s}", pixels=picture(*s), target=rng.random(s) < 0.3) for s in SIZES]


@pytest.mark.slow
@pytest.mark.parametrize(("form", "decoder"), [("onnx", "unet"), ("pt2", "deeplabv3plus")])
def test_a_graph_agrees_with_the_model_at_every_size(form: GraphForm, decoder: str) -> None:
    model = untrained(record(decoder=decoder, context=("hair",), members=2 if form == "pt2" else 1))
    content = export_graph(model, form)
    check = check_graph(content, form, model, images())
    assert check.passes and check.images == 4 and check.probability < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        ("efficientnet-b0", "unet"),
        ("mit_b0", "segformer"),
        pytest.param("timm:convnext_atto", "upernet", marks=pytest.mark.long),
        pytest.param("timm:vit_tiny_patch16_224", "dpt", marks=pytest.mark.long),
    ],
)
def test_graphs_of_encoders_of_smp_and_timm_agree_too(encoder: str, decoder: str, tmp_path: Path) -> None:
    architecture = ModelConfig.model_validate({"encoder": encoder, "decoder": decoder, "weights": "none"})
    described = record().model_copy(update={"architecture": architecture})
    model = untrained(described)
    tensors = {f"0.{name}": value for name, value in model.networks[0].state_dict().items()}
    loaded = load_networks(described, tensors, "cpu", place="memory")
    image = picture(64, 70)
    assert (loaded.predict(image).probabilities == model.predict(image).probabilities).all()
    check = check_graph(export_graph(model, "onnx"), "onnx", model, images()[:2])
    assert check.passes and check.probability < 1e-3


def test_what_torch_cannot_export_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no decomposition\nof this operator")

    monkeypatch.setattr(torch.export, "export", refuse)
    what = r"^--onnx: torch cannot export \w+ with \w+ \(RuntimeError: no decomposition of this operator\); leave "
    with pytest.raises(UserError, match=what):
        export_graph(untrained(record()), "onnx")


@pytest.mark.slow
def test_a_graph_of_other_weights_does_not_pass() -> None:
    model = untrained(record())
    content = export_graph(model, "pt2")
    with torch.no_grad():
        model.networks[0].get_submodule("segmentation_head.0").weight.neg_()
    check = check_graph(content, "pt2", model, images())
    assert not check.passes and check.probability > 0.1 and check.iou > 0


@pytest.mark.slow
def test_onnx_runtime_runs_the_file_without_torch(tmp_path: Path) -> None:
    model, image = untrained(record(context=("hair",))), picture(64, 70)
    path = tmp_path / "model.onnx"
    path.write_bytes(export_graph(model, "onnx"))
    np.save(tmp_path / "image.npy", image)
    code = (
        "import sys, numpy, onnxruntime\n"
        f"session = onnxruntime.InferenceSession({str(path)!r}, providers=['CPUExecutionProvider'])\n"
        f"image = numpy.load({str(tmp_path / 'image.npy')!r})\n"
        "output = session.run(['probabilities'], {'images': numpy.stack([image, image])})[0]\n"
        f"numpy.save({str(tmp_path / 'output.npy')!r}, output)\n"
        "print(output.shape, output.dtype, 'torch' in sys.modules)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split("\n")[0] == "(2, 2, 64, 70) float32 False"
    expected = model.predict(image).probabilities
    assert np.abs(np.load(tmp_path / "output.npy") - expected).max() < 1e-4
    opened = OnnxModel(path)
    assert opened.record == model.record
    assert (opened.finish(opened.forward([image])[0], (64, 70)).mask == model.predict(image).mask).all()


def test_a_foreign_onnx_file_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:])
    onnx.save(onnx.helper.make_model(graph, ir_version=10), tmp_path / "other.onnx")
    with pytest.raises(UserError, match=r"other\.onnx is no graph of `seatbelt model --onnx`"):
        OnnxModel(tmp_path / "other.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(UserError, match=r"text\.onnx cannot be opened as an ONNX graph"):
        OnnxModel(tmp_path / "text.onnx")
    with pytest.raises(UserError, match=r"none\.onnx cannot be read"):
        OnnxModel(tmp_path / "none.onnx")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"--onnx needs the package onnxscript; .*pip install 'seatbelt\[onnx\]'"):
        require_packages("onnx")
    require_packages("pt2")


def test_the_iou_of_two_masks() -> None:
    first, second = np.asarray([[1, 1, 0]], bool), np.asarray([[0, 1, 1]], bool)
    assert mask_iou(first, second) == pytest.approx(1 / 3, abs=1e-6)
    assert mask_iou(first & second & False, first & False) == 1
