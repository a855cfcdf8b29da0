"""Steps under other recipes than the thesis': accumulation, clipping, frozen encoders, averaged weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from seatbelt.data.loading.loader import Batch
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.weights import resolve
from seatbelt.training.device import Execution
from seatbelt.training.optimizer import make_optimizer
from seatbelt.training.trainer import Trainer
from tests.seatbelt.training.test_fit import config, samples  # noqa: F401  (a fixture)


def begin(samples: TrialSamples, **changes: object) -> Trainer:  # noqa: F811
    trial = config(**changes)
    return Trainer(trial, samples, resolve(trial.model.encoder, trial.model.weights), Execution())


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in trainer.network.named_parameters()}


def batches(trainer: Trainer) -> list[Batch]:
    return list(trainer.loader.epoch(1))


@pytest.mark.parametrize(
    ("optimizer", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_the_optimizer_has_its_rates_and_decays(
    samples: TrialSamples,  # noqa: F811
    optimizer: str,
    kind: type[torch.optim.Optimizer],
) -> None:
    trainer = begin(samples, **{"optimisation.optimizer": optimizer, "optimisation.momentum": 0.8})
    made = make_optimizer(trainer.network, trainer.config.optimisation)
    assert type(made) is kind
    assert [group["lr"] for group in made.param_groups] == [0.002, 0.00025]
    assert [group["weight_decay"] for group in made.param_groups] == [0.00003, 0.0003]
    if optimizer == "sgd":
        assert [(group["momentum"], group["nesterov"]) for group in made.param_groups] == [(0.8, True)] * 2


def test_a_step_on_two_batches_follows_their_mean_gradient(samples: TrialSamples) -> None:  # noqa: F811
    changes = {"optimisation.optimizer": "sgd", "optimisation.momentum": 0.0, "optimisation.batch_size": 2}
    changes |= {"optimisation.encoder_weight_decay": 0.0, "optimisation.decoder_weight_decay": 0.0}
    gradients = []
    for part in (slice(0, 1), slice(1, 2), slice(0, 2)):
        trainer = begin(samples, **changes)
        # Batch norm in evaluation mode: the order of the batches changes nothing.
        trainer.network.eval()
        trainer._step(batches(trainer)[part])
        gradients.append({name: p.grad for name, p in trainer.network.named_parameters()})
    first, second, both = gradients
    for name, gradient in both.items():
        assert gradient is not None and first[name] is not None and second[name] is not None
        torch.testing.assert_close(gradient, (first[name] + second[name]) / 2, rtol=1e-4, atol=1e-7)


def test_an_epoch_with_accumulation_takes_fewer_steps(
    samples: TrialSamples,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = begin(samples, **{"optimisation.batch_size": 2, "optimisation.accumulation": 2})
    count = len(trainer.loader)
    groups: list[int] = []
    step = trainer._step

    def take(batches: Sequence[Batch]) -> list[torch.Tensor]:
        groups.append(len(batches))
        return step(batches)

    monkeypatch.setattr(trainer, "_step", take)
    trainer.train_epoch()
    assert count == 3 and groups == [2, 1], "the last step takes what is left"


def test_the_gradient_is_cut_to_its_largest_norm(samples: TrialSamples) -> None:  # noqa: F811
    free, cut = (begin(samples, **{"optimisation.gradient_clipping": limit}) for limit in (None, 0.01))
    norms = []
    for trainer in (free, cut):
        trainer._step(batches(trainer)[:1])
        norms.append(torch.stack([p.grad.norm() for p in trainer.network.parameters() if p.grad is not None]).norm())
    assert norms[0] > 0.01
    assert norms[1].item() == pytest.approx(0.01, rel=1e-3)


def test_a_frozen_encoder_stays_as_it_is_and_then_trains(samples: TrialSamples) -> None:  # noqa: F811
    trainer = begin(samples, **{"optimisation.frozen_epochs": 1})
    encoder = trainer.network.get_submodule("encoder")
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    decoder = {name: tensor for name, tensor in weights_of(trainer).items() if not name.startswith("encoder")}
    trainer.train_epoch()
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items()), "batch norms too"
    assert any(not torch.equal(decoder[name], weights_of(trainer)[name]) for name in decoder)
    trainer.train_epoch()
    assert any(not torch.equal(before[name], tensor) for name, tensor in encoder.named_parameters())


def test_averaged_weights_are_evaluated_and_saved(samples: TrialSamples) -> None:  # noqa: F811
    changes = {"optimisation.averaging": 0.5, "optimisation.batch_size": 2}
    trainer = begin(samples, **changes)

    def steps() -> Iterator[dict[str, torch.Tensor]]:
        for batch in batches(trainer)[:3]:
            trainer.network.train()
            trainer._step([batch])
            yield weights_of(trainer)

    seen = list(steps())
    name = next(iter(seen[0]))
    # Decays of the second and third step: min(0.5, 2 / 11), min(0.5, 3 / 12); the first step begins the average.
    second = 2 / 11 * seen[0][name] + 9 / 11 * seen[1][name]
    third = 0.25 * second + 0.75 * seen[2][name]
    averaged = dict(trainer.evaluated.named_parameters())[name]
    torch.testing.assert_close(averaged, third)
    saved = trainer.checkpoint()
    assert torch.equal(saved.weights[name], averaged)
    other = begin(samples, **changes)
    other.restore(saved)
    assert torch.equal(weights_of(other)[name], seen[2][name]), "training goes on from the network's own weights"
    assert torch.equal(dict(other.evaluated.named_parameters())[name], averaged)


def test_rates_fall_from_step_to_step_and_the_first_is_recorded(samples: TrialSamples) -> None:  # noqa: F811
    trainer = begin(samples, **{"optimisation.schedule": "polynomial", "optimisation.polynomial_power": 1, "epochs": 2})
    count = len(trainer.loader)
    metrics = trainer.train_epoch()
    assert metrics is not None
    assert metrics.encoder_learning_rate == pytest.approx(0.002 * (1 - 0.5 / count / 2))
    last = (count - 0.5) / count
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.002 * (1 - last / 2))
