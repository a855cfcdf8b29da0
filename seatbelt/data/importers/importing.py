"""An import from beginning to end: survey, classes, then frame by frame into a native folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from seatbelt.data.importers.assignment import Assigner, Rules
from seatbelt.data.importers.classes import choose_classes
from seatbelt.data.importers.coco import CocoSource
from seatbelt.data.importers.folder import FolderSource
from seatbelt.data.importers.frames import BadFile, Frame, Places, Source
from seatbelt.data.importers.pixels import read_image
from seatbelt.data.importers.report import ImportReport
from seatbelt.data.importers.solo import SoloSource
from seatbelt.data.importers.voc import VocSource
from seatbelt.data.importers.writing import NativeWriter, new_folder
from seatbelt.errors import UserError

IMPORTERS: dict[str, Callable[[Path, Places], Source]] = {
    "solo": SoloSource,
    "coco": CocoSource,
    "voc": VocSource,
    "folder": FolderSource,
}

_DOMAINS = {"solo": "synthetic", "coco": "real", "voc": "real", "folder": "real"}
"""Domain of a format's images where nobody says otherwise."""


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the user said about an import."""

    target: str | None = None
    """The class to be found."""
    name: str | None = None
    """Of the data set; that of the folder if None."""
    licence: str = ""
    skip_bad: bool = False
    """Go on after a file that cannot be used."""
    places: Places = field(default_factory=Places)
    rules: Rules = field(default_factory=Rules)


def import_data(
    form: str,
    source: Path,
    out: Path,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Turn images and masks of another format into a native data-set folder.

    One image is in memory at a time; what grows with the source are names (of sequences, subjects, the
    user's CSV) and, for COCO, its JSON file.

    Args:
        form: One of `IMPORTERS`.
        source: The folder to read, for COCO also a JSON file; it is not changed.
        out: The folder to write; it must be missing or empty.
        options: What the user said.
        progress: Called with the number of finished frames and about how many there are.

    Raises:
        UserError: The first file that cannot be used, unless `skip_bad`; a source, option or folder that
            cannot be used at all. Nothing is left in `out` then.
    """
    options = options or ImportOptions()
    reader = _reader(form, source, options.places)
    survey = reader.survey()
    target = options.target or survey.target or None
    classes = choose_classes(options.places.classes, survey.classes, survey.labels, target=target)
    assigner = Assigner(rules=options.rules, domain=_DOMAINS[form])
    report = ImportReport(out=out, classes=classes)
    name = options.name or out.resolve().name
    if not name.isprintable():
        raise UserError(f"a data set needs a plain name, but got {name!r}; give one with --name")
    with new_folder(out, source), NativeWriter(out, classes) as writer:
        for done, item in enumerate(reader.frames(classes), start=1):
            if isinstance(item, str):
                report.remarks[item] += 1
            else:
                try:
                    _take(item, assigner, writer, report)
                except BadFile as bad:
                    if not options.skip_bad:
                        raise UserError(f"{source}: {bad}; mend it, or leave out such files by --skip-bad") from None
                    report.skipped.append(bad)
            if progress:
                progress(done, max(done, survey.images))
        if not report.images:
            raise UserError(_nothing(source, report))
        writer.finish(name, options.licence, f"{form}: {source.resolve().name}")
    report.warnings += assigner.remarks()
    return report


def _reader(form: str, source: Path, places: Places) -> Source:
    if form not in IMPORTERS:
        raise UserError(f"there is no format {form!r}; choose one of {', '.join(IMPORTERS)}")
    if not source.exists():
        raise UserError(f"{source}: there is no such file or folder")
    if not source.is_dir() and form != "coco":
        raise UserError(f"{source} is no folder; unpack archives first")
    return IMPORTERS[form](source, places)


def _take(item: Frame | BadFile, assigner: Assigner, writer: NativeWriter, report: ImportReport) -> None:
    if isinstance(item, BadFile):
        raise item
    image, native = read_image(item.image, item.name)
    height, width = image.shape[:2]
    painted = item.paint((height, width))
    if painted.mask.shape != (height, width):
        mask = f"{painted.mask.shape[1]}x{painted.mask.shape[0]}"
        raise BadFile(item.name, f"the image has {width}x{height} pixels, but its mask {mask}")
    writer.add(item, assigner.place(item), None if native else image, painted.mask)
    report.add(painted.mask, painted.notes)


def _nothing(source: Path, report: ImportReport) -> str:
    if report.skipped:
        return f"{source}: all {len(report.skipped)} files were skipped, the first because {report.skipped[0]}"
    left_out = "; ".join(f"{text}: {count}" for text, count in sorted(report.remarks.items()))
    return f"{source}: no image to import{f' ({left_out})' if left_out else ''}"
