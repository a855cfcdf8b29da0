"""The driver is the one writer, its tables are readable at any time, and it resumes after any interruption."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from runners.core.plan import Finished, Limits, Wait
from runners.sweep_files.folder import SweepFolder
from runners.worker.messages import LegFacts, LegResult, LegTask
from seatbelt.records.arrow import arrow_schema
from seatbelt.records.tables import TABLES
from tests.runners.conftest import describe, ended_message, epoch_message, open_driver, work

UNEQUAL = ["planned_at", "ended_at", "at", "attempts", "attempt", "host"]


def run_to_the_end(folder: SweepFolder, limits: Limits | None = None) -> str:
    with open_driver(folder, limits) as driver:
        while isinstance(step := driver.next(), LegTask):
            work(driver, step)
        assert isinstance(step, Finished)
        return step.reason


def table(folder: SweepFolder, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder.root / name)


def test_a_sweep_and_its_tables(folder: SweepFolder) -> None:
    assert run_to_the_end(folder) == "every arm has its trials"
    trials = table(folder, "trials")
    assert trials["status"].tolist() == ["COMPLETE"] * 4
    assert trials["number"].tolist() == [0, 1, 2, 3]
    assert trials["epochs_done"].tolist() == [3] * 4
    assert trials["test_iou"].tolist() == [0.4] * 4
    assert len(table(folder, "epochs")) == 12
    assert len(table(folder, "images")) == 4
    assert table(folder, "decisions")["kind"].tolist() == ["proposal"] * 4 + ["finish"]
    first = trials.iloc[0]
    assert first["selection_iou"] == pytest.approx(int(first["trial_key"][:6], 16) / 16**6 * 0.3)
    assert first["best_epoch"] == 3
    assert first["epochs_to_90"] == 3


def test_the_facts_of_a_leg_become_columns(folder: SweepFolder) -> None:
    counts = {"train_real": 5, "train_synthetic": 12, "validation_images": 7, "selection_images": 4, "test_images": 6}
    with open_driver(folder) as driver:
        step = driver.next()
        assert isinstance(step, LegTask)
        driver.handle(step, LegFacts(facts={**counts, "parameters": 11, "host": "here"}))
    trials = table(folder, "trials")
    # The other trials have not begun and have no counts yet.
    assert trials.iloc[0][[*counts, "parameters", "host"]].tolist() == [5, 12, 7, 4, 6, 11, "here"]
    assert trials["replacement"].tolist() == [False] * len(trials)
    assert trials["sources"].tolist() == [""] * len(trials)


def test_every_table_has_its_schema_from_the_first_second(folder: SweepFolder) -> None:
    import pyarrow.parquet as pq

    with open_driver(folder):
        for name in TABLES:
            files = list((folder.root / name).iterdir())
            assert [path.name for path in files] == ["part-00000.parquet"]
            assert pq.read_schema(files[0]).equals(arrow_schema(name), check_metadata=True)


@pytest.mark.slow
def test_killed_between_any_two_messages(tmp_path: Path) -> None:
    undisturbed = SweepFolder(tmp_path / "undisturbed")
    undisturbed.create(describe())
    run_to_the_end(undisturbed)
    disturbed = SweepFolder(tmp_path / "disturbed")
    disturbed.create(describe())
    for messages in range(1, 12):
        driver = open_driver(disturbed)
        step = driver.next()
        if isinstance(step, LegTask):
            for epoch in range(step.recorded_epochs + 1, min(step.stop, step.recorded_epochs + messages % 3) + 1):
                quality = int(step.trial_key[:6], 16) / 16**6
                driver.handle(step, epoch_message(epoch, quality * epoch / 10))
        # A SIGKILL flushes and closes nothing but the lock, which ends with the process.
        driver._ledger._file.close()
        driver._ledger._lock.close()
    run_to_the_end(disturbed)
    for name in ("trials", "epochs", "images"):
        order = [column for column in ("trial_key", "number", "epoch") if column in table(disturbed, name)]
        tables = [
            table(folder, name).drop(columns=UNEQUAL, errors="ignore").sort_values(order, ignore_index=True)
            for folder in (undisturbed, disturbed)
        ]
        pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)


def test_repeated_epochs_are_recorded_once(folder: SweepFolder) -> None:
    with open_driver(folder, Limits(trials=1)) as driver:
        step = driver.next()
        assert isinstance(step, LegTask)
        for epoch, score in ((1, 0.1), (1, 0.9), (2, 0.2), (1, 0.9), (3, 0.3)):
            driver.handle(step, epoch_message(epoch, score))
        driver.handle(step, ended_message("complete", 3))
    epochs = table(folder, "epochs")
    assert epochs["epoch"].tolist() == [1, 2, 3]
    assert epochs["selection_iou"].tolist() == [0.1, 0.2, 0.3]


def test_a_lost_worker_and_an_error_are_tried_again(folder: SweepFolder) -> None:
    with open_driver(folder, Limits(trials=1)) as driver:
        step = driver.next()
        assert isinstance(step, LegTask)
        driver.lost(step, "killed")
        step = driver.next()
        assert isinstance(step, LegTask)
        assert step.attempt == 2
        for attempt in (3, 4):
            driver.handle(step, LegResult(outcome="error", error="boom"))
            step = driver.next()
            assert isinstance(step, LegTask)
            assert step.attempt == attempt
        driver.handle(step, LegResult(outcome="error", error="boom"))
        assert isinstance(driver.next(), Finished)
    trial = table(folder, "trials").iloc[0]
    assert (trial["status"], trial["error"], trial["failures"]) == ("FAILED", "boom", 3)


def test_stopping(folder: SweepFolder) -> None:
    with open_driver(folder) as driver:
        step = driver.next()
        assert isinstance(step, LegTask)
        folder.request_stop()
        time.sleep(0.6)
        assert driver.stop.poll()
        assert isinstance(driver.next(), Wait)
        driver.interrupt(step)
        assert isinstance(driver.next(), Finished)
        assert driver.finished is None
    assert table(folder, "trials")["status"].tolist() == ["INTERRUPTED"]
    run_to_the_end(folder)
    assert set(table(folder, "trials")["status"]) == {"COMPLETE"}


@pytest.mark.slow
def test_readers_during_a_sweep_see_no_error_and_never_fewer_rows(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe(encoders=5, decoders=6, prune="asha", epochs=9))
    done = threading.Event()
    seen: dict[str, list[tuple[int, ...]]] = {"pandas": [], "duckdb": [], "polars": []}
    errors: list[BaseException] = []
    with open_driver(folder) as driver:
        readers = [
            threading.Thread(target=_read_in_a_loop, args=(folder, name, done, seen[name], errors)) for name in seen
        ]
        for reader in readers:
            reader.start()
        while isinstance(step := driver.next(), LegTask):
            work(driver, step)
            # Ten times as often as in a sweep. A reader must never be more than one version behind.
            time.sleep(0.2)
            driver._store.flush()
    done.set()
    for reader in readers:
        reader.join()
    assert not errors
    for counts in seen.values():
        assert len(counts) > 3
        assert all(a <= b for earlier, later in itertools.pairwise(counts) for a, b in zip(earlier, later, strict=True))
    assert table(folder, "trials")["status"].value_counts().to_dict() == {"PRUNED": 18, "COMPLETE": 12}


def _read_in_a_loop(
    folder: SweepFolder,
    kind: str,
    done: threading.Event,
    counts: list[tuple[int, ...]],
    errors: list[BaseException],
) -> None:
    connection = duckdb.connect()
    try:
        while not done.is_set():
            lengths = []
            for name in TABLES:
                path = folder.root / name
                if kind == "pandas":
                    lengths.append(len(pd.read_parquet(path)))
                elif kind == "polars":
                    lengths.append(pl.read_parquet(path).height)
                else:
                    row = connection.execute(f"select count(*) from '{path}/*.parquet'").fetchone()
                    assert row is not None
                    lengths.append(row[0])
            counts.append(tuple(lengths))
    except BaseException as error:
        errors.append(error)


@pytest.mark.slow
def test_shards_of_a_hundred_trials(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    folder.create(describe(encoders=5, decoders=6, epochs=1))
    run_to_the_end(folder, Limits(replicates=5))
    assert sorted(path.name for path in (folder.root / "trials").iterdir()) == [
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    trials = table(folder, "trials")
    assert len(trials) == 150
    assert trials["trial_key"].is_unique
    assert sorted(trials.groupby("arm_key").size().unique()) == [5]
