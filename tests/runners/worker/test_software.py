"""A node that joins late must run what the driver runs."""

from __future__ import annotations

import pytest

from runners.worker import leg
from runners.worker.messages import LegTask
from runners.worker.software import software_difference, software_here


def test_the_same_software() -> None:
    assert software_difference(software_here()) is None
    assert software_difference({}) is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"torch": "1.0"}, "torch is .*, but 1.0 on the driver; install"),
        ({"python": "2.7"}, "python is 3.*, but 2.7 on the driver"),
        ({"training/trainer.py": "0"}, r"the code that decides numbers differs \(training/trainer.py\)"),
        (
            {"numpy": "1", "data/loading/loader.py": "0"},
            r"numpy is .*; the code that decides numbers differs \(data/loading/loader.py\)",
        ),
    ],
)
def test_other_software_is_a_fault_of_the_machine(changes: dict[str, str], text: str) -> None:
    spec = LegTask.model_construct(trial_key="0" * 12, software={**software_here(), **changes})  # type: ignore[call-arg]
    with pytest.raises(leg._MachineError, match=text) as raised:
        next(leg._fit(spec))
    message = leg._failure(raised.value)
    assert (message.outcome, message.ends_process) == ("fault", False)
