"""Tokens: created for their owner only, refused when others can read them, and required to join a cluster."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runners.cluster.token import choose_mode, close_token_file, ensure_token, ensure_token_file, token_file
from runners.engines.connection import Resources, connected
from seatbelt.errors import UserError
from tests.conftest import ROOT, MakeData


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    token_path = tmp_path / ".ray" / "auth_token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    return token_path


def test_a_token_is_created_once_and_only_its_owner_may_read_it(path: Path) -> None:
    token = ensure_token(create=True)
    assert len(token) == 64 and int(token, 16)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert ensure_token(create=True) == ensure_token(create=False) == token
    assert [x.name for x in path.parent.iterdir()] == ["auth_token"], "no parts are left"


def test_the_default_is_the_file_that_ray_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert token_file() == tmp_path / ".ray" / "auth_token"


def test_an_empty_file_gets_a_token(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    assert len(ensure_token(create=True)) == 64


def test_a_token_of_the_environment_needs_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    assert ensure_token(create=True) == "given"
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_token_that_others_can_read_is_refused(mode: int, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("0" * 64)
    path.chmod(mode)
    with pytest.raises(UserError, match=rf"others can read the token .*\(mode {mode:o}\).*run `chmod 600 {path}`"):
        ensure_token(create=True)


def test_no_token_to_join_with(path: Path) -> None:
    with pytest.raises(UserError, match=f"there is no token for the cluster: {path} is missing or empty; copy"):
        ensure_token(create=False)
    assert not path.exists()


def test_a_token_that_cannot_be_read_or_written(path: Path) -> None:
    path.parent.write_text("a file in the place of the folder")
    with pytest.raises(UserError, match="cannot be read or written") as refusal:
        ensure_token(create=True)
    assert "\n" not in str(refusal.value)


@pytest.mark.slow
def test_those_who_begin_at_once_share_a_token(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        tokens = pool.map(_make, [str(path)] * 12)
    assert len(set(tokens)) == 1


def _make(path: str) -> str:
    return ensure_token_file(Path(path), create=True)


def test_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert choose_mode(joins=True, allow_insecure=False) and os.environ["RAY_AUTH_MODE"] == "token"
    monkeypatch.delenv("RAY_AUTH_MODE")
    assert choose_mode(joins=False, allow_insecure=True), "a Ray of our own has a token all the same"
    for mode in ("token", "disabled"):
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
        assert not choose_mode(joins=True, allow_insecure=True) and os.environ["RAY_AUTH_MODE"] == "disabled"
    for joins in (True, False):
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
        assert not choose_mode(joins=joins, allow_insecure=True)
        with pytest.raises(UserError, match=r"RAY_AUTH_MODE=disabled in the environment .* --allow-insecure"):
            choose_mode(joins=joins, allow_insecure=False)


def test_a_local_ray_joins_no_other_ray(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    options: dict[str, Any] = {}
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", options.update)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with connected(Resources(slots=2)):
        assert len(path.read_text()) == 64
    assert options["address"] == "local", "also where another Ray runs on this machine"
    assert options["include_dashboard"] is False
    assert options["num_cpus"] == 2


HEAD = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@contextmanager
def head(folder: Path, **environment: str) -> Iterator[str]:
    """Run the head of a cluster; yield its address."""
    with (folder / "head.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", HEAD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **environment},
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def doctor(address: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return seatbelt("doctor", "--address", address, *arguments, **environment)


def seatbelt(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runners.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], text: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    assert text in lines[0]


@pytest.mark.slow
def test_a_cluster_is_joined_with_its_token_only(tmp_path: Path, make_data: MakeData) -> None:
    sweep = ["sweep", "architecture", "--data", str(make_data()), "--fix", "weights=none", "--out", str(tmp_path / "s")]
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for file in (right, wrong):
        file.touch(0o600)
        file.write_text(secrets.token_hex(32))
    with head(tmp_path, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(right)) as address:
        refused(doctor(address, RAY_AUTH_TOKEN_PATH=str(wrong)), f"the Ray cluster at {address!r} refuses the token")
        attack = seatbelt(*sweep, "--quiet", "--address", address, RAY_AUTH_TOKEN_PATH=str(wrong))
        refused(attack, f"the Ray cluster at {address!r} refuses the token")
        assert not (tmp_path / "s").exists(), "nothing is written before the cluster lets us in"
        refused(doctor(address, RAY_AUTH_TOKEN="' OR 1"), "refuses the token")
        refused(doctor(address, "--allow-insecure"), "asks for its token; leave out --allow-insecure")
        joined = doctor(address, RAY_AUTH_TOKEN_PATH=str(right))
        assert joined.returncode == 0, joined.stderr
        assert "1 node(s) that run trials" in joined.stdout
    gone = doctor(address, RAY_AUTH_TOKEN_PATH=str(right))
    refused(gone, f"no Ray cluster answers at {address!r}")
    refused(doctor("ray://127.0.0.1:10001", RAY_AUTH_TOKEN_PATH=str(right)), "Ray's client cannot run a sweep")
    refused(doctor("nonsense", RAY_AUTH_TOKEN_PATH=str(right)), "no Ray cluster answers at 'nonsense'")


@pytest.mark.slow
def test_a_cluster_without_tokens_is_joined_only_when_allowed(tmp_path: Path) -> None:
    with head(tmp_path, RAY_AUTH_MODE="disabled") as address:
        token = tmp_path / "token"
        token.touch(0o600)
        token.write_text(secrets.token_hex(32))
        refused(doctor(address, RAY_AUTH_TOKEN_PATH=str(token)), "asks for no token: whoever reaches its ports")
        allowed = doctor(address, "--allow-insecure", RAY_AUTH_TOKEN_PATH=str(token))
        assert allowed.returncode == 0, allowed.stderr


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_ray_of_ours_closes_a_token_that_others_can_read(mode: int, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("0" * 64)
    path.chmod(mode)
    close_token_file()
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    close_token_file()
    assert not path.exists()
