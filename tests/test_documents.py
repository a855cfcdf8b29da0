"""The documents: every command runs on a small data set, or at least parses; what they name exists."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from runners.cli import app
from tests.command_line import answer
from tests.conftest import ROOT, draw_data

TRAINING = ("sweep", "resume", "confirm", "final")
TOUR = (
    "README",
    "docs/tutorial",
    "docs/using-a-model",
    "docs/data",
    "docs/resuming",
    "docs/search",
    "docs/statistics",
    "docs/own-study",
    "docs/request-files",
)
"""Pages whose `console` and `python` blocks run one after the other in one folder."""
OTHER_TESTS = ("docs/results", "docs/optuna-sampler", "docs/python")
"""Pages whose blocks run in tests of their own, beside this one."""
PAGES = {
    path.relative_to(ROOT).with_suffix("").as_posix(): path.read_text()
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
PACKAGES = ("seatbelt", "search_spaces", "runners", "analysis")
MAKEFILE = (ROOT / "Makefile").read_text()


def blocks(page: str, kind: str) -> list[str]:
    """Return the code blocks of a kind: `python`, `console` (run), or `sh` (only parsed)."""
    return re.findall(rf"^ *```{kind}\n(.*?)^ *```", PAGES[page], flags=re.DOTALL | re.MULTILINE)


def lines(page: str, kind: str) -> list[str]:
    """Return the commands of the blocks of a kind."""
    text = "\n".join(blocks(page, kind)).replace("\\\n", " ")
    return [line.strip().removeprefix("$ ") for line in text.splitlines() if line.strip()]


def spans(page: str) -> list[str]:
    """Return the code within sentences and tables."""
    prose = re.sub(r"^ *```.*?^ *```", "", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


@cache
def seatbelt_command() -> Any:
    """Return the command line as data."""
    return typer.main.get_command(app)


def subcommand(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words begin with, and the words after it."""
    command = seatbelt_command()
    while hasattr(command, "commands") and words:
        assert words[0] in command.commands, f"there is no command seatbelt {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def all_options(command: Any) -> set[str]:
    return options(command).union(*map(all_options, getattr(command, "commands", {}).values()))


def check_command(line: str) -> None:
    """Check that a command of a shell parses; nothing runs."""
    words = [word.removeprefix(".venv/bin/") for word in shlex.split(line, comments=True)]
    if words[0] == "time":
        words = words[1:]
    if words[0] == "seatbelt":
        command, rest = subcommand(words[1:])
        command.make_context(words[0], list(rest))
    elif words[0] == "make":
        check_target(words[1])
    elif words[:2] == ["python", "-m"]:
        check_module(words[2], words[3:])
    else:
        assert words[0] in {"python3", "source", "pip", "export", "ssh"}, f"nothing checks {line!r}"


def check_target(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), f"there is no target {target}"


def check_module(module: str, arguments: list[str]) -> None:
    if module == "pytest":
        paths = [word.partition("::")[0] for word in arguments if word.startswith("tests")]
        assert paths and all((ROOT / path).exists() for path in paths), arguments
        return
    assert importlib.util.find_spec(module) is not None, module
    main = ROOT / module.replace(".", "/") / "__main__.py"
    if main.exists() and arguments and not arguments[0].startswith("-"):
        assert re.search(rf"\b{arguments[0]}\b", main.read_text()), f"python -m {module} has no {arguments[0]}"


def test_blocks_that_run_are_run_by_a_test() -> None:
    runnable = {page for page in PAGES if blocks(page, "console") or blocks(page, "python")}
    assert runnable == {*TOUR, *OTHER_TESTS}


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page: str) -> None:
    for line in lines(page, "sh") + lines(page, "console"):
        check_command(line)


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_in_sentences_exist(page: str) -> None:
    for span in spans(page):
        words = re.split(r"[\s|=,]+", span)
        if words[0] == "seatbelt" and len(words) > 1 and words[1] != "--help":
            command, rest = subcommand(words[1:2])
            for word in rest if hasattr(command, "commands") else words[2:]:
                assert not word.startswith("--") or word == "--" or word in all_options(command), span
        elif words[0] == "make" and len(words) > 1:
            check_target(words[1])
        elif words[:2] == ["python", "-m"]:
            check_module(words[2], span.split()[3:])
        elif re.fullmatch(r"--[a-z][a-z-]*", words[0]) and page != "CONTRIBUTING":
            assert words[0] in all_options(seatbelt_command()), span


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    folders = (*PACKAGES, "tests", "docs")
    named = [span for span in spans(page) if re.fullmatch(rf"({'|'.join(folders)})/[\w./-]+", span)]
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page])]
    here = (ROOT / page).parent
    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [link for link in links if link and not (here / link).exists()]
    assert not missing


@pytest.mark.slow
def test_messages_in_troubleshooting_are_those_of_the_code() -> None:
    literals = "\n".join(
        text for package in PACKAGES for path in (ROOT / package).rglob("*.py") for text in texts(path)
    )
    quoted = re.findall(r'^\| [^|]*?"([^"]+)"', PAGES["docs/troubleshooting"], flags=re.MULTILINE)
    assert len(quoted) > 15
    pieces = [piece.strip() for message in quoted for piece in message.split("...")]
    assert [piece for piece in pieces if piece not in literals] == []


def texts(path: Path) -> list[str]:
    """Return the literal texts of a module, the literal parts of each f-string joined."""
    literals = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            literals.append("\0".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            literals.append(node.value)
    return literals


def test_the_index_lists_every_decision_with_its_status() -> None:
    index = (ROOT / "docs" / "decisions" / "index.md").read_text()
    rows = dict(re.findall(r"^\| \[\d+\]\((\S+)\) \|.*\| ([^|]+) \|$", index, flags=re.MULTILINE))
    records = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert rows == {
        path.name: re.findall(r"^Status: (.+)\.$", path.read_text(), flags=re.MULTILINE)[0] for path in records
    }


@pytest.mark.slow
@pytest.mark.timeout(1200)  # some forty commands, on a machine that may be busy
def test_every_command_and_snippet_of_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_data(
        tmp_path / "my-images",
        "my-images",
        subjects=6,
        images=3,
        test_subjects=2,
        generations={},
        height=64,
        width=96,
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> None:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}\n{done.stderr}"

    commands = 0
    for page in TOUR:
        for snippet in blocks(page, "python"):
            if snippet.startswith("# mine.py"):
                (tmp_path / "mine.py").write_text(snippet)
        for line in lines(page, "console"):
            if not line.startswith("seatbelt "):
                continue
            words = shlex.split(line)[1:]
            commands += 1
            # Both engines give the same tables: to start Ray for each would only take time.
            in_process = ["--engine", "in-process"] if words[0] in TRAINING and "--dry-run" not in words else []
            answer(*words, *in_process)
        for snippet in blocks(page, "python"):
            run("-c", snippet)
    assert commands >= 30
