"""Three pictures of one explanation side by side, as in figure 4.7 of the thesis.

`compose` computes the picture first, so that the drawing contains no arithmetic. Colour-blind people can read it: the
maps rise in lightness, and the annotation has an outline.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seatbelt.explain.explanation import Explanation
from seatbelt.inference.overlay import FALSE, FOUND, MISSED, outcomes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_MAP = "inferno"
_WIDTH, _MARGIN, _GAP, _ABOVE, _BELOW = 12.0, 0.3, 0.3, 1.0, 0.85
"""Width of the figure, margins at the sides, gaps, space above and below the parts, in inches."""
_LONGEST = 90
_BRIGHTEST = 99.8
"""Percentile of the gradient map that gets the brightest colour, so that single pixels do not darken the rest."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The content of a panel."""

    backdrop: NDArray[np.uint8]
    """The image in grey, (H, W), under both maps."""
    masks: NDArray[np.uint8]
    """Found, missed and false pixels in their colours over a dim image, (H, W, 3)."""
    outline: NDArray[np.bool_]
    """The annotation, (H, W)."""
    gradient: NDArray[np.float64]
    """(H, W), from 0 to `brightest`."""
    brightest: float
    cut: bool
    """True if some pixels exceed `brightest`."""
    distances: NDArray[np.float64]
    """(rows, columns)."""
    farthest: float
    """The largest distance; 1 where all are 0."""
    square: int
    labels: tuple[str, str]
    """Labels of the two colour bars."""


def compose(explanation: Explanation) -> Picture:
    """Compute the content of the panel of an explanation."""
    grey = explanation.image.astype(np.float64) @ np.asarray((0.299, 0.587, 0.114))
    brightest = float(np.percentile(explanation.gradient, _BRIGHTEST)) or float(explanation.gradient.max()) or 1.0
    unit = "pixels that change" if explanation.options.compare == "masks" else "change of probability, summed"
    return Picture(
        backdrop=grey.astype(np.uint8),
        masks=outcomes(explanation.image, explanation.predicted, explanation.target),
        outline=explanation.target,
        gradient=np.minimum(explanation.gradient, brightest),
        brightest=brightest,
        cut=bool(explanation.gradient.max() > brightest),
        distances=explanation.distances,
        farthest=float(explanation.distances.max()) or 1.0,
        square=explanation.options.square,
        labels=("logits per grey level", unit),
    )


def panel(explanation: Explanation, title: str, subtitle: str) -> bytes:
    """Draw an explanation.

    Args:
        explanation: The explanation.
        title: Title after the IoU; only the end of a long title is drawn.
        subtitle: A second line in smaller letters.

    Returns:
        A PNG, 1,800 pixels wide.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    content = compose(explanation)
    places = _Places(*content.backdrop.shape)
    figure = Figure(figsize=(_WIDTH, places.height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    title = title if len(title) <= _LONGEST else f"...{title[3 - _LONGEST :]}"
    title = f"IoU = {explanation.iou:.3f}    {title}"
    # Names of images may contain a dollar sign, which would start a formula.
    figure.text(0.5, places.up(0.12), title, ha="center", va="top", fontsize=13, parse_math=False)
    figure.text(0.5, places.up(0.42), subtitle, ha="center", va="top", fontsize=10, color="0.35", parse_math=False)
    axes = [figure.add_axes(places.image(column)) for column in range(3)]
    _gradient(axes[0], figure.add_axes(places.bar(0)), content)
    _masks(axes[1], figure.add_axes(places.bar(1)), content)
    _saliency(axes[2], figure.add_axes(places.bar(2)), content)
    png = io.BytesIO()
    with warnings.catch_warnings():
        # Letters missing from the font are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(png, format="png")
    return png.getvalue()


Box = tuple[float, float, float, float]
"""Left, bottom, width and height as shares of the figure."""


class _Places:
    """The layout of the figure, with three parts of equal size; lengths in inches."""

    def __init__(self, rows: int, columns: int) -> None:
        self._each = (_WIDTH - 2 * _MARGIN - 2 * _GAP) / 3
        self._image = self._each * rows / columns
        self.height = _ABOVE + self._image + _BELOW

    def up(self, from_top: float) -> float:
        return 1 - from_top / self.height

    def image(self, column: int) -> Box:
        return self._box(column, _BELOW, self._image)

    def bar(self, column: int) -> Box:
        return self._box(column, _BELOW - 0.28, 0.14)

    def _box(self, column: int, bottom: float, height: float) -> Box:
        left = _MARGIN + column * (self._each + _GAP)
        return (left / _WIDTH, bottom / self.height, self._each / _WIDTH, height / self.height)


def _gradient(axes: Axes, below: Axes, picture: Picture) -> None:
    _backdrop(axes, picture, "Guided backpropagation")
    drawn = _heat(axes, picture.gradient, picture.brightest)
    _colour_bar(below, drawn, picture.labels[0], cut=picture.cut)


def _masks(axes: Axes, below: Axes, picture: Picture) -> None:
    from matplotlib.patches import Patch

    axes.set_title("Prediction and annotation", fontsize=11)
    axes.imshow(picture.masks, interpolation="nearest")
    if picture.outline.any() and not picture.outline.all():
        axes.contour(picture.outline, levels=[0.5], colors="white", linewidths=0.8)
    axes.set_axis_off()
    below.set_axis_off()
    entries = [
        Patch(facecolor=_shade(FOUND), label="found"),
        Patch(facecolor=_shade(MISSED), label="missed"),
        Patch(facecolor=_shade(FALSE), label="false"),
    ]
    below.legend(
        handles=entries,
        loc="upper center",
        bbox_to_anchor=(0.5, 1.6),
        ncols=3,
        frameon=False,
        fontsize=10,
        handlelength=1.2,
        columnspacing=1.2,
    )


def _saliency(axes: Axes, below: Axes, picture: Picture) -> None:
    height, width = picture.backdrop.shape
    rows, columns = picture.distances.shape
    _backdrop(axes, picture, f"Occlusion by squares of {picture.square}x{picture.square} pixels")
    # Squares at the edges may be smaller: they are drawn whole and cut by the limits.
    extent = (-0.5, columns * picture.square - 0.5, rows * picture.square - 0.5, -0.5)
    drawn = _heat(axes, picture.distances, picture.farthest, extent)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for row in range(1, rows):
        axes.axhline(row * picture.square - 0.5, color="white", linewidth=0.3, alpha=0.2)
    for column in range(1, columns):
        axes.axvline(column * picture.square - 0.5, color="white", linewidth=0.3, alpha=0.2)
    _colour_bar(below, drawn, picture.labels[1], cut=False)


def _backdrop(axes: Axes, picture: Picture, title: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.imshow(picture.backdrop, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()


def _colour_bar(axes: Axes, drawn: AxesImage, label: str, *, cut: bool) -> None:
    from matplotlib.colorbar import Colorbar
    from matplotlib.ticker import MaxNLocator

    # Without the opacity of the map.
    bar = Colorbar(axes, drawn, orientation="horizontal", extend="max" if cut else "neither", alpha=1)
    bar.set_label(label, fontsize=10)
    bar.locator = MaxNLocator(5)
    axes.tick_params(labelsize=9)


def _heat(axes: Axes, values: NDArray[np.float64], largest: float, extent: Box | None = None) -> AxesImage:
    """Draw a map over the backdrop, which shows through where the map is low."""
    opacity = np.clip(0.15 + 1.5 * values / largest, 0, 0.95)
    return axes.imshow(values, cmap=_MAP, vmin=0, vmax=largest, alpha=opacity, interpolation="nearest", extent=extent)


def _shade(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = (part / 255 for part in colour)
    return red, green, blue
