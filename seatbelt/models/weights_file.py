"""Files of encoder weights: parsed as tensors only, renamed to smp's names, checked."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from seatbelt.config.encoders import ENCODERS, is_timm
from seatbelt.errors import UserError
from seatbelt.models.encoders import encoder_on_meta
from seatbelt.models.timm_weights import names_of_encoder, whole_model
from seatbelt.models.weights import ResolvedWeights, locate, read_file

State = dict[str, torch.Tensor]


def load_encoder(network: nn.Module, encoder: str, resolved: ResolvedWeights) -> None:
    """Load resolved weights strictly into the child `encoder` of a network; do nothing for random weights.

    A classification head in the file is left out; all other keys and shapes must match. On a node with another path of
    the file (another place of installation) it is resolved again.

    Raises:
        WeightsNotFoundError: The file is not on this machine.
        UserError: The file has changed since it was resolved, cannot be read, or does not fit the encoder.
    """
    if resolved.path is None:
        return
    path = locate(encoder, resolved)
    content = read_file(path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != resolved.sha256:
        raise UserError(
            f"weights {path}: the sha256 is {digest[:12]}, but was {str(resolved.sha256)[:12]} "
            f"when they were resolved; bring the same file to every node and do not change it during a sweep"
        )
    module = network.get_submodule("encoder")
    module.load_state_dict(encoder_state(content, path, encoder, module.state_dict()))


def check_file(encoder: str, resolved: ResolvedWeights) -> None:
    """Compare a weights file with its encoder, without a network in memory.

    Raises:
        UserError: It cannot be read, or does not fit the encoder.
    """
    if resolved.path is None:
        return
    _checked_state(parse_file(read_file(resolved.path), resolved.path), encoder, resolved.path)


def encoder_state(content: bytes, path: Path, encoder: str, expected: State) -> State:
    """Return the weights of an encoder under smp's names, without the classification head.

    The file must fit the whole encoder; a shorter one takes its part of it.

    Args:
        content: The content of the file, read once so that the hash belongs to the loaded bytes.
        path: Its path, for messages. `.safetensors` files are parsed as such, all others by torch.
        encoder: A canonical name of `seatbelt.config.encoders`.
        expected: State of the encoder that the weights are for, as a decoder uses it.

    Raises:
        UserError: The file is no state dict, or does not fit; the message names a few keys.
    """
    state = _checked_state(parse_file(content, path), encoder, path)
    if is_timm(encoder):
        return names_of_encoder(state, expected)
    return {name: state[name] for name in expected}


def _checked_state(state: State, encoder: str, path: Path) -> State:
    """Return the tensors of a file under the names of the whole encoder, after a comparison with it.

    Only the counters `num_batches_tracked` may be missing, because old torchvision files lack them and nothing reads
    them.
    """
    if is_timm(encoder):
        try:
            state, expected = whole_model(state, encoder)
        except Exception as error:  # (timm converts files of its own only)
            reason = " ".join(str(error).split())[:200]
            raise _refusal(encoder, path, f"timm cannot convert it: {reason}") from None
    else:
        whole = encoder_on_meta(encoder)
        expected = whole.state_dict()
        state = _renamed(encoder, state, expected)
    for name, value in expected.items():
        if name not in state and name.endswith(".num_batches_tracked"):
            state[name] = torch.zeros(value.shape, dtype=value.dtype)
    _check_fit(encoder, path, state, expected)
    return state


def parse_file(content: bytes, path: Path) -> State:
    """Parse an untrusted file: only tensors are unpickled."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(content)
        _check_archive(content)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # (parsers raise anything on untrusted files)
        reason = str(error).partition("\n")[0]
        raise UserError(f"weights {path} cannot be loaded as tensors only ({reason}); bring a state dict") from None
    if not isinstance(state, dict) or not all(isinstance(item, torch.Tensor) for item in state.values()):
        raise UserError(f"weights {path} hold no plain state dict (name -> tensor); save model.state_dict() alone")
    return dict(state)


def _check_archive(content: bytes) -> None:
    """Refuse an archive that would expand: torch stores tensors uncompressed.

    Raises:
        ValueError: Parts are compressed or overlap.
    """
    file = io.BytesIO(content)
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise ValueError("it is compressed")
    if sum(part.file_size for part in parts) > len(content):
        raise ValueError("its parts are larger than the file")


def _renamed(encoder: str, state: State, expected: State) -> State:
    """Return the tensors under smp's names, without the classification head."""
    if encoder in _LITE_PLACES:
        places = _LITE_PLACES[encoder]
        return {_lite_name(name, places): value for name, value in state.items() if not _LITE_HEAD.match(name)}
    if encoder not in ENCODERS:
        # smp's own files of DenseNets have a dot more than its encoders.
        state = {_DENSE_LAYER.sub(r"\1\2", name): value for name, value in state.items()}
    return {name: value for name, value in state.items() if name in expected or not name.startswith(_HEADS)}


def _lite_name(name: str, places: list[tuple[int, int]]) -> str:
    """Return timm's name of a parameter of a lite encoder; unknown names are returned unchanged.

    The file numbers all blocks consecutively (`_blocks.7.`), timm numbers them by stage (`blocks.4.1.`). Both number
    the batch norms of a block in order, which starts one later in a block without expansion.
    """
    layer, _, rest = name.partition(".")
    if layer in _LITE_STEM:
        return f"model.{_LITE_STEM[layer]}.{rest}"
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if not block or int(block[1]) >= len(places):
        return name
    stage, place = places[int(block[1])]
    layers = _LITE_BLOCK if stage else _LITE_FIRST_BLOCK
    return f"model.blocks.{stage}.{place}.{layers[block[2]]}.{block[3]}" if block[2] in layers else name


def _check_fit(encoder: str, path: Path, state: State, expected: State) -> None:
    missing = [name for name in expected if name not in state]
    unexpected = [name for name in state if name not in expected]
    misshapen = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    unusable = [name for name, value in state.items() if value.layout != torch.strided or value.device.type != "cpu"]
    kinds = {"sparse or without values": unusable, "missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    faults = "; ".join(f"{len(names)} {kind}: {_few(names)}" for kind, names in kinds.items() if names)
    if faults:
        raise _refusal(encoder, path, faults)


def _refusal(encoder: str, path: Path, faults: str) -> UserError:
    return UserError(f"weights {path} do not fit the encoder {encoder} ({faults}); bring a file for {encoder}")


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


_HEADS = ("fc.", "_fc.", "classifier.", "last_linear.", "linear.", "head.")
"""What classifiers are called in files for encoders of smp."""

_DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")

_LITE_HEAD = re.compile(r"(_conv_head|_bn1|_fc)\.")
_LITE_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
_LITE_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LITE_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_LITE_BLOCKS = {"lite0": (1, 2, 2, 3, 3, 4, 1), "lite1": (1, 3, 3, 4, 4, 5, 1), "lite2": (1, 3, 3, 4, 4, 5, 1)}
"""Number of blocks of each stage; lite1 and lite2 scale it by 1.1 and 1.2, except the first and last stage."""

_LITE_PLACES = {
    encoder: [(stage, place) for stage, blocks in enumerate(stages) for place in range(blocks)]
    for encoder, stages in _LITE_BLOCKS.items()
}
"""Stage and position in the stage of each block, in the order of the file."""
