"""No part of the product unpickles, evaluates, or hands text to a shell: its syntax trees are searched."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PRODUCT = [
    path for name in ("seatbelt", "search_spaces", "runners", "analysis") for path in (ROOT / name).rglob("*.py")
]

MODULES = {
    **dict.fromkeys(
        ("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"), "unpickles"
    ),
    **dict.fromkeys(("xml", "lxml", "defusedxml"), "parses XML: the product reads none"),
    **dict.fromkeys(("zipfile", "tarfile"), "unpacks archives"),
}
ALLOWED = {("seatbelt/models/weights_file.py", "zipfile")}
"""It reads the directory of an archive and unpacks nothing."""

CALLS = {
    "eval": "evaluates text",
    "exec": "evaluates text",
    "compile": "evaluates text",
    "__import__": "imports by text",
    "os.system": "uses a shell",
    "os.popen": "uses a shell",
    "subprocess.getoutput": "uses a shell",
    "subprocess.getstatusoutput": "uses a shell",
    "tempfile.mktemp": "has a race",
    "pandas.read_pickle": "unpickles",
    "pandas.eval": "evaluates text",
    "numpy.fromregex": "evaluates text",
    "shutil.unpack_archive": "unpacks archives",
    "torch.hub.load": "runs code of others",
    "torch.jit.load": "runs code of others",
    "torch.package.PackageImporter": "runs code of others",
    "yaml.unsafe_load": "runs code of others",
    "yaml.full_load": "loads more than plain values",
    "yaml.load_all": "loads more than plain values",
    "yaml.unsafe_load_all": "runs code of others",
    "yaml.full_load_all": "loads more than plain values",
}
NEEDED = {
    "torch.load": ("weights_only", True),
    "numpy.load": ("allow_pickle", False),
    "numpy.lib.format.read_array": ("allow_pickle", False),
}
"""Argument that a call must be given, and its value."""

METHODS = {"read_pickle": "unpickles", "to_pickle": "pickles", "unpickle": "unpickles"}
SAFE_LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader"}
ALIASES = {"np": "numpy", "pd": "pandas"}


def findings(source: str, name: str = "x.py") -> Iterator[str]:
    """Yield what is dangerous in a module, with its line."""
    tree = ast.parse(source)
    imported_names = _names(tree)
    for node in ast.walk(tree):
        for what in (
            _of_import(node, name) if isinstance(node, ast.Import | ast.ImportFrom) else _of_call(node, imported_names)
        ):
            yield f"{name}:{getattr(node, 'lineno', 0)}: {what}"


def _names(tree: ast.AST) -> dict[str, str]:
    """Return what names stand for: `from os import system as s` gives s -> os.system, a class gives its only base."""
    names = dict(ALIASES)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ClassDef) and len(node.bases) == 1:
            names[node.name] = _dotted(node.bases[0], names)
    return names


def _of_import(node: ast.Import | ast.ImportFrom, name: str) -> Iterator[str]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        top = module.partition(".")[0]
        if top in MODULES and (name, top) not in ALLOWED:
            yield f"import of {module} {MODULES[top]}"


def _of_call(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    called = _dotted(node.func, names)
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    method = called.rpartition(".")[2]
    if called in CALLS:
        yield f"{called} {CALLS[called]}"
    elif "." in called and method in METHODS:
        yield f"{called} {METHODS[method]}"
    elif "." in called and method in ("query", "eval") and node.args and _is_text(node.args[0]):
        yield f"{called} evaluates text, if it is pandas'"
    elif called in NEEDED and not _is(keywords.get(NEEDED[called][0]), NEEDED[called][1]):
        yield f"{called} without {NEEDED[called][0]}={NEEDED[called][1]} may unpickle"
    elif called == "yaml.load" and not _loads_safely(node, keywords, names):
        yield "yaml.load without a safe loader runs code of others"
    if "shell" in keywords and not _is(keywords["shell"], False):
        yield f"{called} with shell=True uses a shell"


def _loads_safely(node: ast.Call, keywords: dict[str | None, ast.expr], names: dict[str, str]) -> bool:
    loader = keywords.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
    return loader is not None and _dotted(loader, names) in SAFE_LOADERS


def _is_text(node: ast.AST) -> bool:
    """Return whether an argument is written as a text, such as a condition; a sweep or connection is none."""
    return isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp)


def _dotted(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return "?"


def _is(node: ast.AST | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_product_does_nothing_dangerous(path: Path) -> None:
    assert list(findings(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))) == []


def test_the_whole_product_is_searched() -> None:
    assert len(PRODUCT) > 100


DANGEROUS = [
    *(f"import {module}" for module in MODULES),
    "from pickle import loads",
    "import xml.etree.ElementTree as ET",
    "from xml.dom.minidom import parse",
    "def f():\n    import dill",
    "import torch\ntorch.load(f)",
    "import torch\ntorch.load(f, weights_only=False)",
    "import torch\ntorch.load(f, weights_only=flag)",
    "from torch import load\nload(f)",
    "import numpy as np\nnp.load(f)",
    "import numpy as np\nnp.load(f, allow_pickle=True)",
    "from numpy import load as read\nread(f)",
    "import numpy\nnumpy.lib.format.read_array(f)",
    "import pandas as pd\npd.read_pickle(f)",
    "import pandas as pd\npd.eval(text)",
    "frame.query(f\"key == '{key}'\")",
    "frame.eval('a = b')",
    "frame.to_pickle(f)",
    "eval(text)",
    "exec(text)",
    "compile(text, 'x', 'exec')",
    "__import__(name)",
    "import yaml\nyaml.load(f)",
    "import yaml\nyaml.load(f, yaml.Loader)",
    "import yaml\nclass Mine(yaml.Loader): ...\nyaml.load(f, Loader=Mine)",
    "import yaml\nyaml.load(f, Loader=yaml.FullLoader)",
    "import yaml\nyaml.unsafe_load(f)",
    "import yaml\nyaml.full_load(f)",
    "from yaml import unsafe_load as safe\nsafe(f)",
    "import subprocess\nsubprocess.run(text, shell=True)",
    "import subprocess\nsubprocess.Popen(text, shell=flag)",
    "import subprocess\nsubprocess.getoutput(text)",
    "import os\nos.system(text)",
    "from os import popen\npopen(text)",
    "import tempfile\ntempfile.mktemp()",
    "import shutil\nshutil.unpack_archive(f)",
    "import torch\ntorch.jit.load(f)",
]


@pytest.mark.parametrize("source", DANGEROUS)
def test_each_dangerous_form_is_reported(source: str) -> None:
    assert len(list(findings(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(f, weights_only=True)",
        "import numpy as np\nnp.load(f, allow_pickle=False)",
        "import yaml\nyaml.safe_load(f)\nyaml.load(f, Loader=yaml.SafeLoader)",
        "import yaml\nclass Mine(yaml.SafeLoader): ...\nyaml.load(f, Loader=Mine)",
        "import subprocess\nsubprocess.run(['git', 'status'], shell=False)",
        "network.eval()",
        "import re\nre.compile(text)",
        "query(sweep, 'select 1')",
    ],
)
def test_safe_code_is_not_reported(source: str) -> None:
    assert list(findings(source)) == []
