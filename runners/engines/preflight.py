"""The preflight: every node of a cluster is asked what a sweep takes for granted, before the first trial.

A sweep on nodes that differ would not fail at once: it would record numbers of different code or data side by
side, or lose the checkpoints that one node wrote where no other can read.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from runners.engines.connection import Resources, connected, prepare_ray
from runners.engines.node_checks import Answer, Fault, Question, answer, remove_probe, unread_probes
from runners.engines.nodes import Ask, Call, Node, ask_ray, ray_nodes
from runners.sweep.description import SweepDescription
from seatbelt.errors import UserError

DRIVER = "this machine (the driver)"


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a sweep takes for granted on every node."""

    storage: str | None = None
    data: tuple[tuple[str, str], ...] = ()
    """Folder and fingerprint."""
    caches: tuple[tuple[str, int], ...] = ()
    """Beginning of a decoded cache's name, and its bytes."""


@dataclass(frozen=True, kw_only=True)
class NodeFault:
    """One thing that is wrong with one node."""

    node: str
    what: str
    advice: str


def needs_of(description: SweepDescription, location: str) -> Needs:
    """Return what a sweep takes for granted."""
    from seatbelt.data.datasets.dataset import read

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
    """Return what a sweep folder and data sets take for granted.

    Raises:
        UserError: There is no such sweep or data set.
    """
    from runners.sweep.folder import SweepFolder
    from seatbelt.data.datasets.dataset import fingerprint, read

    folder = SweepFolder(sweep) if sweep is not None else None
    found = needs_of(folder.describe(), folder.location) if folder is not None else Needs()
    named = tuple((str(place.resolve()), fingerprint(read(place))) for place in data)
    return replace(found, data=(*found.data, *named))


def examine(nodes: Sequence[Node], needs: Needs, ask: Ask) -> list[NodeFault]:
    """Ask every node, and return what is wrong with them.

    Args:
        nodes: The nodes that run trials.
        needs: What the sweep takes for granted.
        ask: Runs calls on nodes.
    """
    run = secrets.token_hex(4)
    probes = {node.identity: f"preflight-{run}-{node.identity[:12]}" for node in nodes}
    probes[DRIVER] = f"preflight-{run}-driver"
    own = answer(Question(storage=needs.storage, probe=probes[DRIVER]))
    asked: list[Call] = [(node, answer, (_question(node, needs, probes[node.identity]),)) for node in nodes]
    try:
        answers = ask(asked)
        unread = _unread(nodes, needs, probes, ask)
    finally:
        _remove(nodes, needs, probes, ask)
    faults = [NodeFault(node=DRIVER, what=fault.what, advice=fault.advice) for fault in own.faults]
    for node, given in zip(nodes, answers, strict=True):
        faults += [NodeFault(node=node.name, what=x.what, advice=x.advice) for x in _judge(node, given, own, needs)]
    wrote = {
        node.identity for node, given in zip(nodes, answers, strict=True) if isinstance(given, Answer) and given.wrote
    }
    if own.wrote:
        wrote.add(DRIVER)
    return faults + _sharing_faults(nodes, needs, probes, wrote, unread)


def check_nodes(resources: Resources, needs: Needs) -> int:
    """Ask every node of the cluster that is joined; return how many there are.

    Raises:
        UserError: A node is not fit.
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
    """Join a cluster and ask every node; return the nodes and what is wrong with them.

    Raises:
        UserError: The cluster cannot be joined.
    """
    prepare_ray(resources)
    with connected(resources):
        nodes = ray_nodes()
        return nodes, examine(nodes, needs, ask_ray)


def table(nodes: Sequence[Node], faults: Sequence[NodeFault]) -> Table:
    """Return what was found, one row per finding, for a terminal."""
    shown = Table("node", "found", "what to do", title=f"{len(nodes)} node(s) that run trials")
    for fault in faults:
        shown.add_row(fault.node, f"FAIL {fault.what}", fault.advice)
    bad = {fault.node for fault in faults}
    for node in nodes:
        if node.name not in bad:
            shown.add_row(node.name, "ok", "")
    return shown


def _question(node: Node, needs: Needs, probe: str) -> Question:
    return Question(storage=needs.storage, probe=probe, data=needs.data, count_gpus=node.gpus > 0)


def _unread(
    nodes: Sequence[Node], needs: Needs, probes: dict[str, str], ask: Ask
) -> dict[str, tuple[str, ...] | Exception]:
    if needs.storage is None:
        return {}
    names = tuple(probes.values())
    found = ask([(node, unread_probes, (needs.storage, names)) for node in nodes])
    told = dict(zip((node.identity for node in nodes), found, strict=True))
    return {DRIVER: unread_probes(needs.storage, names), **told}


def _remove(nodes: Sequence[Node], needs: Needs, probes: dict[str, str], ask: Ask) -> None:
    # Each removes its own: on storage that is not shared nobody else could.
    if needs.storage is not None:
        remove_probe(needs.storage, probes[DRIVER])
        ask([(node, remove_probe, (needs.storage, probes[node.identity])) for node in nodes])


def _judge(node: Node, given: Answer | Exception, own: Answer, needs: Needs) -> Iterator[Fault]:
    if isinstance(given, Exception):
        reason = (str(given).strip() or type(given).__name__).splitlines()[-1]
        yield Fault(what=f"does not answer ({reason})", advice="install this package there, as on this machine")
        return
    yield from given.faults
    for name, version in own.versions.items():
        found = given.versions.get(name, "missing")
        if found != version:
            yield Fault(
                what=f"{name} is {found}, but {version} on the driver",
                advice="install with --constraint constraints.txt on every node",
            )
    changed = sorted(name for name, digest in own.code.items() if given.code.get(name) != digest)
    if changed:
        yield Fault(
            what=f"the code that decides numbers differs ({', '.join(changed)})",
            advice="bring the driver's version of this package to the node",
        )
    if given.gpus is not None and given.gpus < node.gpus:
        yield Fault(
            what=f"torch sees {given.gpus} GPUs, but Ray counts {node.gpus}",
            advice="install the driver of the GPUs and a torch that fits it, or start Ray with the true --num-gpus",
        )
    missing = sum(size for start, size in needs.caches if not any(name.startswith(start) for name in given.cached))
    if given.free_bytes < missing:
        yield Fault(
            what=f"the decoded cache needs {missing / 1e9:.1f} GB, but {given.free_bytes / 1e9:.1f} GB are free there",
            advice="set SEATBELT_CACHE to a folder with room, or choose a smaller --size",
        )


def _sharing_faults(
    nodes: Sequence[Node],
    needs: Needs,
    probes: dict[str, str],
    wrote: set[str],
    unread: dict[str, tuple[str, ...] | Exception],
) -> list[NodeFault]:
    """Who cannot read what another wrote; who does not answer or could not write was told of already."""
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
