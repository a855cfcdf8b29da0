"""Writes the Parquet tables of a sweep: a cache of the ledger that any reader can open at any time.

A table is a folder of shards of 100 trials each. A shard is rewritten and replaced atomically, so that it never
loses rows. A new driver rebuilds every shard from the ledger.
"""

from __future__ import annotations

import datetime
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runners.core.events import Decided, EpochMeasured, Event, LegEnded
from runners.core.history import History
from runners.core.trial_state import TrialState
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.parquet_file import FileVersion, first_version, next_version, whole_file
from seatbelt.config.trial import TrialConfig
from seatbelt.records.arrow import arrow_schema
from seatbelt.records.configuration import configuration_row
from seatbelt.records.tables import IMAGE_COUNTS, SCORES, SWEEP_METADATA, TABLES

SHARD_TRIALS = 100
_SHARD_DECISIONS = 1000
_FLUSH_SECONDS = 2.0
_FLUSH_SHARE = 0.05
"""Largest share of time for flushing, so that large sweeps flush less often."""


class Store:
    """Collects rows and writes the shards that changed."""

    def __init__(
        self, folder: SweepFolder, history: History, *, study: str, fingerprint: str, identity: str = ""
    ) -> None:
        self._folder = folder
        self._history = history
        self._study = study
        self._fingerprint = fingerprint
        self.identity = identity
        self._pending: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        self._dirty_trials: set[int] = set()
        self._decisions = 0
        self._spans: dict[tuple[str, int], tuple[int, int]] = {}
        """(start, end) of the rows in each shard that this driver has written, bytes."""
        self._written: dict[tuple[str, int], int] = {}
        """Number of rows in each shard that this driver has written."""
        self._flushed_at = 0.0
        self._flush_cost = 0.0

    def add(self, event: Event) -> None:
        """Add the rows of an event that the history has applied."""
        key = getattr(event, "trial_key", None)
        number = self._history.trials[key].plan.number if key is not None else None
        if number is not None:
            self._dirty_trials.add(number // SHARD_TRIALS)
        if isinstance(event, EpochMeasured):
            assert number is not None
            self._pending["epochs", number // SHARD_TRIALS].append(_epoch_row(event, self._host(event.trial_key)))
        elif isinstance(event, Decided):
            self._pending["decisions", self._decisions // _SHARD_DECISIONS].append(
                _decision_row(event, self._decisions)
            )
            self._decisions += 1
        elif isinstance(event, LegEnded) and event.images:
            assert number is not None
            rows = [{"trial_key": event.trial_key, **row} for row in event.images]
            place = ("images", number // SHARD_TRIALS)
            # A continued trial is tested again, and its newer rows replace the older ones.
            others = [row for row in self._pending[place] if row["trial_key"] != event.trial_key]
            self._pending[place] = others + rows

    @property
    def is_due(self) -> bool:
        """True if it is time to write: at most every two seconds and for at most 5 % of the time."""
        return time.monotonic() - self._flushed_at >= max(_FLUSH_SECONDS, self._flush_cost / _FLUSH_SHARE)

    def flush(self) -> None:
        """Write every shard that changed.

        Raises:
            OSError: A shard could not be written; the next flush writes it and the remaining ones.
        """
        started = time.monotonic()
        try:
            for shard in sorted(self._dirty_trials):
                views = self._history.by_number[shard * SHARD_TRIALS : (shard + 1) * SHARD_TRIALS]
                self._write("trials", shard, [self._trial_row(view) for view in views])
                self._dirty_trials.discard(shard)
            for table, shard in list(self._pending):
                self._write(table, shard, self._pending[table, shard], extend=True)
                del self._pending[table, shard]
        finally:
            self._flushed_at = time.monotonic()
            self._flush_cost = self._flushed_at - started

    def _write(self, table: str, shard: int, rows: list[dict[str, Any]], *, extend: bool = False) -> None:
        name = _shard(table, shard)
        path = self._folder.root / name
        block = _arrow(table, rows)
        data = path.read_bytes() if path.exists() else b""
        written = self._written.get((table, shard))
        if extend and written is not None:
            # Rows of an earlier driver are replaced, and rows of a failed write do not count.
            try:
                before = pq.read_table(pa.BufferReader(data), schema=block.schema).slice(0, written)
            except pa.ArrowException as error:
                raise OSError(f"{path} was damaged ({error}); the next driver writes it anew") from None
            if table == "images":
                before = before.filter(pc.invert(pc.is_in(before["trial_key"], block["trial_key"].unique())))
            block = pa.concat_tables([before, block])
        block = _signed(block, self.identity)
        span = self._spans.pop((table, shard), None)
        version = next_version(block, FileVersion(data=data, start=span[0], end=span[1]) if span else whole_file(data))
        self._folder.files.write(name, version.data)
        self._spans[table, shard] = (version.start, version.end)
        self._written[table, shard] = len(block)

    def _host(self, key: str) -> str | None:
        return self._history.trials[key].facts.get("host")

    def _stage(self, view: TrialState) -> dict[str, Any]:
        stage, stages = view.plan.stage, self._history.stages
        if stage is None:
            return {"stage_key": None, "stage_reused": None, "stage_seconds": None}
        stored, trained = stages.stored.get(stage), self._history.trials.get(stage)
        seconds = stored.seconds if stored else trained.train_seconds if trained else None
        reused = stored is not None or stages.first_user.get(stage) != view.key
        return {"stage_key": stage, "stage_reused": reused, "stage_seconds": seconds}

    def _trial_row(self, view: TrialState) -> dict[str, Any]:
        plan, facts = view.plan, view.facts
        config = TrialConfig.model_validate(plan.config)
        return {
            "trial_key": plan.trial_key,
            "arm_key": plan.arm_key,
            "number": plan.number,
            "study": self._study,
            "cell": json.dumps(plan.cell),
            "replicate": plan.replicate,
            "status": str(view.status),
            "exempt": view.exempt,
            "proposed_by": plan.by,
            "role": view.role,
            **self._stage(view),
            "epochs_done": view.epochs_done,
            "epochs_planned": max(config.epochs, view.epochs_done),
            "attempts": view.attempt,
            "failures": view.failures,
            "machine_faults": view.machine_faults,
            "error": view.error,
            "best_epoch": view.best_epoch or None,
            **{f"selection_{c.name}": view.best_metrics.get(f"selection_{c.name}") for c in SCORES},
            **{f"test_{c.name}": (view.test or {}).get(c.name) for c in SCORES},
            "epochs_to_90": _epochs_to_90(view),
            "train_seconds": view.train_seconds,
            "seconds": view.seconds,
            **{column.name: facts.get(column.name) for column in IMAGE_COUNTS},
            "parameters": facts.get("parameters"),
            "micro_batch": facts.get("micro_batch"),
            "planned_at": _time(plan.at),
            "ended_at": _time(view.ended_at),
            **configuration_row(config),
            "output_stride": facts.get("output_stride"),
            "weights_sha256": facts.get("weights_sha256"),
            "data_fingerprint": self._fingerprint,
            "device": facts.get("device"),
            "threads": facts.get("threads"),
            "host": facts.get("host"),
            "versions": json.dumps(facts["versions"], sort_keys=True) if "versions" in facts else None,
            "git_commit": facts.get("git_commit"),
        }


def empty_tables(folder: SweepFolder, identity: str = "") -> None:
    """Write an empty shard for each table without one, so that queries work from the first second."""
    for table in TABLES:
        if not (folder.root / _shard(table, 0)).exists():
            folder.files.write(_shard(table, 0), first_version(_signed(_arrow(table, []), identity)).data)


def _shard(table: str, number: int) -> str:
    return f"{table}/part-{number:05d}.parquet"


def _signed(block: pa.Table, identity: str) -> pa.Table:
    """Return a table whose metadata names its sweep."""
    if not identity:
        return block
    return block.replace_schema_metadata({**(block.schema.metadata or {}), SWEEP_METADATA: identity})


def _arrow(table: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    schema = arrow_schema(table)
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for row in rows:
        assert set(row) == set(columns), f"{table}: {sorted(set(row) ^ set(columns))}"
        for name, value in row.items():
            columns[name].append(value)
    return pa.Table.from_pydict(columns, schema=schema)


def _epoch_row(event: EpochMeasured, host: str | None) -> dict[str, Any]:
    return {
        "trial_key": event.trial_key,
        "epoch": event.epoch,
        **event.metrics,
        "attempt": event.attempt,
        "host": host,
        "at": _time(event.at),
    }


def _decision_row(event: Decided, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "at": _time(event.at),
        "kind": event.kind,
        "trial_key": event.trial_key,
        "by": event.by,
        "epoch": event.epoch,
        "score": event.score,
        "rank": event.rank,
        "compared": event.compared,
        "allowed": event.allowed,
        "reason": event.reason,
    }


def _epochs_to_90(view: TrialState) -> int | None:
    best = view.best_score
    if best is None:
        return None
    return next(epoch for epoch, score in enumerate(view.scores, start=1) if score >= 0.9 * best)


def _time(seconds: float | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
