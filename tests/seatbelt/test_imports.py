from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "statement",
    [
        "import seatbelt",
        "import analysis",
        "import seatbelt.config.trial, seatbelt.records.identity, seatbelt.records.tables",
        "import runners.cli",
        "from runners import Sweep, sweep",
    ],
)
def test_light_imports_load_neither_torch_nor_ray(statement: str) -> None:
    code = f"import sys; {statement}; print([m for m in ('torch', 'ray', 'pandas', 'cv2') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_help_loads_neither_torch_nor_ray() -> None:
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print([m for m in ('torch', 'ray', 'pandas') if m in sys.modules]))\n"
        "sys.argv = ['seatbelt', '--help']\n"
        "from runners.cli import main\n"
        "main()\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Launch a sweep" in answer.stdout
    assert answer.stdout.strip().endswith("[]")
