"""The software of a node, which must be that of the driver.

The preflight compares it before the first trial; each leg compares it on nodes that join later.
"""

from __future__ import annotations

import functools
import importlib.metadata
import platform

from runners.sweep_files.code_version import code_hashes

PACKAGES = ("seatbelt", "torch", "ray", "segmentation-models-pytorch", "albumentations", "numpy")


@functools.cache
def versions_here() -> dict[str, str]:
    """Return the versions of Python and the packages here."""
    versions = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    return versions


def software_here() -> dict[str, str]:
    """Return versions, and hashes of the code that decides numbers."""
    return {**versions_here(), **code_hashes()}


def software_difference(driver: dict[str, str]) -> str | None:
    """Return how the software here differs from the driver's; None if it does not.

    Args:
        driver: `software_here` of the driver; empty compares nothing.
    """
    here = software_here()
    packages = versions_here()
    differing = [name for name, value in driver.items() if here.get(name) != value]
    if not differing:
        return None
    texts = [f"{name} is {here[name]}, but {driver[name]} on the driver" for name in differing if name in packages]
    code = [name for name in differing if name not in packages]
    texts += [f"the code that decides numbers differs ({', '.join(code)})"] if code else []
    return f"{'; '.join(texts)}; install the driver's version of this package, with --constraint constraints.txt"
