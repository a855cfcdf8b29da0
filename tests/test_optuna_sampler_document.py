"""docs/optuna-sampler.md: its example runs."""

from __future__ import annotations

import re

import optuna
import pytest

from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "optuna-sampler.md").read_text()


def test_the_example_finds_the_best_layers_and_optimizer(capsys: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    exec(compile(example, "docs/optuna-sampler.md", "exec"), {})
    output = capsys.readouterr().out
    assert "'layers': 5" in output and "'optimizer': 'adamw'" in output
