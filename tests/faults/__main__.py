"""The long form of the fault suite.

`python -m tests.faults kills --drivers 90 --workers 90 --nodes 20`, `operations`, `damage`, `gpu`, where one of two
pretended GPUs fails in every leg, and `plain`, which puts plain Ray Tune and `Tuner.restore` to the same kills.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.conftest import draw_data
from tests.faults import broken_gpu, plain_ray
from tests.faults.damage import examine_all
from tests.faults.kills import disturb
from tests.faults.operations import CRASHES, FAILURES
from tests.faults.quick_sweep import disturbed, undisturbed


def main() -> int:
    """Run a part of the suite and print its report; exit code 1 if anything was lost, doubled or silently wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["kills", "operations", "damage", "gpu", "plain"])
    parser.add_argument("--drivers", type=int, default=90)
    parser.add_argument("--workers", type=int, default=90)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--every", type=int, default=1, help="Only each so-many-th operation.")
    parser.add_argument("--epoch-seconds", type=float, default=60, help="Of the legs beside the GPU that fails.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatbelt-faults-") as scratch:
        return globals()[f"_{options.part}"](Path(scratch), options)


def _kills(scratch: Path, options: argparse.Namespace) -> int:
    started = time.monotonic()
    data = _stripes(scratch)
    kills = {"drivers": options.drivers, "workers": options.workers, "nodes": options.nodes}
    report = disturb(data, scratch, **kills, seed=options.seed, epochs=options.epochs, decoders="fpn,linknet,unet")
    requested = sum(kills.values())
    print(f"{report}\n{report.kills} of {requested} kills in {time.monotonic() - started:.0f} s")
    return 0 if report.passed() and report.kills == requested else 1


def _operations(scratch: Path, options: argparse.Namespace) -> int:
    """Let each file operation of a sweep go wrong in each way."""
    sound, done = undisturbed(scratch)
    counts: Counter[str] = Counter()
    failed = 0
    for number in range(1 + options.seed % options.every, len(done) + 1, options.every):
        for kind in (*CRASHES, *FAILURES):
            wrong = disturbed(scratch, sound, number, kind)
            counts[f"{kind}: {'recovered' if wrong is None else 'WRONG'}"] += 1
            if wrong is not None:
                failed += 1
                print(f"operation {number} {done[number - 1]} {kind}: {wrong}", flush=True)
    print(f"{len(done)} operations at {len(set(done))} places; {dict(counts)}")
    return 1 if failed else 0


def _damage(scratch: Path, options: argparse.Namespace) -> int:
    """Damage each file of a sweep that was interrupted early, amid and late."""
    sound, done = undisturbed(scratch)
    counts: Counter[str] = Counter()
    for share in (0.3, 0.6, 0.9):
        outcomes, wrong = examine_all(scratch, sound, int(len(done) * share))
        counts += outcomes
        print("\n".join(wrong), end="\n" if wrong else "", flush=True)
    print(f"{sum(counts.values())} damaged states: {dict(counts)}")
    return 1 if counts["wrong"] else 0


def _gpu(scratch: Path, options: argparse.Namespace) -> int:
    report = broken_gpu.disturb(scratch, encoders=5, epoch_seconds=options.epoch_seconds)
    print("\n".join(report.said))
    print(f"exit code {report.exit_code} after {report.seconds:.0f} s: {report.lost_legs} legs lost; {report.statuses}")
    print("\n".join(f"{count} times in the ledger: {error}" for error, count in report.errors.items()))
    return 0 if report.exit_code == 0 and set(report.statuses) == {"COMPLETE"} else 1


def _plain(scratch: Path, options: argparse.Namespace) -> int:
    report = plain_ray.disturb(
        _stripes(scratch), scratch, drivers=options.drivers, seed=options.seed, epochs=options.epochs
    )
    print(report)
    return 0


def _stripes(scratch: Path) -> Path:
    sizes = {"subjects": 8, "images": 3, "test_subjects": 2, "height": 32, "width": 64}
    return draw_data(scratch / "data", "stripes", **sizes, generations={})


if __name__ == "__main__":
    sys.exit(main())
