"""The thirteen labels of a rendered mask.

The thesis mentions thirteen labels but names only seat belt, shirt, pants, skin and hair. The other eight are our
choice: parts that are visible from the mirror and that the belt touches or resembles. The thesis has all labels in
generation 6 only. Here every generation has them, because a mask with a shirt as background would be wrong in mixed
generations (`SceneParameters.labels` restores the masks of the thesis).
"""

LABELS: dict[str, int] = {
    "background": 0,  # roof, floor, rear seats, loose objects, hats, glasses
    "seat_belt": 1,  # webbing in use or hanging at the pillar
    "shirt": 2,  # everything worn above the hips, sleeves included
    "pants": 3,
    "skin": 4,  # the bare head, neck, arms and hands
    "hair": 5,  # beards too
    "face": 6,  # eyes, brows and mouth
    "seat": 7,  # the two front seats
    "headrest": 8,
    "belt_buckle": 9,  # buckle, its stalk and the tongue
    "door": 10,
    "window": 11,
    "pillar": 12,  # between and around the side windows
    "console": 13,  # between the front seats
}
"""Class name -> index in the mask; 0 is everything without a label."""

OCCUPANT: tuple[int, ...] = tuple(LABELS[name] for name in ("seat_belt", "shirt", "pants", "skin", "hair", "face"))
"""Labels that domain randomisation cuts out of the picture."""
