"""Finds the arm or trial that a user names, and suggests similar names if there is none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatbelt.errors import UserError
from seatbelt.records.sweep import NAMED_ARM, cell_text, read_cell

if TYPE_CHECKING:
    import pandas as pd

_MOST_SUGGESTIONS = 3
_MOST_LISTED = 5
BEST = "best"
"""Names the trial with the best selection score of the best arm."""

_NUMBER = re.compile(r"(?P<open>\[)?(?P<number>0|[1-9]\d{0,8})(?(open)\])")
_KEY = re.compile(r"[0-9a-f]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ArmName:
    """The key and the cell of an arm, and its name."""

    arm_key: str
    cell: dict[str, str]

    @property
    def text(self) -> str:
        """`factor=level, ...`, or the name of a named arm."""
        return cell_text(self.cell) or self.arm_key


def find_arm(trials: pd.DataFrame, name: str) -> ArmName:
    """Return the only arm that matches a name.

    Args:
        trials: Table of trials.
        name: The first digits of an arm key or of a trial key, a trial number such as `[7]`, the name of a named
            arm, or `factor=level,factor=level` with enough factors to identify it.

    Raises:
        UserError: No arm matches, or several do; the message suggests names.
    """
    arms: dict[str, ArmName] = {}
    for key, cell in zip(trials["arm_key"], trials["cell"], strict=True):
        arms.setdefault(str(key), ArmName(arm_key=str(key), cell=read_cell(cell)))
    if not arms:
        raise UserError("the sweep has no trials yet")
    if re.fullmatch(r"\[\d+\]", name):
        numbers = dict(zip(map(int, trials["number"]), map(str, trials["arm_key"]), strict=True))
        if int(name[1:-1]) not in numbers:
            raise UserError(f"there is no trial {name}; {_range_of_numbers(numbers)}")
        matches = [arms[numbers[int(name[1:-1])]]]
    elif "=" in name:
        matches = _by_levels(list(arms.values()), name)
    else:
        matches = [arm for arm in arms.values() if arm.cell.get(NAMED_ARM) == name]
        matches = matches or [arm for key, arm in arms.items() if name and key.startswith(name.lower())]
        matches = matches or [arms[key] for key in _arms_of_trials(trials, name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UserError(_ambiguous(name, matches))
    raise UserError(f"no arm is called {name!r}{_near(name, _names(arms.values()))}")


def find_trial(numbers: Mapping[int, str], arms: Mapping[str, str], name: str, best: Callable[[], str]) -> str:
    """Return the key of the only trial that matches a name.

    Args:
        numbers: Number -> key of each trial.
        arms: Key of each trial -> key of its arm.
        name: A trial number as in the progress display, such as `[7]` or `7`; `best`; or the first digits of a key.
        best: Returns the key of the best trial.

    Raises:
        UserError: No trial matches, or several do.
    """
    if name == BEST:
        return best()
    number = _NUMBER.fullmatch(name)
    if number is not None:
        position = int(number["number"])
        if position in numbers:
            return numbers[position]
        if number["open"]:
            raise UserError(f"there is no trial {name}; {_range_of_numbers(numbers)}")
    keys = list(numbers.values())
    trials_of_arm = [key for key in keys if name and arms[key].startswith(name)]
    if trials_of_arm and not any(key.startswith(name.lower()) for key in keys):
        raise UserError(f"{name!r} is an arm, not a trial; its trials are {', '.join(trials_of_arm[:5])}")
    matches = [key for key in keys if name and key.startswith(name.lower())]
    if len(matches) == 1 or name.lower() in matches:
        return name.lower() if name.lower() in matches else matches[0]
    if matches:
        raise UserError(f"{len(matches)} trials begin with {name!r} ({_some(matches)}); give more digits")
    raise UserError(f"no trial begins with {name!r}{_near(name, keys)}")


def _range_of_numbers(numbers: Mapping[int, str]) -> str:
    return f"trials are numbered [0] to [{max(numbers)}]" if numbers else "the sweep has no trials yet"


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


def _ambiguous(name: str, arms: list[ArmName]) -> str:
    open_factors = [
        factor
        for factor in dict.fromkeys(other for arm in arms for other in arm.cell)
        if len({arm.cell.get(factor) for arm in arms}) > 1
    ]
    if "=" in name and open_factors:
        return f"{len(arms)} arms have {name}; give {' and '.join(open_factors)} too"
    return f"{len(arms)} arms are called {name!r} ({_some([f'{arm.arm_key}: {arm.text}' for arm in arms])}); give more"


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
    return '; `seatbelt query SWEEP "select trial_key, arm_key, cell from trials"` lists all'


def _sorted_by_nearness(name: str, names: list[str]) -> list[str]:
    return sorted(names, key=lambda other: -difflib.SequenceMatcher(None, name, other).ratio())


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
