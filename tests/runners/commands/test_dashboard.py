"""The live page: it listens on this machine only, checks the Host header, and keeps the reader's place."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runners.commands.dashboard import dashboard
from seatbelt.errors import UserError
from seatbelt.records.arrow import arrow_schema
from tests.analysis.conftest import write_sweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, small_tables
from tests.analysis.report.browser import CHROMIUM, browser
from tests.conftest import ROOT


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "one", description=DESCRIPTION | {"rungs": [2]}, **small_tables())


@pytest.fixture
def server(sweep: Path) -> Iterator[ThreadingHTTPServer]:
    with served(sweep) as running:
        yield running


@pytest.fixture(scope="module")
def quiet_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadingHTTPServer]:
    """A server whose sweep no test changes."""
    with served(write_sweep(tmp_path_factory.mktemp("quiet") / "one", **small_tables())) as server:
        yield server


@contextlib.contextmanager
def served(sweep: Path) -> Iterator[ThreadingHTTPServer]:
    with dashboard([str(sweep)], port=0, every=0.0) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


def add_trial(sweep: Path, key: str, decoder: str, iou: float) -> None:
    row = dict.fromkeys(arrow_schema("trials").names) | arm_trial(key, "resnet34", decoder, 0, iou, number=99)
    table = pa.Table.from_pylist([row], schema=arrow_schema("trials"))
    pq.write_table(table, sweep / "trials" / f"{key}.parquet")


def ask(
    server: ThreadingHTTPServer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{server.server_address[1]}")
    connection.endheaders()
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body, dict(response.getheaders())


def test_the_page_and_its_stamp(server: ThreadingHTTPServer, sweep: Path) -> None:
    status, body, headers = ask(server, "/")
    assert status == 200 and body.startswith("<!doctype html>") and "data-live=" in body
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "Python" not in headers["Server"]
    first = ask(server, "/stamp")[1]
    assert ask(server, "/stamp")[1] == first
    add_trial(sweep, "new", "unet", 0.99)
    assert ask(server, "/stamp")[1] != first
    assert "selection IoU 0.990" in ask(server, "/")[1].replace("Selection", "selection")


def test_it_listens_on_this_machine_alone(quiet_server: ThreadingHTTPServer) -> None:
    assert quiet_server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}"]
)
def test_another_name_is_refused(quiet_server: ThreadingHTTPServer, host: str) -> None:
    for path in ("/", "/stamp", "/x"):
        status, body, _ = ask(quiet_server, path, host=host.format(port=quiet_server.server_address[1]) if host else "")
        assert status == 421
        assert "seat" not in body


def test_localhost_is_this_machine_too(quiet_server: ThreadingHTTPServer) -> None:
    assert ask(quiet_server, "/stamp", host=f"LOCALHOST:{quiet_server.server_address[1]}")[0] == 200


@pytest.mark.parametrize("path", ["/../sweep.json", "/sweep.json", "/?x", "/stamp/", "/%2e%2e/etc/passwd"])
def test_nothing_else_is_served(quiet_server: ThreadingHTTPServer, path: str) -> None:
    assert ask(quiet_server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_is_changed(quiet_server: ThreadingHTTPServer, method: str) -> None:
    assert ask(quiet_server, "/", method=method)[0] == 501


def test_a_sweep_that_becomes_unreadable_is_reported(server: ThreadingHTTPServer, sweep: Path) -> None:
    (sweep / "trials" / "00000.parquet").write_bytes(b"PAR1 damaged")
    status, body, _ = ask(server, "/")
    assert status == 503
    assert "/trials cannot be read" in body and len(body.splitlines()) == 1


def test_a_port_that_is_taken_is_reported(server: ThreadingHTTPServer, sweep: Path) -> None:
    port = int(server.server_address[1])
    with (
        pytest.raises(UserError, match=f"port {port} cannot be listened on"),
        dashboard([str(sweep)], port=port, every=1),
    ):
        pass


@pytest.mark.slow
def test_ctrl_c_ends_it(sweep: Path) -> None:
    command = [sys.executable, "-m", "runners.cli", "dashboard", str(sweep), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "ended\n", "")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_reader_stays_where_they_are(sweep: Path, tmp_path: Path) -> None:
    table = "#part-1-arms-2"
    with browser(tmp_path / "profile") as page:
        with served(sweep) as server:
            page.dress(height=600)
            page.open(f"http://127.0.0.1:{server.server_address[1]}/")
            page.until("[...document.querySelectorAll('.chart')].every(e => e.drawn && e.querySelector('.main-svg'))")
            page.run(f"document.querySelector('{table} input').focus()")
            page.type("unet")
            page.run("scrollTo({top: document.querySelector('#part-1-figures').offsetTop, behavior: 'instant'})")
            before = page.run("scrollY")
            assert before > 500
            add_trial(sweep, "new", "unet", 0.99)
            page.until(f"document.querySelectorAll('{table} tbody tr').length === 2")
            assert abs(page.run("scrollY") - before) < 120
            assert page.run(f"document.querySelector('{table} input').value") == "unet"
            assert page.run(f"document.activeElement === document.querySelector('{table} input')")
            page.until("[...document.querySelectorAll('.chart')].every(e => e.drawn && e.querySelector('.main-svg'))")
            assert page.errors == []
        page.until("document.querySelector('#live').textContent.startsWith('the dashboard has ended')")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_first_figure_may_come_later(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "one", description=DESCRIPTION | {"rungs": [2]})
    with browser(tmp_path / "profile") as page, served(sweep) as server:
        page.dress()
        page.open(f"http://127.0.0.1:{server.server_address[1]}/")
        assert page.run("document.querySelectorAll('.chart').length") == 0
        add_trial(sweep, "a", "unet", 0.4)
        add_trial(sweep, "b", "fpn", 0.5)
        page.until("document.querySelectorAll('.chart').length > 0")
        page.until("[...document.querySelectorAll('.chart')].every(e => e.drawn && e.querySelector('.main-svg'))")
        assert page.errors == []
