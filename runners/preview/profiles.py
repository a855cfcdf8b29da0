"""Profiles of architectures, measured once on a machine and kept in the cache folder: one small file for each."""

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
from seatbelt.records.cost import Profile
from seatbelt.records.identity import content_hash

_FORMAT = 1


def profile_of(config: TrialConfig, device: str = "cpu") -> Profile:
    """Return what a trial costs on a device of this machine: what is known, or a measurement of some seconds."""
    found = known_profile(config, device)
    if found is None:
        from seatbelt.training.profile import measure

        found = measure(config, device)
        _keep(config, device, found)
    return found


def memory_of(config: TrialConfig, device: str = "cpu") -> int:
    """Return the peak memory of a training step in bytes; where it is only counted, nothing needs to be run."""
    from seatbelt.training.profile import estimated_bytes

    known = known_profile(config, device)
    if known is None and device == "cpu":
        return estimated_bytes(config)
    return (known or profile_of(config, device)).memory_bytes


def known_profile(config: TrialConfig, device: str = "cpu") -> Profile | None:
    """Return the profile of a configuration if it was measured before; a damaged file is as good as none."""
    what = profiled(config, device)
    try:
        kept = json.loads(_file(what).read_text(encoding="utf-8"))
        values = {field.name: kept["profile"][field.name] for field in fields(Profile)}
        sound = all(type(value) in (int, float) and math.isfinite(value) and value > 0 for value in values.values())
        return Profile(**values) if sound and kept["what"] == what else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def profiled(config: TrialConfig, device: str = "cpu") -> dict[str, Any]:
    """Return what a profile depends on: two configurations that agree in it cost the same."""
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
        "height": data.height,
        "width": data.width,
        "batch_size": optimisation.batch_size,
        "precision": optimisation.precision,
        "channels_last": optimisation.channels_last,
    }


def _keep(config: TrialConfig, device: str, profile: Profile) -> None:
    what = profiled(config, device)
    path = _file(what)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    # A cache that cannot be written only costs time.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"what": what, "profile": asdict(profile)}, indent=1), encoding="utf-8")
        os.replace(part, path)


def _file(what: dict[str, Any]) -> Path:
    from seatbelt.machine.cache_folder import cache_folder

    return cache_folder() / "profiles" / f"{content_hash(what)[:24]}.json"
