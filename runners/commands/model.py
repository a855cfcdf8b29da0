"""Writes a trained model as a folder that stands alone: weights, description, card, and graphs that were checked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from safetensors.torch import save

from analysis import load
from analysis.answers.arm_scores import ArmScores, arm_scores
from runners.commands.explain_images import RecordedImage, recorded_images
from runners.commands.resume_checks import check_data_unchanged
from runners.commands.trained_model import choose_trial, member_tensors, trained_model
from runners.core.trial_state import TrialState
from runners.sweep_files.description import SweepDescription
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.trial_lookup import read_history
from seatbelt.config.notation import classes_of
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import IGNORE, decode
from seatbelt.data.loading.trial_samples import SweepData
from seatbelt.data.partition.subjects import Sample
from seatbelt.errors import UserError
from seatbelt.inference.card import CardPicture, CardScores, card_text
from seatbelt.inference.export import (
    GRAPH_FILES,
    CheckImage,
    GraphForm,
    check_graph,
    export_graph,
    mask_iou,
    require_packages,
)
from seatbelt.inference.folder import CARD, PICTURES, check_place, write_model
from seatbelt.inference.model import Model
from seatbelt.inference.overlay import Mask, example, jpeg
from seatbelt.inference.prediction import Image
from seatbelt.text.wording import counted

_CHECKED = 16
"""Most images on which a graph is compared with the model."""
_PICTURE_WIDTH = 420
"""Largest width of each part of an example picture, pixels."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What to write, and where."""

    out: Path
    """The folder."""
    graphs: tuple[GraphForm, ...] = ()
    pictures: bool = True
    """Show three test images in the card, if the data are on this machine."""
    force: bool = False
    """Replace an earlier model, or write beside other files."""


def export_model(sweep: str, name: str = "best", *, request: ModelRequest, say: Say = lambda _: None) -> Path:
    """Write the model of a finished trial.

    Args:
        sweep: Folder or URL of the sweep.
        name: `best`, a trial or an arm; see `choose_trial`.
        request: What to write.
        say: Called with each step and result.

    Returns:
        The folder.

    Raises:
        UserError: There is no such trial, its weights are gone, the folder holds other files, or a graph differs from
            the model.
    """
    check_place(request.out, force=request.force)
    for form in request.graphs:
        require_packages(form)
    folder = SweepFolder(sweep)
    description = folder.describe()
    view = choose_trial(read_history(folder), name, sweep)
    images = images_for_model(folder, description, view, request, say)
    model = trained_model(folder, [view], "cpu", note=say)
    scores = arm_scores(load(sweep), view.plan.arm_key)
    say(f"trial [{view.plan.number}] {view.key}: {_score_line(view)}")
    card = CardScores(
        selection=_selection_sentence(view, scores),
        test=_test_sentence(view, scores),
        confirmation=confirmation_sentence(scores, sweep),
    )
    if images:
        folder.note_test_read("model")
    options = "".join(f" --{form}" for form in request.graphs)
    write_checked(
        model, card, images, request, command=f"seatbelt model {sweep} {view.key} --out DIR{options}", say=say
    )
    return request.out


def write_checked(
    model: Model, card: CardScores, images: ImagesAtHand | None, request: ModelRequest, *, command: str, say: Say
) -> None:
    """Export and check the graphs of a model, and write its folder.

    Args:
        model: The model.
        card: What the card says of its quality.
        images: Images to check graphs on, and to show.
        request: What to write.
        command: The command that the card names.
        say: Called with each step and result.

    Raises:
        UserError: A graph differs from the model; nothing is written then.
    """
    graphs, graph_notes = _graphs(model, images, request.graphs, say)
    pictures: dict[str, bytes] = {}
    captions: list[CardPicture] = []
    if images is not None and request.pictures:
        for file, (caption, picture) in zip(PICTURES, images.examples(model), strict=False):
            pictures[file] = picture
            captions.append(CardPicture(file=file, caption=caption))
    text = card_text(model.record, card, captions, graphs=graph_notes, command=command)
    weights = save(member_tensors(model))
    write_model(request.out, model.record, weights=weights, graphs=graphs, texts={CARD: text.encode(), **pictures})
    say(f"wrote {request.out}: {model.record.architecture.decoder} with {model.record.architecture.encoder}")
    if pictures:
        say(f"{CARD} there shows {counted(len(pictures), 'image')} of the data; --no-pictures leaves them out")
    say(f"next: seatbelt predict {shlex.quote(str(request.out))} IMAGES --out predictions --overlay")


def _graphs(
    model: Model, images: ImagesAtHand | None, forms: Sequence[GraphForm], say: Say
) -> tuple[dict[str, bytes], list[str]]:
    contents: dict[str, bytes] = {}
    notes = []
    compared = images.to_check() if images is not None and forms else []
    for form in forms:
        file = GRAPH_FILES[form]
        say(f"exporting {file}")
        content = export_graph(model, form)
        check = check_graph(content, form, model, compared)
        result = (
            f"on {counted(check.images, 'image')} its probabilities differ from the model's by at most "
            f"{check.probability:.1e}, its IoU by {check.iou:.1e}"
        )
        if not check.passes:
            raise UserError(f"{file} is not written: {result}; please report this with the versions of torch and onnx")
        contents[file] = content
        notes.append(f"`{file}`: {result}.")
        say(f"{file}: {len(content) / 1e6:.1f} MB; {result}")
    return contents, notes


class ImagesAtHand:
    """The test images of a trial on this machine, or its selection images if it has no test images."""

    def __init__(
        self, data: SweepData, samples: tuple[Sample, ...], target: str, recorded: Sequence[RecordedImage]
    ) -> None:
        self._data, self._samples, self._target = data, samples, target
        self._recorded = {(item.dataset, item.image): item for item in recorded}

    def to_check(self) -> list[CheckImage]:
        """Return images spread over all, at their own size."""
        count = min(_CHECKED, len(self._samples))
        chosen = [self._samples[index * len(self._samples) // count] for index in range(count)]
        return [self._image(sample) for sample in chosen]

    def examples(self, model: Model) -> list[tuple[str, bytes]]:
        """Return caption and picture of the best, the median and the worst image with the target."""
        recorded = [
            (self._recorded[key].iou, sample)
            for sample in self._samples
            if (key := self._key(sample)) in self._recorded and self._recorded[key].target > 0
        ]
        ranked = [sample for _, sample in sorted(recorded, key=lambda pair: -pair[0])]
        if not ranked:
            return []
        # Of fewer than three images, none is shown twice.
        ranks = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
        names = {ranked[rank]: name for name, rank in reversed(ranks.items())}
        pictures = []
        for sample, name in sorted(names.items(), key=lambda item: ranks[item[1]]):
            image = self._image(sample)
            assert image.target is not None
            mask = model.predict(image.pixels).mask
            caption = f"{name.capitalize()} test image with {self._target}: IoU {mask_iou(mask, image.target):.3f}"
            pictures.append((caption, jpeg(_example(image.pixels, mask, image.target))))
        return pictures

    def _key(self, sample: Sample) -> tuple[str, str]:
        return self._data.datasets[sample[0]].name, self._data.row(sample).image

    def _image(self, sample: Sample) -> CheckImage:
        dataset = self._data.datasets[sample[0]]
        pixels, mask = decode(dataset, self._data.row(sample))
        numbers = [dataset.classes[name] for name in classes_of(self._target) if name in dataset.classes]
        return CheckImage(
            name=self._data.name_of(sample), pixels=pixels, target=np.isin(mask, numbers) & (mask != IGNORE)
        )


def images_at_hand(folder: SweepFolder, description: SweepDescription, view: TrialState) -> ImagesAtHand:
    """Return the test images of a trial.

    Raises:
        UserError: The data are not on this machine, or changed.
    """
    check_data_unchanged(description)
    with as_recorded(folder):
        config = TrialConfig.model_validate(view.plan.config)
    data = SweepData.of(description)
    parts = data.partition(config)
    return ImagesAtHand(data, parts.test or parts.selection, config.data.target, recorded_images(folder.name, view.key))


def images_for_model(
    folder: SweepFolder, description: SweepDescription, view: TrialState, request: ModelRequest, say: Say
) -> ImagesAtHand | None:
    """Return the test images of a trial for checks and the card; None if the data are not on this machine.

    Raises:
        UserError: Graphs need them.
    """
    try:
        return images_at_hand(folder, description, view)
    except UserError as error:
        if request.graphs:
            raise UserError(f"graphs are checked on the images of the sweep, but {error}") from None
        say(f"the card shows no pictures, because {error}")
        return None


def _example(image: Image, mask: Mask, target: Mask) -> Image:
    """Return a picture of an image and its outcome, at most so wide that three fit a page."""
    height, width = mask.shape
    scale = min(1.0, _PICTURE_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return example(pixels, _shrink(mask, size), _shrink(target, size))


def _shrink(mask: Mask, size: tuple[int, int]) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT), np.bool_)


def _score_line(view: TrialState) -> str:
    test = (view.test or {}).get("iou")
    tested = "no test images" if test is None else f"test IoU {test:.3f}"
    return f"selection IoU {view.best_score or 0.0:.3f}, {tested}"


def _selection_sentence(view: TrialState, scores: ArmScores) -> str:
    own = f"Selection IoU {view.best_score or 0.0:.3f} (this model, best epoch)."
    if scores.selection is None or scores.selection.n < 2:
        return f"{own} Its arm was trained once, so that the spread between seeds is unknown."
    return f"{own} Its arm over {counted(scores.selection.n, 'seed')}: {scores.selection.text()}, 95 % interval."


def _test_sentence(view: TrialState, scores: ArmScores) -> str:
    test = (view.test or {}).get("iou")
    if test is None:
        return "There were no test images: nothing says how it does on people that the search did not see."
    own = f"Test IoU {test:.3f} (this model), on people that neither trained nor selected."
    if scores.test is None:
        return own
    people = counted(scores.test.n, "person").replace("persons", "people")
    return f"{own} Its arm: {scores.test.text()}, 95 % interval over {people} and its seeds."


def confirmation_sentence(scores: ArmScores, sweep: str) -> str:
    """Return what fresh seeds say of an arm, or how to ask them."""
    arm = scores.confirmation
    chosen = f"It was chosen as the best of {counted(scores.arms, 'arm')}, and part of its selection score is luck"
    if arm is None:
        return f"{chosen}; how much is unknown until `seatbelt confirm {sweep}` has trained it with fresh seeds."
    test = "" if arm.test is None else f", test IoU {arm.test.text()}"
    shrinkage = "" if arm.shrinkage is None else f"; the part that was luck (the winner's curse): {arm.shrinkage:+.3f}"
    return (
        f"{chosen}. Trained again with {counted(arm.replicates, 'fresh seed')}: selection IoU {arm.selection.text()}"
        f"{test}{shrinkage}."
    )
