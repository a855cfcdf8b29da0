"""When a session ends before its sweep is finished."""

from __future__ import annotations

from runners.core.history import History
from runners.core.plan import FAULT_SECONDS_TO_STOP, FAULTS_TO_STOP, Plan
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.requests import Requests
from seatbelt.storage.refusals import SESSION_SECONDS


class StopCondition:
    """Why a session ends early; the reason never changes once there is one.

    Attributes:
        reason: The reason, None while there is none.
        is_failure: The session cannot continue as things are, and nobody asked it to stop.
    """

    def __init__(self, plan: Plan, history: History, folder: SweepFolder, requests: Requests) -> None:
        self._plan, self._history, self._folder, self._requests = plan, history, folder, requests
        self.reason: str | None = None
        self.is_failure = False

    def request(self, reason: str) -> None:
        """Stop because somebody wants to."""
        self.reason = self.reason or reason

    def fail(self, reason: str) -> None:
        """Stop because the session cannot continue; the sweep can, once that is mended."""
        if self.reason is None:
            self.reason, self.is_failure = reason, True

    def poll(self) -> bool:
        """Look for a reason, among others in the sweep's folder or bucket; return whether there is one."""
        if self.reason is not None:
            return True
        faults = self._history.faults
        if faults.is_long(FAULTS_TO_STOP, FAULT_SECONDS_TO_STOP):
            self.fail(f"nothing works any more ({faults.error}); mend that, then resume")
        elif faults.count and (refused := self._refusal()) is not None:
            self.fail(refused)
        elif self._requests.stop():
            self.request("stop was asked for")
        elif self._plan.hours is not None and self._history.hours_used >= self._plan.hours:
            self.request("the limit of --hours is reached")
        return self.reason is not None

    def _refusal(self) -> str | None:
        """Return that the bucket has refused for ten minutes while workers report faults; None if it has not."""
        refusal = self._folder.storage.refusal()
        if refusal is None or refusal[0] < SESSION_SECONDS:
            return None
        return f"the bucket has refused for {refusal[0] / 60:.0f} min ({refusal[1]}); mend that, then resume"
