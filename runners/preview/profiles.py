"""Profiles of architectures, measured once per machine and cached: one small file for each."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import math
import os
import platform
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from seatbelt.config.trial import TrialConfig
from seatbelt.machine.cache_folder import cache_folder
from seatbelt.records.cost import Profile
from seatbelt.records.identity import content_hash

_FORMAT = 1


def profile_of(config: TrialConfig, device: str = "cpu") -> Profile:
    """Return the cost of a trial on a device of this machine, from the cache or by a measurement of some seconds."""
    profile = cached_profile(config, device)
    if profile is None:
        from seatbelt.training.profile import measure

        profile = measure(config, device)
        _store(config, device, profile)
    return profile


def memory_of(config: TrialConfig, device: str = "cpu") -> int:
    """Return the peak memory of a training step in bytes, estimated on the CPU and measured on a GPU."""
    from seatbelt.training.profile import estimated_bytes

    cached = cached_profile(config, device)
    if cached is None and device == "cpu":
        return estimated_bytes(config)
    return (cached or profile_of(config, device)).memory_bytes


def cached_profile(config: TrialConfig, device: str = "cpu") -> Profile | None:
    """Return the cached profile of a configuration, or None. A damaged file counts as missing."""
    key = cost_key(config, device)
    try:
        record = json.loads(_file(key).read_text(encoding="utf-8"))
        values = {field.name: record["profile"][field.name] for field in fields(Profile)}
        sound = all(type(value) in (int, float) and math.isfinite(value) and value > 0 for value in values.values())
        return Profile(**values) if sound and record["what"] == key else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def cost_key(config: TrialConfig, device: str = "cpu") -> dict[str, Any]:
    """Return the values that a profile depends on."""
    model, data, optimisation = config.model, config.data, config.optimisation
    return {
        "format": _FORMAT,
        "host": platform.node(),
        "device": device,
        "torch": importlib.metadata.version("torch"),
        "encoder": model.encoder,
        "decoder": model.decoder,
        "encoder_depth": model.encoder_depth,
        "output_stride": model.output_stride,
        "labels": 1 + len(data.context),
        "size": list(data.training_size),
        "batch_size": optimisation.batch_size,
        "precision": optimisation.precision,
        "channels_last": optimisation.channels_last,
        "optimizer": optimisation.optimizer,
        "momentum": optimisation.momentum > 0,
        "averaging": optimisation.averaging is not None,
    }


def _store(config: TrialConfig, device: str, profile: Profile) -> None:
    key = cost_key(config, device)
    path = _file(key)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    # A cache that cannot be written only costs time.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"what": key, "profile": asdict(profile)}, indent=1), encoding="utf-8")
        os.replace(part, path)


def _file(key: dict[str, Any]) -> Path:
    return cache_folder() / "profiles" / f"{content_hash(key)[:24]}.json"
