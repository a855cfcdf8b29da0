"""Whether the intervals of the analysis hold: `python -m tests.validation --out FOLDER`, resumable.

Sweeps are simulated with known effects, the product's own decisions, slow and fast starters, and pruning. For each kind
of estimate the table says how often its 95 % intervals hold the truth, and how far it is off.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from tests.validation.coverage import Coverage, Outcome, as_json, coverages, outcomes
from tests.validation.worlds import WORLDS

FIRST_SEED = 10_000
"""Lower seeds served the development of the estimators."""
_AT_ONCE = 25


def main() -> None:
    """Simulate what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the simulated sweeps")
    parser.add_argument("--sweeps", type=int, default=2000, help="for each world")
    parser.add_argument("--world", choices=WORLDS, action="append")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for world in options.world or WORLDS:
        results: list[list[Outcome]] = []
        for first in range(FIRST_SEED, FIRST_SEED + options.sweeps, _AT_ONCE):
            results += _part(options.out / f"{world.replace(' ', '_')}-{first}.json", world, first)
        rows += coverages(world, results[: options.sweeps])
    print(table(rows))


def _part(path: Path, world: str, first: int) -> list[list[Outcome]]:
    """Return the outcomes of some sweeps; read them from the file if an earlier run simulated them."""
    if not path.is_file():
        simulated = [as_json(outcomes(world, seed)) for seed in range(first, first + _AT_ONCE)]
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(simulated))
        os.replace(beside, path)
    return [[Outcome(**row) for row in sweep] for sweep in json.loads(path.read_text())]


def table(rows: list[Coverage]) -> str:
    """Return coverages as Markdown."""
    lines = [
        "| world | estimate | recommended | sweeps | coverage of 95 % | error (rms) | towards 0 | width |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.world} | {row.kind} | {'yes' if row.recommended else ''} | {row.sweeps} | "
            f"{row.coverage:.1%} ± {row.error:.1%} | {row.deviation:.4f} | {-row.shrinkage:+.4f} | {row.width:.4f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
