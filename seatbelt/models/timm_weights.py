"""Weights of models of timm: their names in files, in timm's models, and in the encoders made of these."""

from __future__ import annotations

import re
import sys

import torch
from torch import nn

from seatbelt.models.encoders import timm_classifier

State = dict[str, torch.Tensor]


def whole_model(state: State, encoder: str) -> tuple[State, State]:
    """Return the tensors of a file under the names of timm's model, and what that expects, both without the classifier.

    Some published files have older names, which timm knows how to convert. No encoder uses the classifier, which may
    be for any classes or missing.

    Args:
        state: The content of the file.
        encoder: `timm:NAME`.

    Raises:
        Exception: Whatever timm raises at a file of another model.
    """
    network = timm_classifier(encoder)
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    converted = state if convert is None else convert(dict(state), network)
    prefixes = _classifier_prefixes(network)
    return _without(converted, prefixes), _without(network.state_dict(), prefixes)


def names_of_encoder(state: State, expected: State) -> State:
    """Return the tensors of timm's whole model under the names of an encoder made of it.

    Such an encoder wraps the model or its layers, with dots or underscores in their names, and may leave some out.

    Args:
        state: `whole_model`, complete.
        expected: The state of the encoder.

    Raises:
        KeyError: The encoder has a tensor that the model lacks.
    """
    by_place = {_place(name): value for name, value in state.items()}
    assert len(by_place) == len(state), "two tensors of the model have the same place"
    return {name: by_place[_place(name)] for name in expected}


def _place(name: str) -> str:
    return re.sub(r"^(model\.)+", "", name).replace("_", ".")


def _classifier_prefixes(network: nn.Module) -> tuple[str, ...]:
    names = (getattr(network, "pretrained_cfg", None) or {}).get("classifier") or ()
    return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))


def _without(state: State, prefixes: tuple[str, ...]) -> State:
    return {name: value for name, value in state.items() if not prefixes or not name.startswith(prefixes)}
