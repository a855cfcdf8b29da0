"""A sweep on this machine resolves no names and connects to nothing but this machine, whatever the environment says."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeData

pytestmark = pytest.mark.slow


RECORDER = """
import os, sys

def record(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        place = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments
        if isinstance(place, tuple) and place[0]:
            host = place[0].decode() if isinstance(place[0], bytes) else place[0]
            write(f"{event} {host}")

def write(line):
    with open(os.environ["RECORDED"], "a") as file:
        file.write(line + "\\n")

write("started " + " ".join(sys.orig_argv))
sys.addaudithook(record)
"""
"""Imported by every Python process of the sweep; other processes cannot get out of the network namespace."""

BRING_LOOPBACK_UP = """
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
    fcntl.ioctl(handle, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
"""


def run_alone(tmp_path: Path, *arguments: str) -> str:
    """Run a command of the product where there is no network but loopback."""
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(RECORDER)
    start = f"{BRING_LOOPBACK_UP}\nimport os, sys\nos.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "RECORDED": str(tmp_path / "recorded"),
        # What a user's profile may hold.
        "RAY_USAGE_STATS_ENABLED": "1",
        "NO_ALBUMENTATIONS_UPDATE": "0",
        "MLFLOW_DISABLE_TELEMETRY": "false",
        "DO_NOT_TRACK": "false",
        "TUNE_RESULT_DIR": str(tmp_path / "results"),
        "RAY_AIR_NEW_OUTPUT": "1",
    }
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, "-c", start, "-m", "runners.cli", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no network namespace can be made here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_sweep_and_an_export_reach_nobody(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    said = run_alone(
        tmp_path, "sweep", "architecture", "--data", str(data), "--set", "encoder=lite0", "--set", "decoder=linknet",
        "--fix", "weights=none", "--max-epochs", "1", "--slots", "1", "--out", str(tmp_path),
    )  # fmt: skip
    assert "1 COMPLETE" in said
    run_alone(tmp_path, "export", str(tmp_path / "architecture"), "--mlflow", str(tmp_path / "mlflow.db"))
    recorded = (tmp_path / "recorded").read_text().splitlines()
    started = [line for line in recorded if line.startswith("started")]
    assert any("runners.cli sweep" in line for line in started), "the recorder did not run in the driver"
    assert any("default_worker" in line for line in started), "the recorder did not run in the workers"
    reached = {line for line in recorded if line.startswith("socket") and not is_this_machine(line.split()[1])}
    assert not reached


def is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback or host in ("0.0.0.0", "::")
    except ValueError:
        return host == "localhost"
