"""A real S3 server on loopback whose replies can be made to go wrong."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

BUCKET = "bucket"
Fault = Callable[[str, str], str | None]
"""Method and path of a request -> None, `drop` (nothing is done), `lost` (done, no reply), or a reply of `REPLIES`."""

REPLIES = {
    "slow down": ("503 Slow Down", ""),
    "error": ("500 Internal Error", ""),
    "denied": ("403 Forbidden", "AccessDenied"),
    "skewed": ("403 Forbidden", "RequestTimeTooSkewed"),
    "unauthenticated": ("401 Unauthorized", "InvalidToken"),
    "late": ("408 Request Timeout", ""),
    "throttled": ("429 Too Many Requests", ""),
    "expired": ("400 Bad Request", "ExpiredToken"),
    "malformed": ("400 Bad Request", "InvalidArgument"),
}
"""Status and S3's code of errors that the server can be told to answer with."""


@dataclass
class Server:
    """The server, and how it behaves at the moment."""

    port: int = 0
    fault: Fault = lambda method, path: None
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def s3_server() -> Iterator[Server]:
    """Start a server with one empty bucket, and point the environment to it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = Server()
    inner = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        server.requests.append((method, path))
        fault = server.fault(method, path)
        if fault in REPLIES:
            status, code = REPLIES[fault]
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
            start_response(status, [("Content-Length", f"{len(body)}")])
            return [body]
        if fault == "drop":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return [b""]
        answer = inner(environ, start_response)
        if fault == "lost":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer

    moto_server = make_server("127.0.0.1", 0, application, threaded=True)
    server.port = moto_server.server_port
    thread = threading.Thread(target=moto_server.serve_forever, daemon=True)
    thread.start()
    settings = {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{moto_server.server_port}",
        "AWS_ALLOW_HTTP": "true",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        urlopen(Request(f"{settings['AWS_ENDPOINT_URL']}/{BUCKET}", method="PUT")).close()
        yield server
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        moto_server.shutdown()
        thread.join()
        moto_server.server_close()
