"""Out of memory in a trial's first step: the step is repeated in smaller parts, as if the trial had begun so."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from seatbelt.config.trial import ModelConfig, TrialConfig
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.losses import segmentation_loss
from seatbelt.models.weights import resolve
from seatbelt.training import trainer as training
from seatbelt.training.checkpoint import CheckpointFolder
from seatbelt.training.device import Execution, prepare
from seatbelt.training.events import Began, Ended, Event
from seatbelt.training.fit import fit
from seatbelt.training.micro_batch import fewest_images, halved, part_sizes
from tests.seatbelt.training.test_fit import config, newest_weights, numbers, same, samples

pytestmark = pytest.mark.slow

__all__ = ["samples"]


@pytest.mark.parametrize(
    ("images", "micro_batch", "sizes"),
    [
        (4, 4, [4]),
        (3, 4, [3]),
        (4, 2, [2, 2]),
        (5, 2, [2, 3]),
        (3, 2, [3]),
        (1, 2, [1]),
        (3, 1, [1, 1, 1]),
        (8, 3, [3, 3, 2]),
        (7, 3, [3, 4]),
    ],
)
def test_a_batch_is_divided_into_parts_without_single_images(images: int, micro_batch: int, sizes: list[int]) -> None:
    assert part_sizes(images, micro_batch) == sizes


@pytest.mark.parametrize(
    ("batch_size", "images", "all_halves"),
    [
        (4, 1, [2, 1]),
        (16, 1, [8, 4]),
        (4, 2, [2]),
        (8, 2, [4, 2]),
        (6, 1, [3, 1]),
        (1, 1, []),
    ],
)
def test_a_batch_is_halved_at_most_twice(batch_size: int, images: int, all_halves: list[int]) -> None:
    sizes: list[int] = []
    size: int | None = batch_size
    while (size := halved(size, batch_size=batch_size, images=images)) is not None:
        sizes.append(size)
    assert sizes == all_halves


@pytest.mark.parametrize(
    ("encoder", "decoder", "images"),
    [
        ("resnet18", "unet", 1),
        ("resnet18", "deeplabv3", 2),
        ("resnet18", "upernet", 2),
        ("efficientnet-b0", "pspnet", 1),
        ("timm-skresnet18", "unet", 2),
    ],
)
def test_batch_norm_that_sees_one_value_per_image_needs_two_images(encoder: str, decoder: str, images: int) -> None:
    model = ModelConfig.model_validate({"encoder": encoder, "decoder": decoder})
    assert fewest_images(model, 96, 160) == images


def short_of_memory(monkeypatch: pytest.MonkeyPatch, *, fits: int, after: int = 0) -> None:
    """Let each training step of more than `fits` images run out of memory, from one step on, after its forward pass."""
    original, steps = segmentation_loss, [0]

    def loss(logits: torch.Tensor, *others: Any) -> torch.Tensor:
        steps[0] += logits.requires_grad
        if logits.requires_grad and len(logits) > fits and steps[0] > after:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nDetails")
        return original(logits, *others)

    monkeypatch.setattr(training, "segmentation_loss", loss)


def run(trial: TrialConfig, samples: TrialSamples, folder: Path, *, stop: int, **more: Any) -> list[Event]:
    events = fit(
        trial,
        samples,
        CheckpointFolder(folder),
        weights=resolve(trial.model.encoder, trial.model.weights),
        **{
            "reported_epochs": 0,
            "stop_epoch": stop,
            "full_epochs": 3,
            "execution": Execution(checkpoint_share=1.0),
            **more,
        },
    )
    return list(events)


@pytest.mark.parametrize(("fits", "changes"), [(2, {}), (3, {"model.decoder_dropout": 0.3}), (1, {})])
def test_the_first_step_is_repeated_whole(
    samples: TrialSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: int, changes: dict[str, object]
) -> None:
    trial = config(**changes)
    micro_batch = 1 if fits == 1 else 2
    expected = run(trial, samples, tmp_path / "known", stop=3, micro_batch=micro_batch)
    short_of_memory(monkeypatch, fits=fits)
    events = run(trial, samples, tmp_path / "found", stop=3)
    began = [event for event in events if isinstance(event, Began)]
    assert [event.micro_batch for event in began] == [4, micro_batch]
    assert events.index(began[1]) == 1, "what was found out is told before the first epoch"
    assert numbers(events) == numbers(expected)
    assert same(newest_weights(tmp_path / "found"), newest_weights(tmp_path / "known"))
    end = events[-1]
    assert isinstance(end, Ended)
    assert end.outcome == "complete"


def test_parts_change_the_numbers_but_not_by_much(samples: TrialSamples, tmp_path: Path) -> None:
    whole = numbers(run(config(), samples, tmp_path / "whole", stop=1))
    parts = numbers(run(config(), samples, tmp_path / "parts", stop=1, micro_batch=2))
    assert whole[0]["train_loss"] != parts[0]["train_loss"]
    assert whole[0]["train_loss"] == pytest.approx(parts[0]["train_loss"], rel=0.2)


def test_a_resumed_trial_keeps_its_micro_batch(
    samples: TrialSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(config(), samples, tmp_path / "known", stop=3, micro_batch=2)
    with monkeypatch.context() as patched:
        short_of_memory(patched, fits=2)
        first = run(config(), samples, tmp_path / "pieces", stop=1)
    # The memory is large again, as on another GPU: the trial stays what it is.
    rest = run(config(), samples, tmp_path / "pieces", stop=3, reported_epochs=1)
    assert isinstance(rest[0], Began)
    assert rest[0].micro_batch == 2
    assert numbers(first) + numbers(rest) == numbers(expected)


@pytest.mark.parametrize(("changes", "last"), [({}, 1), ({"model.decoder": "deeplabv3plus", "data.width": 32}, 2)])
def test_after_two_halvings_the_trial_does_not_fit(
    samples: TrialSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], last: int
) -> None:
    short_of_memory(monkeypatch, fits=0)
    events = run(config(**changes), samples, tmp_path / "one", stop=3)
    assert [type(event).__name__ for event in events] == ["Began", "Began", "Ended"]
    assert isinstance(events[1], Began)
    assert events[1].micro_batch == last
    assert isinstance(events[2], Ended)
    assert (events[2].outcome, events[2].epoch) == ("out_of_memory", 0)
    assert events[2].error == (f"{last} images at a time do not fit: CUDA out of memory. Tried to allocate 2 GiB.")


def test_later_steps_are_not_repeated(samples: TrialSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two steps an epoch: the fourth one fails, in the second epoch.
    short_of_memory(monkeypatch, fits=1, after=3)
    events = run(config(), samples, tmp_path / "one", stop=3)
    assert len(numbers(events)) == 1
    end = events[-1]
    assert isinstance(end, Ended)
    assert (end.outcome, end.epoch) == ("out_of_memory", 1)
    assert len([event for event in events if isinstance(event, Began)]) == 1


def test_memory_is_limited_to_a_trials_share_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fractions: list[float] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", fractions.append)
    execution = Execution(device="cuda", gpu_share=0.25)
    prepare(execution)
    assert fractions == [0.25]
    for change in ({"gpu_share": None}, {"gpu_share": 1.0}, {"gpu_share": 2.0}, {"device": "cpu"}):
        prepare(dataclasses.replace(execution, **change))
    assert fractions == [0.25]


def test_a_step_that_fails_between_two_groups_of_parameters_is_undone(
    samples: TrialSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adam takes memory for the moments of the decoder after it has moved the encoder."""
    expected = run(config(), samples, tmp_path / "known", stop=1, micro_batch=2)
    original, groups = torch.optim.Adam._init_group, [0]

    def take_memory(self: torch.optim.Adam, *others: Any) -> Any:
        groups[0] += 1
        if groups[0] == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return original(self, *others)

    monkeypatch.setattr(torch.optim.Adam, "_init_group", take_memory)
    events = run(config(), samples, tmp_path / "found", stop=1)
    assert [event.micro_batch for event in events if isinstance(event, Began)] == [4, 2]
    assert numbers(events) == numbers(expected)
    assert same(newest_weights(tmp_path / "found"), newest_weights(tmp_path / "known"))
