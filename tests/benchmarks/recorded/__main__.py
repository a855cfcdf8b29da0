"""`python -m tests.benchmarks.recorded architecture|mixing|augmentation --out DIR` runs what is missing of a sweep.

`python -m tests.benchmarks.recorded keep SWEEP NAME` keeps its tables here, without what names a machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seatbelt.errors import UserError
from tests.benchmarks.recorded import RECORDED_SWEEPS
from tests.benchmarks.recorded.keeping import keep
from tests.benchmarks.recorded.making import SWEEPS, make


def main() -> None:
    """Run what is missing of one sweep, or keep one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in SWEEPS:
        command = commands.add_parser(name)
        command.add_argument("--out", type=Path, required=True)
        command.add_argument("--slots", type=int, default=1)
    keeping = commands.add_parser("keep")
    keeping.add_argument("sweep", type=Path)
    keeping.add_argument("name")
    options = parser.parse_args()
    if options.command == "keep":
        try:
            keep(options.sweep, RECORDED_SWEEPS / options.name)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
    else:
        make(options.command, options.out, options.slots)


if __name__ == "__main__":
    main()
