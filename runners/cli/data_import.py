"""`data import`, `data export`: data sets from other formats, and into COCO."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from runners.terminal import progress_bar, say
from seatbelt.errors import UserError
from seatbelt.text.wording import counted


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import", no_args_is_help=True)(import_command)
    app.command("export", no_args_is_help=True)(export_command)


def import_command(
    form: Annotated[
        Literal["solo", "coco", "voc", "folder", "cityscapes", "supervisely"],
        typer.Argument(metavar="FORMAT", help="solo, coco, voc, folder, cityscapes or supervisely."),
    ],
    source: Annotated[
        list[Path], typer.Argument(metavar="SRC...", help="The folder to read, or several; for coco also JSON files.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; it must be empty or missing.")],
    classes: Annotated[
        str | None,
        typer.Option(
            help="NAME,NAME,... numbered from 1, or NAME=NUMBER,... as in the masks (default: the source's, sorted)."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The target class (default: seat_belt).")] = None,
    domain: Annotated[
        Literal["real", "synthetic"] | None, typer.Option(help="Default: synthetic for solo, else real.")
    ] = None,
    generation: Annotated[str | None, typer.Option(help="Generation of all images.")] = None,
    subjects: Annotated[Path | None, typer.Option(help="CSV with the columns image,subject,split.")] = None,
    subject_pattern: Annotated[
        str | None,
        typer.Option(help="Regular expression for image paths with (?P<subject>...), also split and generation."),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="train or test for all images; with several SRC once for each, in their order."),
    ] = None,
    split_pattern: Annotated[
        str | None, typer.Option(help="Regular expression for image paths with (?P<split>...); val counts as train.")
    ] = None,
    test_subjects: Annotated[str, typer.Option(help="SUBJECT,SUBJECT,... to test on; all others train.")] = "",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip bad files and list them.")] = False,
    accept_losses: Annotated[
        bool, typer.Option("--accept-losses", help="Continue although annotations are lost, and count them.")
    ] = False,
    accept_no_target: Annotated[
        bool, typer.Option("--accept-no-target", help="Continue although no image shows the target.")
    ] = False,
    ignore: Annotated[
        str, typer.Option(help="Labels, or numbers in masks, whose pixels do not count: 11 or void,11.")
    ] = "",
    unmasked_is_background: Annotated[
        bool, typer.Option("--unmasked-is-background", help="Take images without a mask as showing no class.")
    ] = False,
    name_only: Annotated[
        bool,
        typer.Option("--name-only", help="Find files by the last part of their names: paths of another machine."),
    ] = False,
    bits: Annotated[
        int | None, typer.Option(min=9, max=16, help="Bits used in images of more than 8 bits per channel.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set (default: that of the folder).")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the images, for dataset.json.")] = "",
    images: Annotated[Path | None, typer.Option(help="Folder of the images, when not in the usual place.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of the masks, when not in the usual place.")] = None,
    mask_suffix: Annotated[str, typer.Option(help="Suffix of mask names that image names lack (_mask).")] = "",
    image_suffix: Annotated[str, typer.Option(help="Suffix of image names that mask names lack (_image).")] = "",
    colours: Annotated[Path | None, typer.Option(help="Colour map of the masks: lines NAME:RED,GREEN,BLUE.")] = None,
) -> None:
    """Turn data of another format into a native data-set folder; nothing in SRC is changed.

    solo: Unity Perception, the folder with sequence.N.

    coco: a JSON file and its images.

    voc: CVAT's "Segmentation mask 1.1", PASCAL VOC with a labelmap.txt.

    folder: images/ and masks/ with class numbers, or colours and --colours.

    cityscapes: leftImg8bit/ and gtFine/.

    supervisely: a project with meta.json, img/ and ann/.

    Folders, files and lists that are named after splits (train, valid, test, Training, val2017, ...) are recognised.
    Validation images of other tools become training images: the sweep chooses its selection set among them.

    Patterns and CSV name images by their path below images/ of the result.

    Examples:
      seatbelt data import solo renders/solo --out rendered --classes seat_belt,shirt,skin --generation 7

      seatbelt data import coco instances.json --out drives --subject-pattern "^(?P<subject>p[0-9]+)_"

      seatbelt data import voc cvat-export --out cabin --subjects people.csv --skip-bad

      seatbelt data import folder photos --out photos-native --classes seat_belt,hair --test-subjects p1,p7

      seatbelt data import coco train.json test.json --split train --split test --out cabin
    """
    from seatbelt.data.importers import ImportOptions, Places, Rules, import_data, parse_classes

    options = ImportOptions(
        target=target,
        name=name,
        licence=licence,
        skip_bad=skip_bad,
        accept_losses=accept_losses,
        accept_no_target=accept_no_target,
        splits=tuple(split or ()),
        places=Places(
            images=images,
            masks=masks,
            mask_suffix=mask_suffix,
            image_suffix=image_suffix,
            unmasked_is_background=unmasked_is_background,
            ignore=_words(ignore, "--ignore"),
            name_only=name_only,
            bits=bits,
            colours=colours,
            classes=None if classes is None else parse_classes(classes),
        ),
        rules=Rules(
            subjects=subjects,
            subject_pattern=subject_pattern,
            split_pattern=split_pattern,
            name_only=name_only,
            test_subjects=_words(test_subjects, "--test-subjects"),
            domain=domain,
            generation=generation,
        ),
    )
    with progress_bar("images") as progress:
        report = import_data(form, source, out, options, progress)
    for line in report.notices() + report.cautions():
        say(f"warning: {line}", err=True)
    for line in report.skipped_lines():
        say(f"skipped: {line}", err=True)
    if report.skipped:
        say(f"{len(report.skipped)} skipped", err=True)
    say(f"wrote {out}: {report.summary()}; look at it with: seatbelt data show {out}")
    say(report.target_line())


def export_command(
    form: Annotated[Literal["coco"], typer.Argument(metavar="FORMAT", help="coco.")],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A native data-set folder.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must be empty or missing.")],
) -> None:
    """Write a native data-set folder as COCO: annotations.json and images/, with exact masks as run lengths.

    Example:
      seatbelt data export coco my-images --out my-images-coco
    """
    from seatbelt.data.importers import export_coco

    del form
    with progress_bar("images") as progress:
        count = export_coco(source, out, progress)
    say(
        f"wrote {out / 'annotations.json'}: {counted(count, 'image')}; read it back with: seatbelt data import "
        f"coco {out}"
    )


def _words(text: str, option: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",")) if text else ()
    if not all(words):
        raise UserError(f"{option} takes NAME,NAME,..., but got {text!r}")
    return words
