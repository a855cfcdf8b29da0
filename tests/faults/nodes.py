"""A real Ray cluster of several nodes on this machine, in a separate process; its nodes can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType

from tests.conftest import ROOT

_CLUSTER = """
import sys
from runners.cluster.token import ensure_token
ensure_token(create=True)
from ray._raylet import GcsClient
from ray.autoscaler.v2.sdk import get_cluster_resource_state
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
print(cluster.address, flush=True)
nodes = []
for line in sys.stdin:
    what, number = line.split()
    if what == "demand":
        state = get_cluster_resource_state(GcsClient(address=cluster.address))
        print(sum(len(gang.requests) for gang in state.pending_gang_resource_requests), flush=True)
        continue
    if what == "add":
        nodes.append(cluster.add_node(num_cpus=2, num_gpus=int(number)))
        cluster.wait_for_nodes()
    elif what == "remove":
        cluster.remove_node(nodes[int(number)])
        cluster.wait_for_nodes(timeout=90)
    else:
        # SIGKILL: the node has no time to say that it goes.
        cluster.remove_node(nodes[int(number)], allow_graceful=False)
    print("done", flush=True)
cluster.shutdown()
"""


class Nodes:
    """The cluster: a head without CPUs, to which nodes of two CPUs are added."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CLUSTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        self.address = self._line()
        self.added = 0

    @property
    def pid(self) -> int:
        """The process that the nodes' processes descend from."""
        return self._process.pid

    def add(self, *, gpus: int = 0) -> int:
        """Add a node with pretended GPUs; return its number."""
        self._say(f"add {gpus}")
        self.added += 1
        return self.added - 1

    def remove(self, number: int) -> None:
        """Remove a node, and wait until the cluster knows that it is gone."""
        self._say(f"remove {number}")

    def demand(self) -> int:
        """Return how many trials wait for a node, as an autoscaler sees it."""
        assert self._process.stdin is not None
        self._process.stdin.write("demand 0\n")
        self._process.stdin.flush()
        return int(self._line())

    def kill(self, number: int) -> None:
        """Kill a node, which has no time to say that it goes."""
        self._say(f"kill {number}")

    def __enter__(self) -> Nodes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()
        assert self._line() == "done"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the cluster ended")
        return line


def environment() -> dict[str, str]:
    """Return what a process of the cluster needs to find this code."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}


def driver(*arguments: str) -> list[str]:
    """Return a command of the product that accepts pretended GPUs as real ones."""
    code = "import runners.engines.ray_tune as engine; engine._preflight = lambda driver, resources: None;"
    return [sys.executable, "-c", f"{code} from runners.cli import main; main()", *arguments]
