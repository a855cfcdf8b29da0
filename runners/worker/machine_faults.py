"""The table of exceptions that are machine faults; all others are errors of the trial.

GPU libraries raise plain `RuntimeError`, and so does torch if a loader process was killed or shared memory is full.
Too little GPU memory (`torch.OutOfMemoryError`) is neither: the leg continues with smaller parts of its batches.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """A row of the table: exceptions by type and text."""

    meaning: str
    """Description for the ledger."""
    types: tuple[str, ...]
    """Names of exception classes; a subclass counts too."""
    pattern: str
    """Regular expression to search in the text, ignoring case; empty fits every text."""
    ends_process: bool = True
    """The process cannot compute afterwards."""
    breaks_gpu: bool = False
    """CUDA is unusable in this process, so that an engine without workers ends its session."""


TABLE: tuple[FaultKind, ...] = (
    FaultKind(meaning="the GPU failed", types=("AcceleratorError",), pattern="", breaks_gpu=True),
    FaultKind(
        meaning="a library of the GPU failed",
        types=("RuntimeError",),
        pattern=r"cuDNN (error|version)|CUDNN_STATUS_|CUBLAS_STATUS_|cuBLAS (error|failed)|CUBLASLT_|cuFFT error|CUFFT_"
        r"|CUSOLVER_STATUS_|cusolver error|CUSPARSE_STATUS_|CURAND_STATUS_|NVRTC|NCCL (error|WARN)"
        r"|ncclUnhandled|ncclSystem|ncclInternal|miopenStatus|rocBLAS error",
        breaks_gpu=True,
    ),
    FaultKind(
        meaning="the GPU failed",
        types=("RuntimeError",),
        pattern=r"CUDA error|HIP error|CUDA kernel errors|device-side assert|illegal memory access|misaligned address"
        r"|illegal instruction|unspecified launch failure|launch timed out",
        breaks_gpu=True,
    ),
    FaultKind(
        meaning="the hardware of the GPU failed",
        types=("RuntimeError",),
        pattern=r"uncorrectable.{0,20} ECC|ECC error|\bXid\b|fallen off the bus|GPU is lost|NVLink error"
        r"|hardware stack",
        breaks_gpu=True,
    ),
    FaultKind(
        meaning="the GPU cannot be used",
        types=("RuntimeError", "AssertionError"),
        pattern=r"No CUDA GPUs are available|no CUDA-capable device|Found no NVIDIA driver|No HIP GPUs"
        r"|invalid device ordinal|devices? (is|are|\(s\) is/are) busy or unavailable|cudaGetDeviceCount"
        r"|CUDA unknown error|CUDA initialization|CUDA driver initialization|not compiled with CUDA"
        r"|system not yet init",
        breaks_gpu=True,
    ),
    FaultKind(
        meaning="the driver of the GPU does not fit this torch",
        types=("RuntimeError",),
        pattern=r"driver version is insufficient|NVIDIA driver on your system is too old|forward compatibility"
        r"|no kernel image is available|system has unsupported display driver",
        breaks_gpu=True,
    ),
    FaultKind(meaning="the memory of the machine is full", types=("MemoryError",), pattern=""),
    FaultKind(
        meaning="the memory of the machine is full",
        types=("RuntimeError", "OSError", "error"),
        pattern=r"DefaultCPUAllocator|can.?t allocate memory|cannot allocate memory|not enough memory: you tried"
        r"|bad_alloc|Insufficient memory|\[Errno 12\]|unable to mmap|can't start new thread",
    ),
    FaultKind(
        meaning="the shared memory of the machine (/dev/shm) is full",
        types=("RuntimeError", "OSError"),
        pattern=r"shared memory|\bshm\b|bus error|torch_shm_manager",
    ),
    FaultKind(
        meaning="a loader process was killed",
        types=("RuntimeError",),
        pattern=r"DataLoader worker \(pid.{0,60}(killed|exited|terminated)|killed by signal"
        r"|Pin memory thread exited|items of ancdata|Too many open files",
    ),
    FaultKind(meaning="", types=("OSError",), pattern="", ends_process=False),
)
"""The first row that fits counts. The last one is for file systems (EIO, ESTALE, ENOSPC) and needs no description."""

_LONGEST = 500

_WRAPPED = re.compile(r"\ACaught \w+ in \w+")
"""Beginning of torch's text for an exception of a loader process, before the whole traceback."""


def machine_fault(error: BaseException) -> FaultKind | None:
    """Return the row of an exception; None if it is an error of the trial."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = _text(error)
    return next((row for row in TABLE if names & set(row.types) and re.search(row.pattern, text, re.IGNORECASE)), None)


def fault_text(kind: FaultKind, error: BaseException) -> str:
    """Return a fault in one line: its description and the library's message."""
    line = one_line(error)
    return f"{kind.meaning}: {line}" if kind.meaning else line


def one_line(error: BaseException) -> str:
    """Return an exception in one line, without the traceback that torch may put into its text."""
    text = _text(error)
    if isinstance(error, OSError) and not _WRAPPED.match(str(error)):
        return " ".join(str(error).split())
    # Further lines of a CUDA error are advice for debugging kernels.
    flat = " ".join(text.partition("\nCUDA kernel errors")[0].split())
    flat = flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 3]}..."
    return flat if _WRAPPED.match(str(error)) else f"{type(error).__name__}: {flat}"


def _text(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return f"[Errno 12] {text}"
    if _WRAPPED.match(text):
        # The last line is the exception; earlier ones are source code, which may contain anything.
        return text.strip().splitlines()[-1]
    return text
