"""`seatbelt model` on a tiny sweep that was trained."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from PIL import Image

import runners.models.model_folder as command
import seatbelt
from seatbelt.data.datasets.dataset import read
from seatbelt.data.datasets.labels import channel_codes
from seatbelt.data.loading.decoded_cache import resize
from seatbelt.errors import UserError
from seatbelt.inference.export import GraphCheck, mask_iou
from tests.command_line import answer, mistake

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("models")]


def trials(sweep: Path) -> pd.DataFrame:
    return pd.read_parquet(sweep / "trials").sort_values("number").reset_index(drop=True)


def test_the_model_of_the_best_trial_scores_as_recorded(sweep: Path, tmp_path: Path) -> None:
    text = answer("model", str(sweep), "--out", str(tmp_path / "best"))
    key = json.loads(answer("best", str(sweep), "--json"))["arms"][0]["trial_key"]
    row = trials(sweep).set_index("trial_key").loc[key]
    assert f"trial [{row['number']}] {key}: selection IoU {row['selection_iou']:.3f}" in text
    model = seatbelt.load_model(tmp_path / "best")
    assert model.record.training.trials == (key,) and model.record.training.trained_on == "training"
    assert (model.record.height, model.record.width) == (32, 64)
    assert [label.classes for label in model.record.labels] == [{"seat_belt": 1}] and model.record.background == 0
    data = read(sweep.parent / "stripes") if (sweep.parent / "stripes").exists() else None
    data = data or read(Path(json.loads((sweep / "sweep.json").read_text())["data"][0]["path"]))
    recorded = pd.read_parquet(sweep / "images")
    recorded = recorded[recorded["trial_key"] == key].set_index("image")["iou"]
    codes = channel_codes(data.classes, ("seat_belt",))
    assert len(recorded) == 6
    for line in data.rows:
        if line.image in recorded.index:
            with Image.open(data.image_path(line)) as file, Image.open(data.mask_path(line)) as mask:
                image, target = resize(np.asarray(file), codes[np.asarray(mask)], 32, 64)
            assert mask_iou(model.predict(image).mask, target == 1) == pytest.approx(recorded[line.image], abs=1e-9)


def test_the_card_says_what_the_model_is(sweep: Path, tmp_path: Path) -> None:
    text = answer("model", str(sweep), "decoder=linknet", "--out", str(tmp_path / "m"))
    card = (tmp_path / "m" / "README.md").read_text()
    best = trials(sweep).query("decoder == 'linknet'").sort_values("selection_iou").iloc[-1]
    assert f"Selection IoU {best['selection_iou']:.3f} (this model, best epoch). Its arm over 2 seeds" in card
    assert f"Test IoU {best['test_iou']:.3f} (this model)" in card and "95 % interval over 2 people" in card
    assert f"unknown until `seatbelt confirm {sweep}` has trained it with fresh seeds" in card
    assert "# seat_belt: linknet with lite0" in card and "random initial weights" in card
    pictures = sorted(path.name for path in (tmp_path / "m").glob("*.jpg"))
    assert pictures and all(f"]({name})" in card for name in pictures)
    with Image.open(tmp_path / "m" / pictures[0]) as file:
        assert file.size == (3 * 64, 40)
    assert "README.md there shows" in text and f"next: seatbelt predict {tmp_path / 'm'} IMAGES" in text
    assert str(sweep.parent) not in (tmp_path / "m" / "model.json").read_text(), "no path of this machine is in it"


def test_best_as_json_leads_to_the_model(sweep: Path, tmp_path: Path) -> None:
    arm = json.loads(answer("best", str(sweep), "--json"))["arms"][0]
    assert safetensors.numpy.load_file(arm["weights"]).keys() >= {"segmentation_head.0.weight"}
    assert arm["configuration"]["model"]["decoder"] == arm["decoder"] and arm["configuration"]["data"]["height"] == 32
    assert list(arm["commands"]) == ["reproduce", "model", "predict"]
    words = shlex.split(arm["commands"]["model"])[1:-1]
    answer(*words, str(tmp_path / "m"), "--no-pictures")
    assert seatbelt.load_model(tmp_path / "m").record.training.trials == (arm["trial_key"],)
    Path(arm["weights"]).unlink()
    assert json.loads(answer("best", str(sweep), "--json"))["arms"][0]["weights"] is None


def test_trials_and_arms_are_named_as_everywhere(sweep: Path, tmp_path: Path) -> None:
    table = trials(sweep)
    names = {"2": 2, "[1]": 1, table["trial_key"][3][:7]: 3}
    for number, (name, row) in enumerate(names.items()):
        answer("model", str(sweep), name, "--out", str(tmp_path / f"{number}"), "--no-pictures")
        assert seatbelt.load_model(tmp_path / f"{number}").record.training.trials == (table["trial_key"][row],)
    arm = table["arm_key"][0]
    answer("model", str(sweep), arm, "--out", str(tmp_path / "arm"), "--no-pictures")
    best = table[table["arm_key"] == arm].sort_values("selection_iou")["trial_key"].iloc[-1]
    assert seatbelt.load_model(tmp_path / "arm").record.training.trials == (best,)
    assert sorted(path.name for path in (tmp_path / "arm").iterdir()) == [
        "README.md",
        "model.json",
        "model.safetensors",
    ]


def test_mistakes_end_with_one_clear_line(sweep: Path, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "m"))
    assert "there is no trial [9]" in mistake("model", str(sweep), "[9]", *out)
    assert "no trial has decoder=unet" in mistake("model", str(sweep), "decoder=unet", *out)
    assert "is no sweep" in mistake("model", str(tmp_path / "none"), *out)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine.txt").write_text("mine")
    assert "holds other files (mine.txt)" in mistake("model", str(sweep), *out)
    answer("model", str(sweep), *out, "--force", "--no-pictures")
    assert (tmp_path / "m" / "mine.txt").read_text() == "mine"
    key = trials(sweep)["trial_key"][0]
    for file in (sweep / "checkpoints" / key).iterdir():
        file.unlink()
    other = ("--out", str(tmp_path / "other"))
    assert f"the weights of trial {key} are not kept" in mistake("model", str(sweep), "0", *other)
    assert not (tmp_path / "other").exists()


def test_without_the_data_there_are_no_pictures_and_no_graphs(sweep: Path, tmp_path: Path) -> None:
    description = json.loads((sweep / "sweep.json").read_text())
    description["data"][0] |= {"path": "/nowhere/stripes", "from_sweep": "nowhere"}
    (sweep / "sweep.json").write_text(json.dumps(description))
    out = ("--out", str(tmp_path / "m"))
    assert "graphs are checked on the images of the sweep, but data set" in mistake("model", str(sweep), "--pt2", *out)
    text = answer("model", str(sweep), *out)
    assert "the card shows no pictures, because" in text
    assert "warning: class numbers of masks: background 0, then the labels from 1" in text
    assert "## Examples" not in (tmp_path / "m" / "README.md").read_text()


def test_a_graph_that_differs_is_not_written(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "export_graph", lambda model, form: b"graph")
    differing = GraphCheck(images=3, probability=0.02, iou=0.0)
    monkeypatch.setattr(command, "check_graph", lambda *arguments: differing)
    with pytest.raises(UserError, match=r"model\.pt2 is not written: on 3 images .* differ .* by at most 2\.0e-02"):
        command.export_model(str(sweep), request=command.ModelRequest(out=tmp_path / "m", graphs=("pt2",)))
    assert not (tmp_path / "m").exists()


def test_graphs_are_in_the_folder_with_their_hashes(sweep: Path, tmp_path: Path) -> None:
    text = answer("model", str(sweep), "--out", str(tmp_path / "m"), "--pt2")
    record = seatbelt.load_model(tmp_path / "m").record
    assert sorted(record.files) == ["model.pt2", "model.safetensors"]
    assert "model.pt2: " in text and "on 6 images its probabilities differ" in text
    card = (tmp_path / "m" / "README.md").read_text()
    assert "`model.pt2`: on 6 images" in card
