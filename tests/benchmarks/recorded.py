"""Small sweeps of real trainings without pruning, for replay: every arm's full curve, two replicates.

`python -m tests.benchmarks.recorded architecture --out DIR` and `... mixing --out DIR` take a part of the photographs
with drawn belts at 64x112 (and embedded scenes for the mixtures). A sweep goes on where it ended. The results say
nothing about accuracy on belts in cars: few images, few epochs, random weights where no others are at hand.
"""

from __future__ import annotations

import argparse
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
}
TRAIN, TEST = 160, 80
"""Photographs taken: 112 are trained on and 48 select, 80 test."""


def main() -> None:
    """Run what is missing of one sweep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", choices=SWEEPS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--slots", type=int, default=1)
    given = parser.parse_args()
    data = ["--data", str(part_of(REAL_DATA / "belts", given.out / "belts-part"))]
    if given.sweep == "mixing":
        data += ["--data", str(scenes(given.out / "scenes"))]
    command = [sys.executable, "-m", "runners.cli", "sweep", given.sweep, *data, "--out", str(given.out / "sweeps")]
    subprocess.run([*command, *PROTOCOL, *SWEEPS[given.sweep], "--slots", str(given.slots), "--quiet"], check=True)


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


if __name__ == "__main__":
    main()
