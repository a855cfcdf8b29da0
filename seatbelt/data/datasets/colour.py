"""Conversion of embedded colour profiles and CMYK to sRGB."""

from __future__ import annotations

import functools
import io

from PIL import Image, ImageCms

_PROFILED = "converted from its colour profile to sRGB"
_BROKEN = "with an unusable colour profile: colours are not converted"
_CMYK = "converted from CMYK without a colour profile"


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Return an image as RGB in sRGB, and a description of the conversion (empty without one)."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), _CMYK if image.mode == "CMYK" else ""
    plain = image if image.mode in ("RGB", "L", "CMYK") else image.convert("L" if image.mode == "LA" else "RGB")
    try:
        transform = _transform(profile, plain.mode)
        if transform is None:
            return image.convert("RGB"), ""
        converted = ImageCms.applyTransform(plain, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # Viewers also show images whose profile is damaged or of another colour model.
        return image.convert("RGB"), _BROKEN
    assert converted is not None, "only transforms in place return nothing"
    return converted, _PROFILED


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from a profile to sRGB, None if the profile is sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
