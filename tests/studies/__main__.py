"""`make studies`: every study from end to end on the embedded scenes, small; with `--kill` a second time, disturbed."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from runners.sweep_files.folder import SweepFolder
from seatbelt.data.scenes import write_dataset
from tests.faults.kills import Report, compare_tables, examine_journal
from tests.studies.small import GENERATIONS, STUDIES, run, run_with_a_kill


def main() -> int:
    """Run the studies that are named, or all, and print what each took; exit code 1 if a kill left a trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--kill", action="store_true", help="run each study again, with its driver killed once")
    parser.add_argument("names", nargs="*", choices=[[], *STUDIES], default=[])
    options = parser.parse_args()
    data = options.out / "scenes"
    if not (data / "dataset.json").exists():
        shutil.rmtree(data, ignore_errors=True)
        write_dataset(data, generations=GENERATIONS, size=(96, 64))
    more = ["--max-epochs", str(options.epochs), "--slots", "2", "--size", "64x96"]
    passed = True
    for name in options.names or list(STUDIES):
        shutil.rmtree(options.out / name, ignore_errors=True)
        started = time.monotonic()
        done = run(name, data, options.out, *more)
        statuses = ", ".join(f"{count} {status}" for status, count in done.trials["status"].value_counts().items())
        epochs = int(done.trials["epochs_done"].sum())
        passed &= "FAILED" not in statuses
        print(f"{name:<16} {statuses}; {epochs} epochs in {time.monotonic() - started:.0f} s", flush=True)
        if options.kill:
            report = killed(name, data, options.out, more)
            adaptive = done.trials["proposed_by"].isin(["random", "optuna"]).any()
            print(f"{'':<16} killed once: {_verdict(report, adaptive=bool(adaptive))}", flush=True)
            passed = passed and not report.duplicates and bool(adaptive or report.tables_equal)
    return 0 if passed else 1


def _verdict(report: Report, *, adaptive: bool) -> str:
    counts = f"{report.duplicates} epochs doubled, {report.acknowledged_trained_again} trained again"
    if adaptive:
        return f"{counts}; adaptive: its order may differ"
    return "; ".join([counts, f"tables equal: {report.tables_equal}", *report.differences[:1]])


def killed(name: str, data: Path, out: Path, more: list[str]) -> Report:
    """Run a study again in another folder, kill its driver once, and compare."""
    other = out / "killed"
    shutil.rmtree(other / name, ignore_errors=True)
    run_with_a_kill(name, data, other, *more, "--checkpoint-share", "1")
    report = Report()
    examine_journal(SweepFolder(other / name), report)
    compare_tables(SweepFolder(out / name), SweepFolder(other / name), report)
    return report


if __name__ == "__main__":
    sys.exit(main())
