from __future__ import annotations

import contextlib
import datetime
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from runners.export import optuna_rows
from runners.export.run import export_sweeps
from tests.analysis.conftest import NOON, write_sweep
from tests.runners.export.conftest import DESCRIPTION, small_tables


def exported(sweep: Path, file: Path) -> dict[str, optuna.Study]:
    export_sweeps([str(sweep)], [("--optuna", str(file))])
    url = f"sqlite:///{file}"
    return {name: optuna.load_study(study_name=name, storage=url) for name in optuna.get_all_study_names(url)}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, optuna.Study]:
    """The studies of a small sweep, read by several tests and changed by none."""
    folder = tmp_path_factory.mktemp("optuna")
    return exported(write_sweep(folder / "first", description=DESCRIPTION, **small_tables()), folder / "o.db")


def test_the_search_is_one_study_and_other_trials_are_separate_studies(
    studies: dict[str, optuna.Study],
) -> None:
    assert {name: len(study.trials) for name, study in studies.items()} == {
        "first": 7,
        "first (confirmations)": 1,
        "first (named arms)": 1,
    }
    assert studies["first (named arms)"].trials[0].params == {"arm": "beside"}
    assert studies["first (confirmations)"].trials[0].user_attrs["replicate"] == 100_000
    assert studies["first"].user_attrs == {"study": "mine", "question": "Which?"}


def test_each_trial_has_its_state_value_and_epochs(studies: dict[str, optuna.Study]) -> None:
    trials = studies["first"].trials
    assert [trial.state.name for trial in trials] == [
        *("COMPLETE", "COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING", "COMPLETE"),
    ]
    assert [trial.value for trial in trials] == [0.5, 0.7, 0.2, None, None, None, 0.6]
    assert trials[0].intermediate_values == {1: 0.1, 2: 0.5, 3: 0.4}
    assert trials[3].intermediate_values == {}
    assert trials[4].intermediate_values == {1: 0.3}
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4, 5, 6]


def test_parameters_have_the_distributions_of_the_factors(studies: dict[str, optuna.Study]) -> None:
    trial = studies["first"].trials[2]
    assert trial.params == {"encoder": "b", "rate": 0.01}
    assert trial.distributions == {
        "encoder": optuna.distributions.CategoricalDistribution(["a", "b"]),
        "rate": optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True),
    }


def test_attributes_tell_which_trial_it_is(studies: dict[str, optuna.Study]) -> None:
    complete, diverged = studies["first"].trials[1], studies["first"].trials[3]
    assert complete.user_attrs == {
        **{"trial_key": "k1", "arm_key": "arma0.001", "replicate": 1, "role": "arm", "status": "COMPLETE"},
        **{"test_iou": 0.25, "seconds": 9.0, "best_epoch": 2.0},
    }
    assert diverged.user_attrs["status"] == "DIVERGED"
    assert diverged.user_attrs["error"] == "loss is nan"
    local = NOON.astimezone().replace(tzinfo=None)
    assert (complete.datetime_start, complete.datetime_complete) == (local, local + datetime.timedelta(minutes=1))
    assert studies["first"].trials[4].datetime_complete is None


def test_optuna_finds_the_best_trial_its_importances_and_its_plots(studies: dict[str, optuna.Study]) -> None:
    study = studies["first"]
    assert study.direction.name == "MAXIMIZE"
    assert study.best_trial.user_attrs["trial_key"] == "k1"
    assert set(optuna.importance.get_param_importances(study)) == {"encoder", "rate"}
    curves = optuna.visualization.plot_intermediate_values(study)
    assert sorted(len(curve.x) for curve in curves.data) == [1, 1, 3, 3, 3]
    history = optuna.visualization.plot_optimization_history(study)
    assert list(history.data[0].y) == [0.5, 0.7, 0.6]


def test_rows_written_at_once_are_those_that_optuna_writes(
    sweep: Path, tmp_path: Path, studies: dict[str, optuna.Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    # With another version of its tables, Optuna itself writes the rows.
    monkeypatch.setattr(optuna_rows, "SUPPORTED_SCHEMA", -1)
    slowly = exported(sweep, tmp_path / "slow.db")
    assert list(slowly) == list(studies)
    for name, study in studies.items():
        assert [_fields(trial) for trial in slowly[name].trials] == [_fields(trial) for trial in study.trials]


def test_the_storage_can_be_searched_on(sweep: Path, tmp_path: Path) -> None:
    study = exported(sweep, tmp_path / "o.db")["first"]
    trial = study.ask(dict(study.trials[0].distributions))
    assert trial.params.keys() == {"encoder", "rate"}
    study.tell(trial, 0.9)
    assert study.best_value == 0.9


def test_several_sweeps_are_several_studies(sweep: Path, tmp_path: Path) -> None:
    write_sweep(sweep.parent / "second", description=DESCRIPTION, **small_tables())
    by_name = exported(sweep.parent / "*", tmp_path / "o.db")
    assert [name for name in by_name if "(" not in name] == ["first", "second"]
    assert [trial.number for trial in by_name["second"].trials] == [0, 1, 2, 3, 4, 5, 6]
    assert len({trial._trial_id for study in by_name.values() for trial in study.trials}) == 18


@pytest.mark.slow
def test_optuna_dashboard_opens_it(sweep: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    studies = exported(sweep, tmp_path / "o.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-c", "from optuna_dashboard._cli import main; main()"),
        *(f"sqlite:///{tmp_path / 'o.db'}", "--host", "127.0.0.1", "--port", str(port)),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        listed = _answer(port, "studies")["study_summaries"]
        ids = {item["study_name"]: item["study_id"] for item in listed}
        assert set(ids) == set(studies)
        study = _answer(port, f"studies/{ids['first']}?after=0")
        assert [trial["state"] for trial in study["trials"]] == [
            *("Complete", "Complete", "Pruned", "Fail", "Running", "Waiting", "Complete"),
        ]
        assert study["trials"][0]["intermediate_values"][1] == {"step": 2, "value": 0.5}
        assert {item["name"] for item in study["union_search_space"]} == {"encoder", "rate"}
        scores = _answer(port, f"studies/{ids['first']}/param_importances")["param_importances"]
        assert {item["name"] for item in scores[0]} == {"encoder", "rate"}
    finally:
        server.terminate()
        server.wait(30)


def _answer(port: int, what: str) -> Any:
    """Ask the dashboard, which takes a while to begin."""
    until = time.monotonic() + 60
    while True:
        with (
            contextlib.suppress(ConnectionError, urllib.error.URLError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{what}", timeout=30) as answer,
        ):
            return json.loads(answer.read())
        assert time.monotonic() < until
        time.sleep(0.2)


def _fields(trial: optuna.trial.FrozenTrial) -> tuple[object, ...]:
    assert trial.state is not TrialState.WAITING or trial.datetime_start is None
    return (
        *(trial.number, trial.state, trial.values, trial.params, trial.distributions, trial.user_attrs),
        *(trial.intermediate_values, trial.datetime_start, trial.datetime_complete, trial.system_attrs),
    )
