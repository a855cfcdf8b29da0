"""Small sweeps of real trainings without pruning: every arm's full curve, two replicates.

`architecture` and `mixing` take a part of the photographs with drawn belts at 64x112 (and embedded scenes for the
mixtures), `augmentation` all of them. A sweep goes on where it ended. The results say nothing about accuracy on belts
in cars: few images, few epochs, random weights where no others are at hand.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import REAL_DATA

PROTOCOL = ["--size", "64x112", "--max-epochs", "9", "--replicates", "2", "--prune", "none", "--keep-weights", "none"]
SWEEPS = {
    "architecture": ["--fix", "weights=none", "--fix", "training_data=real"],
    "mixing": [
        *("--fix", "encoder=lite0", "--fix", "decoder=linknet"),
        *("--set", "weights=imagenet,none", "--set", "augmentation=all,none"),
    ],
    "augmentation": [
        *("--fix", "encoder=lite0", "--fix", "decoder=linknet", "--fix", "training_data=real"),
        *("--fix", "encoder_learning_rate=0.0005", "--fix", "decoder_learning_rate=0.001"),
        *("--design", "fractional-32"),
    ],
}
TRAIN, TEST = 160, 80
"""Photographs of a part: 112 are trained on and 48 select, 80 test."""


def make(name: str, out: Path, slots: int) -> None:
    """Run what is missing of one sweep; `augmentation` is confirmed too."""
    belts = REAL_DATA / "belts"
    data = ["--data", str(belts if name == "augmentation" else part_of(belts, out / "belts-part"))]
    if name == "mixing":
        data += ["--data", str(scenes(out / "scenes"))]
    command = [sys.executable, "-m", "runners.cli"]
    sweep = [*command, "sweep", name, *data, "--out", str(out / "sweeps"), *PROTOCOL, *SWEEPS[name]]
    subprocess.run([*sweep, "--slots", str(slots), "--quiet"], check=True)
    if name == "augmentation":
        confirm = [*command, "confirm", str(out / "sweeps" / name), "--top", "2", "--arm", "trivialaugment"]
        subprocess.run([*confirm, "--replicates", "3", "--slots", str(slots), "--quiet"], check=True)


def part_of(source: Path, target: Path) -> Path:
    """Copy the first photographs of each split, in the order of the manifest, into a data set of its own."""
    if (target / "dataset.json").is_file():
        return target
    with (source / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    left = {"train": TRAIN, "test": TEST}
    taken = []
    for row in rows:
        if left[row["split"]]:
            left[row["split"]] -= 1
            taken.append(row)
    for row in taken:
        for name in (row["image"], row["mask"]):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)
    with (target / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(taken)
    described = json.loads((source / "dataset.json").read_text())
    (target / "dataset.json").write_text(json.dumps({**described, "name": "belts-part"}, indent=1))
    return target


def scenes(target: Path) -> Path:
    """Render the synthetic images: generation 5, as many as the largest share needs."""
    if not (target / "dataset.json").is_file():
        command = [sys.executable, "-m", "runners.cli", "data", "scenes", "--out", str(target)]
        subprocess.run([*command, "--generations", "5=1500", "--size", "64x112"], check=True)
    return target
