"""Prepares a session from a request: the one way for Python, request files and the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from runners.api.command_words import launch_command
from runners.api.request import LaunchRequest, ResumeRequest, part
from runners.commands.prepare import PreparedSession, prepare_launch, prepare_resume
from runners.new_sweep.default_data import embedded_scenes
from runners.new_sweep.request import Request, SweepOptions
from runners.session.options import LimitOptions, RunOptions
from search_spaces.catalogue import find_study
from search_spaces.space import Study
from seatbelt.errors import UserError


def prepare_request(request: LaunchRequest, default_data: Callable[[], Path] = embedded_scenes) -> PreparedSession:
    """Prepare the first session of a sweep, or a further one of a sweep that exists.

    Args:
        request: What the user asks for.
        default_data: Makes the data set of a request without data.

    Raises:
        UserError: The request cannot work, or differs from the sweep that exists.
    """
    study = _study(request.study)
    return prepare_launch(
        Request(study=study, data=request.data, **vars(part(request, SweepOptions))),
        part(request, LimitOptions),
        part(request, RunOptions),
        f"{request.out.rstrip('/')}/{request.name or study.name}",
        as_new=request.as_new,
        command=launch_command(request),
        default_data=default_data,
    )


def prepare_resume_request(sweep: str, request: ResumeRequest) -> PreparedSession:
    """Prepare a session that continues a sweep.

    Raises:
        UserError: There is no sweep, or its data, weights or code changed.
    """
    return prepare_resume(
        sweep,
        part(request, LimitOptions),
        part(request, RunOptions),
        max_epochs=request.max_epochs,
        retry=tuple(status.upper().replace("-", "_") for status in request.retry),
        moved_data=request.data,
        moved_weights=request.weights_folder,
    )


def _study(study: object) -> Study:
    if isinstance(study, Study):
        return study
    if isinstance(study, str | Path):
        return find_study(str(study))
    raise UserError(f"study takes a name, a Python file or a Study, but got {study!r:.80}")


def scenes_from_another_process() -> Path:
    """Return the default scenes, rendered from another process.

    Rendering starts processes that would run the program of the user again, unless it guards its main part.
    """
    render = "from runners.new_sweep.default_data import embedded_scenes; embedded_scenes()"
    subprocess.run([sys.executable, "-c", render], check=False)
    return embedded_scenes()
