"""Writes a trained model as a folder that stands alone: weights, description, card, and graphs that were checked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save

from analysis import load
from analysis.answers.arm_scores import arm_scores
from runners.models.card_scores import confirmation_sentence, score_line, selection_sentence, test_sentence
from runners.models.images_at_hand import ImagesAtHand, images_for_model
from runners.models.trained_model import choose_trial, member_tensors, trained_model
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import as_recorded
from runners.sweep_files.trial_lookup import read_history
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.inference.card import CardPicture, CardScores, card_text
from seatbelt.inference.export import (
    GRAPH_FILES,
    GraphForm,
    check_graph,
    export_graph,
    refuse_tiles,
    require_packages,
)
from seatbelt.inference.folder import CARD, PICTURES, check_place, write_model
from seatbelt.inference.model import Model
from seatbelt.text.wording import counted

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
    with as_recorded(folder):
        refuse_tiles(request.graphs, TrialConfig.model_validate(view.plan.config).data.tile)
    images = images_for_model(folder, description, view, required=bool(request.graphs), say=say)
    model = trained_model(folder, [view], "cpu", note=say)
    scores = arm_scores(load(sweep), view.plan.arm_key)
    say(f"trial [{view.plan.number}] {view.key}: {score_line(view)}")
    card = CardScores(
        selection=selection_sentence(view, scores),
        test=test_sentence(view, scores),
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
