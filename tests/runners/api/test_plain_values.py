"""Plain values as options: what is allowed, and the text of each refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners import sweep
from runners.api.plain_values import record_of, values_of
from runners.api.request import LaunchRequest, ResumeRequest, RetryStatus
from seatbelt.errors import UserError


def test_plain_values_become_the_record_of_the_command_line() -> None:
    values = {
        "set": {"encoder": ["resnet18", "resnet34"], "real": [True, False], "decoder_learning_rate": "0.0001..0.01"},
        "fix": {"weights": "none", "batch_size": 4},
        "levels": {"decoder_learning_rate": 5},
        "all_subsets": ["hair", "face"],
        "size": (96, 160),
        "rungs": [3, 9],
        "max_epochs": np.int64(9),
        "until": 0.005,
        "gpus-per-trial": 0.5,
        "epoch_timeout": 7,
        "data": "belts",
        "out": Path("~/sweeps"),
        "design": None,
    }
    request = record_of(LaunchRequest, values, study="architecture")
    assert request.vary == (
        "encoder=resnet18,resnet34",
        "real=true,false",
        "decoder_learning_rate=0.0001..0.01",
    )
    assert request.fix == ("weights=none", "batch_size=4")
    assert (request.levels, request.all_subsets) == (("decoder_learning_rate=5",), ("hair", "face"))
    assert (request.size, request.rungs, request.max_epochs, request.until) == ((96, 160), (3, 9), 9, 0.005)
    assert (request.gpus_per_trial, request.epoch_minutes) == (0.5, 7.0)
    assert (request.data, request.out) == ((Path("belts"),), str(Path.home() / "sweeps"))
    assert {"vary", "size", "gpus_per_trial", "epoch_minutes", "design"} <= request.named
    assert "seed" not in request.named


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("size", "96x160", "size", (96, 160)),
        ("size", [64, 64], "size", (64, 64)),
        ("rungs", "3,9", "rungs", (3, 9)),
        ("rungs", 3, "rungs", (3,)),
        ("gpus_per_trial", "auto", "gpus_per_trial", "auto"),
        ("gpus_per_trial", 1, "gpus_per_trial", 1.0),
        ("data", ["a", Path("b")], "data", (Path("a"), Path("b"))),
        ("all_subsets", "hair,face", "all_subsets", ("hair", "face")),
        ("set", {"encoder": "resnet18,resnet34"}, "vary", ("encoder=resnet18,resnet34",)),
        ("set", {"target": ["seat, belt", "hat"]}, "vary", (r"target=seat\, belt,hat",)),
        ("fix", {"target": "seat, belt"}, "fix", ("target=seat, belt",)),
        ("set", {"batch_size": (2, 4)}, "vary", ("batch_size=2,4",)),
    ],
)
def test_ways_to_write_a_value(key: str, value: Any, field: str, expected: Any) -> None:
    assert getattr(record_of(LaunchRequest, {key: value}, study="joint"), field) == expected


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_epoch", 9, "no option 'max_epoch'; did you mean max_epochs?"),
        ("max-epoch", 9, "no option 'max-epoch'; did you mean max_epochs?"),
        ("colour", "red", "no option 'colour'; options are set, fix, levels, all_subsets, architectures_from, design"),
        ("max_epochs", 0, "max_epochs takes a whole number from 1, but got 0"),
        ("max_epochs", 9.0, "max_epochs takes a whole number from 1, but got 9.0"),
        ("max_epochs", "9", "max_epochs takes a whole number from 1, but got '9'"),
        ("max_epochs", True, "max_epochs takes a whole number from 1, but got True"),
        ("seed", None, "seed takes a whole number from 0, but got None"),
        ("until", "0.005", "until takes a number from 0, but got '0.005'"),
        ("until", float("nan"), "until takes a number from 0, but got nan"),
        ("sure", 0.2, "sure takes a number from 0.5 to 0.999, but got 0.2"),
        ("quiet", "yes", "quiet takes true or false, but got 'yes'"),
        ("name", False, "name takes a text, but got False"),
        ("name", "", "name takes a text, but got ''"),
        ("engine", "rey", "engine takes one of ray, in-process, but got 'rey'"),
        ("prune", ["asha"], "prune takes one of none, asha, but got ['asha']"),
        ("size", "96 x 160", "size takes HEIGHTxWIDTH in pixels, such as 96x160, but got '96 x 160'"),
        ("size", 96, "size takes HEIGHTxWIDTH or two whole numbers from 1, but got 96"),
        ("size", (96, 160, 3), "size takes HEIGHTxWIDTH or two whole numbers from 1, but got (96, 160, 3)"),
        ("rungs", [3, "9"], "rungs takes EPOCH,EPOCH,... or a list of whole numbers from 1, but got [3, '9']"),
        ("gpus_per_trial", -1, "gpus_per_trial takes a number from 0 or auto, but got -1"),
        ("gpus_per_trial", "two", "gpus_per_trial takes a number from 0, such as 0.5, or auto, but got 'two'"),
        ("data", 3, "data takes a path or a list of paths, but got 3"),
        ("data", [""], "data takes a path or a list of paths, but got ['']"),
        ("weights_folder", 3, "weights_folder takes a path, but got 3"),
        ("all_subsets", ["a", "a"], "all_subsets takes CLASS,CLASS,... or a list of texts that differ and have no "),
        ("all_subsets", ["a,b"], "all_subsets takes CLASS,CLASS,... or a list of texts that differ and have no comm"),
        ("set", ["encoder=resnet18"], "set maps names to levels, such as encoder: [resnet18, resnet34], but got ["),
        ("set", {3: ["a"]}, "set maps names to levels, such as encoder: [resnet18, resnet34], but got the name 3"),
        (
            "set",
            {"a=b": ["c"]},
            "set maps names to levels, such as encoder: [resnet18, resnet34], but got the name 'a=",
        ),
        ("set", {"encoder": []}, "set: encoder takes at least one level, but got an empty list"),
        ("set", {"encoder": [None]}, "set: encoder takes a text, a number, true or false, but got None"),
        ("set", {"encoder": {"a": 1}}, "set: encoder takes a text, a number, true or false, but got {'a': 1}"),
        ("set", {"target": ["a\\"]}, "set: target: the level 'a\\\\' has a backslash before a comma or at its end"),
        ("fix", {"weights": ["none"]}, "fix: weights takes a text, a number, true or false, but got ['none']"),
        ("fix", "weights=none", "fix maps names to values, such as weights: none, but got 'weights=none'"),
    ],
)
def test_a_wrong_value_is_one_clear_error(key: str, value: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        sweep("architecture", **{key: value})
    assert str(error.value).startswith(message), str(error.value)
    assert "\n" not in str(error.value)


def test_a_key_in_both_spellings_is_refused() -> None:
    with pytest.raises(UserError, match=r"^max-epochs is given twice, with - and with _; use one of them$"):
        record_of(LaunchRequest, {"max_epochs": 3, "max-epochs": 4}, study="joint")


def test_statuses_to_retry_are_words() -> None:
    request = record_of(ResumeRequest, {"retry": ["failed", "out-of-memory"], "max_epochs": 9})
    assert request.retry == (RetryStatus.failed, RetryStatus.out_of_memory)
    assert values_of(request) == {"retry": ["failed", "out-of-memory"], "max_epochs": 9}
    with pytest.raises(UserError, match="retry takes one of failed, out-of-memory, diverged, or a list of them, but"):
        record_of(ResumeRequest, {"retry": "complete"})


def test_a_study_of_another_type_is_refused() -> None:
    with pytest.raises(UserError, match=r"study takes a name, a Python file or a Study, but got 3"):
        sweep(3)
