"""The default recipe is the thesis': bit for bit what a plain loop over its parts computes."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.loading.loader import Batch, TrainingLoader, evaluation_batches
from seatbelt.data.loading.trial_samples import TrialSamples
from seatbelt.models.architectures import build, parameter_groups
from seatbelt.models.inference import Normalisation, image_logits
from seatbelt.models.weights import resolve
from seatbelt.training.device import Execution
from seatbelt.training.trainer import Trainer, _derived_seed
from tests.seatbelt.training.test_fit import config, samples  # noqa: F401  (a fixture)

EPOCHS = 3


def plain_loss(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Return the mean of the three losses of the thesis for one label."""
    ignored = (codes == IGNORE).unsqueeze(1)
    logit = logits.float().masked_fill(ignored, 0.0)
    target = (codes == 1).unsqueeze(1).float()
    probability = logit.sigmoid().masked_fill(ignored, 0.0)
    losses = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    bce = (losses.masked_fill(ignored, 0.0) / (~ignored).sum()).sum(dim=(0, 2, 3))
    both, total = (probability * target).sum(dim=(0, 2, 3)), probability.sum(dim=(0, 2, 3)) + target.sum(dim=(0, 2, 3))
    dice, iou = 1 - (2 * both + 1) / (total + 1), 1 - (both + 1) / (total - both + 1)
    return (bce + dice + iou).mean() / 3


def plain_training(trial: TrialConfig, data: TrialSamples) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Train as a script would; return the training loss of each epoch, and the weights."""
    torch.manual_seed(_derived_seed(trial.seed, 0))
    weights = resolve(trial.model.encoder, trial.model.weights)
    network = build(trial.model, 1, weights=weights)
    optimizer = torch.optim.Adam([dict(group) for group in parameter_groups(network, trial.optimisation)], fused=True)
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=trial.optimisation.plateau_patience)
    normalisation = Normalisation(weights.mean, weights.std, "cpu")
    loader = TrainingLoader(data.train, trial, workers=0)

    def loss_of(batch: Batch) -> torch.Tensor:
        return plain_loss(image_logits(network, batch[0], normalisation), batch[1])

    history = []
    for epoch in range(1, EPOCHS + 1):
        torch.manual_seed(_derived_seed(trial.seed, epoch))
        network.train()
        total, count = 0.0, 0
        for batch in loader.epoch(epoch):
            optimizer.zero_grad()
            loss = loss_of(batch)
            loss.backward()
            optimizer.step()
            total, count = total + float(loss.detach()) * len(batch[0]), count + len(batch[0])
        history.append(total / count)
        network.eval()
        with torch.no_grad():
            validation = [float(loss_of(batch)) * len(batch[0]) for batch in evaluation_batches(data.validation, 4)]
        schedule.step(sum(validation) / len(data.validation))
    return history, dict(network.state_dict())


@pytest.mark.parametrize("decoder", ["linknet", "fpn"])
def test_three_epochs_are_those_of_a_plain_loop(samples: TrialSamples, decoder: str) -> None:  # noqa: F811
    trial = config(**{"model.decoder": decoder, "optimisation.plateau_patience": 0})
    expected, weights = plain_training(trial, samples)
    trainer = Trainer(trial, samples, resolve(trial.model.encoder, trial.model.weights), Execution())
    metrics = [trainer.train_epoch() for _ in range(EPOCHS)]
    assert [item.train_loss for item in metrics if item] == expected
    ours = trainer.network.state_dict()
    assert ours.keys() == weights.keys()
    assert all(torch.equal(ours[name], weights[name]) for name in weights)
