"""The best configurations for programs: with their weights, their whole configuration, and the next commands."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from analysis import load
from analysis.answers.ranking import Arm, Ranking
from analysis.reading.duckdb import rows
from analysis.text.ranking import next_commands
from runners.sweep_files.folder import SweepFolder
from seatbelt.training.manifest import tensor_file_name


def ranking_record(ranking: Ranking) -> dict[str, Any]:
    """Return a ranking as plain values; each arm has `weights`, `configuration` and `commands` too.

    `weights` is the file of its best trial's best epoch, None if it was not kept.

    Raises:
        UserError: A sweep cannot be read.
    """
    record = asdict(ranking)
    for values, arm in zip(record["arms"], ranking.arms, strict=True):
        values.update(_details(arm))
    return record


def _details(arm: Arm) -> dict[str, Any]:
    query = "select config, best_epoch from trials where trial_key = ?"
    trial = rows(load(arm.location), query, [arm.trial_key], table="trials")[0]
    storage = SweepFolder(arm.location).checkpoints(arm.trial_key)
    name = tensor_file_name("weights", int(trial["best_epoch"] or 0))
    return {
        "weights": f"{storage.location}/{name}" if name in storage.names() else None,
        "configuration": json.loads(trial["config"]) if trial["config"] else None,
        "commands": next_commands(arm, arm.location),
    }
