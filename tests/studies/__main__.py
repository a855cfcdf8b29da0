"""`make studies`: every study from end to end on the embedded scenes, small. About half an hour on two cores."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from seatbelt.data.scenes import write_dataset
from tests.studies.small import GENERATIONS, STUDIES, run


def main() -> None:
    """Run the studies that are named, or all, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("names", nargs="*", choices=[[], *STUDIES], default=[])
    given = parser.parse_args()
    data = given.out / "scenes"
    if not (data / "dataset.json").exists():
        shutil.rmtree(data, ignore_errors=True)
        write_dataset(data, generations=GENERATIONS, size=(96, 64))
    for name in given.names or list(STUDIES):
        shutil.rmtree(given.out / name, ignore_errors=True)
        started = time.monotonic()
        done = run(name, data, given.out, "--max-epochs", str(given.epochs), "--slots", "2", "--size", "64x96")
        statuses = ", ".join(f"{count} {status}" for status, count in done.trials["status"].value_counts().items())
        epochs = int(done.trials["epochs_done"].sum())
        print(f"{name:<16} {statuses}; {epochs} epochs in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
