"""A complete import: survey, classes, then frame by frame into a native folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seatbelt.data.datasets.images import describe_mismatch
from seatbelt.data.importers.assignment import Assigner, Rules
from seatbelt.data.importers.classes import choose_classes
from seatbelt.data.importers.formats.cityscapes import open_cityscapes
from seatbelt.data.importers.formats.coco import open_coco
from seatbelt.data.importers.formats.folder import open_folder
from seatbelt.data.importers.formats.solo import SoloSource
from seatbelt.data.importers.formats.supervisely import open_supervisely
from seatbelt.data.importers.formats.voc import VocSource
from seatbelt.data.importers.frames import BadFileError, Frame, Places, Reader
from seatbelt.data.importers.layouts import MergedSource, Part, unlike_names
from seatbelt.data.importers.pixels import read_image
from seatbelt.data.importers.report import ImportReport
from seatbelt.data.importers.split_names import examples, split_of
from seatbelt.data.importers.writing import NativeWriter, new_folder
from seatbelt.errors import UserError

IMPORTERS: dict[str, Callable[[Path, Places], Reader]] = {
    "solo": SoloSource,
    "coco": open_coco,
    "voc": VocSource,
    "folder": open_folder,
    "cityscapes": open_cityscapes,
    "supervisely": open_supervisely,
}

_DOMAINS = {"solo": "synthetic"}
"""Default domain of a format's images; all other formats hold real images."""

_MAX_LISTED_LOSSES = 5


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The user's options of an import."""

    target: str | None = None
    """The class to segment."""
    name: str | None = None
    """Name of the data set; None for the name of the folder."""
    licence: str = ""
    skip_bad: bool = False
    """Skip files that cannot be used."""
    accept_losses: bool = False
    """Accept that annotations are missing from the result."""
    accept_no_target: bool = False
    """Accept that no image shows the target."""
    splits: tuple[str, ...] = ()
    """Word for the split of all images, or one for each source."""
    places: Places = field(default_factory=Places)
    rules: Rules = field(default_factory=Rules)


def import_data(
    form: str,
    source: Path | Sequence[Path],
    out: Path,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Convert images and masks of another format into a native data-set folder.

    One image is in memory at a time. Only names (of sequences, subjects, the user's CSV), a hash of each image and, for
    COCO, its JSON file take memory in proportion to the source.

    Args:
        form: One of `IMPORTERS`.
        source: The folder to read, for COCO also a JSON file, or several of them; they are not changed.
        out: The folder to write, which must be missing or empty.
        options: The user's options.
        progress: Called with the number of finished frames and their approximate total.

    Raises:
        UserError: A file cannot be used (unless `skip_bad`), annotations are missing from the result (unless
            `accept_losses`), no image shows the target (unless `accept_no_target`), or a source, option or folder is
            invalid. Then `out` stays empty.
    """
    options = options or ImportOptions()
    sources = (source,) if isinstance(source, Path) else tuple(source)
    where = " and ".join(map(str, sources))
    reader = _readers(form, sources, options)
    survey = reader.survey()
    target = options.target or survey.target or None
    classes = choose_classes(
        options.places.classes, survey.classes, survey.labels, target=target, ignored=options.places.ignore
    )
    assigner = Assigner(rules=options.rules, domain=_DOMAINS.get(form, "real"))
    report = ImportReport(out=out, classes=classes)
    name = options.name or out.resolve().name
    if not name.isprintable():
        raise UserError(f"a data set needs a plain name, but got {name!r}; give one with --name")
    with new_folder(out, *sources), NativeWriter(out, classes) as writer:
        for done, item in enumerate(reader.frames(classes), start=1):
            if isinstance(item, str):
                report.remarks[item] += 1
            else:
                try:
                    _take(item, assigner, writer, report, bits=options.places.bits)
                except BadFileError as bad:
                    if not options.skip_bad:
                        raise UserError(f"{where}: {bad}; fix it, or skip such files with --skip-bad") from None
                    report.skipped.append(bad)
            if progress:
                progress(done, max(done, survey.images))
        _check_result(report, options, where)
        writer.finish(name, options.licence, f"{form}: {' + '.join(path.resolve().name for path in sources)}")
    report.warnings += [*survey.remarks, *assigner.remarks()]
    return report


def _readers(form: str, sources: tuple[Path, ...], options: ImportOptions) -> Reader:
    splits = options.splits or ("",)
    if len(splits) not in (1, len(sources)):
        raise UserError(
            f"--split is given {len(splits)} times, but there are {len(sources)} sources; give one for each"
        )
    for word in filter(None, splits):
        if split_of(word) is None:
            raise UserError(f"--split must be one of {examples()}, but got {word!r}")
    if any(splits) and (options.rules.split_pattern or options.rules.test_subjects):
        raise UserError("--split gives all images of a source one split: omit --split-pattern and --test-subjects")
    readers = [_reader(form, source, options.places) for source in sources]
    if len(readers) == 1 and not splits[0]:
        return readers[0]
    prefixes = unlike_names(list(sources)) if len(sources) > 1 else [""]
    words = splits * len(sources) if len(splits) == 1 else splits
    parts = [
        Part(reader=reader, prefix=prefix, split=word or (prefix if split_of(prefix) else ""), fixed=bool(word))
        for reader, prefix, word in zip(readers, prefixes, words, strict=True)
    ]
    return MergedSource(parts)


def _reader(form: str, source: Path, places: Places) -> Reader:
    if form not in IMPORTERS:
        raise UserError(f"there is no format {form!r}; choose one of {', '.join(IMPORTERS)}")
    if not source.exists():
        raise UserError(f"{source}: there is no such file or folder")
    if not source.is_dir() and form != "coco":
        raise UserError(f"{source} is no folder; unpack archives first")
    return IMPORTERS[form](source, places)


def _take(
    item: Frame | BadFileError, assigner: Assigner, writer: NativeWriter, report: ImportReport, *, bits: int | None
) -> None:
    if isinstance(item, BadFileError):
        raise item
    picture, native = read_image(item.image, item.name, bits=bits)
    height, width = picture.pixels.shape[:2]
    painted = item.paint((height, width))
    if painted.mask.shape != (height, width):
        raise BadFileError(item.name, describe_mismatch(picture, painted.mask.shape))
    row = writer.add(item, assigner.place(item), None if native else picture.pixels, painted.mask)
    report.add(row, picture, painted.mask, painted.notes)


def _check_result(report: ImportReport, options: ImportOptions, where: str) -> None:
    if not report.images:
        raise UserError(_nothing(where, report))
    losses = report.losses()
    if losses and not options.accept_losses:
        more = f" (and {len(losses) - _MAX_LISTED_LOSSES} more)" if len(losses) > _MAX_LISTED_LOSSES else ""
        raise UserError(
            f"{where}: annotations would be lost: {'; '.join(losses[:_MAX_LISTED_LOSSES])}{more}; fix them, name "
            "their labels (--classes, --colours, --ignore), or import without them with --accept-losses"
        )
    target = report.classes.target
    if not report.images_of[target] and not options.accept_no_target:
        ignored = "; 255 was ignored: if it is the class, use --classes NAME=255" if report.ignores_255 else ""
        raise UserError(
            f"{where}: none of the {report.images} images shows the target {target}{ignored}; check its name "
            "in the source, choose another with --target, or import it with --accept-no-target"
        )


def _nothing(where: str, report: ImportReport) -> str:
    if report.skipped:
        return f"{where}: all {len(report.skipped)} files were skipped, the first because {report.skipped[0]}"
    left_out = "; ".join(f"{text}: {count}" for text, count in sorted(report.remarks.items()))
    return f"{where}: no image to import{f' ({left_out})' if left_out else ''}"
