"""docs/python.md and docs/sweep.ipynb: every snippet and every cell runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.conftest import ROOT, draw_data

NOTEBOOK = ROOT / "docs" / "sweep.ipynb"
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), flags=re.DOTALL)


@pytest.mark.slow
def test_every_snippet_of_the_page_runs_as_one_program(tmp_path: Path) -> None:
    draw_data(
        tmp_path / "my-images",
        "my-images",
        subjects=6,
        images=2,
        test_subjects=2,
        generations={},
        height=64,
        width=96,
    )
    # Both engines give the same tables: to start Ray for each session would only take time.
    program = "\n".join(SNIPPETS).replace("max_epochs=9", 'max_epochs=1, engine="in-process"')
    assert program.count("in-process") == 2
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "finished: 2 COMPLETE; 2 of about 2 epochs; best selection IoU 0." in done.stdout
    assert "no option 'max_epoch'; did you mean max_epochs?" in done.stdout
    assert re.search(r"torch.Size|\(1, 64, 96\)", done.stdout)
    assert "seed-1 1. [0] lite0 fpn: selection IoU 0." in done.stdout
    assert "seed-2 1. [0] lite0 fpn: selection IoU 0." in done.stdout


def test_the_notebook_holds_no_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.slow
def test_every_cell_of_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "work").mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path / "work")}}).execute()
    text = json.dumps(notebook)
    assert "finished: 2 COMPLETE; 4 of about 4 epochs" in text
    assert "(1, 64, 96)" in text, "the probabilities of one label, at the size of the image"
    assert "[1] lite0 fpn epoch 2/2: selection IoU" in text, "wait shows the progress"
