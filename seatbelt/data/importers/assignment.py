"""Subject, split and generation of each image: from a CSV, from path patterns, or from the source."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from seatbelt.data.importers.frames import BadFileError, Frame
from seatbelt.data.importers.split_names import NO_SPLIT, examples, is_validation, split_of
from seatbelt.errors import UserError
from seatbelt.storage.base import read_file

_GROUPS = ("subject", "split", "generation")
_COLUMNS = ("image", "subject", "split")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The user's rules for subjects and splits."""

    subjects: Path | None = None
    """CSV with the columns image,subject,split (split is optional)."""
    subject_pattern: str | None = None
    """Regular expression with the group subject and, optionally, split and generation."""
    split_pattern: str | None = None
    """Regular expression with the group split."""
    test_subjects: tuple[str, ...] = ()
    """Subjects of the test split; all other subjects train."""
    name_only: bool = False
    """Compare only the last parts of paths, for a `subjects` file from another machine."""
    domain: str | None = None
    generation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """The domain, generation, subject and split of an image."""

    domain: str
    generation: str
    subject: str
    split: str


@dataclass
class Assigner:
    """Assigns a place to each image and refuses subjects in two splits; stores one entry per subject."""

    rules: Rules
    domain: str
    """Domain of images without one from the user or the source."""
    _table: dict[str, tuple[str, str]] = field(init=False)
    _patterns: list[re.Pattern[str]] = field(init=False)
    _splits: dict[str, tuple[str, str]] = field(init=False, default_factory=dict)
    _used: set[str] = field(init=False, default_factory=set)
    _validating: Counter[str] = field(init=False, default_factory=Counter)
    """Word for a validation split -> number of its images."""

    def __post_init__(self) -> None:
        rules = self.rules
        if rules.subjects and rules.subject_pattern:
            raise UserError("give --subjects or --subject-pattern, not both")
        if rules.generation is not None and not (rules.generation.strip() and rules.generation.isprintable()):
            raise UserError(f"--generation must be a plain text, but got {rules.generation!r}")
        self._table = _read_table(rules.subjects, name_only=rules.name_only) if rules.subjects else {}
        self._patterns = [
            _pattern(option, text, needed)
            for option, text, needed in (
                ("--subject-pattern", rules.subject_pattern, "subject"),
                ("--split-pattern", rules.split_pattern, "split"),
            )
            if text is not None
        ]

    def place(self, frame: Frame) -> Place:
        """Return the place of an image.

        Raises:
            BadFileError: The CSV does not list it, a pattern does not match it, or its split is unknown.
            UserError: Its subject is already in another split.
        """
        values = {"subject": frame.subject, "split": frame.split, "generation": frame.generation}
        if self.rules.subjects:
            name = last_part(frame.name) if self.rules.name_only else frame.name
            if name not in self._table:
                first = next(iter(self._table), "nothing")
                hint = "" if self.rules.name_only else "; --name-only compares the last parts of paths"
                listed = f"{self.rules.subjects.name} (which begins with {first}{hint})"
                raise BadFileError(frame.name, f"is not listed in {listed}")
            self._used.add(name)
            subject, split = self._table[name]
            values |= {"subject": subject, **({"split": split} if split else {})}
        for pattern in self._patterns:
            match = pattern.search(frame.name)
            if match is None:
                raise BadFileError(frame.name, f"does not match the pattern {pattern.pattern!r}")
            values |= {name: (value or "").strip() for name, value in match.groupdict().items()}
        subject = values["subject"]
        if self.rules.test_subjects:
            values["split"] = "test" if subject in self.rules.test_subjects else "train"
        split = _split(values["split"], frame.name)
        self._validating[values["split"]] += is_validation(values["split"])
        self._keep_apart(subject, split, frame.name)
        place = Place(
            domain=self.rules.domain or frame.domain or self.domain,
            generation=values["generation"] if self.rules.generation is None else self.rules.generation.strip(),
            subject=subject,
            split=split,
        )
        for value in (place.subject, place.generation):
            if value != value.strip() or not value.isprintable():
                raise BadFileError(frame.name, f"its subject and generation must be plain texts, but got {value!r}")
        if place.domain not in ("real", "synthetic"):
            raise BadFileError(frame.name, f"its domain must be real or synthetic, but got {place.domain!r}")
        return place

    def remarks(self) -> list[str]:
        """Return remarks on validation splits and on unused names of the user."""
        unused = [name for name in self._table if name not in self._used]
        lines = [
            f"the split {word} became training: {count}; the sweep itself chooses its selection images among the "
            "training subjects"
            for word, count in sorted(self._validating.items())
            if count
        ]
        if unused and self.rules.subjects:
            table = self.rules.subjects.name
            lines.append(f"lines of {table} that name no imported image: {len(unused)}, such as {unused[0]}")
        absent = [subject for subject in self.rules.test_subjects if subject not in self._splits]
        if absent:
            lines.append(f"--test-subjects names subjects without images: {', '.join(absent)}")
        return lines

    def _keep_apart(self, subject: str, split: str, name: str) -> None:
        if not subject:
            return
        # An image without a split trains (seatbelt.data.partition.splits).
        other, example = self._splits.setdefault(subject, (split or "train", name))
        if other != (split or "train"):
            raise UserError(
                f"subject {subject} is in two splits: {example} in {other}, {name} in {split or 'train'}; "
                "put all images of one subject into one split"
            )


def last_part(path: str) -> str:
    """Return the name of a file without its folders, also for Windows paths."""
    return PurePosixPath(path.replace("\\", "/")).name


def _split(word: str, name: str) -> str:
    if word.strip().casefold() in NO_SPLIT:
        return ""
    split = split_of(word)
    if split is None:
        raise BadFileError(name, f"its split must be one of {examples()}, but got {word!r}")
    return split


def _pattern(option: str, text: str, needed: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(f"{option} is no regular expression ({error}): {text!r}") from None
    unknown = set(pattern.groupindex) - set(_GROUPS)
    if needed not in pattern.groupindex or unknown:
        raise UserError(f"{option} needs the group (?P<{needed}>...) and may have {', '.join(_GROUPS)}: {text!r}")
    return pattern


def _read_table(path: Path, *, name_only: bool) -> dict[str, tuple[str, str]]:
    table: dict[str, tuple[str, str]] = {}
    try:
        with io.StringIO(read_file(path).decode("utf-8-sig"), newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = tuple(reader.fieldnames or ())
            if columns not in (_COLUMNS, _COLUMNS[:2]):
                raise UserError(f"{path}: the first line must be image,subject,split, but got {','.join(columns)!r}")
            for line in reader:
                values = [str(line.get(column) or "").strip() for column in _COLUMNS]
                image, subject, split = values
                if None in line or not image or not all(value.isprintable() for value in values):
                    raise UserError(f"{path} line {reader.line_num}: must be image,subject,split")
                image = last_part(image) if name_only else image
                if split.casefold() not in NO_SPLIT and split_of(split) is None:
                    raise UserError(f"{path} line {reader.line_num}: split must be train or test, but got {split!r}")
                if image in table:
                    raise UserError(f"{path} line {reader.line_num}: {image} is listed twice")
                table[image] = (subject, split)
    except (OSError, UnicodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path} cannot be read as CSV ({reason})") from None
    return table
