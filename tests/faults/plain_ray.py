"""Plain Ray Tune under the same kills: SIGKILL of the driver, then `Tuner.restore`.

The trainings are those of our sweep (same data, arms, epochs; a checkpoint each epoch), as a class trainable that a
competent user would write. The report counts what the user has in the end: epochs that were reported, lost, and trained
again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.faults.nodes import environment

_SCRIPT = """
import json, os, sys, tempfile, time
from pathlib import Path

os.environ.update(TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1", RAY_AIR_NEW_OUTPUT="0", RAY_AUTH_MODE="token")
data, out, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])

import ray
from ray import tune


class Plain(tune.Trainable):
    def setup(self, config):
        import torch
        torch.set_num_threads(1)
        from seatbelt.config.trial import TrialConfig
        from seatbelt.data.datasets.dataset import fingerprint, read
        from seatbelt.data.partition.splits import selection_set
        from seatbelt.data.loading.trial_samples import SweepData
        from seatbelt.records.sweep import DataSource
        from seatbelt.models.weights import resolve
        from seatbelt.training.device import Execution
        from seatbelt.training.trainer import Trainer
        trial = TrialConfig().with_fields({
            "data.real": True, "data.generations": (), "data.height": 32, "data.width": 64, "model.encoder": "lite0",
            "model.decoder": config["decoder"], "model.weights": "none", "epochs": epochs,
            "optimisation.decoder_learning_rate": config["rate"]})
        dataset = read(Path(data))
        selection = selection_set([dataset], domain="real", seed=0)
        sources = (DataSource(name="data", path=data, fingerprint=fingerprint(dataset)),)
        samples = SweepData(sources, selection).samples(trial)
        self.name = f"{config['decoder']} {config['rate']}"
        self.state = Trainer(trial, samples, resolve("lite0", "none"), Execution(), micro_batch=0)

    def step(self):
        metrics = self.state.train_epoch()
        with open(os.path.join(out, "trained.jsonl"), "a") as file:
            file.write(json.dumps([self.name, self.state.epoch]) + "\\n")
        return {"score": metrics.selection.iou, "epoch": self.state.epoch, "done": self.state.epoch >= epochs}

    def save_checkpoint(self, folder):
        import torch
        saved = self.state.checkpoint()
        torch.save({"weights": saved.weights, "optimizer": saved.optimizer, "trainer": saved.trainer, "log": saved.log,
                    "epoch": saved.epoch}, os.path.join(folder, "state.pt"))

    def load_checkpoint(self, folder):
        import torch
        from seatbelt.training.checkpoint import Checkpoint
        self.state.restore(Checkpoint(**torch.load(os.path.join(folder, "state.pt"), weights_only=True)))


class Reported(tune.Callback):
    def on_trial_result(self, iteration, trials, trial, result, **info):
        name = f"{trial.config['decoder']} {trial.config['rate']}"
        with open(os.path.join(out, "reported.jsonl"), "a") as file:
            file.write(json.dumps([name, result["epoch"]]) + "\\n")
            file.flush()
            os.fsync(file.fileno())


ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
place = os.path.join(out, "storage", "plain")
trainable = tune.with_resources(Plain, {"cpu": 1})
run = tune.RunConfig(
    name="plain", storage_path=os.path.join(out, "storage"), verbose=0, callbacks=[Reported()],
    # All are kept: with two, a restored trial looks for one that was deleted since the last snapshot, and fails.
    checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
    failure_config=tune.FailureConfig(max_failures=20))
space = {"decoder": tune.grid_search(["fpn", "linknet", "unet"]), "rate": tune.grid_search([0.0003, 0.001])}
if tune.Tuner.can_restore(place):
    tuner = tune.Tuner.restore(place, trainable=trainable, resume_unfinished=True, resume_errored=True)
else:
    limit = tune.TuneConfig(max_concurrent_trials=2)
    tuner = tune.Tuner(trainable, param_space=space, tune_config=limit, run_config=run)
tuner.fit()
"""


@dataclass
class PlainReport:
    """What plain Ray Tune trained and reported under kills."""

    driver_kills: int = 0
    reported: int = 0
    """Different epochs of trials that were reported to the driver."""
    trained: int = 0
    """Epochs that were trained, with repetitions."""
    reported_trained_again: int = 0
    """Epochs that were trained again although they had been reported."""
    complete: int = 0
    """Trials that reached their full epochs."""
    seconds: float = 0.0


def disturb(data: Path, out: Path, *, drivers: int, seed: int, epochs: int) -> PlainReport:
    """Kill and restore the driver `drivers` times, let it end, and count.

    Args:
        data: A native data set.
        out: A folder for everything.
        drivers: Kills of the driver.
        seed: Of the moments.
        epochs: Full epochs of each of the six trials.
    """
    report, rng, started = PlainReport(), random.Random(seed), time.monotonic()
    command = [sys.executable, "-c", _SCRIPT, str(data), str(out), str(epochs)]
    for _ in range(drivers):
        process = subprocess.Popen(command, env=environment(), start_new_session=True)
        if not _wait(process, out, rng):
            break
        process.kill()
        process.wait()
        report.driver_kills += 1
        _end_ray(process.pid)
        print(f"driver killed: {len(set(_lines(out / 'reported.jsonl')))} epochs reported", flush=True)
    subprocess.run(command, env=environment(), check=True)
    trained, reported = Counter(_lines(out / "trained.jsonl")), set(_lines(out / "reported.jsonl"))
    report.reported, report.trained = len(reported), sum(trained.values())
    report.reported_trained_again = sum(trained[entry] - 1 for entry in reported)
    report.complete = sum(epoch == epochs for _, epoch in reported)
    report.seconds = time.monotonic() - started
    return report


def _wait(process: subprocess.Popen[bytes], out: Path, rng: random.Random) -> bool:
    """Wait for a random moment after a further epoch; return False if the sweep ended."""
    before, until = len(_lines(out / "trained.jsonl")), time.monotonic() + 120
    while len(_lines(out / "trained.jsonl")) == before and time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
    deadline = time.monotonic() + rng.uniform(0.0, 4.0)
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    return process.poll() is None


def _end_ray(group: int) -> None:
    """End what the killed driver's Ray left running."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _lines(path: Path) -> list[tuple[str, int]]:
    if not path.exists():
        return []
    epochs = []
    for line in path.read_text().splitlines():
        name, epoch = json.loads(line)
        epochs.append((name, epoch))
    return epochs
