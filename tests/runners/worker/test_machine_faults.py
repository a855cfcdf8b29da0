"""Exceptions of machines and of trials, in the words of their libraries."""

from __future__ import annotations

import errno
import os
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ray.exceptions import ActorDiedError, RayActorError

from runners.commands.status import status_text
from runners.core.events import LegEnded
from runners.engines import in_process
from runners.engines.lost_workers import LegFaultError, error_of, loss_text
from runners.session.driver import Driver
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.journal import read_events
from runners.worker import leg
from runners.worker.machine_faults import TABLE, fault_text, machine_fault
from runners.worker.messages import LegMessage, LegTask
from seatbelt.errors import UserError
from tests.runners.conftest import ended_message, epoch_message, open_driver

GPU, HARDWARE, LIBRARY, ABSENT, DRIVER = "the GPU failed", "the hardware", "a library", "cannot be used", "the driver"
MEMORY, SHARED, LOADER = "the memory of the machine is full", "shared memory", "a loader process was killed"


class cv2_error(Exception):  # noqa: N818  (the name is what counts)
    pass


cv2_error.__name__ = "error"

WRAPPED = """Caught {kind} in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "loader.py", line 12, in fetch
    raise RuntimeError("CUDA error")  # of shared memory
{last}
"""

MACHINES: list[tuple[BaseException, str]] = [
    (torch.AcceleratorError("CUDA error: device-side assert triggered\nCUDA kernel errors might be ..."), GPU),
    (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), GPU),
    (torch.AcceleratorError("CUDA error: out of memory"), GPU),
    (RuntimeError("CUDA error: device-side assert triggered"), GPU),
    (RuntimeError("CUDA error: unspecified launch failure"), GPU),
    (RuntimeError("HIP error: invalid argument"), GPU),
    (RuntimeError("NVML: uncorrectable ECC error encountered"), HARDWARE),
    (RuntimeError("GPU has fallen off the bus (Xid 79)"), HARDWARE),
    (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), LIBRARY),
    (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR\nYou can try to repro"), LIBRARY),
    (RuntimeError("cuDNN version incompatibility: PyTorch was compiled against (9, 1, 0)"), LIBRARY),
    (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), LIBRARY),
    (RuntimeError("cuBLAS failed: CUBLAS_STATUS_EXECUTION_FAILED"), LIBRARY),
    (RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR"), LIBRARY),
    (RuntimeError("cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR"), LIBRARY),
    (torch.distributed.DistBackendError("NCCL error in: ProcessGroupNCCL.cpp:3384, unhandled cuda error"), LIBRARY),
    (RuntimeError("No CUDA GPUs are available"), ABSENT),
    (RuntimeError("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"), ABSENT),
    (RuntimeError("Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before"), ABSENT),
    (AssertionError("Torch not compiled with CUDA enabled"), ABSENT),
    (RuntimeError("The NVIDIA driver on your system is too old (found version 12020)."), DRIVER),
    (RuntimeError("CUDA driver version is insufficient for CUDA runtime version"), DRIVER),
    (MemoryError(), MEMORY),
    (np._core._exceptions._ArrayMemoryError((1 << 40,), np.dtype(np.float64)), MEMORY),  # type: ignore[attr-defined]
    (RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"), MEMORY),
    (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), MEMORY),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable: Cannot allocate memory"), MEMORY),
    (RuntimeError("can't start new thread"), MEMORY),
    (RuntimeError("std::bad_alloc"), MEMORY),
    (cv2_error("OpenCV(5.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 1 bytes"), MEMORY),
    (
        RuntimeError(WRAPPED.format(kind="MemoryError", last="numpy: DefaultCPUAllocator: can't allocate memory")),
        MEMORY,
    ),
    (RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)"), SHARED),
    (
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's"),
        SHARED,
    ),
    (OSError(errno.ENOSPC, "No space left on device: shm"), SHARED),
    (RuntimeError("DataLoader worker (pid 4242) is killed by signal: Killed. "), LOADER),
    (RuntimeError("DataLoader worker (pid(s) 17, 18) exited unexpectedly"), LOADER),
    (RuntimeError("received 0 items of ancdata"), LOADER),
    (RuntimeError("Pin memory thread exited unexpectedly"), LOADER),
    (OSError(errno.EIO, os.strerror(errno.EIO), "/shared/x"), ""),
    (OSError(errno.ESTALE, os.strerror(errno.ESTALE)), ""),
    (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), ""),
]

TRIALS: list[BaseException] = [
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x8 and 16x2)"),
    ValueError("Expected more than 1 value per channel when training, got input size [1, 256, 1, 1]"),
    RuntimeError(WRAPPED.format(kind="RuntimeError", last="RuntimeError: stack expects each tensor to be equal size")),
    ValueError("CUDA error"),
    KeyError("seat_belt"),
    AssertionError("images must be uint8"),
    ZeroDivisionError("division by zero"),
    cv2_error("OpenCV(5.0) resize.cpp:3789: error: (-215:Assertion failed) !ssize.empty() in function 'resize'"),
    UserError("the mask has class 9, which is not named"),
]


@pytest.mark.parametrize(("error", "meaning"), MACHINES, ids=lambda value: str(value)[:40])
def test_faults_of_machines(error: BaseException, meaning: str) -> None:
    kind = machine_fault(error)
    assert kind is not None
    assert meaning in kind.meaning and bool(meaning) == bool(kind.meaning)
    assert kind.ends_process == bool(meaning), "only a file system leaves the process as sound as it was"
    assert kind.breaks_gpu == (meaning in (GPU, HARDWARE, LIBRARY, ABSENT, DRIVER))
    text = fault_text(kind, error)
    assert "\n" not in text and "Traceback" not in text and "CUDA kernel errors" not in text


@pytest.mark.parametrize("error", TRIALS, ids=lambda value: str(value)[:40])
def test_errors_of_trials(error: BaseException) -> None:
    assert machine_fault(error) is None


def test_every_row_has_its_case() -> None:
    rows = [machine_fault(error) for error, _ in MACHINES]
    assert [row for row in TABLE if row not in rows] == []


def last_message(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> LegMessage:
    def fit(spec: LegTask) -> Iterator[LegMessage]:
        raise error
        yield {}

    monkeypatch.setattr(leg, "_fit", fit)
    return list(leg.run_leg(LegTask.model_construct(trial_key="0" * 12)))[-1]  # type: ignore[call-arg]


def test_what_a_leg_says_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, _ in MACHINES:
        message = last_message(monkeypatch, error)
        assert message.outcome == "fault", error
    killed = last_message(monkeypatch, RuntimeError("DataLoader worker (pid 4242) is killed by signal: Killed. "))
    assert killed.error == (
        "a loader process was killed: RuntimeError: DataLoader worker (pid 4242) is killed by signal: Killed."
    )
    assert killed.ends_process and not killed.breaks_gpu
    full = last_message(monkeypatch, OSError(errno.EIO, os.strerror(errno.EIO), "/shared/x"))
    assert (full.error, full.ends_process) == ("[Errno 5] Input/output error: '/shared/x'", False)
    for error in TRIALS:
        message = last_message(monkeypatch, error)
        assert (message.outcome, message.final) == ("error", isinstance(error, UserError))
        assert "Traceback" not in message.error and "\n" not in message.error
    assert last_message(monkeypatch, torch.OutOfMemoryError("CUDA out of memory.\nx")).outcome == "out_of_memory"


def work(monkeypatch: pytest.MonkeyPatch, driver: Driver, errors: dict[int, BaseException]) -> None:
    """Run a sweep without training in this process; some legs end by an exception."""
    legs = [0]

    def fit(spec: LegTask) -> Iterator[LegMessage]:
        legs[0] += 1
        if legs[0] in errors:
            raise errors[legs[0]]
        for epoch in range(spec.recorded_epochs + 1, spec.stop + 1):
            yield epoch_message(epoch, 0.5)
        yield ended_message("complete", spec.stop)

    monkeypatch.setattr(leg, "_fit", fit)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    in_process.run(driver)


def test_a_machine_that_recovers_fails_no_trial(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = RuntimeError("DataLoader worker (pid 4242) is killed by signal: Killed. ")
    with open_driver(folder) as driver:
        work(monkeypatch, driver, dict.fromkeys(range(1, 9), killed))
        assert driver.history.statuses["COMPLETE"] == 4
        assert sum(view.failures for view in driver.history.by_number) == 0
        assert sum(view.machine_faults for view in driver.history.by_number) == 8
    text, _ = status_text(str(folder.root))
    assert "faults     8 legs lost to machines, each tried again; the last: a loader process was killed" in text


def test_a_broken_gpu_ends_the_session_of_a_single_process(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_driver(folder) as driver:
        work(monkeypatch, driver, {2: RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")})
        assert driver.stop.is_failure
        assert "a library of the GPU failed: RuntimeError: cuDNN error" in str(driver.stop.reason)
        assert driver.history.statuses["FAILED"] == 0
    with open_driver(folder) as driver:
        work(monkeypatch, driver, {})
        assert driver.history.statuses["COMPLETE"] == 4
    ended = [event for event in read_events(folder) if isinstance(event, LegEnded) and event.outcome == "fault"]
    assert [event.error for event in ended] == [
        "a library of the GPU failed: RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"
    ]


def spec_of(**changes: Any) -> LegTask:
    return LegTask.model_construct(trial_key="0" * 12, **changes)


def test_a_leg_with_a_gpu_demands_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("auto", "cuda"):
        with pytest.raises(leg._NoGpuError, match=r"a GPU is reserved for the leg .* but torch cannot use it"):
            leg._device(spec_of(owns_gpu=True), name)
    assert leg._device(spec_of(owns_gpu=True), "cpu") == "cpu", "the user's wish"
    assert leg._device(spec_of(owns_gpu=False), "auto") == "cpu"
    with pytest.raises(UserError, match="device 'cuda' cannot be used"):
        leg._device(spec_of(owns_gpu=False), "cuda")
    for text in ("No CUDA GPUs are available", "The NVIDIA driver on your system is too old (found version 12020)"):
        monkeypatch.setattr(torch, "empty", raising(RuntimeError(f"{text}\nmore")))
        with pytest.raises(leg._NoGpuError) as raised:
            leg._device(spec_of(owns_gpu=True), "auto")
        assert f"({text})" in str(raised.value)
        message = leg._failure(raised.value)
        assert (message.outcome, message.ends_process, message.breaks_gpu) == ("fault", True, True)
    monkeypatch.setattr(torch, "empty", lambda *size, device: None)
    assert leg._device(spec_of(owns_gpu=True), "auto") == "cuda"


def raising(error: BaseException) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise error

    return call


KILLED = """The actor died unexpectedly before finishing this task.
\tclass_name: SeatbeltLeg
\tactor_id: 8e05ce9f6dae0e1cc7a60c8d01000000
\tpid: 8702
\tip: 10.0.0.7
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker \
unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the process was \
killed by the OOM killer due to high memory usage, (2) ray stop --force was called, or (3) the worker crashed."""
NODE = """The actor died unexpectedly before finishing this task.
\tclass_name: SeatbeltLeg
\tactor_id: 8e05
The actor died because its node has died. Node Id: ab12
\tthe actor's node was terminated unexpectedly: health check failed"""


def test_a_lost_worker_has_a_reason() -> None:
    killed = loss_text(RayActorError("8e05", KILLED))
    assert "SIGKILL by the system's out-of-memory killer" in killed
    assert killed.endswith(
        "exit of its process (pid 8702, ip 10.0.0.7): SYSTEM_ERROR, Worker unexpectedly exits with a connection error "
        "code 2. End of file"
    )
    assert loss_text(RayActorError("8e05", NODE)) == "The actor died because its node has died. Node Id: ab12"
    assert loss_text(ActorDiedError()) == "The actor died unexpectedly before finishing this task."
    assert loss_text("Failure # 1\n\nValueError: nothing\n") == "ValueError: nothing"
    nearly_full = "Failure # 1 (occurred at now)\nTask was killed due to the node running low on memory.\nMemory on ..."
    assert loss_text(nearly_full) == "Task was killed due to the node running low on memory. Memory on ..."
    assert loss_text("Failure # 2\nTraceback (most recent call last):\n  x\nKeyError: 1\n") == "KeyError: 1"
    assert loss_text(ValueError("a\nb")) == "ValueError: a b"
    assert loss_text(None) == "Ray gives no reason"
    assert len(loss_text(ValueError("x" * 9999))) <= 400


class Trial:
    """The files that Ray leaves of a failed trial."""

    def __init__(self, folder: Path) -> None:
        self.pickled_error_file, self.error_file = str(folder / "error.pkl"), str(folder / "error.txt")


def test_the_error_is_read_where_ray_wrote_it(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    assert error_of(trial) is None
    Path(trial.error_file).write_text("Failure # 1\nValueError: nothing\n")
    assert error_of(trial) == "Failure # 1\nValueError: nothing"
    Path(trial.pickled_error_file).write_bytes(pickle.dumps(RayActorError("8e05", KILLED)))
    assert isinstance(error_of(trial), RayActorError)
    Path(trial.pickled_error_file).write_bytes(pickle.dumps(LegFaultError("[]")))
    error = error_of(trial)
    assert isinstance(error, LegFaultError) and error.messages == "[]"
    Path(trial.pickled_error_file).write_bytes(b"damaged")
    assert "Unpickling" in loss_text(error_of(trial))
