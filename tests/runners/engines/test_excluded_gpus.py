"""GPUs that lose leg after leg are excluded, reported and tried again, and fail no trial."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from runners.core.plan import EXCUSED_RETRIES, LOST_RETRIES, outcome_of_error
from runners.engines.excluded_gpus import Places
from runners.engines.leg_worker import LegWorker
from runners.engines.lost_workers import LegFaultError
from runners.engines.running_legs import RunningLegs
from runners.sweep_files.folder import SweepFolder
from runners.worker.messages import LegMessage, LegResult, LegTask, Place, WorkerPlaced, from_json, to_json
from tests.runners.conftest import ended_message, epoch_message, open_driver


class Scene:
    """Places with a clock that the test sets and messages that it can read."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.held: dict[str, float] = {}
        self.said: list[str] = []
        self.places = Places(self._publish, self.said.append, lambda: self.now)
        self._workers = 0

    def _publish(self, held: dict[str, float]) -> None:
        self.held = held

    def begin(self, place: Place) -> str:
        self._workers += 1
        self.places.record_worker(str(self._workers), place)
        return str(self._workers)

    def lose(self, place: Place, trial: str = "a", times: int = 1) -> None:
        for _ in range(times):
            self.places.record_loss(self.begin(place), trial, "CUDA error")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def gpu(number: int, node: str = "n") -> Place:
    return Place(node=node, host="h", gpus=(str(number),), uuids=(f"GPU-{number}",))


def test_a_gpu_is_left_out_after_three_losses_and_for_longer_each_time(scene: Scene) -> None:
    scene.begin(gpu(0))
    scene.lose(gpu(1), times=2)
    assert scene.held == {} and scene.said == []
    scene.lose(gpu(1))
    assert scene.held == {"n 1": 1060}
    assert scene.said == [
        "h GPU 1 (GPU-1) lost 3 legs without an epoch and is excluded for 60 s, then tried again; last reason: "
        "CUDA error"
    ]
    pauses = []
    for _ in range(8):
        scene.now = scene.held["n 1"]
        scene.lose(gpu(1))
        pauses.append(scene.held["n 1"] - scene.now)
    assert pauses == [120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_one_that_works_again_is_as_good_as_new(scene: Scene) -> None:
    scene.begin(gpu(0))
    scene.lose(gpu(1), times=3)
    scene.now = scene.held["n 1"]
    scene.places.record_epoch(scene.begin(gpu(1)))
    assert scene.held == {}
    assert scene.said[-1] == "h GPU 1 (GPU-1) works again"
    scene.lose(gpu(1), times=2)
    assert scene.held == {}


def test_an_epoch_between_losses_is_progress(scene: Scene) -> None:
    scene.begin(gpu(0))
    for _ in range(5):
        scene.lose(gpu(1), times=2)
        scene.places.record_epoch(scene.begin(gpu(1)))
    assert scene.held == {} and scene.said == []


def test_where_nothing_works_a_gpu_is_tried_again_soon(scene: Scene) -> None:
    pauses = []
    for number in range(12):
        scene.lose(gpu(0), f"{number}")
        scene.lose(gpu(1), f"{number}")
        pauses.append(scene.held.get("n 1", scene.now) - scene.now)
        scene.now += pauses[-1]
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    scene.begin(gpu(2))
    scene.lose(gpu(0), times=1)
    assert scene.held["n 0"] - scene.now == 3600, "now others work"


def test_one_that_worked_lately_counts_as_others(scene: Scene) -> None:
    worker = scene.begin(gpu(0))
    scene.places.record_epoch(worker)
    scene.places.forget_worker(worker)
    assert scene.places.others_work(gpu(1))
    scene.now += 601
    assert not scene.places.others_work(gpu(1)), "its node may be gone"


def test_same_numbers_on_two_nodes_are_two_gpus(scene: Scene) -> None:
    scene.begin(gpu(0))
    for node in ("n", "m"):
        scene.lose(gpu(1, node), times=2)
    assert scene.held == {}


def test_places_without_gpus_are_never_held(scene: Scene) -> None:
    scene.begin(gpu(0))
    scene.lose(Place(node="n", host="h"), times=30)
    assert scene.held == {} and scene.said == []
    assert not scene.places.is_to_blame(Place(node="n", host="h"), "a")


def test_who_is_to_blame(scene: Scene) -> None:
    scene.lose(gpu(1), "a", times=5)
    assert scene.places.is_to_blame(gpu(1), "a"), "nothing ever worked there"
    scene.places.record_epoch(scene.begin(gpu(0)))
    scene.lose(gpu(0), "a", times=5)
    assert not scene.places.is_to_blame(gpu(0), "a"), "it worked, and lost this trial only"
    scene.lose(gpu(0), "b")
    assert scene.places.is_to_blame(gpu(0), "a"), "it loses others too"


def test_losses_that_a_gpu_is_to_blame_for_fail_no_trial(folder: SweepFolder) -> None:
    with open_driver(folder) as driver:
        spec = driver.next()
        assert isinstance(spec, LegTask)
        view, plan = driver.history.trials[spec.trial_key], driver.plan
        for losses, excused, outcome in (
            (LOST_RETRIES - 1, False, "lost"),
            (LOST_RETRIES, False, "failed"),
            (LOST_RETRIES, True, "lost"),
            (EXCUSED_RETRIES, True, "failed"),
        ):
            view.losses = losses
            assert outcome_of_error(plan, view, "lost", excused=excused) == outcome
        view.losses = 0


class OneRoom:
    """A capacity that is always two slots."""

    slots, has_room, is_gone = 2, True, False


def placed(place: Place, *, held: bool = False) -> LegMessage:
    return WorkerPlaced(place=place, held=held)


def fault(text: str = "the GPU failed: CUDA error") -> LegMessage:
    return LegResult(outcome="fault", error=text, ends_process=True, breaks_gpu=True)


def test_a_worker_on_a_gpu_that_is_left_out_gives_its_leg_back(folder: SweepFolder, scene: Scene) -> None:
    with open_driver(folder) as driver:
        legs = RunningLegs(driver, OneRoom(), 1.0, 60.0, scene.places, "s")
        first, second = legs.next("r1"), legs.next("r2")
        assert isinstance(first, dict) and isinstance(second, dict)
        assert json.loads(first["leg"])["owns_gpu"] and first["session"] == "s"
        key = json.loads(second["leg"])["trial_key"]
        legs.messages("r1", [placed(gpu(0))])
        for number in range(3):
            legs.messages(f"r{number + 2}", [placed(gpu(1))])
            legs.failed(f"r{number + 2}", LegFaultError(to_json([fault()])))
            assert isinstance(legs.next(f"r{number + 3}"), dict)
        assert scene.held == {"n 1": 1060}
        assert driver.history.trials[key].error == "the worker was lost: the GPU failed: CUDA error; on h GPU 1 (GPU-1)"
        assert not driver.history.faults.count, "others work: no reason to end the session"
        legs.messages("r5", [placed(gpu(1), held=True)])
        assert (set(legs.running), legs.holding) == ({"r1"}, {"r5"})
        assert driver.history.trials[key].status == "INTERRUPTED"
        assert type(legs.next("r6")).__name__ == "Wait", "the GPU is taken"
        assert not legs.has_no_more("r5")
        legs.ended("r5")
        again = legs.next("r7")
        assert isinstance(again, dict) and json.loads(again["leg"])["trial_key"] == key
        legs.interrupt_all()


def test_where_nothing_works_faults_end_the_session(folder: SweepFolder, scene: Scene) -> None:
    with open_driver(folder) as driver:
        legs = RunningLegs(driver, OneRoom(), 1.0, 60.0, scene.places, "s")
        for number in range(3):
            leg = legs.next(f"r{number}")
            assert isinstance(leg, dict)
            legs.messages(f"r{number}", [placed(gpu(1))])
            legs.failed(f"r{number}", LegFaultError(to_json([fault("no GPU")])))
        assert driver.history.faults.count == 3
        assert driver.history.faults.error == "no GPU; on h GPU 1 (GPU-1)"
        losses = sorted(view.losses for view in driver.history.by_number)
        assert losses == [3], "a trial that began goes on before another begins"


def test_of_trials_that_were_lost_the_one_with_fewest_losses_goes_first(folder: SweepFolder) -> None:
    with open_driver(folder) as driver:
        first, second = driver.next(), driver.next()
        assert isinstance(first, LegTask) and isinstance(second, LegTask)
        driver.lost(second, "x")
        driver.lost(first, "x")
        again = driver.next()
        assert isinstance(again, LegTask) and again.trial_key == first.trial_key
        driver.lost(again, "x")
        other = driver.next()
        assert isinstance(other, LegTask) and other.trial_key == second.trial_key
        driver.interrupt(other)


def leg_of(messages: list[LegMessage]) -> Any:
    def run(spec: LegTask) -> Iterator[LegMessage]:
        yield from messages

    return run


def config(folder: SweepFolder) -> dict[str, Any]:
    with open_driver(folder) as driver:
        spec = driver.next()
        assert isinstance(spec, LegTask)
        driver.interrupt(spec)
    return {"leg": spec.model_dump_json(), "session": "s"}


def test_a_worker_says_first_where_it_is(folder: SweepFolder) -> None:
    worker = LegWorker(gpu(1), lambda session, place: 0.0, leg_of([epoch_message(1, 0.5), ended_message("paused", 1)]))
    worker.begin(config(folder))
    assert from_json(worker.step()["messages"]) == [placed(gpu(1))]
    assert [message.kind for message in from_json(worker.step()["messages"])] == ["epoch"]
    last = worker.step()
    assert last["done"] and [message.kind for message in from_json(last["messages"])] == ["ended"]


def test_a_worker_whose_gpu_is_held_runs_nothing(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    sleeps: list[float] = []
    monkeypatch.setattr(time, "time", lambda: now + sum(sleeps))
    monkeypatch.setattr(time, "sleep", sleeps.append)
    worker = LegWorker(gpu(1), lambda session, place: 1005.0, leg_of([fault()]))
    worker.begin(config(folder))
    assert from_json(worker.step()["messages"]) == [placed(gpu(1), held=True)]
    steps = [worker.step() for _ in range(3)]
    assert [step["done"] for step in steps] == [False, False, True]
    assert {step["messages"] for step in steps} == {"[]"}
    assert sum(sleeps) == 5


def test_a_worker_whose_process_is_of_no_use_ends_it(folder: SweepFolder) -> None:
    worker = LegWorker(gpu(1), lambda session, place: 0.0, leg_of([epoch_message(1, 0.5), fault()]))
    worker.begin(config(folder))
    worker.step()
    worker.step()
    with pytest.raises(LegFaultError) as raised:
        worker.step()
    assert from_json(raised.value.messages) == [fault()]


def test_a_fault_of_a_file_system_keeps_the_process(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    message = fault("[Errno 5] Input/output error").model_copy(update={"ends_process": False})
    worker = LegWorker(gpu(1), lambda session, place: 0.0, leg_of([message]))
    for _ in range(3):
        worker.begin(config(folder))
        worker.step()
        assert worker.step()["done"]
    assert pauses == [1, 2, 4]
