from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runners.export.run import export_sweeps
from tests.analysis.conftest import NOON, write_sweep
from tests.runners.export.conftest import DESCRIPTION, small_tables


@pytest.fixture
def folder(sweep: Path, tmp_path: Path) -> Path:
    export_sweeps([str(sweep)], [("--tensorboard", str(tmp_path / "events"))])
    return tmp_path / "events"


def test_each_trial_is_a_run_with_its_curves(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    runs = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert runs[0] == "0000-a-0.001-r0"
    assert runs[-1] == "0008-beside-r0"
    assert len(runs) == 9
    events = EventAccumulator(str(folder / runs[0]))
    events.Reload()
    scalars = events.Scalars("selection_iou")
    assert [event.step for event in scalars] == [1, 2, 3]
    assert [event.value for event in scalars] == pytest.approx([0.1, 0.5, 0.4])
    assert [event.wall_time for event in scalars] == [NOON.timestamp() + number for number in (1, 2, 3)]
    assert [event.value for event in events.Scalars("train_loss")] == pytest.approx([1, 1 / 2, 1 / 3])
    assert [(event.step, event.value) for event in events.Scalars("test_iou")] == [(3, 0.25)]


def test_the_hyperparameters_are_what_tensorboard_shows(folder: Path) -> None:
    experiment, groups = _hparams(folder)
    infos = {info.name: info for info in experiment.hparam_infos}
    assert set(infos) == {"encoder", "rate", "arm"}
    assert [value.string_value for value in infos["encoder"].domain_discrete.values] == ["a", "b"]
    interval = infos["rate"].domain_interval
    assert (interval.min_value, interval.max_value) == (1e-4, 1e-2)
    # Replicates of an arm are sessions of one group.
    sizes = {group.name: len(group.sessions) for group in groups}
    assert sizes == {"arma0.001": 4, "armb0.01": 1, "armb0.0001": 1, "armb0.002": 1, "arma0.003": 1, "armb0.003": 1}
    one = next(group for group in groups if group.name == "armb0.003")
    assert (one.hparams["encoder"].string_value, one.hparams["rate"].number_value) == ("b", 0.003)
    metrics = {value.name.tag: value.value for value in one.metric_values}
    assert metrics["best_selection_iou"] == pytest.approx(0.6)
    assert metrics["test_iou"] == pytest.approx(0.25)


def test_sessions_tell_how_they_ended(folder: Path) -> None:
    from tensorboard.plugins.hparams import api_pb2

    _, groups = _hparams(folder)
    status = {session.name: session.status for group in groups for session in group.sessions}
    assert status["0000-a-0.001-r0"] == api_pb2.STATUS_SUCCESS
    assert status["0002-b-0.01-r0"] == api_pb2.STATUS_SUCCESS
    assert status["0003-b-0.0001-r0"] == api_pb2.STATUS_FAILURE
    assert status["0004-b-0.002-r0"] == api_pb2.STATUS_UNKNOWN


def test_several_sweeps_are_one_experiment(sweep: Path, tmp_path: Path) -> None:
    write_sweep(sweep.parent / "second", description=DESCRIPTION, **small_tables())
    message = export_sweeps([str(sweep.parent / "*")], [("--tensorboard", str(tmp_path / "events"))])
    assert message.splitlines()[0].endswith("events: first 9 trials, second 9 trials")
    experiment, groups = _hparams(tmp_path / "events")
    infos = {info.name: info for info in experiment.hparam_infos}
    assert [value.string_value for value in infos["sweep"].domain_discrete.values] == ["first", "second"]
    assert {group.hparams["sweep"].string_value for group in groups} == {"first", "second"}
    assert {group.name for group in groups} >= {"first/arma0.001", "second/arma0.001"}
    assert sum(len(group.sessions) for group in groups) == 18


def _hparams(folder: Path) -> tuple[Any, list[Any]]:
    """Return the experiment and the session groups as TensorBoard's own plugin finds them."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.data.provider import ListHyperparametersResult
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    events = EventMultiplexer()
    events.AddRunsFromDirectory(str(folder))
    events.Reload()
    provider = MultiplexerDataProvider(events, str(folder))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = RequestContext()
    experiment = context.experiment_from_metadata(
        request,
        "",
        True,
        context.hparams_metadata(request, ""),
        ListHyperparametersResult(hyperparameters=[], session_groups=[]),
    )
    every_group = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=100,
        allowed_statuses=[
            *(api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING, api_pb2.STATUS_UNKNOWN)
        ],
    )
    answer = list_session_groups.Handler(request, context, "", every_group).run()
    return experiment, list(answer.session_groups)
