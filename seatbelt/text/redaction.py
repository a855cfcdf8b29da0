"""Untrusted text made safe to print and to store: no secrets, no control characters."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

from seatbelt.errors import UserError

MASK = "***"

_LEAST = 8
"""Minimum length of a secret value of a variable: shorter values occur in text by chance."""

_SECRET_NAMES = r"TOKEN|SECRET|PASSWORD|PASSWD|API[_-]?KEY|PRIVATE[_-]?KEY|ACCESS[_-]?KEY|CREDENTIAL"
_SECRET_NAME = re.compile(_SECRET_NAMES, re.IGNORECASE)
_NOT_SECRET = re.compile(r"_(FILE|PATH|DIR)$", re.IGNORECASE)
"""Variables that hold a path rather than a secret."""

_NAME = rf"[\w.-]{{0,60}}(?:{_SECRET_NAMES})[\w.-]{{0,60}}"
_VALUE = r"""(?:'[^']*'|"[^"]*"|[^\s'",;&-][^\s'",;&]*)"""
_SCHEME = r"[a-z][a-z0-9+.-]{1,20}:"

_BEFORE_SECRET = (
    # user:password@ of a URL; one slash is left of two where a URL was taken for a path.
    rf"({_SCHEME}/{{1,2}})[^\s/?#@:]{{0,100}}:[^\s@]{{0,300}}(?:@[^\s/@]{{0,100}}){{0,3}}(?=@)",
    rf"({_SCHEME}//)[^\s/?#@]{{1,300}}(?=@)",
    r"([?&;][\w.-]{0,60}(?:SIGNATURE|sig|pwd)=)[^\s&;#'\"]+",
    r"(\bAuthorization\s*[:=]\s*(?:Bearer|Basic)\s+)[^\s'\"]+",
    # NAME=value, "name": "value", --name value.
    rf"(\b{_NAME}(?:['\"]\s*:\s*|['\"]?\s*=\s*)-?){_VALUE}",
    rf"(--{_NAME}\s+){_VALUE}",
)
_PATTERNS = [re.compile(text, re.IGNORECASE) for text in _BEFORE_SECRET]


def redact(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a text without the secrets that can be recognised.

    Masks user and password in URLs, secret parameters of URLs (`token=`, `X-Amz-Signature=`, `sig=`), assignments to
    names that look secret (`AWS_SECRET_ACCESS_KEY=...`), and the values of environment variables with such names.

    Args:
        text: Text to print or store.
        environment: The environment variables; None for those of this process.
    """
    return redactor(environment)(text)


def redactor(environment: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """Return a fast `redact` for many texts: it reads the variables once and caches its results."""
    variables = os.environ if environment is None else environment
    values = {value.strip() for name, value in variables.items() if _is_secret(name)}
    # Longest first, because one may be part of another.
    secrets = sorted((value for value in values if len(value) >= _LEAST), key=len, reverse=True)

    @lru_cache(maxsize=100_000)
    def masked(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, MASK)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\1{MASK}", text)
        return text

    return masked


def printable(text: str, keep: str = "") -> str:
    """Return a text with escaped control characters, so that it cannot control a terminal or hide parts of itself.

    Args:
        text: Text to print.
        keep: Control characters to leave as they are, such as line ends.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in keep or unicodedata.category(letter) == "Zs" else _escaped(letter)
        for letter in text
    )


def shown(text: str) -> str:
    """Return text of one or more lines that is safe to print: without secrets and control characters."""
    return printable(redact(text), keep="\n\t")


def refuse_secret(what: str, text: str) -> None:
    """Refuse a text with a secret that a sweep would have to store, such as a path.

    Raises:
        UserError: It holds one.
    """
    masked = redact(text)
    if masked != text:
        raise UserError(
            f"{what} {printable(masked)} holds a secret that the sweep would record; give it a name without one, such "
            "as a symbolic link"
        )


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None and _NOT_SECRET.search(name) is None


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
