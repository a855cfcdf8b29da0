"""What a report says: sentences and warnings that follow from small sweeps by hand."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis import load
from analysis.answers.effects import Effect
from analysis.figures.sweep_data import SweepData
from analysis.report import build_report
from analysis.report.blocks import Block, Command, Picture, Section, Table, Text, cell_text
from analysis.report.sections.answer import answer, lead_over_second
from analysis.report.sections.arms import arms, arms_table
from analysis.report.sections.contributions import contributions, sentence
from analysis.report.sections.costs import costs
from analysis.report.sections.provenance import provenance
from analysis.report.sections.pruning import pruning
from analysis.report.sections.stages import stages
from analysis.report.sections.trust import evidence
from analysis.sweeps import load_all
from seatbelt.errors import UserError
from tests.analysis.answers.test_why import halving
from tests.analysis.conftest import MakeSweep, write_sweep
from tests.analysis.numbers import DESCRIPTION, arm_trial, image, small_tables

NOON = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
STUDY_DESCRIPTION = DESCRIPTION | {"rungs": [2], "question": "Which decoder?", "study": "mine"}


def texts(section: Section | None, kind: str | None = None) -> list[str]:
    assert section is not None
    return [block.text for block in section.blocks if isinstance(block, Text) and kind in (None, block.kind)]


def only(section: Section | None, kind: type[Block]) -> Any:
    assert section is not None
    (single,) = [block for block in section.blocks if isinstance(block, kind)]
    return single


@pytest.fixture
def small(make_sweep: MakeSweep) -> SweepData:
    return SweepData(make_sweep(description=STUDY_DESCRIPTION, **small_tables()))


def test_the_answer_comes_first(small: SweepData) -> None:
    section = answer(small)
    # unet has 0.6, 0.7, 0.8; fpn 0.5, 0.5, 0.8: differences 0.1, 0.2, 0.
    assert texts(section) == [
        "Which decoder?",
        "Best configuration: decoder=unet. Selection IoU 0.700 [0.452, 0.948], n = 3 trials.",
        "Its test IoU is 0.700 [0.500, 0.550] over 2 subjects; it was not used for ranking. Intervals are 95 %.",
        "Trivial baselines on the selection set: all background 0.250, mean mask 0.500.",
        "Lead over the second best of the search (decoder=fpn): +0.100, n = 3 pairs of trials, 95 % [-0.148, +0.348]; "
        "not decided: it may be chance.",
        "The weights of its best trial [2] resnet18 unet, replicate 3 are not kept (`--keep-weights`).",
    ]
    root = small.sweep.root
    assert [block.command for block in section.blocks if isinstance(block, Command)] == [
        f"seatbelt reproduce {root} 2",
        f"seatbelt confirm {root} --top 3 --replicates 3",
        f"seatbelt model {root} best --out best",
        f"seatbelt predict {root} IMAGES --out predictions",
    ]
    lead = lead_over_second(small)
    assert lead is not None and lead.mean == pytest.approx(0.1)


def test_a_confirmed_arm_is_the_answer(make_sweep: MakeSweep) -> None:
    tables = small_tables()
    for decoder, scores in (("unet", (0.4, 0.5)), ("fpn", (0.6, 0.62))):
        for replicate, score in enumerate(scores):
            row = arm_trial(f"c{decoder}{replicate}", "resnet18", decoder, 100_000 + replicate, score)
            tables["trials"].append(row | {"role": "confirmation"})
    description = STUDY_DESCRIPTION | {"baseline": {"encoder": "resnet18", "decoder": "unet"}}
    section = answer(SweepData(make_sweep(description=description, **tables)))
    lead, against, search, *_ = texts(section)[1:]
    # Student's t with one degree of freedom is 12.706; the half width of 0.6, 0.62 is 12.706 * 0.01.
    assert lead == (
        "Best configuration: decoder=fpn. Selection IoU 0.610 [0.483, 0.737], confirmed with fresh seeds, n = 2 trials."
    )
    assert against.startswith("Against the baseline 0.160 [-0.348, 0.668], n = 2 pairs; not decided.")
    assert search.startswith("The search itself ranked decoder=unet first: selection IoU 0.700")
    # fpn has its best trial of the search, 0.8, in replicate 3; `best` would name unet.
    words = [block.command.split(maxsplit=3) for block in section.blocks if isinstance(block, Command)]
    assert [(word[1], word[-1]) for word in words] == [
        ("reproduce", "5"),
        ("model", "5 --out best"),
        ("predict", "IMAGES --out predictions"),
    ]
    rows = only(section, Table).rows
    assert [row[:2] for row in rows] == [("decoder=fpn", 2), ("decoder=unet", 2)]
    # fpn had 0.6 in the search.
    assert rows[0][4] == pytest.approx(-0.01)


def test_an_unfinished_sweep_has_a_provisional_answer(make_sweep: MakeSweep) -> None:
    trials = [
        arm_trial("a", "resnet18", "fpn", 0, 0.4, status="RUNNING", epochs_done=1),
        arm_trial("b", "resnet18", "unet", 0, 0.3, status="PAUSED", epochs_done=2),
    ]
    data = SweepData(make_sweep("a", description=STUDY_DESCRIPTION, trials=trials))
    assert texts(answer(data), "lead") == [
        "Provisional: no trial is complete. The best so far is decoder=fpn with selection IoU 0.400 after 1 epoch, "
        "n = 1 trial."
    ]
    warned = texts(evidence(data), "warning")
    assert warned[0] == "No trial is complete: nothing below is a result yet."
    assert warned[1].startswith("Provisional: the sweep is not finished (1 PAUSED, 1 RUNNING)")
    nothing = SweepData(
        make_sweep("b", description=STUDY_DESCRIPTION, trials=[arm_trial("a", "e", "d", 0, None, status="PLANNED")])
    )
    assert texts(answer(nothing), "lead") == ["There is no answer yet: no epoch has been measured."]


def test_weak_evidence_gives_warnings(make_sweep: MakeSweep) -> None:
    trials = [
        arm_trial("a", "resnet18", "fpn", 0, 0.45, epochs_planned=9),
        arm_trial("b", "resnet18", "unet", 0, 0.3, device="cuda", epochs_planned=9),
        arm_trial("c", "resnet34", "unet", 0, None, status="FAILED", error="out\nof luck", device="cpu"),
    ]
    images = [image("a", f"p{i}", i, 0.5) for i in range(3)]
    description = STUDY_DESCRIPTION | {"data": [{"path": "x", "name": "default-2", "fingerprint": "f" * 64}]}
    sweep = make_sweep(description=description, trials=trials, images=images)
    assert texts(evidence(SweepData(sweep)), "warning") == [
        "The best arm (0.450) does not beat the trivial baseline mean mask (0.500), which looks at no image.",
        "Each arm has one trial: differences may be chance, and selection scores have no intervals. "
        f"`seatbelt resume {sweep.root} --replicates 3` adds trials.",
        "Part of the winner's score is luck (it was the best of 2 arms); "
        f"`seatbelt confirm {sweep.root} --top 3 --replicates 3` measures how much.",
        "Not decided: 1 of 1 effect.",
        "Of 3 trials, some ended without a result (1 FAILED) and have no score. The first error: out of luck",
        "The test images show only 3 subjects: test intervals are too narrow.",
        "The data are the embedded scenes: their 'real' images are a rendered stand-in, and scores on them say nothing "
        "about photographs.",
        "The trials were not all run under the same conditions: 2 devices (see provenance).",
    ]


def test_an_interval_that_reaches_a_baseline_is_reported(small: SweepData) -> None:
    warned = texts(evidence(small), "warning")
    assert warned[0] == "The interval of the best arm extends down to 0.452; the trivial baseline mean mask has 0.500."
    assert "The best arm is not distinguishable from the second best: +0.100 [-0.148, +0.348], n = 3 pairs." in warned


def test_effects_that_are_not_decided_are_counted(make_sweep: MakeSweep) -> None:
    effect = Effect(
        factor="a", level="on", reference="off", n=4, effect=0.1, low=0, high=1, p_value=0.2, detectable=0.3
    )
    estimates = [effect, dataclasses.replace(effect, p_value=0.01), dataclasses.replace(effect, detectable=0.4)]
    data = SweepData(make_sweep(description=STUDY_DESCRIPTION))
    data.__dict__["effects"] = SimpleNamespace(effects=estimates)
    assert "Not decided: 2 of 3 effects. Effects below 0.400 are not detectable with this number of trials." in texts(
        evidence(data), "warning"
    )


def test_strong_evidence_gives_no_warning(make_sweep: MakeSweep) -> None:
    trials = [
        arm_trial(f"{role}{decoder}{r}", "resnet18", decoder, r + first, score + 0.001 * r, number=r)
        | {"role": role, "epochs_planned": 9}
        for role, first in (("arm", 0), ("confirmation", 100_000))
        for decoder, score in (("unet", 0.8), ("fpn", 0.7))
        for r in range(4)
    ]
    images = [image(t["trial_key"], f"p{i}", i, 0.5 + i / 100) for t in trials for i in range(8)]
    description = STUDY_DESCRIPTION | {"rungs": [9]}
    section = evidence(SweepData(make_sweep(description=description, trials=trials, images=images)))
    assert texts(section) == ["None of the usual weaknesses was found."]


def test_effects_in_sentences() -> None:
    common: dict[str, Any] = {"factor": "cutout", "level": "on", "reference": "off", "n": 32}
    with_interval = common | {"effect": -0.032, "low": -0.043, "high": -0.021, "p_value": 0.001, "detectable": 0.015}
    assert sentence(Effect(**with_interval)) == (
        "cutout=on costs 0.032 IoU against off [-0.043, -0.021], n = 32; decided."
    )
    assert sentence(Effect(**with_interval | {"effect": 0.01, "low": -0.001, "high": 0.021, "p_value": 0.6})) == (
        "cutout=on: no significant difference against off: +0.010 [-0.001, +0.021], n = 32; effects "
        "below 0.015 are not detectable."
    )
    assert sentence(Effect(**with_interval | {"effect": 0.01, "low": 0.001, "high": 0.019, "p_value": 0.2})) == (
        "cutout=on may add 0.010 IoU against off [+0.001, +0.019], n = 32; not decided: with this "
        "many comparisons, such an interval may occur by chance."
    )
    without_interval = {"low": None, "high": None, "p_value": None, "detectable": None}
    assert sentence(Effect(**common, effect=0.2, **without_interval)) == (
        "cutout=on adds 0.200 IoU against off, n = 32; too few trials for an interval."
    )
    assert sentence(Effect(**common, effect=None, **without_interval)) == (
        "cutout=on: the complete trials cannot identify its effect against off (n = 32)."
    )


def test_effects_without_a_factor_are_left_out(make_sweep: MakeSweep) -> None:
    one = [arm_trial("a", "resnet18", "fpn", 0, 0.5, epochs_planned=9)]
    assert contributions(SweepData(make_sweep("a", description=STUDY_DESCRIPTION, trials=one))) is None
    two = [*one, arm_trial("b", "resnet18", "unet", 0, 0.5, status="RUNNING", epochs_planned=9)]
    two[0]["status"] = "RUNNING"
    (text,) = texts(contributions(SweepData(make_sweep("b", description=STUDY_DESCRIPTION, trials=two))))
    assert text.startswith("No effects: ")


def test_arms_with_and_without_complete_trials(make_sweep: MakeSweep) -> None:
    trials = [
        arm_trial("a", "resnet18", "fpn", 0, 0.5, selection_iou_with_target=0.4),
        arm_trial("b", "resnet18", "unet", 0, 0.7, epochs_done=9),
        arm_trial("c", "resnet34", "fpn", 0, 0.9, status="PRUNED", epochs_done=3),
        arm_trial("d", "resnet34", "unet", 0, None, status="PLANNED"),
        arm_trial("s", "resnet18", "fpn", 0, 0.99, role="stage") | {"arm_key": "stage"},
    ]
    table = arms_table(SweepData(make_sweep(description=STUDY_DESCRIPTION, trials=trials)))
    rows = [dict(zip([head.name for head in table.columns], row, strict=True)) for row in table.rows(10)]
    assert [(r["rank"], r["encoder"], r["decoder"], r["status"], r["n"], r["selection IoU"]) for r in rows] == [
        (1, "resnet18", "unet", "COMPLETE", 1, 0.7),
        (2, "resnet18", "fpn", "COMPLETE", 1, 0.5),
        (None, "resnet34", "fpn", "PRUNED", 0, 0.9),
        (None, "resnet34", "unet", "PLANNED", 0, None),
    ]
    assert (rows[1]["with target"], rows[1]["trial"], rows[1]["parameters"]) == (0.4, "a", 2_500_000)


def test_what_was_left_out_is_named_with_the_reason(make_sweep: MakeSweep) -> None:
    exclusions = [{"reason": f"reason {n}", "labels": {"encoder": ["resnet34"]}} for n in range(10)]
    trials = [arm_trial("a", "resnet18", "fpn", 0, 0.5)]
    section = arms(SweepData(make_sweep(description={**STUDY_DESCRIPTION, "exclusions": exclusions}, trials=trials)))
    assert texts(section)[1] == (
        "Left out before the first trial: reason 0; reason 1; reason 2; reason 3; reason 4; reason 5; reason 6; "
        "reason 7; and 2 more."
    )


def test_the_section_on_pruning_has_decisions_and_reasons(make_sweep: MakeSweep) -> None:
    tables = halving()
    tables["description"] |= {"rungs": [3, 9]}
    for row in tables["trials"]:
        row["epochs_planned"] = 9
    section = pruning(SweepData(make_sweep(**tables)))
    assert section is not None
    at_rungs, closest = (block for block in section.blocks if isinstance(block, Table))
    assert at_rungs.rows == ((3, 2, 0.6, 5, 0.65),)
    assert closest.rows[0] == ("[5]", "encoder=encf", 3, 0.65, "2 of 7, 2 promotions allowed", "reason 3")
    assert only(section, Command).command.endswith(" 5")
    assert only(section, Picture).figure.name == "promotion_flow"


def test_costs_are_summed_by_role_and_status(make_sweep: MakeSweep) -> None:
    trials = [
        arm_trial("a", "e", "d", 0, 0.5, train_seconds=3600.0, seconds=4000.0, epochs_done=9),
        arm_trial("b", "e", "d", 1, 0.5, train_seconds=120.0, seconds=130.0, epochs_done=3, status="PRUNED"),
    ]
    section = costs(SweepData(make_sweep("a", trials=trials)))
    assert texts(section) == [
        "2 trials, 12 epochs, 62 min of training (69 min with evaluation), summed over all workers."
    ]
    assert only(section, Table).rows == (("arm", "COMPLETE", 1, 9, 3600, 4000), ("arm", "PRUNED", 1, 3, 120, 130))
    assert costs(SweepData(make_sweep("b"))) is None


def test_stages_are_listed_with_the_seconds_they_saved(make_sweep: MakeSweep) -> None:
    trials = [
        arm_trial("s", "resnet18", "fpn", 0, 0.4, role="stage", generations="2+3"),
        arm_trial("a", "resnet18", "fpn", 0, 0.5, stage_key="s", stage_reused=False, stage_seconds=10.0, number=1),
        arm_trial("b", "resnet18", "fpn", 1, 0.5, stage_key="s", stage_reused=True, stage_seconds=10.0, number=2),
    ]
    section = stages(SweepData(make_sweep("a", trials=trials)))
    assert texts(section) == ["1 stage; reuse saved 10 seconds of training."]
    assert only(section, Table).rows == (("s", "resnet18", "fpn", "2+3", "COMPLETE", 9, 10, 2, 10),)
    assert stages(SweepData(make_sweep("b", trials=trials[:0]))) is None


def test_provenance_lists_data_versions_and_settings(make_sweep: MakeSweep) -> None:
    more = {"git_commit": "abc", "host": "gpu-1", "versions": json.dumps({"torch": "2.14.1"})}
    trials = [arm_trial("a", "e", "d", 0, 0.5, **more), arm_trial("b", "e", "d", 1, 0.5, **more | {"host": None})]
    description = STUDY_DESCRIPTION | {
        "versions": {"ray": "2.60.0"},
        "command": "seatbelt sweep mine",
        "select_on": "real",
    }
    section = provenance(SweepData(make_sweep(description=description, trials=trials)))
    rows = dict(only(section, Table).rows)
    assert rows["data"] == "belts, fingerprint ffffffffffffffff"
    assert rows["selection set"] == "2 images of domain real, target seat_belt"
    assert (rows["version of ray"], rows["versions in trials"]) == ("2.60.0", "torch 2.14.1")
    assert (rows["host"], rows["commit of the code"]) == ("gpu-1 (1 trial)", "abc (2 trials)")
    assert only(section, Command).command == "seatbelt sweep mine"


def test_one_sweep_is_one_part_with_all_sections(small: SweepData) -> None:
    report = build_report(small.sweep, NOON)
    assert (report.title, report.created) == ("Sweep sweep", "2026-03-01 12:00 UTC")
    (part,) = report.parts
    names = [section.name for section in part.sections]
    assert names == ["answer", "evidence", "arms", "effects", "figures", "cost", "provenance", "glossary"]


@pytest.mark.slow
def test_several_sweeps_are_ranked_together_where_they_compare(tmp_path: Path) -> None:
    write_sweep(tmp_path / "first", description=STUDY_DESCRIPTION, **small_tables())
    one = arm_trial("ff0", "resnet18", "linknet", 0, 0.9, number=0)
    write_sweep(tmp_path / "second", description=STUDY_DESCRIPTION, trials=[one])
    overview, first, second = build_report(load_all(tmp_path / "*"), NOON).parts
    assert texts(overview.sections[0], "lead") == [
        "Best of all: encoder=resnet18, decoder=linknet of second, selection IoU 0.900, n = 1."
    ]
    assert [row[1] for row in only(overview.sections[0], Table).rows] == ["second", "first", "first"]
    assert [[section.name for section in part.sections][-1] for part in (first, second)] == ["provenance", "glossary"]
    write_sweep(tmp_path / "third", description=STUDY_DESCRIPTION | {"selection": [[0, 7]]}, trials=[one])
    overview = build_report(load_all(tmp_path / "*"), NOON).parts[0]
    (text,) = texts(overview.sections[0])
    assert text.startswith("No common ranking: the sweeps are scored on different selection sets (2 images of belts")
    assert text.endswith("scores of different sweeps are not comparable.")


@pytest.mark.slow
@pytest.mark.parametrize("column", ["cell", "config", "status", "role", "error", "versions", "study"])
@pytest.mark.parametrize("value", ["[1]", "\x1b[2J", "null", ""])
def test_damaged_values_give_a_report_or_one_clear_error(tmp_path: Path, column: str, value: str) -> None:
    tables = small_tables()
    tables["trials"][0][column] = value
    sweep = load(write_sweep(tmp_path / "s", description=STUDY_DESCRIPTION, **tables))
    try:
        build_report(sweep, NOON)
    except UserError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("table", ["trials", "epochs", "images", "decisions"])
def test_a_file_that_is_no_parquet_is_one_error(tmp_path: Path, table: str) -> None:
    root = write_sweep(tmp_path / "s", description=STUDY_DESCRIPTION, **small_tables())
    (root / table / "00000.parquet").write_bytes(b"PAR1 damaged")
    with pytest.raises(UserError, match=f"/{table} cannot be read"):
        build_report(load(root), NOON)


@pytest.mark.parametrize(
    "damage",
    [
        {"factors": 7},
        {"factors": [{"name": "encoder"}]},
        {"rungs": "x"},
        {"baselines": []},
        {"data": [1]},
        {"versions": [1]},
        {"weights": 3},
        {"base": None},
    ],
)
def test_a_damaged_description_is_one_error(tmp_path: Path, damage: dict[str, Any]) -> None:
    sweep = load(write_sweep(tmp_path / "s", description=STUDY_DESCRIPTION | damage, **small_tables()))
    with pytest.raises(UserError) as caught:
        build_report(sweep, NOON)
    assert len(str(caught.value).splitlines()) == 1


def test_cells_of_tables_have_fixed_decimals() -> None:
    values = [None, float("nan"), True, 3, 0.12345, 12345.6, "x"]
    assert [cell_text(value, 3) for value in values] == ["-", "-", "yes", "3.000", "0.123", "12,345.600", "x"]
    assert cell_text(0.5, None) == "0.5"
