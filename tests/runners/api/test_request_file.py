"""Request files: the same options in YAML and TOML, what is refused, and what flags override."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from runners.api.command_words import launch_command, without_request_file
from runners.api.option_table import options_of
from runners.api.plain_text import READERS, WRITERS
from runners.api.plain_values import record_of, values_of
from runners.api.request import LaunchOptions, LaunchRequest
from runners.api.request_file import complete_request, read_request
from runners.cli import app
from runners.cli.options import with_records
from tests.command_line import answer, mistake

YAML = """
study: architecture
data: [belts, more]
set:
  encoder: [resnet18, resnet34]
  random_fog: [off, on]
fix:
  weights: none
size: 96x160
max-epochs: 9
until: 5e-3
quiet: true
"""

TOML = """
study = "architecture"
data = ["belts", "more"]
size = [96, 160]
max_epochs = 9
until = 0.005
quiet = true
set = { encoder = ["resnet18", "resnet34"], random_fog = ["off", "on"] }
fix = { weights = "none" }
"""

REQUEST = LaunchRequest(
    study="architecture",
    data=(Path("belts"), Path("more")),
    vary=("encoder=resnet18,resnet34", "random_fog=off,on"),
    fix=("weights=none",),
    size=(96, 160),
    max_epochs=9,
    until=0.005,
    quiet=True,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "text"), [("r.yaml", YAML), ("r.yml", YAML), ("R.YAML", YAML), ("r.toml", TOML)])
def test_a_request_file_is_the_record_of_a_command_line(tmp_path: Path, name: str, text: str) -> None:
    request = read_request(write(tmp_path / name, text))
    assert request == REQUEST
    assert {"data", "max_epochs", "vary"} <= request.named


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
LEVELS = TEXTS.filter(lambda text: not text.endswith("\\") and "\\," not in text)
NAMES = TEXTS.filter(lambda text: "=" not in text)
PLACES = TEXTS.filter(lambda text: not text.startswith("~"))
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "set": st.dictionaries(NAMES, st.lists(LEVELS, min_size=1), min_size=1),
        "fix": st.dictionaries(NAMES, TEXTS, min_size=1),
        "size": st.tuples(st.integers(1, 9999), st.integers(1, 9999)),
        "rungs": st.lists(st.integers(1, 99), min_size=1),
        "seed": st.integers(0, 2**63),
        "until": st.floats(0, 1e300),
        "gpus_per_trial": st.one_of(st.just("auto"), st.floats(0, 8)),
        "engine": st.sampled_from(["ray", "in-process"]),
        "tensorboard": st.booleans(),
        "name": PLACES,
        "data": st.lists(PLACES, min_size=1),
    },
)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".yaml", ".toml"])
@given(values=VALUES)
def test_a_request_that_is_written_and_read_is_the_same(suffix: str, values: dict[str, Any]) -> None:
    request = record_of(LaunchRequest, values, study="joint")
    text = WRITERS[suffix](values_of(request))
    read: Any = READERS[suffix](text)
    assert record_of(LaunchRequest, read or {}, study="joint") == request


@pytest.mark.slow
@given(values=VALUES)
def test_the_command_line_of_a_request_asks_for_the_same(values: dict[str, Any]) -> None:
    built: list[LaunchOptions] = []

    def sweep(study: str, options: LaunchOptions) -> None:
        built.append(options)

    sweep.__annotations__ = {"study": Annotated[str, typer.Argument()], "options": LaunchOptions, "return": None}
    program = typer.Typer()
    program.command()(with_records(sweep))
    request = record_of(LaunchRequest, values, study="joint")
    words = launch_command(request)[1:]
    typer.main.get_command(program).main(args=words, standalone_mode=False)
    assert LaunchRequest(study="joint", **vars(built[0])) == request


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "study: joint\nmax_epoch: 3", "no option 'max_epoch'; did you mean max_epochs?"),
        ("a.toml", 'study = "joint"\nmax_epoch = 3', "no option 'max_epoch'; did you mean max_epochs?"),
        ("a.yaml", "study: joint\nseed: 1\nseed: 2", "the key 'seed' stands there twice, again in line 3"),
        ("a.toml", 'study = "joint"\nseed = 1\nseed = 2', "Cannot overwrite a value (at "),
        ("a.yaml", "study: joint\nmax-epochs: 1\nmax_epochs: 2", "max_epochs is given twice, with - and with _; use o"),
        ("a.yaml", "- joint", "it must map options to values, such as `study: architecture`"),
        ("a.yaml", "", "it must map options to values, such as `study: architecture`"),
        ("a.yaml", "seed: 3", "study takes a name (architecture, generations, mixing, randomization, pretraining, "),
        ("a.yaml", "study: joint\nquiet: yes", "quiet takes true or false, but got 'yes'"),
        ("a.yaml", "study: joint\nname: true", "name takes a text, but got True"),
        ("a.yaml", "study: joint\nname: 3", "name takes a text, but got 3"),
        ("a.yaml", "study: joint\nseed:", "seed takes a whole number from 0, but got None"),
        ("a.yaml", "study: joint\nset: {encoder: }", "set: encoder takes a text, a number, true or false, but got Non"),
        ("a.yaml", "study: joint\nset: [a", "line 2: expected ',' or ']', but got '<stream end>'; mend the YAML"),
        ("a.yaml", "study: &x joint\nname: *x", "aliases are not read; write the value out"),
        ("a.yaml", "study: !!python/name:os.system", "line 1: could not determine a constructor for the tag"),
        ("a.yaml", "1: 2\nstudy: joint", "no option 1; options are set, fix"),
        ("a.toml", "study = ", "Invalid value (at end of document)"),
    ],
)
def test_a_wrong_request_file_is_one_clear_error(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path / name, text)
    line = mistake("sweep", str(path))
    assert line.startswith(f"request file {path}: {message}"), line


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert mistake("sweep", str(tmp_path / "no.yaml")) == f"request file {tmp_path}/no.yaml: No such file or directory"
    (tmp_path / "bytes.yaml").write_bytes(b"study: \xff")
    assert "it is no UTF-8 text (invalid start byte at byte 7)" in mistake("sweep", str(tmp_path / "bytes.yaml"))
    (tmp_path / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    assert "it has 1,048,577 bytes; a request has a few hundred" in mistake("sweep", str(tmp_path / "large.yaml"))
    assert mistake("sweep", "request.json").startswith("there is no study 'request.json'; choose one of architecture")


def test_texts_of_yaml_1_1_stay_texts(tmp_path: Path) -> None:
    text = "study: joint\nname: 2026-11-30\nfix: {weights: no, target: 12:30, precision: off}\nset: {batch_size: [010]}"
    request = read_request(write(tmp_path / "a.yaml", text))
    assert request.name == "2026-11-30"
    assert request.fix == ("weights=no", "target=12:30", "precision=off")
    assert request.vary == ("batch_size=10",)


def test_flags_override_the_file_and_the_result_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.yaml", YAML)
    said = answer("sweep", "a.yaml", "--max-epochs", "3", "--set", "encoder=lite0", "--save-request", "b.toml")
    assert said == "wrote b.toml; launch it with: seatbelt sweep b.toml\n"
    changed = read_request(Path("b.toml"))
    assert (changed.max_epochs, changed.fix) == (3, ("weights=none",))
    assert changed.vary == ("random_fog=off,on", "encoder=lite0"), "of the file, what the flags do not name"
    assert not (tmp_path / "sweeps").exists(), "nothing was launched"
    assert Path("b.toml").read_text() == (
        'study = "architecture"\nsize = "96x160"\nmax_epochs = 3\nuntil = 0.005\nquiet = true\n'
        'data = ["belts", "more"]\n\n[set]\nrandom_fog = ["off", "on"]\nencoder = "lite0"\n\n[fix]\nweights = "none"\n'
    )
    assert mistake("sweep", "a.yaml", "--save-request", "b.toml") == (
        "--save-request b.toml: that file exists already; choose another name"
    )
    assert mistake("sweep", "a.yaml", "--save-request", "c.json") == (
        "--save-request c.json: the name must end in .yaml, .yml, .toml"
    )
    assert "given twice" in mistake("sweep", "joint", "--fix", "seed=1", "--fix", "seed=2", "--save-request", "d.yaml")
    secret = ("--out", "s3://user:hunter22@host/bucket")
    assert "holds a secret" in mistake("sweep", "joint", *secret, "--save-request", "d.yaml")
    assert not Path("d.yaml").exists()


def test_a_name_that_is_fixed_on_the_command_line_varies_no_more(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", YAML)
    changed = complete_request(str(path), LaunchOptions(fix=("encoder=lite0",), named=frozenset({"fix"})))
    assert (changed.vary, changed.fix) == (("random_fog=off,on",), ("weights=none", "encoder=lite0"))
    assert changed.size == (96, 160)
    words = without_request_file(["sweep", str(path), "--fix", "encoder=lite0", "--set=random_fog=on"])
    assert words[2:5] == ["--fix", "weights=none", "--size"]
    assert words[-3:] == ["--fix", "encoder=lite0", "--set=random_fog=on"]


def test_a_cluster_runs_what_a_request_file_asks_for(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.yaml", YAML.replace("[belts, more]", "[/shared/belts]") + "out: /shared/sweeps\nslots: 4\n"
    )
    words = without_request_file(["sweep", str(path), "--slots", "8", "--max-epochs=3"])
    assert shlex.join(words) == (
        "sweep architecture --set encoder=resnet18,resnet34 --set random_fog=off,on --fix weights=none --size 96x160 "
        "--until 0.005 --quiet --data /shared/belts --out /shared/sweeps --slots 8 --max-epochs=3"
    )
    assert without_request_file(["resume", "/shared/a.yaml"]) == ["resume", "/shared/a.yaml"]
    assert without_request_file([]) == []


def test_a_value_that_looks_like_a_flag_stays_a_value() -> None:
    request = LaunchRequest(study="joint", name="--quiet", fix=("target=x",))
    assert launch_command(request) == ["sweep", "joint", "--fix", "target=x", "--name=--quiet"]


def test_every_option_of_the_command_line_is_a_key(tmp_path: Path) -> None:
    flags = {name for parameter in _commands()["sweep"].params for name in parameter.opts}
    keys = {f"--{key.replace('_', '-')}" for key in _keys()}
    assert flags - keys == {"study", "--save-request", "--dry-run", "-q", "--help", "-h"} & (flags - keys)
    assert keys <= flags


def _commands() -> dict[str, Any]:
    command: Any = typer.main.get_command(app)
    return dict(command.commands)


def _keys() -> list[str]:
    return list(options_of(LaunchRequest))
