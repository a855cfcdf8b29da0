"""Tags of a scene, against facts that are typed in and against those that are drawn."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatbelt.data.datasets.dataset import check, read
from seatbelt.data.scenes import GENERATIONS, render, write_dataset
from seatbelt.data.scenes.colours import BELT_MANY
from seatbelt.data.scenes.stage import Staged
from seatbelt.data.scenes.tags import TAGS, luminance, tags_of

FACTS: dict[str, Any] = {
    "occupied": True,
    "belt_placement": "correct",
    "belt_stowed": False,
    "belt_colour": (0.012, 0.012, 0.013),
    "seat_colour": (0.4, 0.4, 0.4),
    "trim_colour": (0.03, 0.03, 0.03),
    "light_stops": 0.0,
}


@pytest.mark.parametrize(
    ("facts", "tags"),
    [
        ({}, ("belted", "dark", "light", "usual")),
        ({"belt_placement": "under_arm", "light_stops": -0.31}, ("belted", "dark", "light", "dim")),
        ({"belt_placement": "none", "light_stops": 0.31}, ("unbelted", "none", "light", "bright")),
        ({"belt_placement": "none", "belt_stowed": True}, ("unbelted", "dark", "light", "usual")),
        ({"occupied": False, "belt_placement": "none"}, ("empty", "none", "light", "usual")),
        ({"belt_colour": (0.62, 0.5, 0.33), "seat_colour": (0.16, 0.16, 0.16)}, ("belted", "light", "dark", "usual")),
        (
            {"belt_colour": (0.02, 0.06, 0.3), "seat_colour": (0.18, 0.18, 0.18)},
            ("belted", "coloured", "light", "usual"),
        ),
    ],
)
def test_tags_follow_from_the_facts(facts: dict[str, Any], tags: tuple[str, ...]) -> None:
    assert tags_of({**FACTS, **facts}) == dict(zip(TAGS, tags, strict=True))


def test_the_belts_of_the_palette() -> None:
    # Black, two greys, beige; blonde, red, blue, yellow, brown, green, orange.
    values = [tags_of({**FACTS, "belt_colour": colour})["belt_colour"] for colour in BELT_MANY]
    assert values == ["dark"] * 2 + ["light"] * 3 + ["coloured"] * 6


def test_luminance_matches_rec_709() -> None:
    assert luminance((1.0, 1.0, 1.0)) == pytest.approx(1)
    assert luminance((0.0, 0.5, 0.0)) == pytest.approx(0.3576)


@pytest.mark.parametrize("generation", ["1", "5"])
def test_drawn_scenes_have_the_variations_of_their_generation(staged: Callable[..., Staged], generation: str) -> None:
    scenes = [staged(generation, index).facts for index in range(60)]
    values = {name: {tags_of(facts)[name] for facts in scenes} for name in TAGS}
    if generation == "1":
        assert values["seat"] == {"belted"}
        assert values["light"] == {"usual"}
        assert values["belt_colour"] == {"dark", "light"}
    else:
        assert values["seat"] == {"belted", "unbelted", "empty"}
        assert values["light"] == {"dim", "usual", "bright"}
        assert values["belt_colour"] == {"dark", "light", "coloured", "none"}
    assert values["interior"] == {"dark", "light"}


def test_the_manifest_has_the_tags_of_the_facts(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "set", generations={"5": 6}, size=(32, 18), seed=3, processes=1)
    with (folder / "manifest.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for index, line in enumerate(lines):
        facts = render(GENERATIONS["5"], index=index, seed=3, width=32, height=18).facts
        assert {name: line[name] for name in TAGS} == tags_of(facts)
    assert check(folder) == []
    assert read(folder).rows[0].tag("seat") == lines[0]["seat"]
