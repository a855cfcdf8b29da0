"""The preflight checks on every node of a cluster what a sweep relies on, before the first trial.

A sweep on differing nodes would not fail at once: it would record numbers of different code or data side by side, or
lose checkpoints that one node wrote where no other can read.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from runners.engines.connection import Resources, connected, prepare_ray
from runners.engines.node_checks import LocalFault, NodeQuestion, NodeReport, remove_probe, report, unread_probes
from runners.engines.nodes import Ask, Call, Node, ask_ray, ray_nodes
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.errors import UserError

DRIVER = "this machine (the driver)"


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a sweep needs on every node."""

    storage: str | None = None
    data: tuple[tuple[str, str], ...] = ()
    """Folder and fingerprint of each data set."""
    caches: tuple[tuple[str, int], ...] = ()
    """Prefix of a decoded cache's name, and its size in bytes."""


@dataclass(frozen=True, kw_only=True)
class NodeFault:
    """One problem of one node."""

    node: str
    what: str
    advice: str


def needs_of(description: SweepDescription, location: str) -> Needs:
    """Return the needs of a sweep."""
    height, width = description.base.data.height, description.base.data.width
    caches = tuple(
        (f"{source.fingerprint[:32]}-{height}x{width}-", len(read(Path(source.path)).rows) * height * width * 4)
        for source in description.data
    )
    return Needs(
        storage=location,
        data=tuple((str(Path(source.path).resolve()), source.fingerprint) for source in description.data),
        caches=caches,
    )


def needs(sweep: str | None, data: Sequence[Path]) -> Needs:
    """Return the needs of a sweep folder and of data sets.

    Raises:
        UserError: There is no such sweep or data set.
    """
    folder = SweepFolder(sweep) if sweep is not None else None
    of_sweep = needs_of(folder.describe(), folder.location) if folder is not None else Needs()
    named = tuple((str(place.resolve()), fingerprint(read(place))) for place in data)
    return replace(of_sweep, data=(*of_sweep.data, *named))


def examine(nodes: Sequence[Node], needs: Needs, ask: Ask) -> list[NodeFault]:
    """Check every node, and return the faults.

    Args:
        nodes: The nodes that run trials.
        needs: The needs of the sweep.
        ask: Runs calls on nodes.
    """
    run = secrets.token_hex(4)
    probes = {node.identity: f"preflight-{run}-{node.identity[:12]}" for node in nodes}
    probes[DRIVER] = f"preflight-{run}-driver"
    here = report(NodeQuestion(storage=needs.storage, probe=probes[DRIVER]))
    calls: list[Call] = [(node, report, (_question(node, needs, probes[node.identity]),)) for node in nodes]
    try:
        reports = ask(calls)
        unread = _unread(nodes, needs, probes, ask)
    finally:
        _remove(nodes, needs, probes, ask)
    faults = [NodeFault(node=DRIVER, what=fault.what, advice=fault.advice) for fault in here.faults]
    for node, answer in zip(nodes, reports, strict=True):
        faults += [NodeFault(node=node.name, what=x.what, advice=x.advice) for x in _judge(node, answer, here, needs)]
    wrote = {
        node.identity
        for node, answer in zip(nodes, reports, strict=True)
        if isinstance(answer, NodeReport) and answer.wrote
    }
    if here.wrote:
        wrote.add(DRIVER)
    return faults + _sharing_faults(nodes, needs, probes, wrote, unread)


def check_nodes(resources: Resources, needs: Needs) -> int:
    """Check every node of the joined cluster; return their number.

    Raises:
        UserError: A node has a fault.
    """
    nodes = ray_nodes()
    faults = examine(nodes, needs, ask_ray)
    if not faults:
        return len(nodes)
    names = list(dict.fromkeys(fault.node for fault in faults))
    first = "; ".join(f"{fault.node}: {fault.what} ({fault.advice})" for fault in _first_of_each(faults)[:3])
    raise UserError(
        f"the cluster is not fit for this sweep, on {', '.join(names)}: {first}; "
        f"`seatbelt doctor --address {resources.address} --sweep {needs.storage}` shows all"
    )


def examine_cluster(resources: Resources, needs: Needs) -> tuple[list[Node], list[NodeFault]]:
    """Join a cluster and check every node; return the nodes and their faults.

    Raises:
        UserError: The cluster cannot be joined.
    """
    prepare_ray(resources)
    with connected(resources):
        nodes = ray_nodes()
        return nodes, examine(nodes, needs, ask_ray)


def table(nodes: Sequence[Node], faults: Sequence[NodeFault]) -> Table:
    """Return a table for a terminal, one row per fault or sound node."""
    rows = Table("node", "result", "what to do", title=f"{len(nodes)} node(s) that run trials")
    for fault in faults:
        rows.add_row(fault.node, f"FAIL {fault.what}", fault.advice)
    bad = {fault.node for fault in faults}
    for node in nodes:
        if node.name not in bad:
            rows.add_row(node.name, "ok", "")
    return rows


def _question(node: Node, needs: Needs, probe: str) -> NodeQuestion:
    return NodeQuestion(storage=needs.storage, probe=probe, data=needs.data, count_gpus=node.gpus > 0)


def _unread(
    nodes: Sequence[Node], needs: Needs, probes: dict[str, str], ask: Ask
) -> dict[str, tuple[str, ...] | Exception]:
    if needs.storage is None:
        return {}
    names = tuple(probes.values())
    unread = ask([(node, unread_probes, (needs.storage, names)) for node in nodes])
    by_node = dict(zip((node.identity for node in nodes), unread, strict=True))
    return {DRIVER: unread_probes(needs.storage, names), **by_node}


def _remove(nodes: Sequence[Node], needs: Needs, probes: dict[str, str], ask: Ask) -> None:
    # Each node removes its own probe: without shared storage no other node could.
    if needs.storage is not None:
        remove_probe(needs.storage, probes[DRIVER])
        ask([(node, remove_probe, (needs.storage, probes[node.identity])) for node in nodes])


def _judge(node: Node, answer: NodeReport | Exception, here: NodeReport, needs: Needs) -> Iterator[LocalFault]:
    if isinstance(answer, Exception):
        reason = (str(answer).strip() or type(answer).__name__).splitlines()[-1]
        yield LocalFault(what=f"does not answer ({reason})", advice="install this package there, as on this machine")
        return
    yield from answer.faults
    for name, version in here.versions.items():
        present = answer.versions.get(name, "missing")
        if present != version:
            yield LocalFault(
                what=f"{name} is {present}, but {version} on the driver",
                advice="install with --constraint constraints.txt on every node",
            )
    changed = sorted(name for name, digest in here.code.items() if answer.code.get(name) != digest)
    if changed:
        yield LocalFault(
            what=f"the code that decides numbers differs ({', '.join(changed)})",
            advice="bring the driver's version of this package to the node",
        )
    if answer.gpus is not None and answer.gpus < node.gpus:
        yield LocalFault(
            what=f"torch sees {answer.gpus} GPUs, but Ray counts {node.gpus}",
            advice="install the driver of the GPUs and a torch that fits it, or start Ray with the true --num-gpus",
        )
    missing = sum(size for start, size in needs.caches if not any(name.startswith(start) for name in answer.cached))
    if answer.free_bytes < missing:
        yield LocalFault(
            what=f"the decoded cache needs {missing / 1e9:.1f} GB, but {answer.free_bytes / 1e9:.1f} GB are free there",
            advice="set SEATBELT_CACHE to a folder with room, or choose a smaller --size",
        )


def _sharing_faults(
    nodes: Sequence[Node],
    needs: Needs,
    probes: dict[str, str],
    wrote: set[str],
    unread: dict[str, tuple[str, ...] | Exception],
) -> list[NodeFault]:
    """Return nodes that cannot read another node's probe; other faults of theirs are reported already."""
    names = {DRIVER: DRIVER, **{node.identity: node.name for node in nodes}}
    writers = {probe: names[identity] for identity, probe in probes.items() if identity in wrote}
    faults = []
    for reader, probes_unread in unread.items():
        if isinstance(probes_unread, Exception) or reader not in wrote:
            continue
        missed = [writers[probe] for probe in probes_unread if probe in writers]
        if missed:
            faults.append(
                NodeFault(
                    node=names[reader],
                    what=f"cannot read what {', '.join(missed)} wrote to {needs.storage}",
                    advice="it is no shared folder: put the sweep on storage that every node mounts",
                )
            )
    return faults


def _first_of_each(faults: Sequence[NodeFault]) -> list[NodeFault]:
    first: dict[str, NodeFault] = {}
    for fault in faults:
        first.setdefault(fault.node, fault)
    return list(first.values())
