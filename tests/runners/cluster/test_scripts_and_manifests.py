"""The SLURM script and the RayJob manifest: the shipped ones pass, and each fault gives exactly its finding."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from runners.cluster.check import check_file
from seatbelt.errors import UserError
from tests.conftest import ROOT

SCRIPT = (ROOT / "docs/cluster/slurm.sh").read_text()
MANIFEST = (ROOT / "docs/cluster/rayjob.yaml").read_text()
CLUSTER = "spec.rayClusterSpec"


def findings_in(name: str, text: str, tmp_path: Path) -> list[str]:
    path = tmp_path / name
    path.write_text(text)
    return [
        f"{problem.severity} {problem.place}: {problem.what}; {problem.advice}"
        for problem in check_file(path)
        if not problem.place.startswith("line ")
    ]


SCRIPTS = [
    (r"#SBATCH --requeue\n", "", "error #SBATCH.requeue: is missing"),
    (r"#SBATCH --requeue", "#SBATCH --requeu\n#SBATCH --requeue", "did you mean requeue?"),
    (r"#SBATCH --signal.*\n", "", "error #SBATCH.signal: SLURM does not warn the script"),
    (r"B:TERM@120", "TERM@120", "error #SBATCH.signal: SLURM does not warn the script"),
    (r"B:TERM@120", "B:TERM@10", "error #SBATCH.signal: SLURM does not warn the script"),
    (r"#SBATCH --time.*\n", "", "warning #SBATCH.time: is missing"),
    (r"srun ray symmetric-run", "srun ray start", "error script: does not start Ray on the nodes"),
    (r"export RAY_AUTH_MODE=token", "", "error script: starts Ray without RAY_AUTH_MODE=token"),
    (r"RAY_AUTH_MODE=token", "RAY_AUTH_MODE=disabled", "error script: starts Ray without RAY_AUTH_MODE=token"),
    (r"(?s)\(umask.*?; \}\)", "", "error script: there may be no token"),
    (r"trap pass_on TERM", "", "error script: the warning of SLURM is not passed on"),
    (r"--include-dashboard=false", "--dashboard-host=0.0.0.0", "error script: the dashboard listens on 0.0.0.0"),
    (r"--include-dashboard=false", "--node-ip-address 0.0.0.0", "error script: Ray listens on every network"),
    (r"shared=", "pip install seatbelt\nshared=", "error script: packages without exact versions"),
    (r"  seatbelt sweep", "  echo sweep", "error script: runs no sweep"),
    (r" --address auto", "", "error script: the sweep does not join the cluster"),
    (r'--out "\$shared/sweeps"', "--out sweeps", "error script: the sweep may not lie on shared storage"),
    (r'--out "\$shared/sweeps"', "--out s3://bucket/sweeps", None),
    (r' --slots "\$slots"', "", "error script: does not say how many trials may run at a time"),
    (r" --gpus-per-trial 1", "", "error script: does not say what a trial takes"),
    (r'--weights-folder "\$shared/weights"', "", "error script: names no weights"),
    (r'--weights-folder "\$shared/weights"', "--fix weights=none", None),
    (r'(?s)--weights-folder "\$shared/weights"(.*)\Z', r"\1\nexport SEATBELT_WEIGHTS=$shared/weights\n", None),
    (r"(?s)seatbelt sweep architecture(.*?)&", r"seatbelt resume $shared/sweeps/architecture --address auto &", None),
    (r"(?m)^export SEATBELT_CACHE.*\n", "", "error script: decoded images would lie in the home folder"),
    (r"(?m)^#SBATCH.*\n", "", "error file: has no #SBATCH line"),
]


@pytest.mark.parametrize(("old", "new", "expected"), SCRIPTS)
def test_faults_of_a_script(old: str, new: str, expected: str | None, tmp_path: Path) -> None:
    changed, count = re.subn(old, new, SCRIPT)
    assert count
    findings = findings_in("job.sh", changed, tmp_path)
    assert len(findings) == (expected is not None), findings
    assert expected is None or expected in findings[0]


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(changed: dict[str, Any]) -> None:
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


READY = "--slots 8 --gpus-per-trial 1 --weights-folder /shared/weights"
JOINED = "seatbelt sweep joint --address auto"
HEAD = ("spec", "rayClusterSpec", "headGroupSpec")
WORKER = ("spec", "rayClusterSpec", "workerGroupSpecs", 0)
MANIFESTS = [
    (put("apiVersion", value="ray.io/v1alpha1"), "error apiVersion: is 'ray.io/v1alpha1'"),
    (put("spec", "shutdownAfterJobFinish", value=True), "did you mean shutdownAfterJobFinishes?"),
    (put("spec", "shutdownAfterJobFinishes", value=None), "error spec.shutdownAfterJobFinishes: the cluster stays"),
    (put("spec", "entrypoint", value="python train.py"), "error spec.entrypoint: runs no sweep"),
    (
        put("spec", "entrypoint", value=f"seatbelt sweep joint {READY}"),
        "error spec.entrypoint: the sweep does not join",
    ),
    (put("spec", "entrypoint", value=f"{JOINED} --slots 8 --fix weights=none"), "does not say what a trial takes"),
    (
        put("spec", "entrypoint", value=f"{JOINED} --gpus-per-trial 1 --fix weights=none"),
        "how many trials may run at a",
    ),
    (
        put("spec", "entrypoint", value=f"{JOINED} --slots=8 --gpus-per-trial=1"),
        "error spec.entrypoint: names no weights",
    ),
    (put("metadata", value={"name": "seatbelt"}), "error metadata.name: is fixed: a job that finished stays"),
    (put("spec", "rayClusterSpec", "authOption", value={}), f"error {CLUSTER}.authOption: there is no key"),
    (put("spec", "rayClusterSpec", "authOptions", value=None), f"error {CLUSTER}.authOptions.mode: Ray asks for no"),
    (put("spec", "rayClusterSpec", "authOptions", "mode", value="disabled"), "Ray asks for no token"),
    (put("spec", "rayClusterSpec", "rayVersion", value="latest"), f"error {CLUSTER}.rayVersion: is no exact version"),
    (put("spec", "rayClusterSpec", "enableInTreeAutoscaling", value=False), "do not come and go"),
    (put("spec", "rayClusterSpec", "autoscalerOptions", value=None), "idleTimeoutSeconds: is missing"),
    (put("spec", "rayClusterSpec", "workerGroupSpecs", value=[]), "nothing would run trials"),
    (put(*HEAD, "serviceType", value="LoadBalancer"), "the dashboard is open to the outside"),
    (put(*HEAD, "enableIngress", value=True), "the dashboard is open to the outside"),
    (put(*HEAD, "rayStartParams", value={}), "warning spec.rayClusterSpec.headGroupSpec.rayStartParams: the head"),
    (put(*WORKER, "minReplica", value=1), "did you mean minReplicas?"),
    (put(*WORKER, "minReplicas", value=1), "warning spec.rayClusterSpec.workerGroupSpecs.0.minReplicas"),
    (put(*WORKER, "template", "spec", "nodeSelector", value=None), "GPU workers are not on spot"),
    (put(*WORKER, "template", "spec", "containers", 0, "image", value="seatbelt"), "is another one tomorrow"),
    (put(*WORKER, "template", "spec", "containers", 0, "env", value=None), "nothing says where decoded images go"),
    (put(*HEAD, "template", "spec", "volumes", value=[{"name": "shared", "emptyDir": {}}]), "no storage that the pods"),
    (put(*WORKER, "template", "spec", "containers", 0, "volumeMounts", value=None), "no storage that the pods share"),
]


@pytest.mark.parametrize(("change", "expected"), MANIFESTS)
def test_faults_of_a_manifest(change: Callable[[dict[str, Any]], None], expected: str, tmp_path: Path) -> None:
    changed = yaml.safe_load(MANIFEST)
    change(changed)
    findings = findings_in("job.yaml", yaml.safe_dump(changed), tmp_path)
    assert len(findings) == 1, findings
    assert expected in findings[0]


def test_what_is_no_cluster_file_is_one_line(tmp_path: Path) -> None:
    def refused(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError) as refusal:
            check_file(path)
        assert "\n" not in str(refusal.value)
        return str(refusal.value)

    assert "a.yaml, line 2: " in refused("a.yaml", b"a: 1\n b: [2\n")
    assert "it is no text" in refused("b.yaml", b"\xff\xfe\x00")
    assert "holds no mapping" in refused("c.yaml", b"- 1\n")
    assert "of those only a RayJob is checked" in refused("d.yaml", b"apiVersion: v1\nkind: Pod\n")
    assert "line 1: " in refused("e.yaml", b"a: !!python/object/apply:os.system ['true']\n")
    assert "found another document" in refused("f.yaml", b"a: 1\n---\nb: 1\n")
    with pytest.raises(UserError, match=r"gone.yaml cannot be read \(No such file or directory\)"):
        check_file(tmp_path / "gone.yaml")


def test_the_script_passes_slurms_warning_on(tmp_path: Path) -> None:
    """Small programs stand in for SLURM, Ray and the sweep; each records how it was called."""
    calls = tmp_path / "calls"
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/activate").write_text("")
    (tmp_path / "bin").mkdir()
    programs = {
        "srun": 'echo "srun $*" >> CALLS; while [ ! -e STOP ]; do sleep 0.1; done; echo ended >> CALLS',
        "seatbelt": 'echo "seatbelt $*" >> CALLS; touch STOP; sleep 0.5',
        "scontrol": '[ "$1" = show ] && echo node7 || echo "scontrol $*" >> CALLS',
    }
    for name, text in programs.items():
        program = tmp_path / "bin" / name
        text = text.replace("CALLS", str(calls)).replace("STOP", str(tmp_path / "stop"))
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    script = tmp_path / "job.sh"
    script.write_text(SCRIPT.replace("<SHARED>", str(tmp_path)))
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "node[7-8]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_GPUS_ON_NODE": "4",
        "SLURM_JOB_ID": "42",
    }
    job = subprocess.Popen(["bash", script], env=environment)
    until = time.monotonic() + 20
    while not calls.exists() and time.monotonic() < until:
        time.sleep(0.1)
    job.terminate()
    job.wait(20)
    lines = calls.read_text().splitlines()
    assert lines[0] == (
        "srun ray symmetric-run --address node7:6379 --min-nodes 2 --include-dashboard=false -- "
        f"seatbelt sweep architecture --address auto --data {tmp_path}/data --out {tmp_path}/sweeps "
        f"--weights-folder {tmp_path}/weights --slots 8 --gpus-per-trial 1"
    )
    assert lines[1:] == [f"seatbelt stop {tmp_path}/sweeps/architecture --wait 90", "ended", "scontrol requeue 42"]
    token = tmp_path / ".ray" / "auth_token"
    assert len(token.read_text().strip()) == 64
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
