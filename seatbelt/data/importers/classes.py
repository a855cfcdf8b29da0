"""Class numbers: the user's, or those of the sorted labels; never the order of appearance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.errors import UserError

BACKGROUND = "background"
IGNORED_LABELS = ("ignore", "ignored", "void")
"""Labels that become 255 unless they are classes: the names in COCO, CVAT and VOC for ignored pixels."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes of the data set to be written."""

    numbers: dict[str, int]
    target: str
    ignored: frozenset[str] = frozenset()
    """Further labels whose pixels are ignored."""

    @property
    def background(self) -> int:
        """Number of pixels without a label: the background, or 255 (ignored) without one."""
        return self.numbers.get(BACKGROUND, IGNORE)

    def number(self, label: str) -> int | None:
        """Return the number of a label, 255 for ignored labels, None for other labels."""
        if label in self.numbers:
            return self.numbers[label]
        return IGNORE if label in self.ignored or label in IGNORED_LABELS else None


def parse_classes(text: str) -> dict[str, int]:
    """Return the numbers of `seat_belt,hair` (from 1 on) or `seat_belt=1,hair=5`; background is always included.

    Raises:
        UserError: A name or number is empty, repeated or out of range.
    """
    numbers: dict[str, int] = {}
    parts = [part.strip() for part in text.split(",")]
    if any("=" in part for part in parts) != all("=" in part for part in parts):
        raise UserError(f"--classes takes numbers for all names or for none, but got {text!r}")
    for part in parts:
        name, equals, number = (word.strip() for word in part.partition("="))
        if not label_is_usable(name):
            raise UserError(f"--classes takes NAME,NAME,... or NAME=NUMBER,..., but got {text!r}")
        if name in numbers:
            raise UserError(f"--classes names {name} twice")
        if equals and not (number.isdecimal() and number.isascii() and int(number[:9]) <= IGNORE):
            raise UserError(f"--classes takes numbers from 0 to 255, but got {part!r}")
        next_free = sum(other != BACKGROUND for other in numbers) + 1
        numbers[name] = int(number) if equals else (0 if name == BACKGROUND else next_free)
    if len(numbers) >= IGNORE:
        raise UserError(f"--classes names {len(numbers)} classes, but at most 254 fit")
    if len(set(numbers.values())) < len(numbers):
        raise UserError(f"--classes gives two names one number: {text!r}")
    return _with_background(numbers)


def choose_classes(
    chosen: dict[str, int] | None,
    fixed: dict[str, int] | None,
    labels: Iterable[str],
    *,
    target: str | None,
    ignored: Iterable[str] = (),
) -> Classes:
    """Return the classes of an import.

    Args:
        chosen: The user's numbers.
        fixed: The numbers of the source, used without numbers of the user.
        labels: All labels of the source, numbered in sorted order without other numbers.
        target: The user's target; by default `seat_belt` or the only class.
        ignored: Labels whose pixels are ignored, which are no classes.

    Raises:
        UserError: There are no labels, too many labels, or the target is not one of them.
    """
    ignored = frozenset(ignored)
    both = sorted(ignored & set(chosen or ()))
    if both:
        raise UserError(f"--ignore and --classes both name {both[0]}; use one of them")
    numbers = _below_255(chosen) if chosen else fixed or _sorted_numbers(set(labels) - ignored)
    names = [name for name in numbers if name != BACKGROUND]
    if target is None:
        target = "seat_belt" if "seat_belt" in names else names[0] if len(names) == 1 else None
    if target is None:
        raise UserError(f"name the class to be found with --target; choose one of {_listed(names)}")
    if target not in names:
        raise UserError(f"--target must be one of the classes ({_listed(names)}), but got {target!r}")
    return Classes(numbers=dict(numbers), target=target, ignored=ignored)


def label_is_usable(label: object) -> bool:
    """Return whether something is a text that can name a class."""
    return isinstance(label, str) and bool(label) and label == label.strip() and label.isprintable()


def _sorted_numbers(labels: Iterable[str]) -> dict[str, int]:
    names = sorted(set(labels) - {BACKGROUND} - set(IGNORED_LABELS))
    if not names:
        raise UserError("the source holds no label; check folder and format, or name the labels with --classes")
    if len(names) >= IGNORE:
        raise UserError(f"the source holds {len(names)} labels, but at most 254 fit; choose some with --classes")
    return _with_background({name: number for number, name in enumerate(names, start=1)})


def _with_background(numbers: dict[str, int]) -> dict[str, int]:
    if BACKGROUND not in numbers:
        # If 0 is a class, a high number: foreign masks rarely contain it, so unknown values are still reported.
        free = [number for number in (0, *range(IGNORE - 1, 0, -1)) if number not in numbers.values()]
        if not free:
            raise UserError("--classes leaves no number for the background; name at most 254")
        numbers = {BACKGROUND: free[0], **numbers}
    return numbers


def _below_255(numbers: dict[str, int]) -> dict[str, int]:
    """Give a class of number 255 the lowest free number, because 255 means ignored."""
    if IGNORE not in numbers.values():
        return numbers
    free = next(number for number in range(1, IGNORE) if number not in numbers.values())
    return {name: free if number == IGNORE else number for name, number in numbers.items()}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more
