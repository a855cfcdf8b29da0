"""The encoders as segmentation-models-pytorch (smp) and timm know them."""

from __future__ import annotations

import contextlib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from seatbelt.config.encoders import TIMM, is_timm, similar_names
from seatbelt.errors import UserError

_SMP_NAMES: dict[str, str] = {
    # Not `timm-tf_efficientnet_lite...`, which lack the SAME padding and the batch-norm epsilon of the weights.
    "lite0": "tu-tf_efficientnet_lite0",
    "lite1": "tu-tf_efficientnet_lite1",
    "lite2": "tu-tf_efficientnet_lite2",
}
"""Where the name in smp differs, apart from the models of timm."""

_SIZE_SWITCHES = {"dynamic_img_size": True, "strict_img_size": False}
"""Arguments of transformers in timm that would otherwise take images of one size only."""


def smp_name(encoder: str) -> str:
    """Return the name of an encoder in smp."""
    if is_timm(encoder):
        return f"tu-{timm_name(encoder)}"
    return _SMP_NAMES.get(encoder, encoder)


def timm_name(encoder: str) -> str:
    """Return the name of `timm:NAME` in timm, with the tag of its weights if it has one."""
    return encoder.removeprefix(TIMM)


def check_name(encoder: str) -> None:
    """Check that the installed smp or timm has an encoder.

    Args:
        encoder: A canonical name of `seatbelt.config.encoders`.

    Raises:
        UserError: It has not; the message names similar ones.
    """
    if not is_timm(encoder):
        if not smp_name(encoder).startswith("tu-") and encoder not in smp.encoders.encoders:
            raise UserError(f"the installed segmentation-models-pytorch has no encoder {encoder!r}; update it")
        return
    name, _, tag = timm_name(encoder).partition(".")
    if name not in timm.list_models():
        similar = similar_names(name, timm.list_models())
        advice = f"did you mean {', '.join(TIMM + other for other in similar)}?" if similar else "look for it:"
        raise UserError(f"timm has no model {name!r}; {advice} `seatbelt studies --encoders 'timm:*'` lists them")
    if tag and timm_name(encoder) not in timm.list_models(pretrained=True):
        tags = [other.partition(".")[2] for other in timm.list_pretrained(f"{name}.*")]
        raise UserError(
            f"the model {name} of timm has no weights with the tag {tag!r}; "
            f"{'it has ' + ', '.join(tags) if tags else 'it has none'}"
        )


def encoder_arguments(encoder: str) -> dict[str, Any]:
    """Return what a model of timm needs to take images of any size, and `prefix_tokens`: whether it has any.

    The result is empty for all other encoders.
    """
    return dict(_timm_arguments(encoder)) if is_timm(encoder) else {}


@functools.cache
def _timm_arguments(encoder: str) -> dict[str, Any]:
    network = timm_classifier(encoder)
    takes = inspect.signature(type(network).__init__).parameters
    arguments: dict[str, Any] = {name: value for name, value in _SIZE_SWITCHES.items() if name in takes}
    if getattr(network, "num_prefix_tokens", 0):
        arguments["prefix_tokens"] = True
    return arguments


def timm_classifier(encoder: str, **arguments: Any) -> nn.Module:  # noqa: ANN401  (arguments of timm's models)
    """Return the whole classifier of `timm:NAME`, with the names and shapes of its parameters but no values."""
    with on_meta(), building_quietly():
        network: nn.Module = timm.create_model(timm_name(encoder), pretrained=False, **arguments)
    return network


def encoder_on_meta(encoder: str) -> nn.Module:
    """Return an encoder as in `architectures.build`, with the names and shapes of its parameters but no values."""
    with on_meta(), building_quietly():
        network: nn.Module = smp.encoders.get_encoder(smp_name(encoder), weights=None)
    return network


@functools.cache
def count_encoder_parameters(encoder: str) -> tuple[int, bool]:
    """Return the number of parameters without the classifier, and whether the encoder has features of several stages.

    Plain vision transformers have not; they go with DPT only.

    Raises:
        Exception: Whatever smp or timm raise if they cannot build it.
    """
    stages = True
    try:
        network = encoder_on_meta(encoder)
    except Exception:  # (models of timm without stages)
        if not is_timm(encoder):
            raise
        network, stages = timm_classifier(encoder, num_classes=0), False
    return sum(parameter.numel() for parameter in network.parameters()), stages


def switch_off_dropout(encoder: nn.Module) -> None:
    """Switch off the stochastic depth and dropout that smp and timm give some encoders, but not others."""
    for layer in encoder.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = 0.0
        # Stochastic depth: timm's and smp's DropPath, and EfficientNets of smp.
        for rate in ("drop_prob", "_drop_connect_rate"):
            if isinstance(getattr(layer, rate, None), float):
                setattr(layer, rate, 0.0)


@contextlib.contextmanager
def building_quietly() -> Iterator[None]:
    """Silence what smp and timm say of their own names, which the user did not write."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


@contextlib.contextmanager
def on_meta() -> Iterator[None]:
    """Build networks with the names and shapes of their parameters but no values: that takes no memory."""
    with torch.device("meta"), _RatesOnCpu():
        yield


class _RatesOnCpu(TorchFunctionMode):
    """Gives `linspace` its values on the meta device too: encoders compute the rates of their blocks with it."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401  (whatever torch's functions return)
        arguments = dict(kwargs or {})
        if func is torch.linspace:
            arguments.setdefault("device", "cpu")
        return func(*args, **arguments)
