"""One data set out of several sources: folders of splits, several files, several folders that a user names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from seatbelt.data.importers.classes import Classes
from seatbelt.data.importers.frames import BadFile, Frame, Source, Survey
from seatbelt.data.importers.split_names import split_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One source among several."""

    source: Source
    prefix: str
    """What the names of its images begin with, so that those of two parts differ; empty for none."""
    split: str = ""
    """Word for the split of its images where they say nothing themselves."""
    fixed: bool = False
    """The split holds whatever they say."""


class MergedSource:
    """A reader of several sources, one after the other; labels of one name are one class."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    def survey(self) -> Survey:
        """Collect the labels of all parts; class numbers and target are the first part's that fixes them."""
        surveys = [part.source.survey() for part in self._parts]
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

    def frames(self, classes: Classes) -> Iterator[Frame | BadFile | str]:
        """Yield what the parts do, under names that tell them apart."""
        for part in self._parts:
            before = f"{part.prefix}/" if part.prefix else ""
            for item in part.source.frames(classes):
                if isinstance(item, BadFile):
                    yield BadFile(before + item.where, item.what)
                elif isinstance(item, Frame):
                    yield dataclasses.replace(
                        item, name=before + item.name, split=part.split if part.fixed else item.split or part.split
                    )
                else:
                    yield item


def split_folders(root: Path) -> list[Path]:
    """Return the folders of a folder that are named after splits, in the order train, test."""
    folders = [path for path in root.iterdir() if path.is_dir() and not path.is_symlink() and split_of(path.name)]
    return sorted(folders, key=lambda path: (split_of(path.name) == "test", path.name))


def leading_split(name: str) -> str:
    """Return the word of the first folder of a name if it is one for a split, else an empty text."""
    first, slash, _ = name.partition("/")
    return first if slash and split_of(first) else ""


def unlike_names(paths: list[Path]) -> list[str]:
    """Return a different name for each path: its last part, with a number where two are alike."""
    names: list[str] = []
    for path in paths:
        name, number = path.resolve().stem if path.is_file() else path.resolve().name, 2
        unlike = name
        while unlike in names:
            unlike, number = f"{name}-{number}", number + 1
        names.append(unlike)
    return names
