"""The learning check: does training on scenes carry over to the stand-in and to photographs?

`python -m tests.benchmarks.learning --out DIR` renders the data, runs three sweeps (they go on where they ended) and
prints the tables beside the thesis' findings. It needs the folder of real photographs with drawn belts; without
it only the stand-in is tested. About an hour on two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from seatbelt.data.scenes import write_dataset
from tests.conftest import REAL_DATA

IMAGES = 200
SIZE = (160, 96)
SETS = ("1", "3", "5", "6", "mixed")
BELTS = REAL_DATA / "belts"
MODEL = ["--fix", "encoder=lite0", "--fix", "decoder=unet", "--size", "96x160"]
RATES = ["--fix", "encoder_learning_rate=0.0005", "--fix", "decoder_learning_rate=0.001"]


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2)
    options = parser.parse_args()
    run_scenes(options.out, options.epochs, options.replicates, options.slots)
    run_free(options.out, options.epochs, options.replicates, options.slots)
    print(transfer_table(options.out))
    if BELTS.exists():
        run_weights(options.out, options.replicates, options.slots)
        print(weights_table(options.out))


def render(out: Path) -> list[Path]:
    """Render equal numbers of images for each set; `mixed` is generations 2 to 6 in equal parts."""
    single, mixed = out / "single", out / "mixed"
    if not (single / "dataset.json").exists():
        write_dataset(single, generations={**dict.fromkeys(("1", "3", "5", "6"), IMAGES), "camera": 563}, size=SIZE)
    if not (mixed / "dataset.json").exists():
        write_dataset(mixed, generations=dict.fromkeys(("2", "3", "4", "5", "6"), IMAGES // 5), size=SIZE, seed=1)
        manifest = mixed / "manifest.csv"
        with manifest.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        with manifest.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "generation": "mixed"} for row in rows)
    return [single, mixed]


def run_scenes(out: Path, epochs: int, replicates: int, slots: int) -> None:
    """Train on each set with and without augmentation; test on the stand-in and on photographs at once."""
    data = [*render(out), *([BELTS] if BELTS.exists() else [])]
    sweep(
        out,
        "transfer",
        "generations",
        data,
        ["--set", f"training_data={','.join(SETS)}", *MODEL, *RATES, "--max-epochs", str(epochs)],
        replicates,
        slots,
    )


def run_free(out: Path, epochs: int, replicates: int, slots: int) -> None:
    """Train on scenes whose camera stands elsewhere, with the same selection and test images."""
    free = out / "free-scenes"
    if not (free / "dataset.json").exists():
        write_dataset(free, generations={"free": IMAGES, "camera": 563}, size=SIZE)
    options = ["--set", "training_data=free", *MODEL, *RATES, "--max-epochs", str(epochs)]
    data = [free, *([BELTS] if BELTS.exists() else [])]
    sweep(out, "free", "generations", data, options, replicates, slots)


def run_weights(out: Path, replicates: int, slots: int) -> None:
    """Train on photographs with ImageNet weights and with random ones."""
    options = ["--set", "weights=imagenet,none", "--fix", "training_data=real", "--fix", "decoder=unet"]
    options += ["--fix", "encoder=lite0", "--size", "96x160", *RATES, "--max-epochs", "6"]
    options += ["--fix", "augmentation=none"]
    sweep(out, "weights", "architecture", [BELTS], options, replicates, slots)


def sweep(out: Path, name: str, study: str, data: list[Path], options: list[str], replicates: int, slots: int) -> None:
    """Run one sweep of the product to its end."""
    command = [sys.executable, "-m", "runners.cli", "sweep", study, "--out", str(out), "--name", name]
    command += [part for folder in data for part in ("--data", str(folder))]
    command += [*options, "--replicates", str(replicates), "--slots", str(slots)]
    print("$", *command[2:], flush=True)
    subprocess.run(command, check=True)


def seed_means(out: Path) -> pd.DataFrame:
    """Return the mean test IoU of each training set, augmentation, seed and set of test images.

    Columns: training_data, augmentation, replicate, place, iou (all images), belted (images that show a belt).
    """
    names = [name for name in ("transfer", "free") if (out / name / "trials").exists()]
    trials = pd.concat([pd.read_parquet(out / name / "trials") for name in names])
    images = pd.concat([pd.read_parquet(out / name / "images") for name in names])
    cells = pd.DataFrame([json.loads(cell) for cell in trials["cell"]])
    trial_cells = cells.assign(trial_key=trials["trial_key"].to_numpy(), replicate=trials["replicate"].to_numpy())
    rows = images.merge(trial_cells, on="trial_key")
    rows["place"] = rows["dataset"].where(rows["dataset"] == "belts", "camera")
    keys = ["training_data", "augmentation", "replicate", "place"]
    means = rows.groupby(keys)["iou"].mean().to_frame()
    means["belted"] = rows[rows["target"] > 0].groupby(keys)["iou"].mean()
    return means.reset_index()


def _mean_and_deviation(values: pd.Series[float]) -> str:
    return f"{values.mean():.3f} +- {values.std():.3f}"


def transfer_table(out: Path) -> str:
    """Return test scores by training set and augmentation (mean +- standard deviation over seeds), and findings."""
    means = seed_means(out)
    grouped = means.groupby(["training_data", "augmentation", "place"])[["iou", "belted"]]
    table = grouped.agg(_mean_and_deviation).unstack("place")
    return "\n".join([str(table.to_string()), "", *findings(means)])


def findings(means: pd.DataFrame) -> list[str]:
    """Return the thesis' findings and whether the scores on the stand-in, our target domain, agree."""
    camera = means[means["place"] == "camera"].groupby(["training_data", "augmentation"])["iou"].mean().unstack()
    fixed = camera[camera.index != "free"]
    gains = fixed["all"] - fixed["none"]
    best = fixed["all"].idxmax()
    verdicts = [
        ("augmentation helps each set", bool((gains > 0).all()), f"gains {gains.min():+.3f} to {gains.max():+.3f}"),
        ("mixed generations are best", best == "mixed", f"best is {best} with {fixed['all'].max():.3f}"),
        (
            "6 alone is no better than 5",
            bool(fixed["all"]["6"] <= fixed["all"]["5"]),
            f"6 {fixed['all']['6']:.3f}, 5 {fixed['all']['5']:.3f}",
        ),
    ]
    return [
        f"thesis: {what:<28} here: {'agrees' if agrees else 'does not agree'} ({numbers})"
        for what, agrees, numbers in verdicts
    ]


def weights_table(out: Path) -> str:
    """Return selection and test scores by initial weights."""
    trials = pd.read_parquet(out / "weights" / "trials")
    columns = ["selection_iou", "selection_iou_with_target", "test_iou", "test_iou_with_target"]
    table = trials.groupby("weights")[columns].agg(["mean", "std"]).round(3)
    return str(table.to_string())


if __name__ == "__main__":
    main()
