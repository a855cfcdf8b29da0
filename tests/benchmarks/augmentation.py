"""The augmentation study in 32 runs with two replicates, its main effects, and whether its choice is confirmed.

`python -m tests.benchmarks.augmentation --out DIR` takes photographs with drawn belts, small, and one light model: it
shows how the study is read, and says nothing about larger models. The sweep goes on where it ended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from seatbelt.config.augmentation import TRANSFORMS
from tests.conftest import REAL_DATA

OPTIONS = ["--fix", "encoder=lite0", "--fix", "decoder=linknet", "--fix", "training_data=real", "--size", "64x112"]
OPTIONS += ["--fix", "encoder_learning_rate=0.0005", "--fix", "decoder_learning_rate=0.001"]
OPTIONS += ["--design", "fractional-32", "--replicates", "2", "--prune", "none", "--slots", "2"]


def main() -> None:
    """Run what is missing and print the effects and the confirmation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    data = REAL_DATA / "belts"
    command = [sys.executable, "-m", "runners.cli"]
    sweep = [*command, "sweep", "augmentation", "--data", str(data), "--out", str(options.out), *OPTIONS, "--quiet"]
    subprocess.run([*sweep, "--max-epochs", str(options.epochs)], check=True)
    folder = options.out / "augmentation"
    print(main_effects(pd.read_parquet(folder / "trials")).to_string(index=False))
    subprocess.run([*command, "best", str(folder), "--top", "8"], check=True)
    confirm = ["confirm", str(folder), "--top", "2", "--arm", "trivialaugment", "--replicates", "3", "--slots", "2"]
    subprocess.run([*command, *confirm, "--quiet"], check=True)


def main_effects(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the effect of each switch on the selection IoU: on minus off, with 95 % intervals.

    Least squares over the design's 64 trials with a block for each replicate. The design is orthogonal, so that an
    effect is a difference of two means; the error is what main effects and blocks leave over, interactions included.
    """
    # All ten is one of the design's runs, and is trained once, as the named arm.
    beside = trials["cell"].map(lambda cell: json.loads(cell).get("arm") in ("none", "randaugment", "trivialaugment"))
    arms = trials[(trials["role"] == "arm") & ~beside]
    chosen = [set(text.split("+")) for text in arms["augmentation"]]
    signs = np.array([[1.0 if name in names else -1.0 for name in TRANSFORMS] for names in chosen])
    blocks = pd.get_dummies(arms["replicate"]).to_numpy(float)
    design = np.column_stack([blocks, signs])
    scores = arms["selection_iou"].to_numpy(float)
    solution, *_ = np.linalg.lstsq(design, scores, rcond=None)
    rest = scores - design @ solution
    degrees = len(scores) - design.shape[1]
    error = np.sqrt(rest @ rest / degrees / len(scores))
    half = 2 * stats.t.ppf(0.975, degrees) * error
    effects = 2 * solution[blocks.shape[1] :]
    table = pd.DataFrame({"transform": TRANSFORMS, "effect": effects, "low": effects - half, "high": effects + half})
    return table.assign(n=len(scores)).round(4).sort_values("effect", ascending=False)


if __name__ == "__main__":
    main()
