"""Buckets of S3 and Google Cloud Storage, through obstore: single PUTs, conditional writes, retries.

Temporary refusals are retried, see `seatbelt.storage.refusals`; permanent errors are raised at once.

Credentials, region and endpoint come from the same places as for the providers' own tools: the environment
(`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, ...) or the machine's role.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from seatbelt.errors import UserError
from seatbelt.storage.refusals import Bucket, RefusedError
from seatbelt.storage.refusals import Request as RequestKind

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore

_REQUEST_TIMEOUT = datetime.timedelta(minutes=10)
"""Limit of one request: a checkpoint of a large network is a single PUT of up to 1 GB."""

_SILENCE_TIMEOUT = datetime.timedelta(seconds=60)
"""A request without a reply for this long is repeated. Does not apply to large files: the server is silent during
upload."""

_LARGE = 8_000_000
"""Size of a large file in bytes."""

_RETRY_TIMEOUT = datetime.timedelta(seconds=10)
_MOST_RETRIES = 2
"""Immediate retries by obstore itself, after a lost connection or from a busy server; longer waits happen here."""

_NO_BUCKET = "NoSuchBucket"

_STATUS = re.compile(r"status code: (\d{3})")
_DENIED = (401, 403)
_BUSY = (408, 429)
_CODES_THAT_PASS = ("ExpiredToken", "TokenRefreshRequired", "RequestTimeout", "RequestTimeTooSkewed", "BadDigest")
"""Error codes of S3 for requests that succeed later, with fresh credentials or when sent again."""
_NO_ANSWER = ("HTTP error", "error sending request", "Server returned error response", "timed out", "connection")

_buckets: dict[tuple[str, str, str], Bucket] = {}
"""By scheme, name and endpoint."""

Answer = TypeVar("Answer")


class ObjectStorage:
    """A prefix of a bucket; see `seatbelt.storage.base.Storage`."""

    def __init__(self, location: str, store: ObjectStore, large: ObjectStore, prefix: str, bucket: Bucket) -> None:
        self._location, self._store, self._large, self._prefix = location, store, large, prefix
        self._bucket = bucket

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
        # The server checks the sha256 of the upload before it makes the object visible.
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
        place = (scheme, bucket, os.environ.get("AWS_ENDPOINT_URL", ""))
        return cls(location, stores[0], stores[1], f"{prefix}/" if prefix else "", _buckets.setdefault(place, Bucket()))

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

        def get() -> tuple[bytes, object]:
            answer = obstore.get(self._store, self._prefix + name)
            tag = {"e_tag": answer.meta["e_tag"], "version": answer.meta["version"]}
            return bytes(answer.bytes()), {key: value for key, value in tag.items() if value is not None}

        return self._ask("read", name, get)

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

        with contextlib.suppress(FileNotFoundError):
            self._ask("remove", name, lambda: obstore.delete(self._store, self._prefix + name))

    def clear(self) -> None:
        """See Storage."""
        for name in self.names():
            self.remove(name)

    def within(self, folder: str) -> ObjectStorage:
        """See Storage."""
        location, prefix = f"{self._location}/{folder}", f"{self._prefix}{folder}/"
        return ObjectStorage(location, self._store, self._large, prefix, self._bucket)

    def refusal(self) -> tuple[float, RefusedError] | None:
        """See Storage."""
        return self._bucket.refusal()

    def _put(self, name: str, data: bytes, mode: object) -> None:
        import obstore

        store, path = self._large if len(data) > _LARGE else self._store, self._prefix + name
        self._ask("write", name, lambda: obstore.put(store, path, data, mode=mode, use_multipart=False))  # type: ignore[arg-type]

    def _is(self, name: str, data: bytes) -> bool:
        # A write whose reply was lost is repeated and then finds its own result.
        try:
            return self.read(name) == data
        except FileNotFoundError:
            return False

    def _list(self, below: str) -> list[tuple[str, int]]:
        import obstore

        prefix = self._prefix + (f"{below}/" if below else "")

        def entries() -> list[tuple[str, int]]:
            pages = obstore.list(self._store, prefix=prefix)
            ours = (entry for page in pages for entry in page if entry["path"].startswith(prefix))
            return [(entry["path"].removeprefix(self._prefix), entry["size"]) for entry in ours]

        return self._ask("list", below, entries)

    def _ask(self, kind: RequestKind, name: str, request: Callable[[], Answer]) -> Answer:
        """Send a request, repeat it while refusals are temporary, and return the answer.

        Errors become OSErrors, as on a disk; failed preconditions are raised as they are.
        """
        from obstore import exceptions

        place = f"{self._location}/{name}"
        while True:
            try:
                answer = request()
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                self._bucket.answered(kind)
                raise
            except (exceptions.BaseError, FileNotFoundError) as error:
                failure = _failure(error, place)
            else:
                self._bucket.answered(kind)
                return answer
            if not isinstance(failure, RefusedError):
                self._bucket.answered(kind)
                raise failure
            self._bucket.refused(kind, failure)


def _failure(error: Exception, place: str) -> OSError:
    """Translate an error of obstore; the result is a RefusedError if it is temporary."""
    from obstore import exceptions

    text = _short(error)
    if _NO_BUCKET in text:
        return OSError(f"{place}: there is no such bucket; create it, or check the URL and the region")
    status = _STATUS.search(text)
    code = int(status[1]) if status else None
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError) or code in _DENIED:
        return RefusedError(f"{place}: access is denied ({text}); check the credentials", denied=True)
    if isinstance(error, exceptions.NotFoundError | FileNotFoundError):
        return FileNotFoundError(f"{place} does not exist")
    if code is None:
        passes = any(words in text for words in _NO_ANSWER)
    else:
        passes = code in _BUSY or code >= 500 or any(word in text for word in _CODES_THAT_PASS)
    return RefusedError(f"{place}: {text}") if passes else OSError(f"{place}: {text}")


def _http_is_allowed() -> bool:
    # For local servers. obstore reads this variable itself only if it gets no client options.
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"


def _short(error: Exception) -> str:
    return " ".join(str(error).partition("Debug source:")[0].split())
