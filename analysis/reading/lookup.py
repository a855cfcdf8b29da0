"""Finds the arm or trial that a user names, and suggests similar names if there is none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from analysis.reading.tables import ArmRole
from seatbelt.errors import UserError
from seatbelt.records.names import cell_name, number_or_key, trial_name
from seatbelt.records.sweep import NAMED_ARM, cell_text, read_cell

if TYPE_CHECKING:
    import pandas as pd

_MOST_SUGGESTIONS = 3
_MOST_LISTED = 5
BEST = "best"
"""Names the trial with the best selection score of the best arm, and that arm."""

_NUMBER = re.compile(r"(?P<open>\[)?(?P<number>0|[1-9]\d{0,8})(?(open)\])")
_KEY = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_LIST_ALL = '`seatbelt query SWEEP "select number, trial_key, arm_key, cell from trials"` lists all'


@dataclass(frozen=True, kw_only=True)
class ArmName:
    """The key and the cell of an arm, and its name."""

    arm_key: str
    cell: dict[str, str]

    @property
    def text(self) -> str:
        """The short name of its cell: `resnet18 unet`, or the name of a named arm."""
        return cell_name(self.cell) or self.arm_key


@dataclass(frozen=True, kw_only=True)
class TrialName:
    """The number, the keys and the name of a trial."""

    number: int | None
    """None only in tables that no sweep wrote."""
    trial_key: str
    arm_key: str
    name: str
    """`resnet18 unet, replicate 2`."""

    @property
    def text(self) -> str:
        """`[7] resnet18 unet, replicate 2 (3f2a...)`."""
        number = "" if self.number is None else f"[{self.number}] "
        return f"{number}{self.name} ({self.trial_key})"


def trial_names(trials: pd.DataFrame) -> list[TrialName]:
    """Return the names of all trials of a table.

    Raises:
        ValueError: A cell is no JSON object.
    """
    import pandas as pd

    columns = ("number", "trial_key", "arm_key", "cell", "replicate", "role")
    return [
        TrialName(
            number=None if pd.isna(number) else int(number),
            trial_key=str(key),
            arm_key=str(arm),
            name=trial_name(read_cell(cell), 0 if pd.isna(replicate) else int(replicate), role),
        )
        for number, key, arm, cell, replicate, role in zip(*(trials[name] for name in columns), strict=True)
    ]


def find_arm(trials: pd.DataFrame, word: str, best: Callable[[], str]) -> ArmName:
    """Return the only arm that a word names.

    Args:
        trials: Table of trials.
        word: `best`; the number of one of its trials, such as `[7]` or `7`; its name in messages, such as
            `resnet18 unet` or that of a named arm; `factor=level,factor=level` with enough factors to identify it; or
            the first digits of its key or of the key of one of its trials. A number that some trial has is never
            taken for digits of a key.
        best: Returns the key of the best trial (`analysis.answers.ranking.best_trial`).

    Raises:
        UserError: No arm matches, or several do; the message lists the candidates or suggests names.
    """
    # A stage has the cell of the trial it was trained for, but is not an arm.
    of_arms = trials[trials["role"].isin(get_args(ArmRole))]
    arms: dict[str, ArmName] = {}
    for key, cell in zip(of_arms["arm_key"], of_arms["cell"], strict=True):
        arms.setdefault(str(key), ArmName(arm_key=str(key), cell=read_cell(cell)))
    if not arms:
        raise UserError("the sweep has no trials yet")
    names = trial_names(trials)
    numbered = _best_of(names, best) if word == BEST else _by_number(names, word)
    if numbered is not None:
        if numbered.arm_key not in arms:
            raise UserError(f"trial {numbered.text} is no trial of an arm; {_LIST_ALL}")
        return arms[numbered.arm_key]
    matches = [arm for arm in arms.values() if word in (arm.text, arm.cell.get(NAMED_ARM))]
    if not matches and "=" in word:
        matches = _by_levels(list(arms.values()), word)
    matches = matches or [arm for key, arm in arms.items() if word and key.startswith(word.lower())]
    matches = matches or [arms[key] for key in _arms_of_trials(of_arms, word)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UserError(_ambiguous(word, matches, names))
    raise UserError(f"no arm is called {word!r}{_near(word, _names(arms.values()))}")


def find_trial(trials: Sequence[TrialName], word: str, best: Callable[[], str]) -> str:
    """Return the key of the only trial that a word names.

    Args:
        trials: The trials of the sweep.
        word: The number of a trial as every message shows it, such as `[7]` or `7`; `best`; or the first digits of a
            key. A number that some trial has is never taken for digits of a key.
        best: Returns the key of the best trial (`analysis.answers.ranking.best_trial`).

    Raises:
        UserError: No trial matches, or several do; the message lists the candidates.
    """
    if word == BEST:
        return best()
    numbered = _by_number(trials, word)
    if numbered is not None:
        return numbered.trial_key
    keys = [trial.trial_key for trial in trials]
    matches = [trial for trial in trials if word and trial.trial_key.startswith(word.lower())]
    trials_of_arm = [trial for trial in trials if word and word in (trial.arm_key[: len(word)], trial.name)]
    if trials_of_arm and not matches:
        raise UserError(f"{word!r} is an arm, not a trial; its trials are {_some([t.text for t in trials_of_arm])}")
    if len(matches) == 1 or word.lower() in keys:
        return word.lower() if word.lower() in keys else matches[0].trial_key
    if matches:
        raise UserError(
            f"{len(matches)} trials begin with {word!r}: {_some([trial.text for trial in matches])}; give the number "
            "of one, or more digits"
        )
    raise UserError(f"no trial begins with {word!r}{_near(word, keys)}")


def _best_of(trials: Sequence[TrialName], best: Callable[[], str]) -> TrialName | None:
    """Return the name of the best trial."""
    key = best()
    return next((trial for trial in trials if trial.trial_key == key), None)


def _by_number(trials: Sequence[TrialName], word: str) -> TrialName | None:
    """Return the trial with a number; None if the word may be something else.

    Raises:
        UserError: The word is a number in brackets, and no trial has it.
    """
    match = _NUMBER.fullmatch(word)
    if match is None:
        return None
    numbers = {trial.number: trial for trial in trials if trial.number is not None}
    if int(match["number"]) in numbers or not match["open"]:
        return numbers.get(int(match["number"]))
    present = f"trials are numbered [0] to [{max(numbers)}]" if numbers else "the sweep has no trials yet"
    raise UserError(f"there is no trial {word}; {present}")


def _by_levels(arms: list[ArmName], name: str) -> list[ArmName]:
    """Return the arms that have the levels of `factor=level,factor=level`."""
    levels: dict[str, str] = {}
    for part in name.split(","):
        factor, equals, level = (text.strip() for text in part.partition("="))
        if not (factor and equals and level) or factor in levels:
            raise UserError(f"an arm is named factor=level,factor=level, but got {name!r}")
        levels[factor] = level
    for factor, level in levels.items():
        present = list(dict.fromkeys(arm.cell[factor] for arm in arms if factor in arm.cell))
        if not present:
            factors = list(dict.fromkeys(other for arm in arms for other in arm.cell))
            raise UserError(f"the sweep has no factor {factor!r}; it has {', '.join(factors)}")
        if not any(_same_level(level, other) for other in present):
            raise UserError(f"no trial has {factor}={level}; there are {_some(_sorted_by_nearness(level, present))}")
    return [arm for arm in arms if all(_same_level(levels[f], arm.cell.get(f)) for f in levels)]


def _same_level(level: str, other: str | None) -> bool:
    if other is None or level == other:
        return level == other
    try:
        # Levels of a range are numbers: 0.001 equals 1e-3.
        return float(level) == float(other)
    except ValueError:
        return False


def _arms_of_trials(trials: pd.DataFrame, name: str) -> list[str]:
    if not _KEY.fullmatch(name) and name not in set(trials["trial_key"]):
        return []
    chosen = trials["trial_key"].astype(str).str.startswith(name.lower())
    return list(dict.fromkeys(str(key) for key in trials.loc[chosen, "arm_key"]))


def _ambiguous(word: str, arms: list[ArmName], trials: Sequence[TrialName]) -> str:
    open_factors = [
        factor
        for factor in dict.fromkeys(other for arm in arms for other in arm.cell)
        if len({arm.cell.get(factor) for arm in arms}) > 1
    ]
    candidates = []
    for arm in arms:
        first = next((trial.number for trial in trials if trial.arm_key == arm.arm_key), None)
        candidates.append(f"{number_or_key(first, arm.arm_key)} {arm.text}")
    if "=" in word and open_factors:
        return f"{len(arms)} arms have {word}: {_some(candidates)}; give {' and '.join(open_factors)} too"
    return f"{len(arms)} arms are called {word!r}: {_some(candidates)}; give the number of one"


def _names(arms: Iterable[ArmName]) -> list[str]:
    return [
        name
        for arm in arms
        for name in (arm.cell.get(NAMED_ARM) or cell_text(arm.cell).replace(", ", ","), arm.arm_key)
    ]


def _near(name: str, names: list[str]) -> str:
    similar = difflib.get_close_matches(name, names, n=_MOST_SUGGESTIONS, cutoff=0.5)
    if similar:
        return f"; near it: {'; '.join(similar)}"
    return f"; {_LIST_ALL}"


def _sorted_by_nearness(name: str, names: list[str]) -> list[str]:
    return sorted(names, key=lambda other: -difflib.SequenceMatcher(None, name, other).ratio())


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
