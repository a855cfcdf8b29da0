"""Removes weights of finished trials by a policy, which bounds disk use."""

from __future__ import annotations

import bisect
import re
from collections import Counter

from runners.core.history import History
from runners.core.trial_state import TrialState
from runners.sweep_files.folder import SweepFolder
from seatbelt.errors import UserError
from seatbelt.records.tables import Status
from seatbelt.storage.refusals import RefusedError, at_most
from seatbelt.training.checkpoint import CheckpointFolder


def parse_keep(text: str) -> tuple[str, int]:
    """Return policy and number of `best`, `last`, `none` or `top:N`.

    Raises:
        UserError: The text has another form.
    """
    if text in ("best", "last", "none"):
        return text, 0
    match = re.fullmatch(r"top:([1-9]\d{0,5})", text)
    if match is None:
        raise UserError(f"--keep-weights takes best, last, none or top:N, but got {text!r}")
    return "top", int(match[1])


_FILES_OF_BEST = 2
"""The weights and their manifest."""


class Retention:
    """Removes the weights that a policy does not keep; stages that trials may begin with always stay."""

    def __init__(self, folder: SweepFolder, history: History, policy: str) -> None:
        self._folder, self._history = folder, history
        self._policy, self._number = parse_keep(policy)
        self._top: list[tuple[float, int, str]] = []
        self._undone: list[TrialState] = []
        """Trials whose files a bucket has refused to remove so far."""

    def tidy(self) -> None:
        """Tidy the trials of a driver that was killed between a result and its tidying."""
        # One listing: one for each trial would take minutes in a bucket.
        files = Counter(name.split("/")[1] for name in self._folder.storage.names("checkpoints"))
        for view in self._history.by_number:
            if view.status is Status.COMPLETE and files[view.key]:
                self.completed(view, tidy=files[view.key] <= _FILES_OF_BEST)

    def completed(self, view: TrialState, *, tidy: bool = False) -> None:
        """Apply the policy to a finished trial.

        Args:
            view: The trial.
            tidy: Only its best weights are left already.
        """
        try:
            with at_most(0):
                self._tidy_up(view, tidy=tidy)
        except RefusedError:
            # The driver must not wait; the next driver's `tidy` does the rest.
            self._undone.append(view)

    def catch_up(self) -> None:
        """Retry the refused removals until the bucket refuses again."""
        for _ in range(len(self._undone)):
            view = self._undone.pop(0)
            self.completed(view)
            if view in self._undone:
                return

    def _tidy_up(self, view: TrialState, *, tidy: bool) -> None:
        if self._policy == "last":
            return
        if not tidy:
            CheckpointFolder(self._folder.checkpoints(view.key)).keep_best_only(view.best_epoch)
        if self._policy == "none":
            self._remove(view.key)
        elif self._policy == "top":
            entry = (-(view.best_score or 0.0), view.plan.number, view.key)
            if entry not in self._top:
                bisect.insort(self._top, entry)
            for _, _, key in self._top[self._number :]:
                self._remove(key)
            del self._top[self._number :]

    def _remove(self, key: str) -> None:
        stages = self._history.stages
        if self._history.trials[key].role == "stage" or key in stages.first_user or key in stages.waiting:
            return
        self._folder.checkpoints(key).clear()
