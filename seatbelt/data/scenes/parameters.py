"""Parameters of a generation: one field per variation, so that each can be switched on alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

BeltPlacement = Literal["correct", "under_arm", "off_shoulder", "lap_only", "none"]
"""How the belt is worn; `none` for unbelted occupants and empty seats."""
InteriorColours = Literal["few", "many"]
BeltColours = Literal["few", "many"]
OccupantColours = Literal["single", "several"]
Labels = Literal["all", "seat_belt"]
Bodies = Literal["standard", "other"]
Materials = Literal["clean", "worn"]
Domain = Literal["synthetic", "real"]

_CHOICES = {
    "interior_colours": InteriorColours,
    "belt_colours": BeltColours,
    "occupant_colours": OccupantColours,
    "labels": Labels,
    "bodies": Bodies,
    "materials": Materials,
    "domain": Domain,
}


@dataclass(frozen=True, kw_only=True)
class SceneParameters:
    """The variations in the images of one generation.

    Names that end in `_share` are probabilities from 0 to 1, names that end in `_range` half-widths around the default
    value. Switching a field off does not change the draws of the others.
    """

    name: str
    """Name of the generation; part of every random stream."""
    persons: int = 40
    """Number of different bodies; they take turns, so that few images show all persons if those are few."""
    test_persons: int = 0
    """Further persons, whose images form the test split (real domain)."""
    test_share: float = 0.0
    """Share of the images that show test persons."""
    outfits: int = 0
    """Number of outfits of a person; 0: new colours in every image."""
    domain: Domain = "synthetic"
    """Column `domain` of the manifest."""
    labels: Labels = "all"
    """`seat_belt` leaves all other labels out of the mask, as before generation 6 of the thesis."""

    under_arm_share: float = 0.0
    """Of the belted: the diagonal strap runs below the shoulder-side arm."""
    off_shoulder_share: float = 0.0
    """Of the belted: the diagonal strap has slipped over the upper arm."""
    lap_only_share: float = 0.0
    """Of the belted: the diagonal strap runs behind the back."""
    unbelted_share: float = 0.0
    """Of the occupied seats: the belt is not in use."""
    empty_share: float = 0.0
    """Of all images: the seat is empty."""
    stowed_belt_share: float = 0.0
    """Of the images without a belt in use: it hangs at the pillar, visible and annotated."""
    belt_follows_body: bool = True
    """Off: a flat strap that bridges hollows and does not bend across its width (no colliders)."""
    belt_slack_range: float = 0.0
    """Largest distance of a loose strap from the body; metres."""

    arms_over_belt_share: float = 0.0
    """Of the occupied seats: hands or forearms lie before the belt."""
    arm_poses: bool = False
    """Off: both hands on the thighs, unless they hide the belt."""
    rotation_range: float = 0.0
    """Turn of the occupant on the seat about the vertical axis; degrees."""
    lean_range: float = 0.0
    """Sideways and forward lean of the trunk; degrees."""
    head_range: float = 0.0
    """Turn of the head against the trunk; degrees."""

    shadows: bool = False
    """The sun casts shadows, through the windows."""
    light_angle_range: float = 0.0
    """Azimuth of the sun around straight ahead; degrees. Its elevation varies by a quarter of this."""
    light_intensity_range: float = 0.0
    """Exposure of sun and sky; stops (factors of two)."""
    light_temperature_range: float = 0.0
    """Colour temperature around 6000 kelvin; kelvin."""

    interior_colours: InteriorColours = "few"
    """Range of the colours of seats and trim."""
    interior_like_belt_share: float = 0.0
    """Of all images: the seats have nearly the colour of the belt."""
    belt_colours: BeltColours = "few"
    """`few`: black, greys, beige; `many`: blonde, red, blue, ... as well."""
    occupant_colours: OccupantColours = "single"
    """`single`: a dummy in one colour; `several`: skin, shirt and pants differ."""
    clothes: bool = False
    """Patterns, folds, collars, jackets and sleeves of several lengths."""
    faces: bool = False
    """Eyes, brows, nose, mouth, ears, beards and glasses."""
    hair: bool = False
    """Hair, also long hair before the belt, and hats."""
    bodies: Bodies = "standard"
    """`other`: proportions drawn from a wider range than the usual one."""
    materials: Materials = "clean"
    """`worn`: paler colours, deeper folds, uneven surfaces."""
    textures: bool = False
    """Grain, seams and clutter in the cabin; a street outside."""

    camera_shift_range: float = 0.0
    """Place of the camera around the mirror; metres. Its aim and zoom vary along."""
    viewpoint_range: float = 0.0
    """Place of the camera on a circle around the occupant, and as far down as a quarter of it; degrees."""
    closeness_range: float = 0.0
    """Enlargement of the chest; factors of two."""
    mirrored_share: float = 0.0
    """Of all images: the seat is on the other side of the car."""
    distortion_range: float = 0.0
    """Barrel or cushion distortion of the lens at the edge of the picture, as a share of the radius."""
    vignette: float = 0.0
    """Loss of light in the corners, from 0 to 1."""
    white_balance_range: float = 0.0
    """Error of the red and blue gains, as a share."""
    motion_blur_range: float = 0.0
    """Longest smear, as a share of the picture's width."""
    sensor_noise: float = 0.0
    """Standard deviation at mid grey, as a share of full scale."""
    jpeg_quality: int = 0
    """Quality from 1 to 100 of a compression before the image is stored; 0: none."""

    cut_out: bool = False
    """Domain randomisation: occupant and belt cut out, shrunk, moved and set before another background."""
    distractors: int = 0
    """Largest number of circles and rectangles that fly over a cut-out picture."""
    flying_belt_share: float = 0.0
    """Of the cut-out pictures: one to three annotated belts fly about."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_share") and not 0 <= value <= 1:
                raise ValueError(f"{field.name} must be between 0 and 1, but got {field.name}={value!r}")
            if field.name.endswith("_range") and not 0 <= value <= 1e4:
                raise ValueError(f"{field.name} must be finite and not negative, but got {field.name}={value!r}")
            self._check_choice(field.name, value)
        self._check_bounds()

    @property
    def prefix(self) -> str:
        """Prefix of the names of subjects and files: `g3` for generation 3, otherwise the name."""
        return f"g{self.name}" if self.name.isdigit() else self.name

    def person_of(self, index: int) -> tuple[int, bool]:
        """The person in image `index` and whether that person belongs to the test split."""
        tested = int(round((index + 1) * self.test_share * 1e6) // 1_000_000) if self.test_persons else 0
        before = int(round(index * self.test_share * 1e6) // 1_000_000) if self.test_persons else 0
        if tested > before:
            return self.persons + before % self.test_persons, True
        return (index - before) % self.persons, False

    def _check_choice(self, name: str, value: object) -> None:
        if name in _CHOICES and value not in get_args(_CHOICES[name]):
            choices = ", ".join(get_args(_CHOICES[name]))
            raise ValueError(f"{name} must be one of {choices}, but got {name}={value!r}")

    def _check_bounds(self) -> None:
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"name must consist of letters, digits, - and _, but got name={self.name!r}")
        if self.persons < 1:
            raise ValueError(f"persons must be at least 1, but got persons={self.persons}")
        for name in ("test_persons", "outfits", "distractors"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, but got {name}={getattr(self, name)}")
        for name in ("vignette", "sensor_noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, but got {name}={getattr(self, name)}")
        if not 0 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality must be between 0 and 100, but got jpeg_quality={self.jpeg_quality}")
        placed = self.under_arm_share + self.off_shoulder_share + self.lap_only_share
        if placed > 1 + 1e-9:
            raise ValueError(
                "under_arm_share + off_shoulder_share + lap_only_share must be at most 1 (the rest is worn "
                f"correctly), but got {placed}"
            )
        if self.test_share > 0 and self.test_persons == 0:
            raise ValueError(f"test_share needs test_persons, but got test_share={self.test_share}, test_persons=0")
