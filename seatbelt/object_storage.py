"""Buckets of S3 and Google Cloud Storage, through obstore: single PUTs, conditional writes, retries.

Credentials, region and endpoint come from where the providers' own tools take them on a machine: the environment
(`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, ...) or the machine's role.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seatbelt.errors import UserError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore

_REQUEST_TIMEOUT = datetime.timedelta(minutes=10)
"""For one request: a checkpoint of a large network is a single PUT of up to 1 GB."""

_SILENCE_TIMEOUT = datetime.timedelta(seconds=60)
"""A server that says nothing for so long is asked again; while a large file is sent it has nothing to say."""

_LARGE = 8_000_000
"""Bytes of a large file."""

_RETRY_TIMEOUT = datetime.timedelta(minutes=2)
"""A request that fails (5xx, slow down, a lost connection) is repeated for so long."""

_MOST_RETRIES = 10

_NO_BUCKET = "NoSuchBucket"


class ObjectStorage:
    """A prefix of a bucket; see `seatbelt.storage.Storage`."""

    def __init__(self, location: str, store: ObjectStore, large: ObjectStore, prefix: str) -> None:
        self._location, self._store, self._large, self._prefix = location, store, large, prefix

    @classmethod
    def open(cls, location: str) -> ObjectStorage:
        """Return the storage of a URL.

        Raises:
            UserError: The URL or the settings in the environment cannot be used.
        """
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        scheme, _, rest = location.partition("://")
        bucket, _, prefix = rest.partition("/")
        # The server checks the sha256 of what it received before it shows it to anybody.
        common: Any = {"checksum_algorithm": "sha256"} if scheme == "s3" else {}
        common["retry_config"] = {"max_retries": _MOST_RETRIES, "retry_timeout": _RETRY_TIMEOUT}
        patient: ClientConfig = {"timeout": _REQUEST_TIMEOUT, "allow_http": _http_is_allowed()}
        stores = []
        quick: ClientConfig = {**patient, "read_timeout": _SILENCE_TIMEOUT}
        for options in (quick, patient):
            try:
                store = from_url(
                    f"{scheme}://{bucket}",
                    client_options=options,
                    **common,
                )
            except BaseError as error:
                reason = _short(error)
                raise UserError(f"{location} cannot be opened ({reason}); check the URL and the settings") from None
            stores.append(store)
        return cls(location, stores[0], stores[1], f"{prefix}/" if prefix else "")

    @property
    def location(self) -> str:
        """See Storage."""
        return self._location

    def read(self, name: str) -> bytes:
        """See Storage."""
        return self.tagged(name)[0]

    def tagged(self, name: str) -> tuple[bytes, object]:
        """See Storage."""
        import obstore

        with self._errors(name):
            found = obstore.get(self._store, self._prefix + name)
            known = {"e_tag": found.meta["e_tag"], "version": found.meta["version"]}
            return bytes(found.bytes()), {name: value for name, value in known.items() if value is not None}

    def write(self, name: str, data: bytes) -> None:
        """See Storage."""
        self._put(name, data, "overwrite")

    def create(self, name: str, data: bytes) -> bool:
        """See Storage."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            self._put(name, data, "create")
        except (AlreadyExistsError, PreconditionError):
            return self._is(name, data)
        return True

    def swap(self, name: str, data: bytes, tag: object) -> bool:
        """See Storage."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            self._put(name, data, tag)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return self._is(name, data)
        return True

    def names(self, below: str = "") -> list[str]:
        """See Storage."""
        return sorted(name for name, _ in self._list(below))

    def size(self) -> int:
        """See Storage."""
        return sum(size for _, size in self._list(""))

    def remove(self, name: str) -> None:
        """See Storage."""
        import obstore

        with contextlib.suppress(FileNotFoundError), self._errors(name):
            obstore.delete(self._store, self._prefix + name)

    def clear(self) -> None:
        """See Storage."""
        for name in self.names():
            self.remove(name)

    def within(self, folder: str) -> ObjectStorage:
        """See Storage."""
        return ObjectStorage(f"{self._location}/{folder}", self._store, self._large, f"{self._prefix}{folder}/")

    def _put(self, name: str, data: bytes, mode: object) -> None:
        import obstore

        store = self._large if len(data) > _LARGE else self._store
        with self._errors(name):
            obstore.put(store, self._prefix + name, data, mode=mode, use_multipart=False)  # type: ignore[arg-type]

    def _is(self, name: str, data: bytes) -> bool:
        # A write whose reply was lost is repeated, and then meets itself.
        try:
            return self.read(name) == data
        except FileNotFoundError:
            return False

    def _list(self, below: str) -> Iterator[tuple[str, int]]:
        import obstore

        prefix = self._prefix + (f"{below}/" if below else "")
        with self._errors(below):
            for page in obstore.list(self._store, prefix=prefix):
                for entry in page:
                    if entry["path"].startswith(prefix):
                        yield entry["path"].removeprefix(self._prefix), entry["size"]

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Turn obstore's errors into OSErrors, as those of a disk are; failed conditions pass through."""
        from obstore import exceptions as found

        place = f"{self._location}/{name}"
        try:
            yield
        except (found.AlreadyExistsError, found.PreconditionError):
            raise
        except (found.PermissionDeniedError, found.UnauthenticatedError) as error:
            raise PermissionError(f"{place}: access is denied ({_short(error)}); check the credentials") from None
        except (found.BaseError, FileNotFoundError) as error:
            if _NO_BUCKET in str(error):
                raise OSError(f"{place}: there is no such bucket; make it, or check the URL and the region") from None
            if isinstance(error, found.NotFoundError | FileNotFoundError):
                raise FileNotFoundError(f"{place} does not exist") from None
            raise OSError(f"{place}: {_short(error)}") from None


def _http_is_allowed() -> bool:
    # For servers on this machine; obstore reads it itself only where it gets no options of ours.
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"


def _short(error: Exception) -> str:
    return " ".join(str(error).partition("Debug source:")[0].split())
