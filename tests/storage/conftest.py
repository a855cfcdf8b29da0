from __future__ import annotations

from collections.abc import Iterator

import pytest

from seatbelt.storage.refusals import READING_SECONDS, wait_for_buckets
from tests.storage.server import Server, s3_server


@pytest.fixture(scope="session")
def _s3() -> Iterator[Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(_s3: Server) -> Iterator[Server]:
    """An S3 server that behaves well until told otherwise."""
    _s3.requests.clear()
    yield _s3
    _s3.fault = lambda method, path: None
    wait_for_buckets(READING_SECONDS)
