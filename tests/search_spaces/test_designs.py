"""Designs: their sizes, their resolution, and the cells they leave out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from search_spaces.axes import factor
from search_spaces.designs import alias_lines, build_design, defining_words, two_level_signs
from search_spaces.factors import Factor, Level
from search_spaces.space import Exclusion, NamedArm, Space
from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.errors import UserError

TEN = Space(factors=tuple(factor(name) for name in TRANSFORMS))
OFF = {name: "off" for name in TRANSFORMS}


@pytest.mark.parametrize(("runs", "factors", "resolution"), [(16, 5, 5), (32, 10, 4), (128, 10, 5)])
def test_a_fraction_is_balanced_and_has_its_resolution(runs: int, factors: int, resolution: int) -> None:
    signs = two_level_signs(runs)
    assert signs.shape == (runs, factors)
    assert len(np.unique(signs, axis=0)) == runs
    # A product of columns is a word of the defining relation where it is constant: found by trying all products.
    words = {
        frozenset(chosen)
        for size in range(1, factors + 1)
        for chosen in itertools.combinations(range(factors), size)
        if abs(int(signs[:, list(chosen)].prod(axis=1).sum())) == runs
    }
    assert min(len(word) for word in words) == resolution
    assert words == set(defining_words(runs, factors))
    assert len(words) == 2**factors // runs - 1


def test_main_effects_are_clear_in_32_runs() -> None:
    design = build_design(TEN, "fractional-32", baseline=OFF, seed=0)
    assert len(design) == 32
    signs = np.array([[1 if cell[name] == "on" else -1 for name in TRANSFORMS] for cell in design.cells])
    products = signs.T @ signs
    assert (products == 32 * np.eye(10, dtype=int)).all(), "main effects are not aliased with each other"
    for a, (b, c) in itertools.product(range(10), itertools.combinations(range(10), 2)):
        if a not in (b, c):
            assert int((signs[:, a] * signs[:, b] * signs[:, c]).sum()) == 0
    assert design.notes[0] == "resolution IV: the shortest word has 4 factors"
    chain = next(line for line in design.notes if line.startswith("random_rotate90:random_crop ="))
    assert chain.count(":") >= 2


def test_two_factor_interactions_are_clear_in_128_runs() -> None:
    design = build_design(TEN, "fractional-128", baseline=OFF, seed=0)
    assert len(design) == 128
    assert list(design.notes) == [
        "resolution V: the shortest word has 5 factors",
        "no main effect or two-factor interaction is aliased with another",
    ]


def test_a_foldover_breaks_the_words_of_its_factor() -> None:
    plain = build_design(TEN, "fractional-32", baseline=OFF, seed=0)
    folded = build_design(TEN, "fractional-32-foldover", baseline=OFF, seed=0)
    assert len(folded) == 64
    assert len({tuple(cell.items()) for cell in folded.cells}) == 64
    name = folded.notes[0].removeprefix("folded over on ")
    column = TRANSFORMS.index(name)
    left = [word for word in defining_words(32, 10) if column not in word]
    signs = np.array([[1 if cell[n] == "on" else -1 for n in TRANSFORMS] for cell in folded.cells])
    for word in defining_words(32, 10):
        constant = abs(int(signs[:, sorted(word)].prod(axis=1).sum())) == 64
        assert constant == (word in left)
    assert len(folded.notes) < len(plain.notes)


def test_a_fraction_takes_fewer_factors_than_ten() -> None:
    five = Space(factors=tuple(factor(name) for name in TRANSFORMS[:5]))
    design = build_design(five, "fractional-32", baseline={}, seed=0)
    assert len(design) == 32, "five factors in 32 runs are a full factorial"
    assert design.notes == ("no effects are aliased: this is a full factorial",)
    mixed = Space(factors=(*five.factors, factor("decoder", ["fpn"])))
    assert all(cell["decoder"] == "fpn" for cell in build_design(mixed, "fractional-32", baseline={}, seed=0).cells)


def test_one_factor_at_a_time() -> None:
    space = Space(factors=(factor("encoder", ["resnet18", "resnet34"]), factor("decoder", ["fpn", "unet", "linknet"])))
    design = build_design(space, "ofat", baseline={"encoder": "resnet34", "decoder": "unet"}, seed=0)
    assert [tuple(cell.values()) for cell in design.cells] == [
        ("resnet34", "unet"),
        ("resnet18", "unet"),
        ("resnet34", "fpn"),
        ("resnet34", "linknet"),
    ]


@pytest.mark.parametrize("name", ["lhs:8", "sobol:8"])
def test_spread_designs_cover_a_range_evenly(name: str) -> None:
    space = Space(factors=(factor("decoder_learning_rate", ["0.0001..0.01"]), factor("batch_size", ["2", "4"])))
    design = build_design(space, name, baseline={}, seed=1)
    assert len(design) == 8
    rates = sorted(float(cell["decoder_learning_rate"]) for cell in design.cells)
    assert rates[0] >= 0.0001 and rates[-1] <= 0.01
    eighths = {int(8 * (np.log10(rate) + 4) / 2) for rate in rates}
    assert len(eighths) >= 7, "one in nearly every eighth of the logarithmic range"
    assert sum(cell["batch_size"] == "2" for cell in design.cells) == 4
    assert design.cells == build_design(space, name, baseline={}, seed=1).cells
    assert design.cells != build_design(space, name, baseline={}, seed=2).cells


def test_excluded_cells_are_left_out() -> None:
    space = Space(
        factors=(factor("encoder", ["resnet18", "resnet34"]), factor("decoder", ["fpn", "unet"])),
        exclusions=(Exclusion(reason="for a test", labels={"encoder": ("resnet18",), "decoder": ("fpn",)}),),
        arms=(NamedArm(name="other", fields={"model.decoder": "linknet"}),),
    )
    design = build_design(space, "full", baseline={}, seed=0)
    assert [tuple(cell.values()) for cell in design.cells] == [
        ("other",),
        ("resnet18", "unet"),
        ("resnet34", "fpn"),
        ("resnet34", "unet"),
    ]
    assert list(space.cells()) == list(design.cells)[1:]


def labelled(name: str, count: int) -> Factor:
    fields = [{f"optimisation.{name}": i} for i in range(count)]
    return Factor(name=name, levels=tuple(Level(label=str(i), fields=f) for i, f in enumerate(fields)))


@pytest.mark.parametrize(
    ("space", "name", "message"),
    [
        (TEN, "half", "there is no design 'half'; choose one of full, ofat, fractional-16, fractional-32"),
        (TEN, "lhs:0", "there is no design 'lhs:0'"),
        (
            Space(factors=(labelled("a", 3),)),
            "fractional-32",
            "up to 10 factors of two levels, but a has not two levels",
        ),
        (
            Space(factors=tuple(labelled(f"f{i}", 2) for i in range(11))),
            "fractional-128",
            "up to 10 factors of two levels, but there are 11",
        ),
        (
            Space(factors=(factor("decoder_dropout", ["0..0.5"]),)),
            "full",
            "the range of decoder_dropout has no end of values; choose --propose factorial, optuna or random",
        ),
        (
            Space(factors=(factor("decoder_dropout", ["0..0.5"]),)),
            "ofat",
            "needs levels, but decoder_dropout is a range",
        ),
        (
            Space(
                factors=(labelled("a", 1),),
                exclusions=(Exclusion(reason="nothing goes", labels={"a": ("0",)}),),
            ),
            "full",
            "no cell is left: nothing goes",
        ),
    ],
)
def test_designs_that_do_not_fit(space: Space, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_design(space, name, baseline={"decoder_dropout": "0"}, seed=0)


def test_aliases_are_described() -> None:
    words = (frozenset({0, 1, 2, 3}),)
    assert alias_lines(words, ["a", "b", "c", "d"]) == [
        "resolution IV: the shortest word has 4 factors",
        "a:b = c:d",
        "a:c = b:d",
        "a:d = b:c",
    ]
