"""How many trials share a GPU, with GPUs that are not there."""

from __future__ import annotations

import time

import pytest

from runners.engines import capacity as cluster
from runners.engines.capacity import Capacity, gpus_of_trial, room
from runners.engines.connection import Resources
from runners.engines.packing import gpu_share, packing_text
from runners.session.options import parse_gpus
from seatbelt.errors import UserError

GIB = 2**30


@pytest.mark.parametrize(
    ("trial", "gpus", "share"),
    [
        # A trial of 4 GiB takes 4 x 1.25 + 1 = 6 GiB.
        (4 * GIB, [24 * GIB], 0.25),
        (4 * GIB, [24 * GIB - 1], 0.3333),
        (4 * GIB, [80 * GIB, 24 * GIB], 0.25),
        (4 * GIB, [12 * GIB], 0.5),
        (4 * GIB, [11 * GIB], 1.0),
        (4 * GIB, [5 * GIB], 1.0),
        (GIB // 10, [80 * GIB], 0.0140),
    ],
)
def test_the_share_of_a_trial(trial: int, gpus: list[int], share: float) -> None:
    assert gpu_share(trial, gpus) == share
    assert int(1 / share) * share <= 1


@pytest.mark.parametrize(("trial", "gpus"), [(0, [GIB]), (GIB, []), (GIB, [0])])
def test_memory_that_cannot_be(trial: int, gpus: list[int]) -> None:
    with pytest.raises(ValueError, match="memory must be above 0"):
        gpu_share(trial, gpus)


def test_the_packing_is_described() -> None:
    assert packing_text(4 * GIB, [24 * GIB]) == (
        "GPUs: the largest trial needs about 6.0 GiB, the smallest GPU has 24.0 GiB: 0.25 of a GPU for each trial"
    )
    assert packing_text(4 * GIB, [5 * GIB]).endswith(
        "has 5.0 GiB: one for each trial, which may train in smaller parts or end as OUT_OF_MEMORY"
    )


def test_a_cluster_with_pretend_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    monkeypatch.setattr(cluster, "_gpu_bytes", lambda: [80 * GIB, 16 * GIB])
    auto = Resources(gpus_per_trial="auto", trial_bytes=4 * GIB)
    has = {"CPU": 16.0, "GPU": 3.0}
    assert gpus_of_trial(has, auto, messages.append) == 0.5
    assert len(messages) == 1
    assert room(has, 1, 0.5) == 6
    assert gpus_of_trial({"CPU": 2.0}, auto, messages.append) == 0.0
    assert gpus_of_trial(has, Resources(), messages.append) == 1.0
    assert gpus_of_trial(has, Resources(gpus_per_trial=0.2), messages.append) == 0.2
    assert len(messages) == 1


def test_no_room_for_a_single_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "cluster_resources", lambda: {"CPU": 2.0})
    with pytest.raises(UserError, match=r"a trial asks for 4 CPUs and 0 GPUs, but the cluster has 2 CPUs and 0 GPUs"):
        Capacity(Resources(cpus_per_trial=4), 0)
    assert Capacity(Resources(slots=3, cpus_per_trial=4, address="auto"), 0).slots == 3, "nodes for them may come"


def test_room_follows_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    now, has = 0.0, {"CPU": 2.0, "GPU": 1.0}
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(cluster, "cluster_resources", lambda: has)
    capacity = Capacity(Resources(address="auto"), 0.5)
    assert capacity.slots == 2
    has = {"CPU": 8.0, "GPU": 2.0}
    assert capacity.slots == 2
    now += 6
    assert capacity.slots == 4
    has = {}
    now += 6
    assert capacity.slots == 1 and not capacity.has_room, "all nodes are gone; one trial waits for others"
    assert not capacity.is_gone


def test_a_local_ray_that_was_killed_gets_no_other_node(monkeypatch: pytest.MonkeyPatch) -> None:
    now, has = 0.0, {"CPU": 2.0}
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(cluster, "cluster_resources", lambda: has)
    capacity = Capacity(Resources(slots=2), 0)
    assert not capacity.is_gone
    has = {}
    now += 6
    assert capacity.is_gone


def test_gpus_of_a_cluster_that_starts_from_nothing() -> None:
    with pytest.raises(
        UserError, match=r"no node that runs trials is up yet.*give --gpus-per-trial the GPUs of a trial"
    ):
        gpus_of_trial({}, Resources(address="auto", slots=4), print)
    assert gpus_of_trial({}, Resources(address="auto", slots=4, gpus_per_trial=0.5), print) == 0.5


def test_gpus_per_trial_is_a_number_or_auto() -> None:
    assert [parse_gpus(text) for text in ("auto", "0.5", "0", "2")] == ["auto", 0.5, 0.0, 2.0]
    for text in ("-1", "half", "nan", "inf", ""):
        with pytest.raises(UserError, match=f"--gpus-per-trial takes a number from 0, .* but got '{text}'"):
            parse_gpus(text)
