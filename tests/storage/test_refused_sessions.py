"""Sessions of a sweep whose bucket refuses them for a while, or until their end."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import pytest

from analysis import load
from runners.commands.prepare import PreparedSession
from runners.commands.run import run_session
from runners.core.plan import Finished, Limits
from runners.session.driver import Driver
from runners.session.options import RunOptions
from runners.session.progress import Progress
from runners.sweep_files import lease, mirror
from runners.sweep_files import requests as requests_module
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.worker.messages import LegResult, LegTask
from seatbelt.records.tables import Status
from seatbelt.storage import refusals
from seatbelt.storage.base import open_storage
from tests.conftest import ROOT
from tests.runners.conftest import describe, open_driver, work
from tests.storage.server import BUCKET, Server
from tests.storage.test_refusals import Clock, clock  # noqa: F401  (a fixture)


@pytest.fixture
def folder(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepFolder:
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "machine"))
    monkeypatch.setattr(requests_module, "_REMOTE_POLL_SECONDS", 0.0)
    # A lease that could not be released belongs to a living process, this one; so it expires at once.
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.1)
    monkeypatch.setattr(lease, "_LOOK_SECONDS", 0.1)
    folder = SweepFolder(f"s3://{BUCKET}/{uuid.uuid4().hex}/sweep")
    folder.create(describe())
    return folder


def run_all(driver: Driver) -> None:
    while isinstance(step := driver.next(), LegTask):
        work(driver, step)
        driver.tick()
    assert isinstance(step, Finished)


def finish_refused(folder: SweepFolder, s3: Server, fault: str = "denied") -> tuple[Driver, str]:
    """Run a sweep to its end in a bucket that refuses everything from its second trial on."""
    output = io.StringIO()
    with Driver.open(folder, folder.describe(), Limits(), Progress(output)) as driver:
        step = driver.next()
        assert isinstance(step, LegTask)
        work(driver, step)
        s3.fault = lambda method, path: fault
        run_all(driver)
    return driver, output.getvalue()


@pytest.mark.slow
def test_a_refusal_in_the_middle_is_outlasted(folder: SweepFolder, s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "FLUSH_SECONDS", 0.0)
    output = io.StringIO()
    with Driver.open(folder, folder.describe(), Limits(), Progress(output), publish_every=0.0) as driver:
        for fault in ("denied", "throttled", None):
            step = driver.next()
            assert isinstance(step, LegTask)
            s3.fault = lambda method, path, fault=fault: fault  # type: ignore[misc]
            work(driver, step)
            driver.tick()
            assert not driver.stop.poll()
        run_all(driver)
    assert driver.unpublished is None
    assert output.getvalue().count("nothing could be published") == 1, "once, and not at each attempt"
    assert "access is denied" in output.getvalue(), "the first refusal"
    assert "published again" in output.getvalue()
    assert "finished: every arm has its trials" in output.getvalue()
    assert set(load(folder.location).trials["status"]) == {"COMPLETE"}


def test_the_end_waits_for_the_bucket(folder: SweepFolder, s3: Server, clock: Clock) -> None:  # noqa: F811
    def recover() -> None:
        if clock.now > 1400:
            s3.fault = lambda method, path: None

    clock.on_sleep = recover
    driver, output = finish_refused(folder, s3)
    assert driver.unpublished is None
    assert "the end of this session is not published yet" in output
    assert "trying for 10 min more: Ctrl-C twice leaves that to `seatbelt resume s3://" in output
    assert "finished: every arm has its trials" in output
    assert 400 <= sum(clock.pauses) < 420
    assert len(load(folder.location).trials) == 4


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["denied", "expired"])
def test_an_end_that_is_not_published_is_none(
    folder: SweepFolder,
    s3: Server,
    clock: Clock,  # noqa: F811
    fault: str,
) -> None:
    driver, output = finish_refused(folder, s3, fault)
    assert sum(clock.pauses) == pytest.approx(600, abs=1)
    assert driver.finished is not None
    assert "finished" not in output
    assert "events of the journal and the tables are in" in output
    assert f"`seatbelt resume {folder.name}` on this machine publishes them" in output
    s3.fault = lambda method, path: None
    before = len(list(read_events(folder)))
    with open_driver(folder) as again:
        run_all(again)
    assert len(list(read_events(folder))) > before
    assert set(load(folder.location).trials["status"]) == {"COMPLETE"}


@pytest.mark.slow
def test_the_exit_code_of_a_session_that_is_not_published(
    folder: SweepFolder,
    s3: Server,
    clock: Clock,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(driver: Driver) -> None:
        run_all(driver)
        s3.fault = lambda method, path: "denied"

    monkeypatch.setattr("runners.engines.in_process.run", run)
    options = RunOptions(engine="in-process")
    description = folder.describe()
    session = PreparedSession(
        folder=folder, description=description, limits=Limits(), run=options, existing=description
    )
    code = run_session(session)
    output = capsys.readouterr().err
    assert code == 1
    assert "finished" not in output
    assert f"next: seatbelt resume {folder.name} --engine in-process" in output
    s3.fault = lambda method, path: None
    monkeypatch.setattr("runners.engines.in_process.run", run_all)
    assert run_session(session) == 0


@pytest.mark.slow
def test_the_session_ends_after_ten_minutes_without_an_epoch(folder: SweepFolder, s3: Server, clock: Clock) -> None:  # noqa: F811
    driver = open_driver(folder)
    step = driver.next()
    assert isinstance(step, LegTask)
    s3.fault = lambda method, path: "throttled" if clock.now > 1100 else "denied"
    driver.tick()
    clock.now += 599
    driver.tick()
    assert not driver.stop.poll()
    clock.now += 2
    assert not driver.stop.poll(), "the workers may be fine"
    driver.handle(step, LegResult(outcome="fault", error="s3://bucket: access is denied"))
    driver.tick()
    assert driver.stop.poll() and driver.stop.is_failure
    assert "the bucket has refused for 10 min (s3://" in str(driver.stop.reason)
    assert "access is denied" in str(driver.stop.reason)
    driver.close()
    assert clock.pauses == [], "nothing is waited for any more"
    assert driver.history.statuses[Status.FAILED] == 0


def test_what_went_wrong_first_ends_the_session(folder: SweepFolder, s3: Server, clock: Clock) -> None:  # noqa: F811
    output = io.StringIO()
    with (
        pytest.raises(OSError, match="the disk is on fire"),
        Driver.open(folder, folder.describe(), Limits(), Progress(output)) as driver,
    ):
        assert isinstance(driver.next(), LegTask)
        s3.fault = lambda method, path: "denied"
        raise OSError("the disk is on fire")
    assert driver.unpublished is not None
    assert clock.pauses == []


def test_weights_that_could_not_be_tidied_are_tidied_later(folder: SweepFolder, s3: Server) -> None:
    with open_driver(folder) as driver:
        step = driver.next()
        assert isinstance(step, LegTask)
        checkpoints = folder.checkpoints(step.trial_key)
        for name in ("weights-000001.safetensors", "optimizer-000001.safetensors"):
            checkpoints.write(name, b"1")
        driver._retention._policy = "none"
        s3.fault = lambda method, path: "denied"
        work(driver, step)
        s3.fault = lambda method, path: None
        assert len(checkpoints.names()) == 2
        driver.tick()
        assert checkpoints.names() == []
    assert open_storage(folder.location).refusal() is None


def test_readers_report_the_refusal_and_no_damage(folder: SweepFolder, s3: Server, clock: Clock) -> None:  # noqa: F811
    with open_driver(folder) as driver:
        run_all(driver)
    refusals.wait_for_buckets(refusals.READING_SECONDS)
    sweep = load(folder.location)
    s3.fault = lambda method, path: "denied"
    for read in (lambda: load(folder.location), lambda: sweep.trials):
        with pytest.raises(refusals.RefusedError, match=r"access is denied .* check the credentials"):
            read()
    assert 20 <= sum(clock.pauses) < 100


def test_a_request_to_stop_is_seen_after_a_refusal(folder: SweepFolder, s3: Server) -> None:
    with open_driver(folder) as driver:
        s3.fault = lambda method, path: "denied"
        assert not driver.stop.poll()
        s3.fault = lambda method, path: None
        folder.request_stop()
        assert driver.stop.poll()
        assert driver.stop.reason == "stop was asked for"


def test_the_patience_of_a_session_is_that_of_the_documentation() -> None:
    text = (ROOT / "docs" / "storage.md").read_text(encoding="utf-8")
    assert "retry for ten minutes" in text
    assert refusals.SESSION_SECONDS == 600
