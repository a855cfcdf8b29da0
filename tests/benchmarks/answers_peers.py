"""The same questions put to MLflow, and to pandas over the files that Ray Tune leaves; each prints one number.

Each function is run in a process of its own. `effects` of the others is least squares without intervals, which is less
than `seatbelt effects` tells.
"""

from __future__ import annotations

import csv
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FACTOR = "cutout"


def fill_mlflow(sweep: str, file: str) -> None:
    """Write a sweep into an MLflow store by MLflow's own batches."""
    from analysis.sweeps import open_sweeps
    from runners.export.mlflow_store import write_store
    from runners.export.read import exported

    write_store(exported(open_sweeps([sweep])), Path(file), lambda done, total: None)


def mlflow_best(file: str) -> None:
    """Print the mean of the best arm."""
    print(_best(_runs(file)))


def mlflow_effects(file: str) -> None:
    """Print the effect of a factor."""
    print(_effect(_runs(file)))


def mlflow_query(file: str) -> None:
    """Print the mean score with a transform on."""
    print(_mean_with(_runs(file)))


def mlflow_curve(file: str) -> None:
    """Print the mean score at the last epoch, out of the mean curve."""
    client, runs = _client_and_runs(file)
    curves: dict[int, list[float]] = {}
    for run in runs:
        for metric in client.get_metric_history(run.info.run_id, "selection_iou"):
            curves.setdefault(metric.step, []).append(metric.value)
    means = {epoch: float(np.mean(values)) for epoch, values in curves.items()}
    print(means[max(means)])


def fill_ray(sweep: str, folder: str) -> None:
    """Write a sweep as Ray Tune would: a folder for each trial with params.json and progress.csv."""
    from analysis.sweeps import open_sweeps
    from runners.export.read import exported

    for trial in exported(open_sweeps([sweep]))[0].trials:
        place = Path(folder) / f"train_{trial.trial_key}_{trial.number:05d}"
        place.mkdir(parents=True)
        parameters = {**trial.levels, "arm": trial.arm_key, "replicate": trial.replicate}
        (place / "params.json").write_text(json.dumps(parameters))
        rows = [
            {"training_iteration": epoch, **values, "timestamp": int(at), "time_total_s": float(epoch), "pid": 1}
            | {"trial_id": trial.trial_key, "done": False, "hostname": "node", "node_ip": "127.0.0.1"}
            for epoch, at, values in trial.curves.rows()
        ]
        with (place / "progress.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def pandas_best(folder: str) -> None:
    """Print the mean of the best arm."""
    print(_best(_trials(folder)))


def pandas_effects(folder: str) -> None:
    """Print the effect of a factor."""
    print(_effect(_trials(folder)))


def pandas_query(folder: str) -> None:
    """Print the mean score with a transform on."""
    print(_mean_with(_trials(folder)))


def pandas_curve(folder: str) -> None:
    """Print the mean score at the last epoch, out of the mean curve."""
    import pandas as pd

    whole = pd.concat([frame for _, frame in _read(folder)])
    print(float(whole.groupby("training_iteration")["selection_iou"].mean().iloc[-1]))


def _best(trials: Any) -> float:
    return float(trials.groupby("arm")["score"].mean().max())


def _mean_with(trials: Any) -> float:
    return float(trials.groupby(FACTOR)["score"].mean()["on"])


def _effect(trials: Any) -> float:
    from seatbelt.config.augmentation import TRANSFORMS

    columns = [np.ones(len(trials))]
    columns += [(trials["replicate"] == r).to_numpy(float) for r in sorted(trials["replicate"].unique())[1:]]
    varied = [name for name in TRANSFORMS if trials[name].nunique() > 1]
    design = np.stack([*columns, *((trials[name] == "on").to_numpy(float) for name in varied)], axis=1)
    coefficients, *_ = np.linalg.lstsq(design, trials["score"].to_numpy(), rcond=None)
    return float(coefficients[len(columns) + varied.index(FACTOR)])


def _runs(file: str) -> Any:
    import pandas as pd

    _, runs = _client_and_runs(file)
    rows = [
        {
            **run.data.params,
            "arm": run.data.tags["arm_key"],
            "replicate": run.data.tags["replicate"],
            "score": run.data.metrics["best_selection_iou"],
        }
        for run in runs
    ]
    return pd.DataFrame(rows)


def _client_and_runs(file: str) -> tuple[Any, list[Any]]:
    os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"})
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client = MlflowClient(f"sqlite:///{file}")
    experiments = [e.experiment_id for e in client.search_experiments() if e.name != "Default"]
    runs: list[Any] = []
    token = None
    while token is not None or not runs:
        page = client.search_runs(experiments, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            break
    return client, runs


def _trials(folder: str) -> Any:
    import pandas as pd

    rows = [{**parameters, "score": float(frame["selection_iou"].max())} for parameters, frame in _read(folder)]
    return pd.DataFrame(rows)


def _read(folder: str) -> Iterator[tuple[dict[str, Any], Any]]:
    import pandas as pd

    for place in Path(folder).iterdir():
        parameters = json.loads((place / "params.json").read_text())
        yield parameters, pd.read_csv(place / "progress.csv")
