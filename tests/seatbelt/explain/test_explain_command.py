"""`seatbelt explain` on a real, tiny sweep."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from runners.sweep_files.folder import SweepFolder
from tests.command_line import answer, mistake, seatbelt
from tests.conftest import draw_data

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("explain")]

SHARES = {"target", "near", "elsewhere"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trials of one epoch, with their weights."""
    root = tmp_path_factory.mktemp("trained")
    data = draw_data(
        root / "stripes", "stripes", subjects=6, images=2, test_subjects=2, generations={}, height=32, width=64
    )
    arguments = [
        *("sweep", "architecture", "--data", str(data), "--out", str(root), "--name", "s", "--max-epochs", "1"),
        *("--set", "encoder=lite0", "--set", "decoder=fpn,linknet", "--fix", "weights=none"),
        *("--engine", "in-process", "--quiet"),
    ]
    answer(*arguments)
    return root / "s"


@pytest.fixture
def sweep(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "s"))


def trials(sweep: Path) -> list[str]:
    return pd.read_parquet(sweep / "trials")["trial_key"].tolist()


def explain(*arguments: str) -> str:
    return answer("explain", *arguments)


def test_the_best_and_the_worst_image_of_the_best_trial(sweep: Path) -> None:
    text = explain(str(sweep), "best", "--square", "16")
    ranked = json.loads(answer("best", str(sweep), "--json"))
    key = ranked["arms"][0]["trial_key"]
    images = pd.read_parquet(sweep / "images")
    output = images[(images["trial_key"] == key) & (images["target"] > 0)].sort_values(["iou"], ascending=False)
    files = sorted(path.name for path in (sweep / "report" / "explain").iterdir())
    stems = {Path(output.iloc[end]["image"]).stem for end in (0, -1)}
    assert files == sorted(f"{key}-{stem}.{kind}" for stem in stems for kind in ("json", "png"))
    assert (
        f"trial [{trials(sweep).index(key)}], epoch 1" in text
        and "(best test image)" in text
        and "(worst test image)" in text
    )
    assert "the sweep recorded" not in text, "the IoU is the recorded one"
    assert [note for note, _, _ in SweepFolder(sweep).test_notes()] == ["explain"]


def test_named_images_are_explained_with_their_numbers(sweep: Path, tmp_path: Path) -> None:
    key = trials(sweep)[1]
    images = ["images/p0-1.png", "stripes:images/p5-0.png"]
    text = explain(
        *(str(sweep), key[:6], "--images", images[0], "--images", images[1], "--square", "10", "--json"),
        *("--out", str(tmp_path / "o"), "--fill", "mean", "--compare", "probabilities", "--batch", "3"),
    )
    answer = json.loads(text)
    assert [(item["image"], item["dataset"]) for item in answer] == [
        ("images/p0-1.png", "stripes"),
        ("images/p5-0.png", "stripes"),
    ]
    assert answer[0]["part"] == "test" and answer[1]["part"] in ("train", "validation", "selection")
    recorded = pd.read_parquet(sweep / "images").set_index(["trial_key", "image"]).loc[(key, "images/p0-1.png")]
    assert answer[0]["iou"] == recorded["iou"] == answer[0]["recorded_iou"] and answer[1]["recorded_iou"] is None
    assert (answer[0]["predicted"], answer[0]["target"]) == (recorded["predicted"], recorded["target"])
    for item in answer:
        panel = Path(item.pop("panel"))
        assert json.loads(panel.with_suffix(".json").read_text()) == item
        with Image.open(panel) as file:
            assert file.width == 1800
        distances = np.asarray(item["occlusion"]["distances"])
        assert distances.shape == (4, 7) and distances.sum() > 0
        for method in ("occlusion", "guided_backpropagation"):
            shares = {share["region"]: share for share in item[method]["shares"]}
            assert set(shares) == SHARES
            for name in ("area", "importance"):
                assert sum(share[name] for share in shares.values()) == pytest.approx(1)
    assert not (sweep / "report").exists()


def test_a_look_at_the_selection_set_is_no_look_at_the_test_set(sweep: Path) -> None:
    text = explain(str(sweep), trials(sweep)[0], "--images", "images/p4-0.png", "--square", "32")
    assert "images/p4-0.png (test image)" not in text
    assert SweepFolder(sweep).test_notes() == []


def test_mistakes_end_with_one_clear_line(sweep: Path) -> None:
    first, second = trials(sweep)
    name = str(sweep)

    def said(*arguments: str) -> str:
        return mistake("explain", *arguments)

    assert said("nowhere", "best") == "nowhere is no sweep: it has no sweep.json; `seatbelt sweep` makes one"
    assert said(name, "xyz").startswith(f"{name}: no trial begins with 'xyz'; ")
    assert said(name, "").startswith(f"{name}: no trial begins with ''; ")
    assert said(name, "[2]") == f"{name}: there is no trial [2]; trials are numbered [0] to [1]"
    assert said(name, first, "--images", "p0.png") == (
        f"no data set of {name} has an image 'p0.png'; give its path as in manifest.csv "
        f"(`seatbelt query {name} 'select distinct image from images'` names the test images)"
    )
    assert said(name, first, "--fill", "grey") == (
        "a square is filled with white, black, mean or a grey value from 0 to 255, but got 'grey'"
    )
    assert said(name, first, "--device", "abacus").startswith("device 'abacus' cannot be used (")
    shutil.rmtree(sweep / "checkpoints" / first)
    assert said(name, first) == (
        f"the weights of trial {first} are not kept in {name} (--keep-weights); those that are: {second}"
    )
    shutil.rmtree(sweep / "checkpoints")
    assert said(name, first) == (
        f"the weights of trial {first} are not kept in {name} (--keep-weights), nor any others; sweep again with "
        "--keep-weights best or top:N under another --name"
    )
    assert not (sweep / "report").exists() and not SweepFolder(sweep).test_notes(), "a mistake leaves nothing behind"


def test_damaged_weights_and_changed_data(sweep: Path, trained: Path, tmp_path: Path) -> None:
    key = trials(sweep)[0]
    (weights,) = (sweep / "checkpoints" / key).glob("*.safetensors")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert f"no valid weights are stored there (epoch-000001.json: the hash of {weights.name} differs)" in mistake(
        "explain", str(sweep), key
    )
    weights.write_bytes(whole)
    data = shutil.copytree(trained.parent / "stripes", tmp_path / "stripes")
    description = (sweep / "sweep.json").read_text()
    (sweep / "sweep.json").write_text(description.replace(str(trained.parent / "stripes"), str(data)))
    shutil.copy(data / "images" / "p1-0.png", data / "images" / "p0-0.png")
    assert f"data set {data} changed since the sweep began" in mistake("explain", str(sweep), key)


def test_a_trial_that_is_not_complete(sweep: Path) -> None:
    journal = sweep / "state" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if b"leg_ended" in line)
    journal.write_bytes(b"".join(lines[:first]))
    key = trials(sweep)[0]
    assert mistake("explain", str(sweep), key) == (
        f"trial [0] {key} is RUNNING, but only complete trials have a model; `seatbelt query {sweep} "
        "\"select number, trial_key from trials where status = 'COMPLETE'\"` names them"
    )


def test_a_bucket_needs_a_folder_for_the_panels(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SweepFolder, "describe", lambda _: None)
    monkeypatch.setenv("AWS_REGION", "nowhere")
    assert mistake("explain", "s3://bucket/s", "best") == (
        "s3://bucket/s is a bucket, where no panels are written; give a folder by --out"
    )


def test_a_report_that_leads_elsewhere(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (sweep / "report").symlink_to(tmp_path / "mine")
    place = sweep / "report" / "explain"
    said = f"{place} leads out of the sweep; give another folder by --out"
    assert mistake("explain", str(sweep), "best") == said
    assert not list((tmp_path / "mine").iterdir())


def test_too_little_memory_is_a_clear_error(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nmore")

    monkeypatch.setattr("runners.models.explain.explain", fail)
    assert mistake("explain", str(sweep), "best") == (
        "the memory of cpu is too small (CUDA out of memory. Tried to allocate 9 GiB.); try --batch 1 or --device cpu"
    )


def test_a_panel_that_cannot_be_written_is_no_mistake(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = [str(sweep), "best", "--square", "32", "--out", os.fspath(tmp_path / "file" / "o")]
    result = seatbelt("explain", *arguments)
    assert result.code == 1 and result.err.startswith("error: ")
