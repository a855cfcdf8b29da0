"""Words that other tools use for training, validation and test, in whatever spelling: one list for all formats."""

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
"""Words that say that there is no split; CVAT calls its only subset `default`."""


def split_of(word: str) -> str | None:
    """Return `train` or `test` for a word such as `Training`, `val2017` or `test-dev`, None for any other.

    What validates with others trains here: the sweep itself chooses who selects, among the training subjects.
    """
    split = _split_of(word)
    return "train" if split == "val" else split


def is_validation(word: str) -> bool:
    """Tell whether a word is one for validation."""
    return _split_of(word) == "val"


def examples() -> str:
    """Return the words that errors show."""
    return "train, training, trn, val, valid, validation, dev, test, testing, tst"


def _split_of(word: str) -> str | None:
    plain = re.sub(r"[\s_.-]+", "", word.casefold())
    shorter = _OTHER_ENDINGS.sub("", plain)
    return _SPLITS.get(plain) or _SPLITS.get(shorter)
