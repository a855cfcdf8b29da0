"""What a dry run, `studies`, `status` and the `data` commands print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from runners.cli import main
from tests.conftest import MakeData


def output_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["seatbelt", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    assert stopped.value.code in (0, None), captured.err
    return captured.out


@pytest.mark.slow
def test_dry_run(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_data(subjects=12, images=2, test_subjects=2)
    monkeypatch.chdir(tmp_path)
    arguments = ["--set", "encoder=lite0", "--set", "decoder=fpn,linknet", "--fix", "weights=none", "--max-epochs", "9"]
    text = output_of(
        monkeypatch,
        capsys,
        *("sweep", "architecture", "--data", str(data), *arguments, "--prune", "asha", "--replicates", "3"),
        *("--slots", "2", "--dry-run"),
    )
    assert "factor     encoder: lite0 (1)" in text
    assert "factor     decoder: fpn, linknet (2)" in text
    assert "propose exhaustive, prune asha, rungs 3+9; limits replicates 3" in text
    assert "trials     6 of 9 epochs each at most; about 30 epochs in all" in text
    # 10 training subjects of two images each; 3 of them are the selection set.
    assert "train 14, validation 6, selection 6 (real), test 4; 32x64, target seat_belt" in text
    assert "baseline   all background: selection IoU" in text
    assert "device     auto: CUDA for each trial that has a GPU, else the CPU; on this machine the CPU" in text
    assert "with 2 trials at a time" in text
    assert not (tmp_path / "sweeps").exists(), "a dry run leaves nothing behind"


def test_studies(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "architecture         30 cells" in output_of(monkeypatch, capsys, "studies")
    text = output_of(monkeypatch, capsys, "studies", "architecture")
    assert "encoder: resnet18, resnet34*, resnet50, resnet101, resnet152" in text
    assert "data.generations = 3+4+5 (thesis: figure 4.1's caption" in text
    assert "augmentation.transforms = random_rotate90+" in text
    assert "(ours: not stated: all ten on)" in text
    text = output_of(monkeypatch, capsys, "studies", "augmentation", "--design", "fractional-32")
    assert "design fractional-32: 36 arms\n  resolution IV: the shortest word has 4 factors\n" in text


@pytest.mark.slow
def test_data_check_and_show(
    make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_data(generations={"5": 3})
    assert "stripes: 15 images, no faults; target seat_belt" in output_of(
        monkeypatch, capsys, "data", "check", str(data)
    )
    sheet = tmp_path / "sheet.png"
    output_of(monkeypatch, capsys, "data", "show", str(data), "--out", str(sheet), "--images", "4")
    with Image.open(sheet) as drawn:
        assert drawn.width == 4 * 240
    monkeypatch.chdir(tmp_path)
    text = output_of(monkeypatch, capsys, "data", "show", str(data), "--augment", "--seed", "2")
    assert text.endswith("wrote augment-sheet.png (1310x1300)\n")
    with Image.open("augment-sheet.png") as drawn:
        assert drawn.size == (1310, 1300)


@pytest.mark.slow
def test_data_check_names_faults_and_ends_with_2(
    make_data: MakeData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_data()
    (data / "masks" / "p1-0.png").unlink()
    description = json.loads((data / "dataset.json").read_text())
    del description["classes"]["hair"]
    (data / "dataset.json").write_text(json.dumps(description))
    monkeypatch.setattr("sys.argv", ["seatbelt", "data", "check", str(data)])
    with pytest.raises(SystemExit) as stopped:
        main()
    captured = capsys.readouterr()
    assert stopped.value.code == 2
    assert "masks/p1-0.png: the file is missing" in captured.out
    assert "masks/p0-0.png: class index without a name: 2" in captured.out


@pytest.mark.slow
def test_data_scenes_and_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scenes"
    arguments = ["data", "scenes", "--out", str(out), "--generations", "6=3,randomized=2,camera=11", "--size", "64x96"]
    assert "wrote" in output_of(monkeypatch, capsys, *arguments)
    text = output_of(monkeypatch, capsys, "data", "check", str(out))
    assert "16 images, no faults" in text
    text = output_of(monkeypatch, capsys, "doctor", "--no-start-ray")
    assert "ok   torch: " in text
    assert "ok   ImageNet weights of lite0" in text
