"""A hundred damages per format: each is one clear error, or is listed with --skip-bad; never a traceback."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seatbelt.data.datasets.dataset import check
from seatbelt.data.importers import IMPORTERS, ImportOptions, ImportReport, Places, export_coco, import_data
from seatbelt.errors import UserError
from tests.conftest import draw_data
from tests.seatbelt.data.importers.drawing import (
    damage,
    draw_cityscapes,
    draw_coco,
    draw_folder,
    draw_solo,
    draw_supervisely,
    draw_voc,
)

SEEDS = 100


def exported(root: Path) -> Path:
    native = root.with_name("native")
    draw_data(native, "x", subjects=2, images=2, test_subjects=1, generations={}, height=6, width=10)
    export_coco(native, root)
    return root


DRAWN: list[tuple[str, Callable[[Path], Path], Places]] = [
    ("solo", draw_solo, Places()),
    ("coco", draw_coco, Places()),
    ("coco", exported, Places()),
    ("voc", draw_voc, Places()),
    ("folder", draw_folder, Places(classes={"background": 0, "seat_belt": 1, "hair": 2})),
    ("cityscapes", draw_cityscapes, Places()),
    ("supervisely", draw_supervisely, Places()),
]
TARGETS = {"cityscapes": "car"}


def test_every_format_is_damaged() -> None:
    assert {form for form, _, _ in DRAWN} == set(IMPORTERS)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "draw_source", "places"), DRAWN, ids=lambda value: getattr(value, "__name__", None))
def test_damage_is_named_or_harmless(
    form: str, draw_source: Callable[[Path], Path], places: Places, tmp_path: Path
) -> None:
    sound = draw_source(tmp_path / "sound")
    whole = import_data(
        form, sound, tmp_path / "whole", ImportOptions(target=TARGETS.get(form, "seat_belt"), places=places)
    )
    outcomes = {"error": 0, "listed": 0, "noticed": 0, "harmless": 0}
    for seed in range(SEEDS):
        root, out = tmp_path / "damaged", tmp_path / "out"
        shutil.copytree(sound, root)
        done = f"seed {seed}: {damage(root, random.Random(seed))}"
        strict = _import(form, root, out, places, skip_bad=False, done=done)
        lenient = _import(form, root, tmp_path / "lenient", places, skip_bad=True, done=done)
        if strict is None:
            # A fault that ends a strict import also ends a lenient one, or is listed by it.
            assert lenient is None or lenient.skipped, done
            outcomes["error" if lenient is None else "listed"] += 1
        else:
            assert lenient is not None and not lenient.skipped, done
            # An image that is lost without an error must be reported.
            assert strict.images == whole.images or strict.notices(), done
            outcomes["noticed" if strict.notices() != whole.notices() else "harmless"] += 1
        for folder in (root, out, tmp_path / "lenient"):
            shutil.rmtree(folder, ignore_errors=True)
    assert outcomes["listed"] + outcomes["error"] > SEEDS // 3, outcomes


def _import(form: str, root: Path, out: Path, places: Places, *, skip_bad: bool, done: str) -> ImportReport | None:
    try:
        target = TARGETS.get(form, "seat_belt")
        report = import_data(form, root, out, ImportOptions(target=target, places=places, skip_bad=skip_bad))
    except UserError as error:
        assert str(error).isprintable(), done
        assert len(str(error)) < 1000, done
        assert not out.exists(), done
        return None
    assert check(out) == [], done
    assert all(line.isprintable() for line in [*report.notices(), *report.skipped_lines()]), done
    return report
