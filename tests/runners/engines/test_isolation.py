"""A sweep imports nothing from its working folder, and signals to its process group reach the driver alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from runners.engines import isolation
from runners.engines.isolation import import_nothing_from_working_folder, isolated_start, search_path
from tests.conftest import ROOT, MakeData

SEATBELT = [sys.executable, "-c", "from runners.cli import main; main()"]


def test_empty_parts_of_the_python_path_mean_the_working_folder_and_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    path = search_path(os.pathsep.join(["", str(tmp_path), ".", "mine", "/other", ""]), tmp_path)
    assert [part for part in path if part != str(ROOT)] == [str(tmp_path / "mine"), "/other"]


def test_this_package_stays_importable_where_it_is_run_from_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/usr/lib/python3"])
    assert search_path("", ROOT) == [str(ROOT)]
    assert search_path(".", ROOT) == [str(ROOT)]
    assert search_path("", Path("/")) == []


def test_installed_packages_are_not_put_before_the_standard_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = tmp_path / "site-packages"
    monkeypatch.setattr(isolation, "_SOURCE", installed)
    monkeypatch.setattr(sys, "path", [str(installed)])
    assert search_path("", tmp_path) == []


def test_the_working_folder_leaves_the_search_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), ".", "/usr/lib/python3"])
    import_nothing_from_working_folder()
    assert sys.path == ["/usr/lib/python3"]


def test_what_was_changed_for_the_start_is_changed_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "/mine:")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    with pytest.raises(KeyError), isolated_start(str(empty)):
        seen = subprocess.run(
            [sys.executable, "-c", "import os, signal, sys; print(os.getcwd(), signal.SIGTERM in "
             "signal.pthread_sigmask(signal.SIG_BLOCK, []), sys.path[0])"],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        assert seen == [str(empty), "True", "/mine"]
        raise KeyError
    assert (Path.cwd(), os.environ["PYTHONPATH"]) == (tmp_path, "/mine:")
    assert "PYTHONSAFEPATH" not in os.environ
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def sweep_command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        *(*SEATBELT, "sweep", "architecture", "--data", str(data), "--out", str(out)),
        *("--set", "encoder=lite0", "--set", "decoder=linknet", "--fix", "weights=none", "--slots", "1", *more),
    ]


# With the working folder on its path, the driver's interpreter imports some files before any code of the product runs.
# Only the workers can be kept from those files.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("python_path", "engine", "names"),
    [
        ("", "ray", ["analysis", "runners", "seatbelt", "cv2", "random", "types", "sitecustomize", "numpy", "queue"]),
        (":", "in-process", ["analysis", "search_spaces", "cv2", "torch", "albumentations"]),
    ],
)
def test_no_module_of_the_working_folder_is_imported(
    make_data: MakeData, tmp_path: Path, python_path: str, engine: str, names: list[str]
) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    for name in names:
        (data / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write('{name} ')\n")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{python_path}"}
    # -P: an installed program starts without the working folder on its path.
    command = [sys.executable, "-P", *sweep_command(data, tmp_path, "--max-epochs", "1", "--engine", engine)[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=data, env=environment, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "1 COMPLETE" in done.stderr
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text()


@pytest.mark.alone
@pytest.mark.parametrize("engine", ["ray", "in-process"])
def test_sigterm_to_the_group_ends_a_sweep_as_one_to_the_driver(
    make_data: MakeData, tmp_path: Path, engine: str
) -> None:
    data = make_data(subjects=6, images=2, test_subjects=2)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = sweep_command(data, tmp_path, "--max-epochs", "500", "--workers", "1", "--engine", engine)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stderr is not None
        while "epoch 2/" not in (line := process.stderr.readline()):
            assert line, "the sweep ended early"
        processes = descendants(process.pid)
        assert processes
        os.killpg(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert "stopped: SIGTERM" in said
    assert not re.search("lost|killed|Traceback", said), said
    assert set(pd.read_parquet(tmp_path / "architecture" / "trials")["status"]) == {"INTERRUPTED"}
    until = time.monotonic() + 20
    while still := [pid for pid in processes if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < until, f"of {len(processes)} processes {len(still)} still run"
        time.sleep(0.2)


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [descendant for child in children for descendant in (int(child), *descendants(int(child)))]
