from __future__ import annotations

import json

from seatbelt.config.trial import TrialConfig
from seatbelt.records.arrow import arrow_schema
from seatbelt.records.configuration import configuration_row
from seatbelt.records.tables import TABLES, Status
from tests.conftest import ROOT


def test_statuses_never_change() -> None:
    assert [str(status) for status in Status] == [
        "PLANNED",
        "RUNNING",
        "PAUSED",
        "PRUNED",
        "COMPLETE",
        "FAILED",
        "OUT_OF_MEMORY",
        "DIVERGED",
        "INTERRUPTED",
    ]


def test_schemas_of_the_tables_never_change() -> None:
    golden = json.loads((ROOT / "tests" / "golden" / "schemas.json").read_text())
    now = {name: {field.name: str(field.type) for field in arrow_schema(name)} for name in TABLES}
    assert now == golden


def test_columns_are_unique_and_say_what_they_mean() -> None:
    for name, columns in TABLES.items():
        names = [column.name for column in columns]
        assert len(set(names)) == len(names), name
        assert all(len(column.meaning) > 3 for column in columns), name


def test_configuration_columns_are_in_the_schema() -> None:
    row = configuration_row(TrialConfig())
    assert set(row) <= {column.name for column in TABLES["trials"]}
    assert row["generations"] == "3+4+5"
    assert TrialConfig.model_validate_json(row["config"]) == TrialConfig()


def test_augmentation_columns_hold_what_the_policy_uses() -> None:
    def row(**fields: object) -> dict[str, object]:
        changes = {f"augmentation.{name}": value for name, value in fields.items()}
        return {
            name.removeprefix("augmentation_"): value
            for name, value in configuration_row(TrialConfig().with_fields(changes)).items()
            if name.startswith("augmentation_")
        }

    assert row() == {
        "policy": "independent",
        "probability": 0.2,
        "operations": None,
        "strength": 1.0,
        "overrides": None,
        "library": None,
    }
    assert row(policy="randaugment", operations=3, strength=0.5) == {
        "policy": "randaugment",
        "probability": None,
        "operations": 3,
        "strength": 0.5,
        "overrides": None,
        "library": None,
    }
    assert row(library={"Blur": {"blur_limit": 7}})["library"] == '{"Blur": {"blur_limit": 7}}'
    assert row(strengths={"cutout": 2})["overrides"] == '{"strengths": {"cutout": 2.0}}'
