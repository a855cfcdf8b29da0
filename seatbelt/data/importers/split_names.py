"""Words of other tools for training, validation and test in any spelling, for all formats."""

from __future__ import annotations

import re

_WORDS = {
    "train": ("train", "training", "trn", "trainval", "trainvalid", "trainvalidation", "learn", "learning"),
    "val": ("val", "vali", "valid", "validate", "validation", "dev", "devel", "development", "minival"),
    "test": ("test", "testing", "tst", "tests", "testdev", "teststd"),
}
_SPLITS = {word: split for split, words in _WORDS.items() for word in words}
_OTHER_ENDINGS = re.compile(r"(set|split|data|images?|imgs?)?[0-9]*$")

NO_SPLIT = ("", "default", "all", "none")
"""Words for no split; CVAT calls its only subset `default`."""


def split_of(word: str) -> str | None:
    """Return `train` or `test` for a word such as `Training`, `val2017` or `test-dev`, None for any other.

    Validation images of other tools become training images: the sweep chooses its selection set itself.
    """
    split = _split_of(word)
    return "train" if split == "val" else split


def is_validation(word: str) -> bool:
    """Return whether a word means validation."""
    return _split_of(word) == "val"


def examples() -> str:
    """Return examples of the words for messages."""
    return "train, training, trn, val, valid, validation, dev, test, testing, tst"


def _split_of(word: str) -> str | None:
    plain = re.sub(r"[\s_.-]+", "", word.casefold())
    shorter = _OTHER_ENDINGS.sub("", plain)
    return _SPLITS.get(plain) or _SPLITS.get(shorter)
