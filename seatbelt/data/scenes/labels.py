"""The thirteen labels of a rendered mask.

The thesis speaks of thirteen labels and names only seat belt, shirt, pants, skin and hair. The other eight
are our choice: what a network can see from the mirror and what the belt touches or resembles. The thesis has
all of them in generation 6 only; here every generation has them, since a mask that calls a shirt background
would be wrong where generations are mixed (`SceneParameters.labels` restores the thesis' way).
"""

LABELS: dict[str, int] = {
    "background": 0,  # roof, floor, rear seats, things lying about, hats, glasses
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
"""Class name -> index in the mask; 0 is everything that has no label."""

OCCUPANT: tuple[int, ...] = tuple(LABELS[name] for name in ("seat_belt", "shirt", "pants", "skin", "hair", "face"))
"""What is cut out of the picture for domain randomisation."""
