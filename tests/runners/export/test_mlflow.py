from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from runners.export.run import export_sweeps
from seatbelt.errors import UserError
from tests.analysis.conftest import NOON

# MLflow's own models use a loader that SQLAlchemy 2.1 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture
def store(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("mlflow")

    def refused(*_: object) -> None:
        raise AssertionError("something was to be sent")

    monkeypatch.setattr(socket.socket, "connect", refused)
    export_sweeps([str(sweep)], [("--mlflow", str(tmp_path / "m.db"))])
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    tracking_store = SqlAlchemyStore(f"sqlite:///{tmp_path / 'm.db'}", "mlflow-artifacts:/")
    yield tracking_store
    tracking_store.engine.dispose()


def runs_of(store: Any) -> dict[str, Any]:
    experiment = store.get_experiment_by_name("first")
    runs = store.search_runs([experiment.experiment_id], "", 1, max_results=100)
    return {run.data.tags["trial_key"]: run for run in runs}


@pytest.mark.slow
def test_a_sweep_is_an_experiment_with_a_run_for_each_trial(store: Any, tmp_path: Path) -> None:
    experiment = store.get_experiment_by_name("first")
    assert experiment.tags["mlflow.note.content"] == "Which?"
    assert str(tmp_path) not in experiment.artifact_location
    runs = runs_of(store)
    assert {key: run.info.status for key, run in runs.items()} == {
        **dict.fromkeys(("k0", "k1", "k6", "k7", "k8"), "FINISHED"),
        **{"k2": "KILLED", "k3": "FAILED", "k4": "RUNNING", "k5": "SCHEDULED"},
    }
    one = runs["k0"]
    assert one.info.run_name == "0000-a-0.001-r0"
    assert one.info.start_time == NOON.timestamp() * 1000
    assert one.info.end_time == (NOON.timestamp() + 60) * 1000
    assert one.data.params == {"encoder": "a", "rate": "0.001", "config.encoder": "resa"}
    assert runs["k8"].data.params["arm"] == "beside"
    assert runs["k3"].data.tags["error"] == "loss is nan"
    assert runs["k7"].data.tags["role"] == "confirmation"


@pytest.mark.slow
def test_runs_have_a_metric_for_each_epoch_and_their_results(store: Any) -> None:
    one = runs_of(store)["k0"]
    history = store.get_metric_history(one.info.run_id, "selection_iou")
    assert [(item.step, item.value) for item in history] == [(1, 0.1), (2, 0.5), (3, 0.4)]
    assert history[0].timestamp == (NOON.timestamp() + 1) * 1000
    assert one.data.metrics["best_selection_iou"] == 0.5
    assert one.data.metrics["test_iou"] == 0.25
    best = store.search_runs([one.info.experiment_id], "metrics.best_selection_iou > 0.65", 1)
    assert [run.data.tags["trial_key"] for run in best] == ["k1"]


def test_without_mlflow_the_error_names_what_to_install(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", None)
    with pytest.raises(UserError, match=r"pip install 'seatbelt\[mlflow\]'"):
        export_sweeps([str(sweep)], [("--mlflow", str(tmp_path / "m.db"))])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweeps"]
