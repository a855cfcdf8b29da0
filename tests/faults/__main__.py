"""The long form of the fault suite."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.conftest import draw_data
from tests.faults.kills import disturb


def main() -> int:
    """Run the kills and print the report; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drivers", type=int, default=20)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatbelt-faults-") as scratch:
        data = draw_data(
            Path(scratch) / "data",
            "stripes",
            subjects=8,
            images=3,
            test_subjects=2,
            generations={},
            height=32,
            width=64,
        )
        report = disturb(
            data,
            Path(scratch),
            drivers=given.drivers,
            workers=given.workers,
            seed=given.seed,
            epochs=given.epochs,
            decoders="fpn,linknet,unet",
        )
    print(report)
    return 0 if report.passed() else 1


if __name__ == "__main__":
    sys.exit(main())
