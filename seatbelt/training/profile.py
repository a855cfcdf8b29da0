"""What a trial costs: parameters, seconds and memory of a training step, measured on one step.

Memory on a CPU is counted, not measured: what the backward pass will need is kept by torch's graph, and how large
that is can be asked without computing anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from seatbelt.config.trial import ModelConfig, OptimisationConfig, TrialConfig
from seatbelt.models.architectures import STRIDE, build, count_parameters, segment
from seatbelt.models.losses import segmentation_loss
from seatbelt.models.weights import resolve
from seatbelt.records.cost import Profile

BYTES_PER_PARAMETER = 16
"""Weight, gradient and Adam's two moments, float32 each."""

_MOST_PIXELS = 128 * 224
"""Larger images are timed at this size: the time per pixel hardly changes, and the user waits."""

_TIMED_IMAGES = 2
"""DeepLab's batch norm needs two."""


def measure(config: TrialConfig, device: str = "cpu") -> Profile:
    """Measure what a trial with this configuration costs.

    Args:
        config: Its architecture, labels, input size, batch size, precision and memory layout count.
        device: Where it is measured.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    state = torch.get_rng_state()
    try:
        network = _network(config).to(device)
        network = network.to(memory_format=_layout(config.optimisation))
        height, width = timed_size(config.data.height, config.data.width)
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


def timed_size(height: int, width: int) -> tuple[int, int]:
    """Return the size at which images of a size are timed: their own, or a smaller one of about its proportions."""
    if height * width <= _MOST_PIXELS:
        return height, width
    scale = math.sqrt(_MOST_PIXELS / (height * width))
    return _multiple(height * scale), _multiple(width * scale)


def _multiple(side: float) -> int:
    return max(STRIDE, math.floor(side / STRIDE) * STRIDE)


def saved_bytes(forward: Callable[[], torch.Tensor], without: nn.Module) -> int:
    """Return the bytes that autograd keeps of a forward pass for the backward pass, each storage once.

    Args:
        forward: Runs it; its result is kept until all is counted.
        without: Its parameters and buffers are not counted.
    """
    own = {t.untyped_storage()._cdata for t in (*without.parameters(), *without.buffers())}
    found: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            found[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        # The graph must live on: a storage that is freed could have its address taken by another.
        result = forward()
    assert result.requires_grad
    return sum(found.values())


def estimated_bytes(config: TrialConfig) -> int:
    """Return the estimate of a training step's memory: 16 bytes per parameter, what the graph keeps, the inputs.

    Nothing is computed and no memory taken: torch's fake tensors have shapes and no content.
    """
    images, height, width = shape = (config.optimisation.batch_size, config.data.height, config.data.width)
    with FakeTensorMode():
        network = _network(config)
        kept = saved_bytes(lambda: _loss(network, config, shape, "cpu"), network)
    # uint8 images and masks come from the loader; the floats are kept by the first convolution.
    return BYTES_PER_PARAMETER * count_parameters(network) + kept + images * height * width * 4


def _network(config: TrialConfig) -> nn.Module:
    # Weights do not change the cost, and random ones need no file.
    model = ModelConfig.model_validate({**config.model.model_dump(), "weights": "none"})
    return build(model, 1 + len(config.data.context), weights=resolve(model.encoder, "none"))


def _layout(optimisation: OptimisationConfig) -> torch.memory_format:
    return torch.channels_last if optimisation.channels_last else torch.contiguous_format


def _loss(network: nn.Module, config: TrialConfig, shape: tuple[int, int, int], device: str) -> torch.Tensor:
    images, height, width = shape
    channels = 1 + len(config.data.context)
    pixels = torch.zeros(images, 3, height, width, device=device)
    pixels = pixels.contiguous(memory_format=_layout(config.optimisation))
    targets = torch.zeros(images, channels, height, width, device=device)
    valid = torch.ones(images, 1, height, width, dtype=torch.bool, device=device)
    half = config.optimisation.precision == "bfloat16"
    with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=half):
        logits = segment(network, pixels)
    return segmentation_loss(logits.float(), targets, valid, config.loss)


def _seconds(network: nn.Module, config: TrialConfig, shape: tuple[int, int, int], device: str) -> tuple[float, float]:
    """Return seconds of forward and backward pass per image of the configuration, the second of two steps."""
    pixels = shape[0] * shape[1] * shape[2]
    scale = config.data.height * config.data.width / pixels
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
    shape = (config.optimisation.batch_size, config.data.height, config.data.width)
    torch.cuda.reset_peak_memory_stats(device)
    _loss(network, config, shape, device).backward()  # type: ignore[no-untyped-call]
    moments = 8 * count_parameters(network)
    return torch.cuda.max_memory_allocated(device) + moments
