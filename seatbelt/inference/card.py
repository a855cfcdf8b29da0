"""The model card: a README that says what a model was trained on, how good it is, and where its limits are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seatbelt.inference.folder import PICTURES
from seatbelt.inference.record import ModelRecord


@dataclass(frozen=True, kw_only=True)
class CardScores:
    """What the card says about quality, as sentences; empty ones are left out."""

    selection: str
    test: str
    confirmation: str
    """Scores with fresh seeds, and the winner's curse; or how to get them."""
    honest: bool = True
    """False for a model that was trained on the images that select."""


@dataclass(frozen=True, kw_only=True)
class CardPicture:
    """An example picture."""

    file: str
    caption: str


def card_text(
    record: ModelRecord, scores: CardScores, pictures: Sequence[CardPicture], *, graphs: Sequence[str], command: str
) -> str:
    """Return the card as Markdown.

    Args:
        record: The model.
        scores: Its quality.
        pictures: Example pictures in the folder.
        graphs: Graph files in the folder, each with how far it is from the model.
        command: The command that wrote the folder.
    """
    parts = [
        _title(record),
        _quality(scores),
        _pictures(pictures),
        _training(record),
        _use(record, graphs),
        _limits(record, scores),
        f"Written by `{command}` on {record.created}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(record: ModelRecord) -> str:
    model = record.architecture
    members = f", the mean of {record.members} networks" if record.members > 1 else ""
    context = [label.name for label in record.labels[1:]]
    beside = f" Beside it the model learned {', '.join(context)}." if context else ""
    return (
        f"# {record.target.name}: {model.decoder} with {model.encoder}\n\n"
        f"This model marks the pixels of `{record.target.name}` on photographs: {model.decoder} with the encoder "
        f"{model.encoder}{members}, at {record.height}x{record.width} pixels.{beside}"
    )


def _quality(scores: CardScores) -> str:
    lines = [scores.selection, scores.test, scores.confirmation]
    if not scores.honest:
        lines.insert(
            0,
            "**No honest score of this model exists on the images that selected it, because it was trained on them.** "
            "What stands in for it is the estimate of the search below, whose models saw fewer images.",
        )
    return "## How good it is\n\n" + "\n\n".join(line for line in lines if line)


def _pictures(pictures: Sequence[CardPicture]) -> str:
    if not pictures:
        return ""
    assert len(pictures) <= len(PICTURES)
    legend = "Image, annotation, and outcome: found (blue), missed (yellow), false (orange)."
    return "\n\n".join(["## Examples", legend, *(f"![{p.caption}]({p.file})\n\n{p.caption}" for p in pictures)])


def _training(record: ModelRecord) -> str:
    training = record.training
    data = ", ".join(f"`{item.name}` (sha256 {item.fingerprint[:12]})" for item in training.data)
    parts = {
        "training": "the training part",
        "selection": "the training part, the validation part and the selection set",
        "everything": "all images, those of the test set included",
    }
    images = ", ".join(f"{name} {count:,}" for name, count in training.images.items())
    members = ", ".join(
        f"seed {seed}: epoch {epoch}" for seed, epoch in zip(training.seeds, training.epochs, strict=True)
    )
    rows = [
        ("study", f"{training.study}, sweep {training.sweep} ({training.identity or 'no identity'})"),
        ("arm, trials", f"{training.arm_key}; {', '.join(training.trials)}"),
        ("data sets", data or "none"),
        ("trained on", parts[training.trained_on]),
        ("images", images or "not recorded"),
        ("weights of", members),
        ("initial weights", f"{record.weights.spec}; {record.weights.licence}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"## What it was trained on\n\n| | |\n|---|---|\n{table}\n\nThe whole configuration is in `model.json`."


def _use(record: ModelRecord, graphs: Sequence[str]) -> str:
    lines = [
        "## How to use it",
        "```sh\nseatbelt predict DIR photos/ --out predictions --overlay\n```",
        '```python\nimport seatbelt\n\nmodel = seatbelt.load_model("DIR")\n'
        'prediction = model.predict("photo.jpg")\n'
        "prediction.mask  # (H, W), where the target is\n"
        "prediction.probabilities  # (K, H, W), the target first\n```",
        f"Without seatbelt, an image must be resized to {record.height}x{record.width} (OpenCV INTER_AREA), divided by "
        f"255, and normalised with mean {_triple(record.mean)} and standard deviation {_triple(record.std)}, in the "
        f"order red, green, blue; both sides are padded to multiples of {record.padding.multiple} by repeating the "
        f"border. Channel 0 is `{record.target.name}`; a pixel is predicted above {record.threshold:g} after a "
        "sigmoid. Another normalisation or size lowers the scores without any error.",
    ]
    if graphs:
        lines.append(
            "The graphs hold all of this: they take `images`, uint8, (N, H, W, 3), RGB, of any size, and return "
            f"`probabilities`, float32, (N, {len(record.labels)}, H, W). " + " ".join(graphs)
        )
    return "\n\n".join(lines)


def _limits(record: ModelRecord, scores: CardScores) -> str:
    lines = [
        "- It has seen only the kinds of images named above; people, cameras and light that differ may lower the "
        "scores, and nothing here measures that.",
        f"- It works at {record.height}x{record.width} pixels whatever the size of the image, and squeezes other "
        "aspect ratios: thin structures of large photographs are lost.",
        "- It is no safety device: a missed belt is not an unbelted person.",
    ]
    if not scores.honest:
        lines.append("- Scores on its own training images say nothing; measure it on new ones.")
    return "## Known limits\n\n" + "\n".join(lines)


def _triple(values: tuple[float, float, float]) -> str:
    return f"({', '.join(f'{value:g}' for value in values)})"
