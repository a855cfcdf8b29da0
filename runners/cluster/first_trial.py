"""Checks that a command can reach its first trial on a cluster whose workers come up on demand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runners.cluster.problems import Problem, error, warning

_SWEEP = re.compile(r"\bsweep\s")
_WEIGHTS = re.compile(r"--weights-folder\b|weights=|SEATBELT_WEIGHTS")
_CACHE = re.compile(r"\bSEATBELT_CACHE\b")


def check_sweep_command(place: str, command: str, context: str = "") -> Iterator[Problem]:
    """Check that a new sweep sets what it cannot detect before a node is up, and has weights there.

    Args:
        place: Place of the command in its file.
        command: The command in one line.
        context: Text around it, which may set variables.
    """
    if not _SWEEP.search(command):
        # A resumed sweep repeats its options.
        return
    if not re.search(r"--slots\b", command):
        yield error(
            place,
            "does not say how many trials may run at a time: nothing would ask for the first node, or for a lost one",
            "add --slots, such as the number of GPUs that the cluster may have",
        )
    if not re.search(r"--gpus-per-trial\b", command):
        yield error(
            place,
            "does not say what a trial takes: before a node is up nobody knows of GPUs",
            "add --gpus-per-trial 1 (0 for trials on CPUs)",
        )
    if not _WEIGHTS.search(command + context):
        yield error(
            place,
            "names no weights, and nodes have no ImageNet weights of their own",
            "add --weights-folder with a folder that every node shares, or --fix weights=none",
        )


def check_cache(place: str, text: str, *, on_network: bool = False) -> Iterator[Problem]:
    """Check that decoded images go to a local disk of the node.

    Args:
        place: Place of the problem.
        text: Text that may set the folder.
        on_network: Home folders lie on the network.
    """
    if _CACHE.search(text):
        return
    if on_network:
        yield error(
            place,
            "decoded images would lie in the home folder, on the network",
            "export SEATBELT_CACHE=/tmp/seatbelt-cache, or another folder on a disk of the node",
        )
    else:
        yield warning(
            place,
            "nothing says where decoded images go: it may be a disk that is small, or on the network",
            "set SEATBELT_CACHE to a folder on a disk of the node",
        )
