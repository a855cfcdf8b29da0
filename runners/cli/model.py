"""`model`, `predict`: from the winner of a search to masks of new images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli.options import SweepArgument, with_records
from runners.session.options import RunOptions
from runners.terminal import progress_bar, say

if TYPE_CHECKING:
    from runners.models.model_folder import ModelRequest

WHICH = "best; a trial: its number such as 7, or the first digits of its key; an arm: FACTOR=LEVEL,... or its key."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (model, predict, with_records(final)):
        app.command(no_args_is_help=True)(command)


def model(
    sweep: SweepArgument,
    trial: Annotated[str, typer.Argument(help=f"Whose model: {WHICH}")] = "best",
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = ...,  # type: ignore[assignment]  # required
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write model.onnx, for ONNX Runtime.")] = False,
    pt2: Annotated[bool, typer.Option("--pt2", help="Also write model.pt2, for torch.export.load.")] = False,
    pictures: Annotated[bool, typer.Option(help="Show three test images in the card.")] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier model, or write beside other files.")
    ] = False,
) -> None:
    """Write a trained model as a folder that stands alone: weights, description, and a card with its scores.

    Graphs take 8-bit RGB images of any size and return probabilities: resizing and normalisation are inside. Each is
    compared with the model on images of the sweep before it is written.

    Examples:
      seatbelt model sweeps/architecture --out best

      seatbelt model sweeps/architecture 7 --out trial7 --onnx
    """
    from runners.models.model_folder import export_model

    export_model(sweep, trial, request=_model_request(out, onnx, pt2, pictures, force), say=say)


def _model_request(out: Path, onnx: bool, pt2: bool, pictures: bool, force: bool) -> ModelRequest:
    from runners.models.model_folder import ModelRequest

    forms = (("onnx", onnx), ("pt2", pt2))
    graphs = tuple(form for form, chosen in forms if chosen)
    return ModelRequest(out=out, graphs=graphs, pictures=pictures, force=force)  # type: ignore[arg-type]  # mypy widens literals


def predict(
    model: Annotated[
        str, typer.Argument(metavar="MODEL|SWEEP", help="A model folder, its model.onnx, or a sweep (see --trial).")
    ],
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGES...", help="Image files, folders, quoted patterns, native data sets.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for masks and predictions.csv.")] = ...,  # type: ignore[assignment]  # required
    trial: Annotated[str, typer.Option(help=f"Of a sweep: {WHICH}")] = "best",
    overlay: Annotated[bool, typer.Option("--overlay", help="Also write pictures with the target tinted.")] = False,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of annotations, named as the images, as PNG: print the IoU.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of a native data set: only this split, such as test.")] = None,
    bits: Annotated[int | None, typer.Option(min=9, max=16, help="Bits in use of images of 16 bits.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    batch: Annotated[int, typer.Option(min=1, help="Images predicted at a time.")] = 16,
    force: Annotated[bool, typer.Option("--force", help="Replace other predictions in the folder.")] = False,
) -> None:
    """Predict images of any size: masks with the class numbers of the data set, and a table of numbers.

    The same command again continues where an interrupted one ended. Masks are upright, as EXIF says. Images that
    cannot be read are named and left out, and the exit code is 1 then.

    Examples:
      seatbelt predict best photos --out predictions --overlay

      seatbelt predict sweeps/architecture "photos/*.jpg" --out predictions --masks annotations
    """
    from runners.models.predict import PredictRequest, outcome_lines
    from runners.models.predict import predict as run

    request = PredictRequest(
        model=model,
        places=tuple(images),
        out=out,
        trial=trial,
        overlays=overlay,
        masks=masks,
        split=split,
        bits=bits,
        device=device,
        batch=batch,
        force=force,
    )
    with progress_bar("predicting") as progress:
        outcome = run(request, progress)
    for line in outcome_lines(outcome, request):
        say(line)
    raise typer.Exit(1 if outcome.failures else 0)


def final(
    sweep: SweepArgument,
    run: RunOptions,
    arm: Annotated[str, typer.Argument(help="best, FACTOR=LEVEL,..., an arm's key, or one of its trials.")] = "best",
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = ...,  # type: ignore[assignment]  # required
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs (default: the median of the arm's best epochs in the search).")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train with this many seeds.")] = 1,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Average the probabilities of all seeds in one model.")
    ] = False,
    with_test: Annotated[
        bool, typer.Option("--with-test", help="Train on the test images too: no honest score is left then.")
    ] = False,
    training: Annotated[
        str | None,
        typer.Option(help="Folder or bucket of the training, for clusters (default: OUT/training)."),
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write model.onnx, for ONNX Runtime.")] = False,
    pt2: Annotated[bool, typer.Option("--pt2", help="Also write model.pt2, for torch.export.load.")] = False,
    pictures: Annotated[bool, typer.Option(help="Show three test images in the card.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier model.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
) -> None:
    """Train an arm once more on all training and selection images, and write its model.

    It runs as any trial does, and the same command continues it. Its card says that no honest score of it exists, and
    which estimate stands in: that of `seatbelt confirm`.

    Examples:
      seatbelt final sweeps/architecture --out final

      seatbelt final sweeps/architecture decoder=unet,encoder=lite0 --seeds 5 --ensemble --onnx --out ensemble
    """
    from runners.commands.final import FinalRequest, prepare_final, run_final

    request = FinalRequest(
        sweep=sweep,
        arm=arm,
        model=_model_request(out, onnx, pt2, pictures, force),
        training=training,
        with_test=with_test,
        epochs=epochs,
        seeds=seeds,
        ensemble=ensemble,
    )
    prepared = prepare_final(request, run)
    for note in prepared.notes:
        say(note)
    if dry_run:
        say(prepared.session.preview())
        return
    raise typer.Exit(run_final(prepared, request, say))
