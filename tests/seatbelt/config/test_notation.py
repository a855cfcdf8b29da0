"""How labels and generations are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbelt.config.notation import (
    canonical_generation,
    canonical_label,
    classes_of,
    generation_names,
    generation_shares,
)
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError
from seatbelt.records.identity import arm_key


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("shirt", "shirt"),
        ("shirt|jacket", "jacket|shirt"),
        ("upper=shirt|jacket", "jacket|shirt"),
        (" upper = shirt | jacket | shirt ", "jacket|shirt"),
        ("belt=seat_belt", "seat_belt"),
        ("left arm", "left arm"),
    ],
)
def test_labels_have_one_canonical_form(written: str, canonical: str) -> None:
    assert canonical_label(written) == canonical
    assert canonical_label(canonical) == canonical


@pytest.mark.parametrize("written", ["", "|", "shirt|", "=shirt", "upper=", "a=b=c", " = shirt"])
def test_malformed_labels_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a label is CLASS, CLASS"):
        canonical_label(written)


def test_classes_of_a_label_are_separated() -> None:
    assert classes_of("jacket|shirt") == ("jacket", "shirt")
    assert classes_of("hair") == ("hair",)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("3", "3"),
        ("unity-hdrp", "unity-hdrp"),
        ("3:0.20", "3:0.2"),
        ("3: .2", "3:0.2"),
        ("3:1", "3:1.0"),
        ("3:0.00001", "3:0.00001"),
    ],
)
def test_generations_have_one_canonical_form(written: str, canonical: str) -> None:
    assert canonical_generation(written) == canonical
    assert canonical_generation(canonical) == canonical


@given(st.floats(1e-12, 1))
def test_every_share_survives_its_text(share: float) -> None:
    text = canonical_generation(f"3:{share:.20f}")
    assert canonical_generation(text) == text


@pytest.mark.parametrize("written", ["3:", ":0.5", "3:0", "3:1.5", "3:-0.5", "3:half", "3:1e-3", "3:0.5:0.5", "3:٣"])
def test_malformed_shares_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"a generation's share is written 3:0\.2, above 0 and up to 1, but got"):
        canonical_generation(written)


def test_shares_of_several_generations_add_up_to_one() -> None:
    assert generation_shares(("3", "5")) is None
    assert generation_shares(()) is None
    assert generation_shares(("3:0.2", "5:0.8")) == {"3": 0.2, "5": 0.8}
    assert generation_names(("3:0.2", "5:0.8")) == ("3", "5")
    # A third each, as one writes it.
    assert generation_shares(("1:0.333333", "2:0.333333", "3:0.333334")) is not None


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"data.generations": ("3:0.5", "3:0.5", "4:0.5", "4")}, r"a generation is named twice in 3\+4\+4"),
        ({"data.generations": ("3:0.5", "4")}, r"either all generations have a share or none, but got 3:0\.5\+4"),
        ({"data.generations": ("3:0.5", "4:0.6")}, r"must add up to 1, but 3:0\.5\+4:0\.6 do not"),
        ({"data.generations": ("3:0.5",)}, r"must add up to 1, but 3:0\.5 do not"),
        ({"data.target": "a|b", "data.context": ("c|b",)}, "context must not repeat the target, but holds 'b'"),
        ({"data.context": ("a|b", "b|c")}, r"a class belongs to one label, but 'b' is in 'a\|b' and 'b\|c'"),
        ({"data.context": ("all", "hair")}, r"context=all stands alone, but got all\+hair"),
    ],
)
def test_a_configuration_refuses_invalid_values(changes: dict[str, object], what: str) -> None:
    with pytest.raises(UserError, match=what):
        TrialConfig().with_fields(changes)


def test_one_meaning_has_one_key() -> None:
    def key(**data: object) -> str:
        return arm_key(TrialConfig().with_fields({f"data.{name}": value for name, value in data.items()}))

    assert key(context=("upper=shirt|jacket", "hair")) == key(context=["hair", "clothes=jacket|shirt"])
    assert key(context=("shirt|jacket",)) != key(context=("shirt", "jacket"))
    assert key(target="belt=seat_belt") == key()
    assert key(generations=("5:0.80", "3:.2")) == key(generations=("3:0.2", "5:0.8")) != key(generations=("3", "5"))
    assert key(generations=("5:1.0",)) == key(generations=("5",))
    assert key(sources=("b", "a", "b")) == key(sources=("a", "b")) != key()
    # What is recorded can be read again.
    config = TrialConfig().with_fields({"data.generations": ("3:0.00001", "5:0.99999"), "data.context": ("a|b", "c")})
    assert TrialConfig.model_validate_json(config.model_dump_json()) == config
