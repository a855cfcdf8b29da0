"""Kill drivers, workers and nodes of one real sweep at random moments (SIGKILL), and count what was lost.

`python -m tests.faults kills` is the long form; a short one is a test.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from runners.core.events import EpochMeasured, LegBegan, LegStarted
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from tests.faults.nodes import Nodes, environment

NOT_COMPARED = ["planned_at", "ended_at", "at", "attempts", "attempt", "machine_faults", "host", "error"]
"""Columns that tell when, where and in which attempt something ran."""
SECONDS = ["train_seconds", "evaluation_seconds", "seconds", "images_per_s", "stage_seconds"]


@dataclass
class Report:
    """What a disturbed sweep did, and whether anything was lost."""

    driver_kills: int = 0
    worker_kills: int = 0
    node_kills: int = 0
    acknowledged_lost: int = 0
    """Epochs that were in the journal before a kill and not after it."""
    duplicates: int = 0
    acknowledged_trained_again: int = 0
    """Epochs that were recorded and yet computed again, over all legs."""
    legs: int = 0
    tables_equal: bool = False
    differences: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """All kills that were made."""
        return self.driver_kills + self.worker_kills + self.node_kills

    def passed(self) -> bool:
        """Return whether nothing was lost, doubled or changed."""
        return self.tables_equal and not (self.acknowledged_lost or self.duplicates or self.acknowledged_trained_again)


def disturb(
    data: Path, out: Path, *, drivers: int, workers: int, seed: int, epochs: int, decoders: str, nodes: int = 0
) -> Report:
    """Run a sweep undisturbed and once more with kills, and compare.

    Args:
        data: A native data set.
        out: Folder for both sweeps.
        drivers: Kills of the driver.
        workers: Kills of a worker.
        seed: Of the moments and the victims.
        epochs: Full epochs of each trial.
        decoders: Levels of the decoder, the only factor beside two learning rates.
        nodes: Kills of a node of a cluster; without any, each driver starts its own Ray.
    """
    command = [sys.executable, "-m", "runners.cli", "sweep", "architecture", "--data", str(data), "--out", str(out)]
    command += ["--set", "encoder=lite0", "--set", f"decoder={decoders}"]
    command += ["--set", "decoder_learning_rate=0.0003,0.001", "--fix", "weights=none", "--max-epochs", str(epochs)]
    # No early stopping: the number of epochs alone decides how long the sweep lasts.
    command += ["--fix", "early_stopping_patience=1000000"]
    command += ["--slots", "2", "--checkpoint-share", "1", "--quiet"]
    undisturbed, disturbed = SweepFolder(out / "undisturbed"), SweepFolder(out / "disturbed")
    subprocess.run([*command, "--name", "undisturbed"], check=True, env=environment())
    report = Report()
    victims = ["driver"] * drivers + ["worker"] * workers + ["node"] * nodes
    random.Random(seed).shuffle(victims)
    command += ["--name", "disturbed"]
    if nodes:
        with Nodes() as cluster:
            node = cluster.add()
            _kill_all(victims, [*command, "--address", cluster.address], disturbed, report, seed, cluster, node)
    else:
        _kill_all(victims, command, disturbed, report, seed)
    examine_journal(disturbed, report)
    compare_tables(undisturbed, disturbed, report)
    return report


def _kill_all(
    victims: list[str],
    command: list[str],
    disturbed: SweepFolder,
    report: Report,
    seed: int,
    cluster: Nodes | None = None,
    node: int = 0,
) -> None:
    rng = random.Random(seed)
    process: subprocess.Popen[bytes] | None = None
    acknowledged: set[tuple[str, int]] = set()
    for victim in victims:
        process = process or subprocess.Popen(command, env=environment())
        ancestor = cluster.pid if cluster is not None else process.pid
        _wait_for_work(process, ancestor, rng, disturbed, acknowledged)
        if process.poll() is not None:
            print("the sweep ended before all kills were made; give it more --epochs", file=sys.stderr)
            break
        acknowledged |= epochs_of(disturbed)
        if victim == "driver":
            process.kill()
            process.wait()
            process = None
            report.driver_kills += 1
        elif victim == "node":
            assert cluster is not None
            cluster.kill(node)
            node = cluster.add()
            report.node_kills += 1
        elif _kill_a_worker(ancestor, rng):
            report.worker_kills += 1
        lost = acknowledged - epochs_of(disturbed)
        report.acknowledged_lost += len(lost)
        print(f"{victim} killed: {len(acknowledged)} epochs acknowledged, {len(lost)} lost", flush=True)
    if process is not None:
        process.wait()
    subprocess.run(command, check=True, env=environment())
    report.acknowledged_lost += len(acknowledged - epochs_of(disturbed))


def _wait_for_work(
    process: subprocess.Popen[bytes],
    ancestor: int,
    rng: random.Random,
    sweep: SweepFolder,
    acknowledged: set[tuple[str, int]],
) -> None:
    """Wait for a random moment: half of them during a start, the others after an epoch since the last kill."""
    target = rng.choice([0, 1])
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if _workers(ancestor) and len(epochs_of(sweep) - acknowledged) >= target:
            break
        time.sleep(0.1)
    deadline = time.monotonic() + rng.uniform(0.0, 4.0)
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)


def _workers(ancestor: int) -> list[int]:
    """Return the processes that run legs below a driver, or below a cluster."""
    return _below(ancestor, ("ray::SeatbeltLeg", "ray::ResourceTrainable"))


def kill_below(ancestor: int, program: str) -> bool:
    """Kill a process of Ray's own below a driver; return whether there was one."""
    pids = _below(ancestor, (program,))
    for pid in pids[:1]:
        os.kill(pid, signal.SIGKILL)
    return bool(pids)


def _below(ancestor: int, programs: tuple[str, ...]) -> list[int]:
    listing = subprocess.run(["ps", "-ewwo", "pid,ppid,args"], capture_output=True, text=True, check=True)
    parents: dict[int, int] = {}
    pids = []
    for line in listing.stdout.splitlines()[1:]:
        pid, parent, command = line.split(None, 2)
        parents[int(pid)] = int(parent)
        if command.split()[0].rpartition("/")[2].startswith(programs):
            pids.append(int(pid))
    return [pid for pid in pids if _descends(pid, ancestor, parents)]


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        pid = parents.get(pid, 0)
    return False


def _kill_a_worker(ancestor: int, rng: random.Random) -> bool:
    workers = _workers(ancestor)
    if not workers:
        return False
    os.kill(rng.choice(workers), signal.SIGKILL)
    return True


def epochs_of(folder: SweepFolder) -> set[tuple[str, int]]:
    """Return the epochs that are recorded."""
    if not folder.journal.exists():
        return set()
    return {(e.trial_key, e.epoch) for e in read_events(folder) if isinstance(e, EpochMeasured)}


def wait_for_epochs(folder: SweepFolder, count: int, process: subprocess.Popen[Any]) -> None:
    """Wait until so many epochs of a running sweep are recorded."""
    until = time.monotonic() + 200
    while len(epochs_of(folder)) < count:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < until, "the sweep does not go on"
        time.sleep(0.2)


def examine_journal(folder: SweepFolder, report: Report) -> None:
    """Count epochs that are recorded twice or were trained again although they were recorded."""
    measured: Counter[tuple[str, int]] = Counter()
    recorded: Counter[str] = Counter()
    at_start: dict[tuple[str, int], int] = {}
    for event in read_events(folder):
        if isinstance(event, EpochMeasured):
            measured[event.trial_key, event.epoch] += 1
            recorded[event.trial_key] += 1
        elif isinstance(event, LegStarted):
            report.legs += 1
            at_start[event.trial_key, event.attempt] = recorded[event.trial_key]
        elif isinstance(event, LegBegan):
            # A leg goes on from its checkpoint. Recorded epochs after it are trained again.
            behind = at_start[event.trial_key, event.attempt] - event.facts["from_epoch"]
            report.acknowledged_trained_again += max(0, behind)
    report.duplicates = sum(count - 1 for count in measured.values())


def compare_tables(undisturbed: SweepFolder, disturbed: SweepFolder, report: Report) -> None:
    """Note every difference between the tables of two sweeps, seconds, attempts and hosts aside."""
    for name in ("trials", "epochs", "images"):
        frames = []
        for folder in (undisturbed, disturbed):
            frame = pd.read_parquet(folder.root / name).drop(columns=[*NOT_COMPARED, *SECONDS], errors="ignore")
            keys = [column for column in ("trial_key", "epoch", "image") if column in frame]
            frames.append(frame.sort_values(keys, ignore_index=True))
        try:
            pd.testing.assert_frame_equal(frames[0], frames[1], check_exact=True)
        except AssertionError as error:
            report.differences.append(f"{name}: {error}")
    report.tables_equal = not report.differences
