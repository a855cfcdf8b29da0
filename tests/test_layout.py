"""The layout of the packages: folders that one can survey, and no cycle of imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("seatbelt", "search_spaces", "runners", "analysis")
MOST_MODULES = 20


def modules(package: str) -> dict[str, Path]:
    """Return dotted name -> file, packages by their own name."""
    files = (ROOT / package).rglob("*.py")
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the nodes of a cycle; empty if there is none."""
    states: dict[str, str] = {}
    path: list[str] = []

    def visit(node: str) -> list[str]:
        states[node] = "open"
        path.append(node)
        for target in sorted(graph.get(node, ())):
            if states.get(target) == "open":
                return path[path.index(target) :]
            if target not in states and (closed := visit(target)):
                return closed
        states[node] = "done"
        path.pop()
        return []

    return next((closed for node in sorted(graph) if node not in states and (closed := visit(node))), [])


def import_graph() -> dict[str, set[str]]:
    files = {name: file for package in PACKAGES for name, file in modules(package).items()}
    graph: dict[str, set[str]] = {}
    for name, file in files.items():
        targets = set()
        for imported in imports(file):
            while imported and imported not in files:
                imported = imported.rpartition(".")[0]
            targets.add(imported)
        graph[name] = targets - {name, ""}
    return graph


def test_cycles_are_noticed() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.slow
def test_no_modules_import_each_other() -> None:
    assert cycle(import_graph()) == []


@pytest.mark.slow
def test_no_folders_import_each_other() -> None:
    folders: dict[str, set[str]] = {}
    for name, targets in import_graph().items():
        folder = ".".join(name.split(".")[:2])
        folders.setdefault(folder, set()).update(".".join(target.split(".")[:2]) for target in targets)
    # A package's own module names its public members, which its folders do not import back.
    graph = {folder: targets - {folder, *PACKAGES} for folder, targets in folders.items() if folder not in PACKAGES}
    assert cycle(graph) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_holds_too_many_modules(package: str) -> None:
    folders = {file.parent for file in modules(package).values()}
    sizes = {str(folder.relative_to(ROOT)): len(list(folder.glob("[!_]*.py"))) for folder in folders}
    assert {folder: size for folder, size in sizes.items() if size > MOST_MODULES} == {}
