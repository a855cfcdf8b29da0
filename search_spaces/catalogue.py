"""All studies by name, and custom studies from Python files."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from search_spaces.space import Study
from search_spaces.studies import (
    architecture,
    augmentation,
    composition,
    generations,
    hyperparameters,
    initialization,
    joint,
    labels,
    mixing,
    pretraining,
    randomization,
    recipe,
)
from seatbelt.errors import UserError

STUDIES: dict[str, Callable[[], Study]] = {
    "architecture": architecture.study,
    "generations": generations.study,
    "mixing": mixing.study,
    "randomization": randomization.study,
    "pretraining": pretraining.study,
    "initialization": initialization.study,
    "labels": labels.study,
    "augmentation": augmentation.study,
    "composition": composition.study,
    "hyperparameters": hyperparameters.study,
    "recipe": recipe.study,
    "joint": joint.study,
}


def find_study(name: str) -> Study:
    """Return a study by its name, or from a Python file that defines `study() -> Study`.

    Raises:
        UserError: The study does not exist, or the file does not define one.
    """
    if name.endswith(".py"):
        return _from_file(Path(name))
    if name not in STUDIES:
        raise UserError(
            f"there is no study {name!r}; choose one of {', '.join(STUDIES)}, or give a Python file that "
            "defines study()"
        )
    return STUDIES[name]()


def _from_file(path: Path) -> Study:
    if not path.is_file():
        raise UserError(f"study file {path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"user_study_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Data classes and pickle look their module up by name.
    sys.modules[spec.name] = module
    try:
        with _neighbours_importable(path.resolve().parent):
            spec.loader.exec_module(module)
            function = getattr(module, "study", None)
            if not callable(function):
                raise UserError("it must define a function study() that returns a Study")
            study = function()
    except UserError as error:
        raise UserError(f"study file {path}: {error}") from None
    except (Exception, SystemExit) as error:
        # This is the user's code, so any exception is the user's to fix.
        reason = " ".join(str(error).split())
        raise UserError(f"study file {path}: {type(error).__name__}: {reason}") from error
    if not isinstance(study, Study):
        raise UserError(f"study file {path}: study() must return a Study, but returned {type(study).__name__}")
    try:
        study.base()
    except UserError as error:
        raise UserError(f"study file {path}: {error}") from None
    return study


@contextlib.contextmanager
def _neighbours_importable(folder: Path) -> Iterator[None]:
    """Let a study import files beside it; they come last on the path, so they cannot shadow installed modules."""
    before = list(sys.path)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path[:] = before
