"""The list of augmentations."""

from __future__ import annotations

from seatbelt.data.augmentation.registry import describe_transforms


def transforms_text() -> str:
    """Return the named transforms in the order of application, each with what its strength s scales."""
    rows = describe_transforms()
    width = max(len(name) for name, _, _ in rows)
    return "\n".join(
        [
            "augmentations in the order of application; s is the strength, 1 by default",
            *(f"  {name:<{width}}  {origin:<6}  {what}" for name, origin, what in rows),
            "",
            "--set cutout=off,on switches one, cutout_probability and cutout_strength set its own values;",
            "augmentation=all is the ten of the thesis, all+horizontal_flip one more.",
            'Any transform of albumentations comes last: --set "transform.MotionBlur=off,on,blur_limit:3..7+p:0.5"',
        ]
    )
