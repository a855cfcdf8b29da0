"""The token of Ray clusters: its file, its permissions, and whether a cluster asks for it."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Literal

from seatbelt.errors import UserError
from seatbelt.machine.home import home_folder

_MODE = "RAY_AUTH_MODE"
_KNOCK = "/ray.rpc.NodeInfoGcsService/CheckAlive"
_KNOCK_SECONDS = 10


def choose_mode(*, joins: bool, allow_insecure: bool) -> bool:
    """Decide on token authentication before Ray is imported; return whether tokens are used.

    Args:
        joins: The session joins a running cluster.
        allow_insecure: The user allows a cluster without tokens.

    Raises:
        UserError: The environment switches tokens off, and the user did not allow that.
    """
    if joins and allow_insecure:
        # A cluster that needs no token does not get ours, even if the environment asks for tokens.
        os.environ[_MODE] = "disabled"
    mode = os.environ.setdefault(_MODE, "token")
    if mode.lower() == "token":
        return True
    if not allow_insecure:
        raise UserError(
            f"{_MODE}={mode} in the environment switches token authentication off, so that whoever reaches a port of "
            "the cluster can run code on it; unset it, or say --allow-insecure"
        )
    return False


def token_file() -> Path:
    """Return the path of the token: RAY_AUTH_TOKEN_PATH, or Ray's default."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named) if named else home_folder() / ".ray" / "auth_token"


def ensure_token(*, create: bool) -> str:
    """Return the token.

    Args:
        create: Make a token if there is none, for a cluster that starts.

    Raises:
        UserError: The token is missing, unreadable or unwritable, or other users can read it.
    """
    token = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    if token:
        return token
    return ensure_token_file(token_file(), create=create)


def ensure_token_file(path: Path, *, create: bool) -> str:
    """Return the token of a file.

    Args:
        path: The file.
        create: Make a token if there is none, for a cluster that starts.

    Raises:
        UserError: The token is missing, unreadable or unwritable, or other users can read it.
    """
    try:
        token = path.read_text(encoding="utf-8").strip() if path.exists() else ""
        if not token and create:
            _create(path)
            token = path.read_text(encoding="utf-8").strip()
        mode = stat.S_IMODE(path.stat().st_mode) if token else 0
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the token {path} cannot be read or written ({error}); mend the file, or name another by "
            "RAY_AUTH_TOKEN_PATH"
        ) from None
    if not token:
        raise UserError(
            f"there is no token for the cluster: {path} is missing or empty; copy the cluster's token there and run "
            f"`chmod 600 {path}`, or set RAY_AUTH_TOKEN"
        )
    if mode & 0o077:
        raise UserError(
            f"others can read the token {path} (mode {mode:o}), and with it run code on the cluster; run "
            f"`chmod 600 {path}`"
        )
    return token


def close_token_file() -> None:
    """Make the token private: a Ray that starts by itself leaves it readable for others."""
    path = token_file()
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def check_access_to(cluster: str, token: str | None, *, named: str) -> None:
    """Try to enter a cluster with and without the token.

    Args:
        cluster: host:port of its control service.
        token: The token; None if the user allows a cluster without one.
        named: Name of the cluster for messages.

    Raises:
        UserError: Nobody answers, the token is wrong, or the cluster accepts everybody.
    """
    if os.environ.get("RAY_USE_TLS") == "1":
        # TLS checks the certificates of both sides, and Ray reports what is wrong with them.
        return
    with_token, without = _knock(cluster, token), _knock(cluster, None)
    if "silent" in (with_token, without):
        raise UserError(f"no Ray cluster answers at {named!r} ({cluster}); check --address, and that it still runs")
    if with_token == "refused" and token is None:
        raise UserError(f"the Ray cluster at {named!r} asks for its token; leave out --allow-insecure to show it")
    if with_token == "refused":
        raise UserError(
            f"the Ray cluster at {named!r} refuses the token; bring its own to {token_file()} or RAY_AUTH_TOKEN"
        )
    if without == "in" and token is not None:
        raise UserError(
            f"the Ray cluster at {named!r} asks for no token: whoever reaches its ports can run code there; start it "
            "with RAY_AUTH_MODE=token on every node, or say --allow-insecure"
        )


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not path.read_bytes().strip():
            path.unlink()
        with contextlib.suppress(FileExistsError):
            # Link instead of rename: two processes that begin at once both get the token of the first.
            os.link(part, path)
    finally:
        part.unlink()


def _knock(cluster: str, token: str | None) -> Literal["in", "refused", "silent"]:
    """Ask the control service whether it is alive, the least that it answers to anyone it admits."""
    import grpc

    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(cluster, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(_KNOCK, request_serializer=bytes)(b"", timeout=_KNOCK_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            return "refused" if error.code() == grpc.StatusCode.UNAUTHENTICATED else "silent"
    return "in"
