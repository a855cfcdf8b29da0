"""Cells that stand for a whole space."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.coverage import cells_for_each_level, combination_count, random_cells, representative_cells
from search_spaces.space import Exclusion, Space

SPACE = Space(
    factors=(
        factor("encoder", ["resnet18", "resnet50"]),
        factor("decoder", ["fpn", "unet"]),
        factor("batch_size", ["2", "4", "8"]),
        factor("synthetic_share", ["0.2..0.6"]),
    ),
    exclusions=(Exclusion(reason="too large", labels={"encoder": ("resnet50",), "decoder": ("unet",)}),),
)
REST = {"batch_size": "2", "synthetic_share": "0.2"}


def test_representative_cells_combine_the_factors_of_a_field_and_keep_the_others_at_their_first_level() -> None:
    assert list(representative_cells(SPACE, ("model.",))) == [
        {"encoder": "resnet18", "decoder": "fpn", **REST},
        {"encoder": "resnet18", "decoder": "unet", **REST},
        {"encoder": "resnet50", "decoder": "fpn", **REST},
        {"encoder": "resnet50", "decoder": "unet", **REST},
    ]
    assert combination_count(SPACE, ("model.",)) == 4
    assert combination_count(SPACE, ("model.", "optimisation.")) == 12


def test_representative_cells_of_a_range_are_its_ends_or_its_lower_end() -> None:
    shares = [cell["synthetic_share"] for cell in representative_cells(SPACE, ("data.",), range_ends=True)]
    assert shares == ["0.2", "0.6"]
    assert [cell["synthetic_share"] for cell in representative_cells(SPACE, ("data.",))] == ["0.2"]


def test_without_a_deciding_factor_one_cell_represents_the_space() -> None:
    assert list(representative_cells(SPACE, ("loss.",))) == [{"encoder": "resnet18", "decoder": "fpn", **REST}]
    assert combination_count(SPACE, ("loss.",)) == 1


def test_each_level_and_each_end_of_a_range_has_a_cell() -> None:
    cells = cells_for_each_level(SPACE)
    assert len(cells) == 2 + 2 + 3 + 2
    for axis in SPACE.factors:
        assert {cell[axis.name] for cell in cells} == set(axis.end_labels)


def test_random_cells_are_reproducible_and_never_excluded() -> None:
    cells = random_cells(SPACE, 200)
    assert cells == random_cells(SPACE, 200) != random_cells(SPACE, 200, seed=1)
    assert {(cell["encoder"], cell["decoder"]) for cell in cells} == {
        ("resnet18", "fpn"),
        ("resnet18", "unet"),
        ("resnet50", "fpn"),
    }
    assert 100 < len(cells) < 200
