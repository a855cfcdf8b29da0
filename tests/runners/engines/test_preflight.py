"""The preflight: the report of each node, the faults that follow from it, and two real nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runners.engines import preflight
from runners.engines.connection import Resources
from runners.engines.node_checks import NodeQuestion, NodeReport, read_probe, report, unread_probes, write_probe
from runners.engines.nodes import Call, Node
from runners.engines.preflight import DRIVER, Needs, NodeFault, examine
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.errors import UserError
from tests.conftest import ROOT, MakeData

ONE, TWO = Node(identity="a" * 20, name="one"), Node(identity="b" * 20, name="two", gpus=2)


class Nodes:
    """Nodes that report in this process, each with its own changes and its own view of the storage."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        self.storage: dict[str, Path] = {}

    def __call__(self, calls: Sequence[Call]) -> list[Any]:
        return [self._one(*call) for call in calls]

    def _one(self, node: Node, function: Any, arguments: tuple[Any, ...]) -> Any:
        change = self.changes.get(node.name, {})
        if isinstance(change, Exception):
            return change
        local = self.storage.get(node.name)
        if function is report:
            (question,) = arguments
            if local is not None:
                question = replace(question, storage=str(local))
            node_report = report(replace(question, count_gpus=False))
            node_report = replace(node_report, gpus=node.gpus if question.count_gpus else None)
            return replace(node_report, **_applied(change, node_report))
        if local is not None:
            arguments = (str(local), *arguments[1:])
        return function(*arguments)


def _applied(change: dict[str, Any], node_report: NodeReport) -> dict[str, Any]:
    return {name: value(getattr(node_report, name)) if callable(value) else value for name, value in change.items()}


def ask(tmp_path: Path, needs: Needs | None = None, **changes: Any) -> list[NodeFault]:
    faults = examine([ONE, TWO], needs or Needs(storage=str(tmp_path)), Nodes(**changes))
    assert list(tmp_path.glob("preflight-*")) == [], "probes are removed"
    return faults


def test_nodes_that_agree(tmp_path: Path, make_data: MakeData) -> None:
    data = make_data()
    needs = Needs(storage=str(tmp_path), data=((str(data), fingerprint(read(data))),), caches=(("f", 1000),))
    assert ask(tmp_path, needs) == []
    assert examine([], needs, Nodes()) == [], "no worker is up yet"


@pytest.mark.parametrize(
    ("change", "what", "advice"),
    [
        (
            {"versions": lambda versions: {**versions, "torch": "1.0"}},
            "torch is 1.0, but ",
            "install with --constraint constraints.txt on every node",
        ),
        ({"versions": lambda versions: {**versions, "python": "3.9"}}, "python is 3.9, but 3.", "install with"),
        (
            {"versions": lambda versions: {k: v for k, v in versions.items() if k != "seatbelt"}},
            "seatbelt is missing, but ",
            "install with",
        ),
        (
            {"code": lambda code: {**code, "data/loading/loader.py": "other"}},
            "the code that decides numbers differs (data/loading/loader.py)",
            "bring the driver's version of this package to the node",
        ),
        ({"gpus": 1}, "torch sees 1 GPUs, but Ray counts 2", "install the driver of the GPUs"),
        ({"free_bytes": 10**6}, "the decoded cache needs 2.0 GB, but 0.0 GB are free there", "set SEATBELT_CACHE"),
    ],
)
def test_a_node_that_differs(change: dict[str, Any], what: str, advice: str, tmp_path: Path) -> None:
    (fault,) = ask(tmp_path, Needs(storage=str(tmp_path), caches=(("abc-", 2 * 10**9),)), two=change)
    assert fault.node == "two"
    assert fault.what.startswith(what)
    assert fault.advice.startswith(advice)


def test_a_cache_that_is_there_needs_no_room(tmp_path: Path) -> None:
    needs = Needs(storage=str(tmp_path), caches=(("abc-96x160-", 2 * 10**9),))
    assert ask(tmp_path, needs, two={"free_bytes": 10**6, "cached": ("abc-96x160-1",)}) == []


def test_storage_that_is_not_shared(tmp_path: Path) -> None:
    shared, local = tmp_path / "shared", tmp_path / "local"
    shared.mkdir()
    local.mkdir()
    nodes = Nodes()
    nodes.storage["two"] = local
    faults = examine([ONE, TWO], Needs(storage=str(shared)), nodes)
    advice = "it is no shared folder: put the sweep on storage that every node mounts"
    assert faults == [
        NodeFault(node=DRIVER, what=f"cannot read what two wrote to {shared}", advice=advice),
        NodeFault(node="one", what=f"cannot read what two wrote to {shared}", advice=advice),
        NodeFault(node="two", what=f"cannot read what one, {DRIVER} wrote to {shared}", advice=advice),
    ]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_storage_that_is_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    nodes = Nodes()
    nodes.storage["two"] = tmp_path / "gone"
    (fault,) = examine([ONE, TWO], Needs(storage=str(tmp_path)), nodes)
    assert fault.node == "two"
    assert fault.what == f"the sweep folder {tmp_path / 'gone'} cannot be written there (No such file or directory)"
    assert not (tmp_path / "gone").exists(), "nothing is made where storage is missing"


def test_a_node_that_does_not_answer(tmp_path: Path) -> None:
    (fault,) = ask(tmp_path, two=ModuleNotFoundError("task failed\nNo module named 'runners'"))
    assert fault.node == "two"
    assert fault.what == "does not answer (No module named 'runners')"


def test_data_that_differ(tmp_path: Path, make_data: MakeData) -> None:
    data = make_data()
    other = report(NodeQuestion(data=((str(data), "0" * 64),)))
    assert [x.what.split(" (")[0] for x in other.faults] == [f"data set {data} is another one there"]
    gone = report(NodeQuestion(data=((str(tmp_path / "gone"), "0" * 64),)))
    assert [x.what for x in gone.faults] == [f"data set {tmp_path / 'gone'}: there is no such folder"]
    (data / "images" / "p0-0.png").unlink()
    damaged = report(NodeQuestion(data=((str(data), "0" * 64),)))
    assert "images/p0-0.png cannot be read" in damaged.faults[0].what


def test_gpus_are_counted_where_a_task_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        seen.update(env)
        return subprocess.CompletedProcess(command, 0, stdout="4\n", stderr="")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(subprocess, "run", run)
    assert report(NodeQuestion(count_gpus=True)).gpus == 4
    assert "CUDA_VISIBLE_DEVICES" not in seen
    assert report(NodeQuestion()).gpus is None


def test_probes(tmp_path: Path) -> None:
    write_probe(str(tmp_path), "a", "a")
    write_probe(str(tmp_path), "torn", "")
    assert read_probe(str(tmp_path), "a") == "a"
    assert unread_probes(str(tmp_path), ("a", "torn", "b")) == ("torn", "b")
    with pytest.raises(FileExistsError):
        write_probe(str(tmp_path), "a", "a")


def test_a_sweep_gets_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {"versions": lambda versions: {**versions, "torch": "1.0", "ray": "2.0"}}
    monkeypatch.setattr(preflight, "ray_nodes", lambda: [ONE, TWO])
    monkeypatch.setattr(preflight, "ask_ray", Nodes(two=changed))
    with pytest.raises(
        UserError, match=r"the cluster is not fit for this sweep, on two: two: torch is 1\.0"
    ) as refusal:
        preflight.check_nodes(Resources(address="auto"), Needs(storage=str(tmp_path)))
    assert f"`seatbelt doctor --address auto --sweep {tmp_path}` shows all" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_table() -> None:
    stream = StringIO()
    faults = [NodeFault(node="two", what="torch is 1.0, but 2.0 on the driver", advice="install it")]
    Console(file=stream, width=120).print(preflight.table([ONE, TWO], faults))
    lines = [line for line in stream.getvalue().splitlines() if "two" in line or "one" in line]
    assert "FAIL torch is 1.0, but 2.0 on the driver" in lines[0] and "install it" in lines[0]
    assert "ok" in lines[1]


REAL = """
import json, os, sys
from runners.cluster.token import ensure_token
ensure_token(create=True)
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
cluster.add_node(num_cpus=1)
cluster.add_node(num_cpus=1, num_gpus=2)
from runners.engines.connection import Resources
from runners.engines.preflight import Needs, examine_cluster

needs = Needs(storage=sys.argv[1], data=((sys.argv[2], sys.argv[3]),), caches=(("x", 10),))
nodes, faults = examine_cluster(Resources(address=cluster.address), needs)
print(json.dumps([[node.gpus for node in nodes], [[f.node, f.what] for f in faults], [n.name for n in nodes]]))
cluster.shutdown()
"""


@pytest.mark.slow
def test_two_real_nodes(tmp_path: Path, make_data: MakeData) -> None:
    """The second node has pretended GPUs, which torch does not see; the head has no CPUs and sends no report."""
    data, storage = make_data(), tmp_path / "sweep"
    storage.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(storage), str(data), fingerprint(read(data))],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    gpus, faults, names = json.loads(done.stdout.splitlines()[-1])
    assert sorted(gpus) == [0, 2]
    assert faults == [[names[gpus.index(2)], "torch sees 0 GPUs, but Ray counts 2"]]
    assert not [path for path in storage.rglob("*") if path.is_file()]
