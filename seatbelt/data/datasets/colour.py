"""Colours of image files as they are meant: embedded colour profiles and CMYK, converted to sRGB."""

from __future__ import annotations

import functools
import io

from PIL import Image, ImageCms

_PROFILED = "converted from its colour profile to sRGB"
_BROKEN = "with a colour profile that cannot be used: colours are taken as they are"
_CMYK = "converted from CMYK without a colour profile"


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Return an image as RGB in sRGB, and how its colours were changed (empty if they were not)."""
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
        # Viewers also show an image whose profile is damaged or of another colour model.
        return image.convert("RGB"), _BROKEN
    assert converted is not None, "only transforms in place return nothing"
    return converted, _PROFILED


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from a profile to sRGB, None if that is what the profile is."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
