"""`data scenes`, `data check`, `data show`: make, check and view data sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from runners.cli import data_import
from runners.new_sweep.request import parse_size
from runners.terminal import progress_bar, say
from seatbelt.errors import UserError
from seatbelt.text.wording import counted

app = typer.Typer(help="Make, check and look at data sets.", no_args_is_help=True)
data_import.register(app)

_MOST_FAULTS = 50


@app.command(no_args_is_help=True)
def scenes(
    out: Annotated[Path, typer.Option(help="Folder to write; it must be empty or missing.")],
    generations: Annotated[
        str, typer.Option(help="Generations with the number of images of each.")
    ] = "1=100,2=100,3=100,4=100,5=100,6=100,camera=110",
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH in pixels.")] = "120x212",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything drawn.")] = 0,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes (default: all cores).")] = None,
) -> None:
    """Render embedded scenes into a native data-set folder.

    Generations are 1 to 6, randomized, free (other places of the camera), and camera: the stand-in for real images.

    Example:
      seatbelt data scenes --out scenes --generations 3=200,4=200,camera=150 --size 96x160
    """
    from seatbelt.data.scenes import write_dataset

    height, width = parse_size(size)
    with progress_bar("scenes") as progress:
        write_dataset(
            out,
            generations=_counts(generations),
            size=(width, height),
            seed=seed,
            processes=processes or os.cpu_count() or 1,
            progress=progress,
        )
    say(f"wrote {out}; look at it with: seatbelt data show {out}")


@app.command(no_args_is_help=True)
def check(data: Annotated[Path, typer.Argument(help="A native data-set folder.")]) -> None:
    """Open every file of a data set and name every fault; exit code 2 if there is one.

    Example:
      seatbelt data check my-images
    """
    from seatbelt.data.checks.census import take_census
    from seatbelt.data.datasets.dataset import read

    with progress_bar("images") as progress:
        census, faults = take_census(data, progress)
    for fault in faults[:_MOST_FAULTS]:
        say(str(fault))
    if len(faults) > _MOST_FAULTS:
        say(f"... and {len(faults) - _MOST_FAULTS} more")
    if faults:
        if census.images:
            say(census.target_line)
        say(f"{data}: {len(faults)} fault{'s' if len(faults) > 1 else ''}", err=True)
        raise typer.Exit(2)
    dataset = read(data)
    say(_summary(dataset))
    say(f"  {census.target_line}")
    say(f"  {census.subject_line}")
    for change, count in sorted(census.changes.items()):
        say(f"  {count} image{'' if count == 1 else 's'}: {change}")
    for warning in census.warnings:
        say(f"warning: {warning}", err=True)


@app.command(no_args_is_help=True)
def show(
    data: Annotated[Path, typer.Argument(help="A native data-set folder.")],
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write (default: contact-sheet.png or augment-sheet.png).")
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=1, max=400, help="Number of images (default: 24; 1 with --augment).")
    ] = None,
    generation: Annotated[str | None, typer.Option(help="Only this generation.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only real or synthetic images.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice of images and of the augmentation.")] = 0,
    strength: Annotated[
        float, typer.Option(min=0, max=2, help="With --augment: strength of each augmentation that is drawn alone.")
    ] = 1.0,
    augment: Annotated[
        bool, typer.Option("--augment", help="Draw each augmentation alone, and samples with all of them.")
    ] = False,
) -> None:
    """Draw a contact sheet with the masks overlaid: one colour for each class, the target in yellow.

    With --augment: for each image the original, each transform alone, and five samples with the ten of the thesis.

    Example:
      seatbelt data show my-images --out sheet.png --images 12
      seatbelt data show my-images --augment --seed 3
    """
    from seatbelt.data.datasets.dataset import read
    from seatbelt.data.sheets.augmentations import augment_sheet
    from seatbelt.data.sheets.contact import contact_sheet

    if augment:
        with progress_bar("images") as progress:
            sheet = augment_sheet(
                read(data),
                images=images or 1,
                generation=generation,
                domain=domain,
                seed=seed,
                strength=strength,
                progress=progress,
            )
    else:
        sheet = contact_sheet(read(data), images=images or 24, generation=generation, domain=domain, seed=seed)
    path = out or Path("augment-sheet.png" if augment else "contact-sheet.png")
    try:
        sheet.save(path, format="PNG")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); choose another --out") from None
    say(f"wrote {path} ({sheet.width}x{sheet.height})")


def _counts(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        if not equals or not number.isdigit() or not int(number):
            raise UserError(f"--generations takes NAME=NUMBER,..., such as 3=200,camera=110, but got {part!r}")
        counts[name.strip()] = int(number)
    return counts


def _summary(dataset: object) -> str:
    from collections import Counter

    from seatbelt.data.datasets.dataset import DataSet

    assert isinstance(dataset, DataSet)
    kinds = Counter((row.domain, row.generation or "-", row.split or "-") for row in dataset.rows)
    lines = [f"{dataset.name}: {counted(len(dataset.rows), 'image')}, no faults; target {dataset.target}"]
    for (domain, generation, split), count in sorted(kinds.items()):
        lines.append(f"  {domain:<10} generation {generation:<11} {split:<6} {count:>6}")
    return "\n".join(lines)
