"""A real search beside plain Ray Tune: same trainings, space and epochs; whose recommended model is better?

`python -m tests.benchmarks.head_to_head --out DIR` runs what is missing and prints the tables. Each search gets the
same number of epochs on a part of the photographs with drawn belts; what it recommends is then trained again with
fresh seeds, the same for all. Small models, few images, few epochs: it says how well searches choose, and nothing about
belts in cars. A search that was interrupted begins again, since its time counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from runners.commands.prepare import prepare_confirmation
from runners.commands.recommend import recommendation
from runners.commands.run import run_session
from runners.session.options import RunOptions
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.trial_lookup import read_history
from search_spaces.space import Cell
from tests.benchmarks.head_to_head_study import SPACE
from tests.benchmarks.recorded.making import part_of
from tests.conftest import REAL_DATA

SLOTS = 2
AS_STARTED = dict(os.environ)
"""The user's environment: a confirmation sets in this process what Ray's loggers go by."""
STUDY = Path(__file__).parent / "head_to_head_study.py"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What all searches share.

    Attributes:
        data: A native data set.
        size: HEIGHTxWIDTH.
        epochs: Full epochs of a trial.
        budget: Epochs of a search.
        replicates: Fresh seeds for what is recommended.
    """

    data: Path
    size: str
    epochs: int
    budget: int
    replicates: int


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a search recommends, and what it cost.

    Attributes:
        recommended: The cell.
        expected: Selection IoU that the search claims for it.
        trials: That were begun and have a score.
        epochs: That were trained.
        seconds: From the command to its end.
        megabytes: That lie in its folder in the end.
    """

    recommended: Cell
    expected: float
    trials: int
    epochs: int
    seconds: float
    megabytes: float


def ray(protocol: Protocol, out: Path, seed: int) -> Searched:
    """Search with plain Ray Tune."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "tests.benchmarks.plain_ray_tune", "--data", str(protocol.data), "--out", str(out)]
    command += ["--size", protocol.size, "--seed", str(seed)]
    command += ["--epochs", str(protocol.epochs), "--budget", str(protocol.budget)]
    subprocess.run(command, check=True, env=AS_STARTED)
    seconds, megabytes = time.perf_counter() - started, _megabytes(out)
    for checkpoint in out.glob("search/*/checkpoint_*"):
        shutil.rmtree(checkpoint)
    result = json.loads((out / "result.json").read_text())
    return Searched(
        recommended=result["recommended"],
        expected=result["expected"],
        trials=len(result["trials"]),
        epochs=sum(len(trial["scores"]) for trial in result["trials"]),
        seconds=seconds,
        megabytes=megabytes,
    )


def ours(protocol: Protocol, out: Path, seed: int, prune: str) -> Searched:
    """Search with `seatbelt sweep --propose factorial`."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "runners.cli", "sweep", str(STUDY), "--data", str(protocol.data)]
    command += ["--out", str(out.parent), "--name", out.name, "--propose", "factorial", "--prune", prune]
    command += ["--size", protocol.size, "--seed", str(seed), "--slots", str(SLOTS), "--quiet"]
    command += ["--max-epochs", str(protocol.epochs), "--epochs", str(protocol.budget)]
    subprocess.run(command, check=True, env=AS_STARTED)
    seconds, megabytes = time.perf_counter() - started, _megabytes(out)
    views = [view for view in read_history(SweepFolder(out)).by_number if view.epochs_done]
    arm = recommendation(str(out), within=0.005, sure=0.9).arm
    return Searched(
        recommended=arm.cell,
        expected=arm.score,
        trials=len(views),
        epochs=sum(view.epochs_done for view in views),
        seconds=seconds,
        megabytes=megabytes,
    )


SEARCHES: dict[str, Callable[[Protocol, Path, int], Searched]] = {
    "ray": ray,
    "none": lambda protocol, out, seed: ours(protocol, out, seed, "none"),
    "asha": lambda protocol, out, seed: ours(protocol, out, seed, "asha"),
}
"""Plain Ray Tune, and ours without and with pruning."""

UNSEARCHED = dict.fromkeys(SPACE, "off") | {"decoder": "unet", "encoder_learning_rate": "0.001"}
"""What one would take without any search: U-Net, one rate for all, no augmentation."""


def run(protocol: Protocol, out: Path, seed: int) -> None:
    """Run what is missing of one search seed."""
    for name, search in SEARCHES.items():
        if not (out / f"{name}.json").is_file():
            shutil.rmtree(out / name, ignore_errors=True)
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            _write(out / f"{name}.json", asdict(search(protocol, out / name, seed)))
    chosen: list[Cell] = []
    for cell in (UNSEARCHED, *(_searched(out, name).recommended for name in SEARCHES)):
        chosen += [cell] if cell not in chosen else []
    options = RunOptions(slots=SLOTS, quiet=True)
    if run_session(prepare_confirmation(str(out / "none"), tuple(chosen), protocol.replicates, options)):
        raise SystemExit("a confirmation failed")


def table(out: Path, seeds: list[int]) -> pd.DataFrame:
    """Return one row for each search and seed: what it recommends, confirmed, and what it cost."""
    rows = []
    for seed in seeds:
        folder = out / f"seed-{seed}"
        trials = pd.read_parquet(folder / "none" / "trials")
        fresh = trials[(trials["role"] == "confirmation") & (trials["status"] == "COMPLETE")]
        for name in (*SEARCHES, "unsearched"):
            searched = _searched(folder, name)
            confirmed = fresh[
                fresh["cell"].map(lambda cell, recommended=searched.recommended: json.loads(cell) == recommended)
            ]
            rows.append(
                {
                    "seed": seed,
                    "search": name,
                    "expected": searched.expected,
                    **_mean_and_error("selection", confirmed["selection_iou"]),
                    **_mean_and_error("test", confirmed["test_iou"]),
                    "n": len(confirmed),
                    "trials": searched.trials,
                    "epochs": searched.epochs,
                    "seconds": searched.seconds,
                    "megabytes": searched.megabytes,
                    "cell": " ".join(searched.recommended.values()),
                }
            )
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means over the search seeds, and the differences to plain Ray Tune, paired by seed."""
    means = []
    for name in (*SEARCHES, "unsearched"):
        results = rows[rows["search"] == name].set_index("seed")
        plain = rows[rows["search"] == "ray"].set_index("seed")
        means.append(
            {
                "search": name,
                "seeds": len(results),
                **{column: results[column].mean() for column in ("selection", "test", "trials", "epochs")},
                **{column: results[column].mean() for column in ("seconds", "megabytes")},
                **_mean_and_error("selection_more", results["selection"] - plain["selection"]),
                **_mean_and_error("test_more", results["test"] - plain["test"]),
            }
        )
    return pd.DataFrame(means)


def main() -> None:
    """Run what is missing, write and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--size", default="32x56", help="HEIGHTxWIDTH")
    parser.add_argument("--epochs", type=int, default=9, help="full epochs of a trial")
    parser.add_argument("--budget", type=int, default=180, help="epochs of a search")
    parser.add_argument("--replicates", type=int, default=3, help="fresh seeds for each recommended arm")
    options = parser.parse_args()
    belts = REAL_DATA / "belts"
    if not belts.exists():
        raise SystemExit("the photographs with drawn belts are not here: nothing to compare on")
    out = options.out.resolve()
    protocol = Protocol(
        data=part_of(belts, out / "belts-part"),
        size=options.size,
        epochs=options.epochs,
        budget=options.budget,
        replicates=options.replicates,
    )
    for number, seed in enumerate(options.seeds, start=1):
        run(protocol, out / f"seed-{seed}", seed)
        rows = table(out, options.seeds[:number])
        rows.to_json(out / "table.json", orient="records", indent=1)
        print(rows.round(3).to_string(index=False), flush=True)
    means = summary(rows)
    means.to_json(out / "summary.json", orient="records", indent=1)
    print(means.round(3).to_string(index=False))


def _mean_and_error(name: str, values: pd.Series) -> dict[str, float]:
    """Return a mean and its standard error."""
    error = values.std() / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return {name: float(values.mean()), f"{name}_se": float(error)}


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _searched(folder: Path, name: str) -> Searched:
    if name == "unsearched":
        return Searched(recommended=UNSEARCHED, expected=np.nan, trials=0, epochs=0, seconds=0.0, megabytes=0.0)
    return Searched(**json.loads((folder / f"{name}.json").read_text()))


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


if __name__ == "__main__":
    main()
