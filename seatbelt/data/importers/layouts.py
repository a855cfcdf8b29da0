"""One data set from several sources: folders of splits, several files, or several folders named by the user."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from seatbelt.data.importers.classes import Classes
from seatbelt.data.importers.frames import BadFileError, Frame, Reader, Survey
from seatbelt.data.importers.split_names import split_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One source among several."""

    reader: Reader
    prefix: str
    """Prefix of the names of its images, which keeps the names of two parts apart; may be empty."""
    split: str = ""
    """Word for the split of those images that have none."""
    fixed: bool = False
    """The split applies to all images, even those with another split."""


class MergedSource:
    """A reader of several sources, one after the other; equal labels are one class."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    def survey(self) -> Survey:
        """Collect the labels of all parts, and the class numbers and target if the parts fix them."""
        surveys = [part.reader.survey() for part in self._parts]
        labels = frozenset[str]().union(*(survey.labels for survey in surveys))
        classes = [survey.classes for survey in surveys]
        alike = all(numbers == classes[0] for numbers in classes)
        return Survey(
            labels=labels,
            images=sum(survey.images for survey in surveys),
            classes=classes[0] if alike else None,
            target=next((survey.target for survey in surveys if survey.target), ""),
            remarks=tuple(dict.fromkeys(remark for survey in surveys for remark in survey.remarks)),
        )

    def frames(self, classes: Classes) -> Iterator[Frame | BadFileError | str]:
        """Yield the items of all parts under distinct names."""
        for part in self._parts:
            before = f"{part.prefix}/" if part.prefix else ""
            for item in part.reader.frames(classes):
                if isinstance(item, BadFileError):
                    yield BadFileError(before + item.where, item.what)
                elif isinstance(item, Frame):
                    yield dataclasses.replace(
                        item, name=before + item.name, split=part.split if part.fixed else item.split or part.split
                    )
                else:
                    yield item


def split_folders(root: Path) -> list[Path]:
    """Return the subfolders that are named after splits, in the order train, test."""
    folders = [path for path in root.iterdir() if path.is_dir() and not path.is_symlink() and split_of(path.name)]
    return sorted(folders, key=lambda path: (split_of(path.name) == "test", path.name))


def leading_split(name: str) -> str:
    """Return the first folder of a name if it is named after a split, else an empty text."""
    first, slash, _ = name.partition("/")
    return first if slash and split_of(first) else ""


def unlike_names(paths: list[Path]) -> list[str]:
    """Return a unique name for each path: its last part, with a number if it repeats."""
    names: list[str] = []
    for path in paths:
        name, number = path.resolve().stem if path.is_file() else path.resolve().name, 2
        unlike = name
        while unlike in names:
            unlike, number = f"{name}-{number}", number + 1
        names.append(unlike)
    return names
