"""The generations of synthetic data, as in section 3.2.2 of the thesis, and two more kinds of image.

The thesis says what each generation added; the amounts (shares, angles, numbers of colours) are our choice.
"""

from __future__ import annotations

from dataclasses import replace

from seatbelt.data.scenes.parameters import SceneParameters

_FIRST = SceneParameters(
    name="1",
    belt_follows_body=False,
    under_arm_share=0.08,
    off_shoulder_share=0.12,
    arms_over_belt_share=0.2,
    arm_poses=True,
    rotation_range=18,
    lean_range=5,
    camera_shift_range=0.03,
)
_SECOND = replace(_FIRST, name="2", belt_follows_body=True, belt_slack_range=0.012)
_THIRD = replace(
    _SECOND,
    name="3",
    interior_colours="many",
    interior_like_belt_share=0.2,
    unbelted_share=0.18,
    empty_share=0.1,
    stowed_belt_share=0.5,
    lap_only_share=0.05,
    occupant_colours="several",
)
_FOURTH = replace(
    _THIRD,
    name="4",
    shadows=True,
    light_angle_range=110,
    light_intensity_range=0.9,
    light_temperature_range=1800,
)
_FIFTH = replace(_FOURTH, name="5", belt_colours="many")
_SIXTH = replace(
    _FIFTH,
    name="6",
    persons=4,
    clothes=True,
    faces=True,
    hair=True,
    textures=True,
    rotation_range=25,
    head_range=30,
)
_RANDOMIZED = replace(_SIXTH, name="randomized", cut_out=True, distractors=8, flying_belt_share=0.5)
_FREE = replace(
    _SIXTH,
    name="free",
    persons=40,
    viewpoint_range=35,
    closeness_range=1.3,
    mirrored_share=0.5,
    bodies="other",
    materials="worn",
    distortion_range=0.06,
    vignette=0.35,
    white_balance_range=0.12,
    motion_blur_range=0.008,
    sensor_noise=0.02,
    jpeg_quality=80,
)
_CAMERA = replace(
    _SIXTH,
    name="camera",
    domain="real",
    persons=7,
    test_persons=4,
    test_share=222 / 563,
    outfits=2,
    bodies="other",
    materials="worn",
    belt_colours="few",
    under_arm_share=0.12,
    off_shoulder_share=0.12,
    lap_only_share=0.06,
    lean_range=7,
    camera_shift_range=0.05,
    distortion_range=0.06,
    vignette=0.35,
    white_balance_range=0.12,
    motion_blur_range=0.012,
    sensor_noise=0.02,
    jpeg_quality=80,
)

GENERATIONS: dict[str, SceneParameters] = {
    "1": _FIRST,
    "2": _SECOND,
    "3": _THIRD,
    "4": _FOURTH,
    "5": _FIFTH,
    "6": _SIXTH,
    "randomized": _RANDOMIZED,
    "free": _FREE,
    "camera": _CAMERA,
}
"""Name -> parameters. `randomized` is section 3.3.2; `camera` stands in for real images."""

CAMERA_IMAGES = 563
"""Training and test images of the stand-in together, as many as the real images of the thesis: 341 + 222."""
