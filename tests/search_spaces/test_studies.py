"""The named studies, and a user's own."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from search_spaces.catalogue import STUDIES, find_study
from search_spaces.designs import baseline_cell, build_design
from search_spaces.space import NAMED_ARM, Condition
from seatbelt.config.augmentation import TRANSFORMS
from seatbelt.config.trial import THESIS_DECODERS
from seatbelt.data.scenes.tags import TAGS
from seatbelt.errors import UserError
from seatbelt.records.identity import arm_key


def test_the_architecture_study_has_the_thirty_cells_of_figure_4_1() -> None:
    study = find_study("architecture")
    cells = list(study.space.cells())
    assert study.space.size == len(cells) == 30
    assert {cell["encoder"] for cell in cells} == {
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
    }
    assert {cell["decoder"] for cell in cells} == set(THESIS_DECODERS)
    assert len({arm_key(study.space.config(study.base(), cell, seed=0)) for cell in cells}) == 30


def test_the_conditions_of_the_architecture_study() -> None:
    base = find_study("architecture").base()
    assert base.data.generations == ("3", "4", "5")
    assert not base.data.real
    assert base.model.weights == "imagenet"
    assert base.augmentation.transforms == TRANSFORMS
    assert (base.epochs, base.optimisation.batch_size) == (50, 4)


def test_the_composition_study_changes_one_share_at_a_time() -> None:
    study = find_study("composition")
    base = study.base()
    design = build_design(study.space, study.protocol.design, baseline=baseline_cell(study.space, base), seed=0)
    assert len(design) == 1 + 2 * 6
    configs = [study.space.config(base, cell, seed=0) for cell in design.cells]
    assert configs[0] == base, "the baseline leaves the images as they come"
    assert all(len(config.data.composition) == 1 for config in configs[1:])
    assert {item.tag for config in configs for item in config.data.composition} == set(TAGS)
    assert len({arm_key(config) for config in configs}) == 13


SIZES = {
    "architecture": 30,
    "generations": 20,
    "mixing": 12,
    "randomization": 4,
    "pretraining": 18,
    "initialization": 12,
    "labels": 8,
    "augmentation": 1024,
    "composition": 3**6,
}
"""Cells as in the thesis' figures and tables; eight sets of labels and 3^6 compositions are ours."""


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_consistent(name: str) -> None:
    study = find_study(name)
    assert study.name == name
    assert study.question.endswith("?")
    base = study.base()
    for cell in (study.space.cell(0), study.space.cell(study.space.size - 1)):
        assert study.space.config(base, cell, seed=1).seed == 1
    for arm in study.arms:
        assert study.space.config(base, {NAMED_ARM: arm.name}, seed=1).seed == 1
    # A condition is for what does not vary.
    varied = {path for factor in study.factors for level in factor.levels for path in level.fields}
    assert not varied & set(study.conditions)


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_of_the_thesis(name: str) -> None:
    study = find_study(name)
    assert study.space.size == SIZES[name]
    if study.space.size <= 30:
        keys = {arm_key(study.space.config(study.base(), cell, seed=0)) for cell in study.space.cells()}
        assert len(keys) == SIZES[name]


def test_the_studies_have_the_thesis_conditions() -> None:
    mixing = find_study("mixing").base()
    assert (mixing.data.real, mixing.data.generations) == (True, ("5",))
    assert find_study("labels").base().data.generations == ("6",)
    best = find_study("initialization").base()
    assert best.data.generations == ("2", "3", "4", "5", "6")
    for name in ("generations", "mixing", "labels", "augmentation", "hyperparameters"):
        model = find_study(name).base().model
        assert (model.encoder, model.decoder) == ("resnet34", "unetplusplus")
    for name in ("pretraining", "initialization"):
        six = next(f for f in find_study(name).factors if f.name == "architecture")
        pairs = [level.label.split("/") for level in six.levels]
        assert sorted(Counter(decoder for decoder, _ in pairs).values()) == [2, 2, 2]


def test_one_factor_at_a_time_over_table_3_3() -> None:
    study = find_study("hyperparameters")
    space, base = study.space, study.base()
    baseline = baseline_cell(space, base)
    assert baseline["batch_size"] == "4"
    assert baseline["encoder_learning_rate"] == "0.0002"
    assert baseline["decoder_weight_decay"] == "0.0003"
    design = build_design(space, study.protocol.design, baseline=baseline, seed=0)
    assert len(design) == 1 + sum(len(factor.levels) - 1 for factor in study.factors)
    assert space.config(base, design.cells[0], seed=0) == base


def test_labels_of_generation_6_only() -> None:
    space = find_study("joint").space
    cell = {f.name: f.levels[0].label for f in space.factors}
    assert space.excluded({**cell, "context": "shirt+skin", "training_data": "2-6"}) is None
    why = space.excluded({**cell, "context": "shirt+skin", "training_data": "3-5"})
    assert why == "what the occupants wear is labelled in generation 6 only"


GOOD = """
from __future__ import annotations
from dataclasses import dataclass
from search_spaces.axes import factor
from search_spaces.space import Condition, Study

@dataclass
class Choice:
    decoder: str = "fpn"

def study() -> Study:
    return Study(
        name="mine", question="Which?", reference="none",
        factors=(factor("encoder_learning_rate", ["0.0001", "0.001"]),),
        conditions={"model.decoder": Condition(value=Choice().decoder, source="ours")},
    )
"""


def test_a_study_can_come_from_a_python_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    study = find_study(str(path))
    assert (study.name, study.space.size, study.base().model.decoder) == ("mine", 2, "fpn")


PLAIN = """
from neighbour import RATES
from search_spaces.axes import factor
from search_spaces.space import Study

def study():
    return Study(
        name="mine", question="Which?", reference="none",
        factors=[factor("encoder_learning_rate", RATES), factor("real", [True, False])],
        conditions={"data.real": True, "model.decoder": "fpn", "data.generations": []},
    )
"""


def test_a_study_of_plain_values_that_imports_its_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text(PLAIN)
    (tmp_path / "neighbour.py").write_text("import random\nRATES = [0.0001, 1e-3]\nassert random.__name__ == 'random'")
    (tmp_path / "random.py").write_text("raise ImportError('a file beside a study takes the place of no module')")
    monkeypatch.delitem(sys.modules, "random")
    before = list(sys.path)
    study = find_study(str(path))
    assert [level.label for level in study.factors[0].levels] == ["0.0001", "0.001"]
    assert [level.label for level in study.factors[1].levels] == ["true", "false"]
    assert study.conditions["data.real"] == Condition(value=True, source="ours")
    assert study.base().data.generations == ()
    assert sys.path == before


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ("factors='encoder'", "factors must be a tuple of Factor, but is a str; search_spaces.axes.factor"),
        ("factors={'encoder': 1}", "factors must be a tuple of Factor, but is a dict"),
        ("factors=('encoder',)", "factors must hold Factor records, but holds 'encoder', a str"),
        ("factors=(), arms=[3]", "arms must hold NamedArm records, but holds 3, a int"),
        ("factors=(), conditions=[1]", "conditions must map fields to values, but is a list"),
        ("factors=(), conditions={1: 2}", "conditions must map fields to values, but has the key 1, a int"),
        ("factors=(), conditions={'data.real': 'maybe'}", "trial configuration: data.real: input should be a valid"),
        ("factors=(), conditions={'data.colour': 1}", "the trial configuration has no field 'data.colour'"),
        ("factors=(), protocol={'epochs': 9}", "protocol takes a Protocol, but got {'epochs': 9}"),
        ("factors=(), protocol=Protocol(epochs='9')", "Protocol.epochs takes a whole number from 1, but got '9'"),
        ("factors=(), protocol=Protocol(prune='ash')", "Protocol.prune takes one of none, asha, but got 'ash'"),
        ("factors=(), name=3", "name takes a text, but got 3"),
        ("factors=(), question=''", "question takes a text, but got ''"),
        (
            "factors=(), exclusions=[Exclusion(reason='r', labels={'encoder': 'resnet18'})]",
            r"Exclusion.labels\['encoder'\] must be a tuple of str, but is a str; write a single label as",
        ),
        ("factors=(), arms=[NamedArm(name='a', fields=3)]", "NamedArm.fields must map fields to values, but is a int"),
        (
            "factors=[Factor(name='a', levels=['x'])]",
            "Factor.levels must hold Level records, but holds 'x', a str; search_spaces.axes.factor",
        ),
    ],
)
def test_a_study_of_wrong_types_is_one_clear_error(tmp_path: Path, fields: str, what: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "from search_spaces.factors import Factor\n"
        "from search_spaces.space import Exclusion, NamedArm, Protocol, Study\n"
        f"def study(): return Study(**{{**dict(name='x', question='?'), **dict({fields})}})"
    )
    with pytest.raises(UserError, match=f"^study file {path}: {what}"):
        find_study(str(path))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", r"it must define a function study\(\) that returns a Study"),
        ("study = 3", r"it must define a function study\(\) that returns a Study"),
        ("def study(): return {}", r"study\(\) must return a Study, but returned dict"),
        ("def study(): return 1 / 0", "ZeroDivisionError: division by zero"),
        ("def study(): raise ValueError('one\\ntwo')", "ValueError: one two$"),
        ("def study(x): ...", "TypeError: study"),
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def study(:", r"SyntaxError: invalid syntax \(bad.py, line 1\)"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("\0", "(SyntaxError|ValueError): source code (string )?cannot contain null bytes"),
    ],
)
def test_a_file_that_is_no_study(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(UserError, match=f"^study file {path}: {what}"):
        find_study(str(path))


def test_an_error_in_a_users_study_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("from search_spaces.axes import factor\ndef study(): factor('colour', ['red'])")
    with pytest.raises(UserError, match=f"^study file {path}: there is no axis 'colour'"):
        find_study(str(path))


def test_studies_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no study 'architectur'; choose one of architecture"):
        find_study("architectur")
    with pytest.raises(UserError, match=f"study file {tmp_path}/no.py: there is no such file"):
        find_study(str(tmp_path / "no.py"))
