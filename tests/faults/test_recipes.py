"""The sweep command of each shipped recipe, on a Ray cluster whose head has no CPUs and whose nodes join late.

The tests replace the data, the sizes, the number of slots and the address. Trials run on the CPU, since the GPU of the
node is pretended. Everything else is as shipped.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from runners.cluster.commands import submission
from runners.sweep_files.folder import SweepFolder
from seatbelt.config.trial import ModelConfig
from seatbelt.models.architectures import build
from seatbelt.models.weights import resolve
from tests.conftest import ROOT, MakeData
from tests.faults.kills import wait_for_epochs
from tests.faults.nodes import Nodes, environment
from tests.faults.test_nodes import wait_until_running

pytestmark = pytest.mark.alone

RECIPES = [
    "cluster.yaml",
    "docs/cluster/gcp.yaml",
    "docs/cluster/on-premises.yaml",
    "docs/cluster/slurm.sh",
    "docs/cluster/rayjob.yaml",
    "docs/cluster.md",
]


def shipped_command(name: str) -> list[str]:
    """Return the words of the sweep command that a recipe runs on the cluster."""
    text = (ROOT / name).read_text()
    if name.endswith("rayjob.yaml"):
        return shlex.split(yaml.safe_load(text)["spec"]["entrypoint"])
    if name.endswith(".sh"):
        return expanded(re.sub(r"\\\n\s*", " ", text))
    if name.endswith(".md"):
        text = " ".join(text.split()).replace("`", "\n")
    match = re.search(r"seatbelt cluster submit (\S+) -- (sweep .*)", re.sub(r"\\\n#?\s*", " ", text))
    assert match, f"{name} shows no command"
    file, arguments = match.groups()
    on_head = submission(ROOT / file, shlex.split(arguments), identity="job").command[-1]
    return shlex.split(on_head.partition("-- ~/venv/bin/")[2])


def expanded(script: str) -> list[str]:
    """Return the command of a script for SLURM as the shell hands it to Ray."""
    (slots,) = re.findall(r"^slots=.*$", script, re.MULTILINE)
    (command,) = re.findall(r"--\s+(seatbelt sweep .*) &$", script, re.MULTILINE)
    text = f"shared=/shared; SLURM_JOB_NUM_NODES=2; SLURM_GPUS_ON_NODE=4; {slots}; printf '%s\\n' {command}"
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True).stdout.splitlines()


def shrunk(command: list[str], changes: dict[str, str]) -> list[str]:
    words = [changes.get(before, word) for before, word in zip(["", *command], command, strict=False)]
    assert all(option in command for option in changes), command
    small = [sys.executable, "-m", "runners.cli", *words[1:]]
    return [*small, "--set", "encoder=resnet18", "--set", "decoder=fpn,linknet", "--device", "cpu"]


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_commands_name_all_that_a_first_trial_needs(name: str) -> None:
    command = shipped_command(name)
    assert command[:3] == ["seatbelt", "sweep", "architecture"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options["--gpus-per-trial"] == "1" and int(options["--slots"]) >= 2 and options["--address"] == "auto"
    assert options["--weights-folder"].endswith("/shared/weights")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with random weights of ResNet18 in place of the ImageNet weights."""
    folder = tmp_path / "weights"
    folder.mkdir()
    model = ModelConfig.model_validate({"encoder": "resnet18", "decoder": "fpn", "weights": "none"})
    network: Any = build(model, 1, weights=resolve("resnet18", "none"))
    torch.save(dict(network.encoder.state_dict()), folder / "resnet18.pth")
    return folder


def test_every_recipe_reaches_its_trials(make_data: MakeData, tmp_path: Path, weights: Path) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    with Nodes() as nodes:
        changes = {"--data": str(data), "--out": str(tmp_path), "--slots": "2", "--address": nodes.address}
        commands = [shrunk(shipped_command(name), {**changes, "--weights-folder": str(weights)}) for name in RECIPES]
        # Commands that differ only in the order of their options run once.
        for number, words in enumerate(dict.fromkeys(map(in_order, commands))):
            small = list(words)
            # The first one loses its node, and goes on with the next that joins.
            epochs = 12 if number == 0 else 1
            small += ["--name", f"recipe-{number}", "--max-epochs", str(epochs)]
            folder = SweepFolder(tmp_path / f"recipe-{number}")
            with subprocess.Popen(small, stderr=subprocess.PIPE, text=True, env=environment()) as process:
                wait_until_running(folder, 2, process)
                wait_until_demanded(nodes, 2, process)
                node = nodes.add(gpus=1)
                if number == 0:
                    wait_for_epochs(folder, 2, process)
                    nodes.kill(node)
                    # The cluster asks for another node in place of the lost one.
                    wait_until_demanded(nodes, 2, process)
                    node = nodes.add(gpus=1)
                _, said = process.communicate(timeout=300)
            nodes.remove(node)
            assert process.returncode == 0, said
            assert "no worker is up yet" in said
            trials = pd.read_parquet(folder.root / "trials")
            assert trials["status"].tolist() == ["COMPLETE"] * 2, said
            assert trials["weights_sha256"].notna().all()


def in_order(command: list[str]) -> tuple[str, ...]:
    """Return a command with its options sorted."""
    start = command.index("architecture") + 1
    pairs = sorted(zip(command[start::2], command[start + 1 :: 2], strict=True))
    return (*command[:start], *(word for pair in pairs for word in pair))


@pytest.mark.long
def test_without_slots_one_trial_waits_for_a_node(make_data: MakeData, tmp_path: Path) -> None:
    """The cluster has a node when the sweep begins, and loses it."""
    data = make_data(subjects=6, images=2, test_subjects=2)
    with Nodes() as nodes:
        node = nodes.add()
        command = [sys.executable, "-m", "runners.cli", "sweep", "architecture", "--data", str(data), "--out"]
        command += [str(tmp_path), "--name", "s", "--set", "encoder=lite0", "--set", "decoder=fpn", "--max-epochs"]
        command += ["30", "--fix", "weights=none", "--address", nodes.address]
        folder = SweepFolder(tmp_path / "s")
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
            wait_for_epochs(folder, 2, process)
            nodes.kill(node)
            wait_until_demanded(nodes, 1, process)
            nodes.add()
            _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert pd.read_parquet(folder.root / "trials")["status"].tolist() == ["COMPLETE"]


def wait_until_demanded(nodes: Nodes, trials: int, process: subprocess.Popen[str]) -> None:
    """Wait until an autoscaler would see at least `trials` trials that wait for a node."""
    until = time.monotonic() + 100
    while nodes.demand() < trials:
        assert process.poll() is None and time.monotonic() < until, "nothing asks for a node"
        time.sleep(1)
