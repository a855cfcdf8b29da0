"""What further loader processes cost in memory over one decoded cache.

The cache is a file that every process maps: its pages exist once, whoever looks at them. RSS counts them in every
process, and says nothing. What a process adds is its private memory (Private_Clean + Private_Dirty of
/proc/PID/smaps_rollup, the unique set size), and the growth of that from before the cache is opened to after all of
it was read, which leaves out Python and its libraries. PSS counts each shared page by its share: summed over the
processes it is what all of them take.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import draw_data

HEIGHT, WIDTH, IMAGES, LOADERS = 240, 424, 2000, 8


def measure(folder: Path) -> list[str]:
    """Read all of a 2,000-image cache in eight processes that stay alive, and look at the second and the eighth."""
    if not Path("/proc/self/smaps_rollup").exists():
        return ["no /proc/PID/smaps_rollup on this system"]
    small = {"height": 32, "width": 56}
    data = draw_data(
        folder / "data", "stripes", subjects=0, images=0, test_subjects=0, generations={"1": IMAGES}, **small
    )
    cache = IMAGES * HEIGHT * WIDTH * 4
    lines = [f"cache of {IMAGES:,} images {WIDTH}x{HEIGHT}: {cache / 1e6:.0f} MB"]
    processes: list[subprocess.Popen[str]] = []
    try:
        for number in range(1, LOADERS + 1):
            before = _start(data, processes)
            if number in (2, LOADERS):
                lines.append(_line(number, processes[-1].pid, before, cache))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return lines


def read_all(data: str) -> None:
    """Report the private memory before the cache is opened, read all of it with augmentation, and stay alive."""
    import albumentations  # noqa: F401  (so that the libraries are counted before)

    from seatbelt.config.trial import TrialConfig
    from seatbelt.data.datasets.dataset import fingerprint, read
    from seatbelt.data.datasets.labels import channel_codes
    from seatbelt.data.loading.decoded_cache import open_decoded
    from seatbelt.data.loading.loader import Samples, TrainingLoader

    before = _private(os.getpid())
    dataset = read(Path(data))
    decoded = open_decoded(dataset, fingerprint(dataset), height=HEIGHT, width=WIDTH)
    codes = channel_codes(dataset.classes, (dataset.target,))
    samples = Samples(decoded=(decoded,), codes=(codes,), indices=tuple((0, i) for i in range(IMAGES)))
    size = {"data.height": HEIGHT, "data.width": WIDTH, "augmentation.probability": 0.1}
    seen = sum(
        len(images) for images, _ in TrainingLoader(samples, TrialConfig().with_fields(size), workers=0).epoch(1)
    )
    print(seen, before, flush=True)
    sys.stdin.readline()


def _start(data: Path, processes: list[subprocess.Popen[str]]) -> int:
    """Start a loader, wait until it has read all, and return its private bytes from before the cache."""
    code = f"from tests.benchmarks.memory import read_all; read_all({os.fspath(data)!r})"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes.append(subprocess.Popen([sys.executable, "-c", code], text=True, **pipes))
    answer = processes[-1].stdout
    assert answer is not None
    seen, before = answer.readline().split()
    assert int(seen) == IMAGES
    return int(before)


def _line(number: int, pid: int, before: int, cache: int) -> str:
    sizes = _rollup(pid)
    added = _private(pid) - before
    return (
        f"loader {number}: {added / 1e6:.1f} MB more private memory after reading all: {100 * added / cache:.1f} % of "
        f"the cache (goal 5); with Python and its libraries {_private(pid) / 1e6:.0f} MB "
        f"({100 * _private(pid) / cache:.0f} %); PSS {sizes['Pss'] / 1e6:.0f} MB, RSS {sizes['Rss'] / 1e6:.0f} MB"
    )


def _private(pid: int) -> int:
    sizes = _rollup(pid)
    return sizes["Private_Clean"] + sizes["Private_Dirty"]


def _rollup(pid: int) -> dict[str, int]:
    """Return the sizes of a process in bytes by name."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) * 1024 for name, rest in (line.split(":", 1) for line in lines)}
