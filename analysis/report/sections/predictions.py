"""What the leading arms see on test images, in pictures that the caller computed."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.report.blocks import Block, Photograph, Photographs, Section, Text

LEGEND = (
    "Each picture: the image, its annotation, and the outcome. Blue: found. Yellow: missed. Orange: predicted, but not "
    "annotated. The pictures show images of the data set: mind who may see this report."
)


@dataclass(frozen=True, kw_only=True)
class ArmPictures:
    """The pictures of one arm."""

    name: str
    """Its name and the trial whose model it is."""
    photographs: tuple[Photograph, ...]


@dataclass(frozen=True, kw_only=True)
class PredictionGallery:
    """The pictures of the leading arms, or why there are none."""

    arms: tuple[ArmPictures, ...] = ()
    reason: str = ""
    """Why there are no pictures."""


def predictions(gallery: PredictionGallery | None) -> Section | None:
    """Return the section; None if no pictures were asked for, or if nothing is to be said of them."""
    if gallery is None or not (gallery.arms or gallery.reason):
        return None
    blocks: list[Block] = [Text(text=LEGEND, kind="note")] if gallery.arms else []
    for arm in gallery.arms:
        blocks += [Text(text=arm.name), Photographs(photographs=arm.photographs)]
    if gallery.reason:
        blocks.append(Text(text=gallery.reason, kind="note"))
    return Section(name="predictions", title="What the leading arms see", blocks=tuple(blocks))
