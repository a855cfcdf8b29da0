"""Every entry of the thesis' table 3.3 as a factor."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.factors import Factor
from search_spaces.space import Protocol, Study
from search_spaces.studies.common import ALL_TRANSFORMS, IMAGENET, SYNTHETIC, WINNER

LEVELS: dict[str, list[str]] = {
    "batch_size": ["2", "4", "8", "16"],
    "encoder_learning_rate": ["0.00002", "0.0002", "0.002"],
    "decoder_learning_rate": ["0.000025", "0.00025", "0.0025"],
    "encoder_weight_decay": ["0", "0.00003", "0.0003"],
    "decoder_weight_decay": ["0", "0.0003", "0.003"],
    "plateau_factor": ["0.2", "0.5", "0.8"],
    "plateau_patience": ["3", "6", "12"],
    "early_stopping_patience": ["10", "50"],
    "decoder_dropout": ["0", "0.2", "0.5"],
    "encoder_depth": ["3", "4", "5"],
}
"""The value of the table and others around it. Its epochs are a budget here (`--max-epochs`), its threads are loader
workers, which change no number."""


def factors() -> tuple[Factor, ...]:
    """Return the factors of table 3.3."""
    return tuple(factor(name, levels) for name, levels in LEVELS.items())


def study() -> Study:
    """Return the study."""
    return Study(
        name="hyperparameters",
        question="Which values of table 3.3 matter, and which are best?",
        reference="section 3.3, table 3.3",
        factors=factors(),
        conditions={**WINNER, **IMAGENET, **SYNTHETIC, **ALL_TRANSFORMS},
        protocol=Protocol(epochs=50, propose="exhaustive", design="ofat"),
    )
