"""The cost of a trial: parameters, seconds and memory of one training step.

On a CPU the memory is counted, not measured: torch's graph knows what the backward pass will need without computing it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from seatbelt.config.optimisation import OptimisationConfig
from seatbelt.config.trial import ModelConfig, TrialConfig
from seatbelt.models.architectures import STRIDE, build, count_parameters
from seatbelt.models.encoders import on_meta
from seatbelt.models.inference import memory_layout, network_logits
from seatbelt.models.losses import segmentation_loss
from seatbelt.models.weights import resolve
from seatbelt.records.cost import Profile

_FLOAT = 4
"""Bytes of a float32."""

_MOST_PIXELS = 128 * 224
"""Larger images are timed at this size: the time per pixel hardly changes, and users do not have to wait."""

_TIMED_IMAGES = 2
"""Two, because the batch norm of DeepLab needs two."""


def measure(config: TrialConfig, device: str = "cpu") -> Profile:
    """Measure what a trial with this configuration costs.

    Args:
        config: The trial; only its architecture, labels, input size, batch size, precision and memory layout matter.
        device: The torch device to measure on.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    state = torch.get_rng_state()
    try:
        network = _network(config).to(device)
        network = network.to(memory_format=memory_layout(channels_last=config.optimisation.channels_last))
        height, width = timed_size(*config.data.training_size)
        forward, backward = _seconds(network, config, (_TIMED_IMAGES, height, width), device)
        on_gpu = device.startswith("cuda")
        memory = _cuda_peak(network, config, device) if on_gpu else estimated_bytes(config)
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
    return Profile(
        parameters=count_parameters(network),
        forward_seconds=forward,
        backward_seconds=backward,
        memory_bytes=memory,
    )


def bytes_per_parameter(optimisation: OptimisationConfig) -> int:
    """Return the bytes that training holds for each parameter: weight, gradient, moments of the optimizer, average."""
    moments = 2 if optimisation.optimizer != "sgd" else 1 if optimisation.momentum else 0
    return _FLOAT * (2 + moments + (optimisation.averaging is not None))


def timed_size(height: int, width: int) -> tuple[int, int]:
    """Return the size at which images are timed: their own, or a smaller one of about the same proportions."""
    if height * width <= _MOST_PIXELS:
        return height, width
    scale = math.sqrt(_MOST_PIXELS / (height * width))
    return _multiple(height * scale), _multiple(width * scale)


def _multiple(side: float) -> int:
    return max(STRIDE, math.floor(side / STRIDE) * STRIDE)


def saved_bytes(forward: Callable[[], torch.Tensor], without: nn.Module) -> int:
    """Return the bytes that autograd saves for the backward pass, counting each storage once.

    Args:
        forward: Runs the forward pass; its result stays alive while storages are counted.
        without: Module whose parameters and buffers are not counted.
    """
    excluded = {t.untyped_storage()._cdata for t in (*without.parameters(), *without.buffers())}
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in excluded:
            sizes[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        # The graph must stay alive: a freed storage could pass its address on to another.
        result = forward()
    assert result.requires_grad
    return sum(sizes.values())


def estimated_bytes(config: TrialConfig) -> int:
    """Estimate the memory of a training step in bytes: 16 per parameter, the saved tensors and the inputs.

    Torch's fake tensors have shapes but no content, so this computes nothing and takes no memory.
    """
    images, height, width = shape = (config.optimisation.batch_size, *config.data.training_size)
    with on_meta():
        network = _network(config)
    with FakeTensorMode(allow_non_fake_inputs=True):
        network.to_empty(device="cpu")
        saved = saved_bytes(lambda: _loss(network, config, shape, "cpu"), network)
    # The inputs are uint8 images and masks; the first convolution saves the float images.
    return bytes_per_parameter(config.optimisation) * count_parameters(network) + saved + images * height * width * 4


def _network(config: TrialConfig) -> nn.Module:
    # Weights do not change the cost, and random weights need no file.
    model = ModelConfig.model_validate({**config.model.model_dump(), "weights": "none"})
    return build(model, 1 + len(config.data.context), weights=resolve(model.encoder, "none"))


def _loss(network: nn.Module, config: TrialConfig, shape: tuple[int, int, int], device: str) -> torch.Tensor:
    images, height, width = shape
    channels = 1 + len(config.data.context)
    pixels = torch.zeros(images, 3, height, width, device=device)
    targets = torch.zeros(images, channels, height, width, device=device)
    valid = torch.ones(images, 1, height, width, dtype=torch.bool, device=device)
    logits = network_logits(
        network,
        pixels,
        channels_last=config.optimisation.channels_last,
        bfloat16=config.optimisation.precision == "bfloat16",
    )
    return segmentation_loss(logits, targets, valid, config.loss)


def _seconds(network: nn.Module, config: TrialConfig, shape: tuple[int, int, int], device: str) -> tuple[float, float]:
    """Return the seconds of the forward and the backward pass per image, from the second of two steps."""
    pixels = shape[0] * shape[1] * shape[2]
    scale = math.prod(config.data.training_size) / pixels
    forward = backward = 0.0
    for _ in range(2):
        started = _now(device)
        loss = _loss(network, config, shape, device)
        between = _now(device)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        forward, backward = between - started, _now(device) - between
        network.zero_grad(set_to_none=True)
    return forward * scale, backward * scale


def _now(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _cuda_peak(network: nn.Module, config: TrialConfig, device: str) -> int:
    shape = (config.optimisation.batch_size, *config.data.training_size)
    torch.cuda.reset_peak_memory_stats(device)
    _loss(network, config, shape, device).backward()  # type: ignore[no-untyped-call]
    # The pass had weights and gradients.
    further = bytes_per_parameter(config.optimisation) - 2 * _FLOAT
    return torch.cuda.max_memory_allocated(device) + further * count_parameters(network)
