"""The commands that start a cluster, submit a sweep and end the cluster: tests compare them and run none."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from runners.cli import main
from runners.cluster import commands
from seatbelt.errors import UserError
from tests.conftest import ROOT

Seatbelt = Callable[..., int]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run."""
    calls: list[list[str]] = []

    def record(command: Sequence[str]) -> int:
        calls.append(list(command))
        return 0

    monkeypatch.setattr(commands, "run", record)
    return calls


@pytest.fixture
def seatbelt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Seatbelt:
    """Return a function that runs the command line in an empty folder and returns the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(time, "strftime", lambda form: form.replace("%Y%m%d-%H%M%S", "20260102-030405"))
    filled = (ROOT / "cluster.yaml").read_text()
    for name in ("IMAGE", "SECURITY_GROUP", "FILE_SYSTEM"):
        filled = filled.replace(f"<{name}>", name.lower())
    (tmp_path / "mine.yaml").write_text(filled)

    def call(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["seatbelt", "cluster", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0)

    return call


def test_up_makes_a_token_and_starts(seatbelt: Seatbelt, ran: list[list[str]], tmp_path: Path) -> None:
    assert seatbelt("up", "mine.yaml", "--yes") == 0
    token = tmp_path / "home" / ".ray" / "auth_token"
    assert len(token.read_text()) == 64 and token.stat().st_mode & 0o777 == 0o600
    assert seatbelt("up", "mine.yaml") == 0
    assert ran == [["ray", "up", "mine.yaml", "--yes"], ["ray", "up", "mine.yaml"]]


def test_a_dry_run_shows_and_changes_nothing(
    seatbelt: Seatbelt, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert seatbelt("up", "mine.yaml", "--yes", "--dry-run") == 0
    assert seatbelt("down", "mine.yaml", "--dry-run") == 0
    assert capsys.readouterr().out == "ray up mine.yaml --yes\nray down mine.yaml\n"
    assert ran == [] and not (tmp_path / "home").exists()


def test_up_refuses_errors(
    seatbelt: Seatbelt, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "open.yaml").write_text(
        (tmp_path / "mine.yaml")
        .read_text()
        .replace("host=127.0.0.1", "host=0.0.0.0")
        .replace("ray:2.60.0-py311\n", "ray:latest\n")
    )
    assert seatbelt("up", "open.yaml") == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("error: open.yaml: head_start_ray_commands.1: the dashboard listens on 0.0.0.0 (use ")
    assert ", and 1 more; nothing was started, `seatbelt cluster check open.yaml` shows all" in message
    assert "\n" not in message
    assert seatbelt("up", str(ROOT / "cluster.yaml")) == 2
    assert "stands for something of yours" in capsys.readouterr().err
    assert ran == []


def test_up_without_tokens_only_when_allowed(
    seatbelt: Seatbelt, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (tmp_path / "mine.yaml").read_text()
    (tmp_path / "open.yaml").write_text(text.replace("RAY_AUTH_MODE=token ", ""))
    assert seatbelt("up", "open.yaml") == 2
    assert ran == []
    assert seatbelt("up", "open.yaml", "--allow-insecure") == 0
    assert "warning head_start_ray_commands.1: starts Ray without RAY_AUTH_MODE=token" in capsys.readouterr().out
    assert ran == [["ray", "up", "open.yaml"]]
    assert not (tmp_path / "home").exists()


def test_up_refuses_a_token_that_others_can_read(
    seatbelt: Seatbelt, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "home" / ".ray" / "auth_token"
    token.parent.mkdir(parents=True)
    token.write_text("0" * 64)
    token.chmod(0o644)
    assert seatbelt("up", "mine.yaml") == 2
    assert f"run `chmod 600 {token}`" in capsys.readouterr().err
    assert ran == []


def test_submit_runs_the_driver_on_the_head(
    seatbelt: Seatbelt, ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = ["sweep", "architecture", "--data", "/shared/my images", "--out", "/shared/sweeps", "--name", "it's $HOME"]
    assert seatbelt("submit", "mine.yaml", "--", *sweep) == 0
    ((ray, verb, file, on_head),) = ran
    assert (ray, verb, file) == ("ray", "exec", "mine.yaml")
    assert on_head == (
        "RAY_AUTH_MODE=token ~/venv/bin/ray job submit --address http://127.0.0.1:8265 --no-wait "
        "--submission-id sweep-20260102-030405 -- ~/venv/bin/seatbelt sweep architecture --data '/shared/my images' "
        "--out /shared/sweeps --name 'it'\"'\"'s $HOME' --address auto"
    )
    assert shlex.split(on_head)[-10:] == [*sweep, "--address", "auto"], "a shell gives back what was typed"
    output = capsys.readouterr().out
    assert "to watch it: ray exec mine.yaml 'RAY_AUTH_MODE=token ~/venv/bin/ray job logs " in output
    assert "--follow sweep-20260102-030405'" in output
    assert "to stop it:  ray exec mine.yaml" in output and "~/venv/bin/seatbelt stop" in output


def test_submit_sends_what_a_request_file_asks_for(
    seatbelt: Seatbelt, ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = "study: architecture\ndata: [/shared/d]\nout: /shared/sweeps\nslots: 8\nset: {target: ['seat, belt']}\n"
    (tmp_path / "request.yaml").write_text(request)
    assert seatbelt("submit", "mine.yaml", "--", "sweep", "request.yaml", "--name", "n", "--slots", "4") == 0
    assert shlex.split(ran[0][3])[-14:] == [
        *("sweep", "architecture", "--set", r"target=seat\, belt", "--data", "/shared/d", "--out", "/shared/sweeps"),
        *("--name", "n", "--slots", "4", "--address", "auto"),
    ]
    captured = capsys.readouterr()
    assert [line.partition("; ")[2].split()[1] for line in captured.err.splitlines()] == [
        "--gpus-per-trial",
        "--weights-folder",
    ]
    assert "~/venv/bin/seatbelt stop /shared/sweeps/n" in captured.out
    (tmp_path / "request.yaml").write_text(request.replace("/shared/d", "belts"))
    assert seatbelt("submit", "mine.yaml", "--", "sweep", "request.yaml") == 2
    assert "--data belts is relative to this machine; give a place that every node shares" in capsys.readouterr().err


def test_submit_warns_of_what_a_sweep_may_need_before_a_worker_is_up(
    seatbelt: Seatbelt, ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = ["sweep", "architecture", "--data", "/shared/d", "--out", "/shared/sweeps"]
    assert seatbelt("submit", "mine.yaml", "--", *sweep) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("; ")[2].split()[1] for line in lines] == [
        "--slots,",
        "--gpus-per-trial",
        "--weights-folder",
    ]
    ready = ["--slots", "8", "--gpus-per-trial=0", "--fix", "weights=none"]
    assert seatbelt("submit", "mine.yaml", "--", *sweep, *ready) == 0
    assert seatbelt("submit", "mine.yaml", "--", "resume", "/shared/sweeps/architecture") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (["resume", "s3://bucket/s", "--address", "10.0.0.1:6379"], "resume s3://bucket/s --address 10.0.0.1:6379"),
        (["resume", "/shared/s", "--address=auto"], "resume /shared/s --address=auto"),
        (["confirm", "/shared/s", "--top", "3"], "confirm /shared/s --top 3 --address auto"),
        (["sweep", "/shared/mine.py", "--out=gs://b/s"], "sweep /shared/mine.py --out=gs://b/s --address auto"),
    ],
)
def test_submit_adds_the_address_only_where_it_is_absent(
    arguments: list[str], end: str, seatbelt: Seatbelt, ran: list[list[str]]
) -> None:
    assert seatbelt("submit", "mine.yaml", "--", *arguments) == 0
    assert ran[0][3].endswith(f"-- ~/venv/bin/seatbelt {end}")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["best", "/shared/s"], "submit takes sweep, resume or confirm after --, but got 'best'"),
        (["sweep", "--out", "/shared"], "submit takes what to sweep first"),
        (["sweep", "joint"], "submit needs --out"),
        (["sweep", "joint", "--out", "sweeps"], "--out sweeps is relative to this machine"),
        (["sweep", "joint", "--out=/s", "--data=mine"], "--data mine is relative to this machine"),
        (["sweep", "mine.py", "--out", "/s"], "mine.py is relative to this machine"),
        (["resume", "sweeps/joint"], "sweeps/joint is relative to this machine"),
    ],
)
def test_submit_refuses_what_the_cluster_cannot_know(
    arguments: list[str],
    text: str,
    seatbelt: Seatbelt,
    ran: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert seatbelt("submit", "mine.yaml", "--", *arguments) == 2
    assert text in capsys.readouterr().err
    assert ran == []


def test_down(seatbelt: Seatbelt, ran: list[list[str]]) -> None:
    assert seatbelt("down", "mine.yaml", "--yes") == 0
    assert ran == [["ray", "down", "mine.yaml", "--yes"]]


def test_only_a_cluster_file_is_started(seatbelt: Seatbelt, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("up", "down", "submit"):
        rest = ["--", "sweep", "joint", "--out", "/s"] if verb == "submit" else []
        assert seatbelt(verb, str(ROOT / "docs/cluster/slurm.sh"), *rest) == 2
        assert "is no cluster file of Ray: it has no provider" in capsys.readouterr().err


def test_a_failure_of_ray_is_reported(
    seatbelt: Seatbelt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "run", lambda command: 1)
    assert seatbelt("down", "mine.yaml") == 2
    assert "`ray down mine.yaml` ended with exit code 1" in capsys.readouterr().err


def test_run_passes_arguments_without_a_shell(capfd: pytest.CaptureFixture[str]) -> None:
    assert commands.run(["python", "-c", "import sys; print(sys.argv[1])", "$HOME; `id`"]) == 0
    assert capfd.readouterr().out == "$HOME; `id`\n"
    with pytest.raises(UserError, match="there is no program 'no-such-program' here"):
        commands.run(["no-such-program"])


def test_check_as_json_and_its_exit_codes(
    seatbelt: Seatbelt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert seatbelt("check", "mine.yaml", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"file": "mine.yaml", "valid": True, "findings": []}
    text = (tmp_path / "mine.yaml").read_text()
    (tmp_path / "wrong.yaml").write_text(text.replace("region:", "regoin:"))
    assert seatbelt("check", "wrong.yaml", "--json") == 2
    report = json.loads(capsys.readouterr().out)
    assert not report["valid"]
    assert report["findings"] == [
        {
            "severity": "error",
            "place": "provider.regoin",
            "what": "there is no key 'regoin'",
            "advice": "did you mean region?",
        }
    ]
    assert seatbelt("check", "wrong.yaml") == 2
    assert capsys.readouterr().out.splitlines() == [
        "error   provider.regoin: there is no key 'regoin'; did you mean region?",
        "wrong.yaml is invalid",
    ]
