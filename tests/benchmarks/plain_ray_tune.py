"""A search as a competent user of Ray Tune writes it: OptunaSearch, ASHAScheduler, a checkpoint each epoch.

`python -m tests.benchmarks.plain_ray_tune --data FOLDER --out DIR --seed 0 --epochs 9 --budget 180` writes what it
recommends, and every trial's scores, to DIR/result.json. What is inside of the loop over epochs (data, model, step,
scores) is the product's, so that only searching, pruning, recommending and storing differ.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from ray import init, tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.splits import selection_set
from seatbelt.data.partition.subjects import Sample
from seatbelt.models.weights import resolve
from seatbelt.records.sweep import DataSource
from seatbelt.training.checkpoint import Checkpoint
from seatbelt.training.device import Execution, prepare
from seatbelt.training.trainer import Trainer
from tests.benchmarks.head_to_head_study import CONDITIONS, SPACE

CONCURRENT = 2
METRIC = "selection_iou"


class EpochBudget(tune.Stopper):
    """Ends the experiment after so many reported epochs, and records the reports.

    Ray's own files may lack the last reports: Ray skips the last copy to the storage while an earlier one still runs.
    """

    def __init__(self, epochs: int) -> None:
        self._left = epochs
        self.trials: dict[str, dict[str, Any]] = {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        self._left -= 1
        trial = self.trials.setdefault(trial_id, {"config": result["config"], "scores": []})
        trial["scores"].append(result[METRIC])
        return False

    def stop_all(self) -> bool:
        return self._left <= 0


def train(
    config: dict[str, str],
    *,
    source: DataSource,
    selection: tuple[Sample, ...],
    size: tuple[int, int],
    seed: int,
    epochs: int,
) -> None:
    """Train one configuration, epoch by epoch."""
    trial = TrialConfig().with_fields(
        {
            **CONDITIONS,
            "data.height": size[0],
            "data.width": size[1],
            "model.decoder": config["decoder"],
            "optimisation.encoder_learning_rate": float(config["encoder_learning_rate"]),
            "augmentation.transforms": [name for name in TRANSFORMS if config.get(name) == "on"],
            "epochs": epochs,
            "seed": seed,
        }
    )
    execution = Execution()
    prepare(execution)
    samples = SweepData((source,), selection).samples(trial)
    weights = resolve(trial.model.encoder, trial.model.weights)
    state = Trainer(trial, samples, weights, execution)
    if (earlier := tune.get_checkpoint()) is not None:
        with earlier.as_directory() as folder:
            state.restore(Checkpoint(**torch.load(Path(folder, "state.pt"), weights_only=True)))
    while state.epoch < epochs:
        metrics = state.train_epoch()
        if metrics is None:
            raise RuntimeError("the loss is not finite")
        saved = state.checkpoint()
        with tempfile.TemporaryDirectory() as folder:
            parts = {field.name: getattr(saved, field.name) for field in dataclasses.fields(saved)}
            torch.save(parts, Path(folder, "state.pt"))
            tune.report({METRIC: metrics.selection.iou}, checkpoint=tune.Checkpoint.from_directory(folder))


def search(data: Path, out: Path, *, size: tuple[int, int], seed: int, epochs: int, budget: int) -> dict[str, Any]:
    """Search until so many epochs are trained; return what is recommended, and every trial's scores."""
    init(address="local", num_cpus=CONCURRENT, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    dataset = read(data)
    trainable = tune.with_parameters(
        train,
        source=DataSource(name="data", path=str(data), fingerprint=fingerprint(dataset)),
        selection=selection_set([dataset], domain="real", seed=seed),
        size=size,
        seed=seed,
        epochs=epochs,
    )
    spent = EpochBudget(budget)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={name: tune.choice(levels) for name, levels in SPACE.items()},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(metric=METRIC, mode="max", seed=seed),
            scheduler=ASHAScheduler(metric=METRIC, mode="max", max_t=epochs),
            num_samples=-1,
            max_concurrent_trials=CONCURRENT,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(out.resolve()),
            stop=spent,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            verbose=1,
        ),
    )
    best = tuner.fit().get_best_result(metric=METRIC, mode="max")
    return {"recommended": best.config, "expected": best.metrics[METRIC], "trials": list(spent.trials.values())}


def main() -> None:
    """Search, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", default="32x56", help="HEIGHTxWIDTH")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=9, help="full epochs of a trial")
    parser.add_argument("--budget", type=int, default=180, help="epochs of all trials")
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    result = search(
        options.data,
        options.out,
        size=(height, width),
        seed=options.seed,
        epochs=options.epochs,
        budget=options.budget,
    )
    (options.out / "result.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
