"""Serves a live report on this machine: the page of `seatbelt report`, which refreshes itself.

The server listens on the loopback address only and has two read-only addresses: the page, and a stamp that changes
with the sweep. A request must name this machine in its Host header, so that a foreign page whose name points here
(DNS rebinding) reads nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from analysis.reading.tables import Source
from analysis.report import build_report
from analysis.report.writers.html import html_report
from analysis.sweeps import open_sweeps
from runners.commands.report import live_sessions, note_test_read
from runners.models.gallery import Galleries
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.ledger import holder
from seatbelt.errors import UserError
from seatbelt.records.tables import TABLES
from seatbelt.storage.base import is_remote
from seatbelt.text.redaction import safe_text

ADDRESS = "127.0.0.1"
_REMOTE_SECONDS = 30
"""Seconds between two polls of a bucket."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """The page of some sweeps, rebuilt after changes but not more often than allowed."""

    def __init__(self, locations: list[str], every: float, galleries: Galleries | None = None) -> None:
        self._locations, self._every, self._galleries = locations, every, galleries
        self._lock = threading.Lock()
        self._stamp, self._page, self._built = "", b"", float("-inf")

    def stamp(self) -> str:
        """Return a text that changes when there is a new page."""
        self._refresh()
        return self._stamp

    def page(self) -> bytes:
        """Return the page.

        Raises:
            UserError: A sweep cannot be read, and there is no earlier page.
        """
        self._refresh()
        return self._page

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() - self._built < self._every:
                return
            source = open_sweeps(self._locations)
            stamp = _stamp(source)
            if stamp == self._stamp:
                return
            self._page, self._stamp = _page(source, stamp), stamp
            self._built = time.monotonic()


@contextlib.contextmanager
def dashboard(
    locations: list[str], *, port: int, every: float, galleries: Galleries | None = None
) -> Iterator[ThreadingHTTPServer]:
    """Yield a server whose first page is built; `serve_forever` runs it.

    Args:
        locations: Sweeps, or patterns.
        port: Port; 0 takes any free one.
        every: Shortest time between two builds of the page, seconds.
        galleries: Computes the predictions that the page shows; None for a page without any.

    Raises:
        UserError: A sweep cannot be read, or the port is taken.
    """
    pages = Pages(locations, every, galleries)
    note_test_read(open_sweeps(locations), "dashboard")
    pages.page()
    try:
        server = _Server(pages, port)
    except OSError as error:
        raise UserError(f"port {port} cannot be listened on ({error.strerror}); give another --port") from None
    with server:
        yield server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pages: Pages, port: int) -> None:
        self.pages = pages
        super().__init__((ADDRESS, port), _Handler)

    def hosts(self) -> set[str]:
        port = self.server_address[1]
        names = {ADDRESS, "localhost"}
        # A browser leaves out the port 80.
        return {f"{name}:{port}" for name in names} | (names if port == 80 else set())


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30
    server_version = "seatbelt"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the page or the stamp."""
        if self.headers.get("Host", "").lower() not in self.server.hosts():
            self._answer(421, "text/plain", b"this server answers for 127.0.0.1 and localhost alone\n")
        elif self.path == "/":
            self._answer_built("text/html", self.server.pages.page)
        elif self.path == "/stamp":
            self._answer_built("text/plain", lambda: self.server.pages.stamp().encode())
        else:
            self._answer(404, "text/plain", b"there is only /\n")

    def log_message(self, format: str, *arguments: object) -> None:
        """Log no requests."""

    def _answer_built(self, kind: str, make: Callable[[], bytes]) -> None:
        try:
            data = make()
        except (UserError, OSError) as error:
            self._answer(503, "text/plain", f"{safe_text(str(error))}\n".encode())
            return
        self._answer(200, kind, data)

    def _answer(self, status: int, kind: str, data: bytes) -> None:
        # The client may have disconnected.
        with contextlib.suppress(ConnectionError, TimeoutError):
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)


def _page(source: Source, stamp: str) -> bytes:
    report = build_report(source, datetime.datetime.now(datetime.UTC), live_sessions(source))
    return html_report(report, live=stamp).encode()


def _stamp(source: Source) -> str:
    return "+".join(_stamp_of(sweep.root) for _, sweep in source.parts)


def _stamp_of(root: str) -> str:
    """Return what changes with a sweep: whether it runs, sizes and times of its tables; in a bucket, the clock."""
    if is_remote(root):
        return str(int(time.time() // _REMOTE_SECONDS))
    files = [Path(root, "sweep.json"), *(file for table in TABLES for file in Path(root, table).glob("*.parquet"))]
    states = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            state = file.stat()
            states.append((state.st_mtime_ns, state.st_size))
    runs = holder(SweepFolder(root)) is not None
    return f"{'runs' if runs else 'rests'}-{len(states)}-{hash(tuple(sorted(states))):x}"
