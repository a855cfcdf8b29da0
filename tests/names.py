"""Counts identifiers that do not say what they hold: `python -m tests.names` fails above 5 in 1,000 lines."""

from __future__ import annotations

import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VAGUE = {"found", "told", "known", "kept", "given", "asked", "wanted", "made", "own", "shown"}
MOST_PER_1000_LINES = 5.0


def vague_names(file: Path) -> list[str]:
    """Return each use of an identifier with one of these words in it, but not hypothesis' decorator `given`."""
    with file.open("rb") as source:
        names = [token.string for token in tokenize.tokenize(source.readline) if token.type == tokenize.NAME]
    return [name for name in names if name != "given" and VAGUE & set(name.lower().split("_"))]


def main() -> int:
    """Print the share and the commonest places; return 1 above the limit."""
    folders = ("seatbelt", "search_spaces", "runners", "analysis", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    places = Counter(f"{file.relative_to(ROOT)}: {name}" for file in files for name in vague_names(file))
    share = 1000 * places.total() / sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
    print(f"{share:.1f} vague identifiers in 1,000 lines (at most {MOST_PER_1000_LINES:g})")
    if share > MOST_PER_1000_LINES:
        print(*(f"{count:4} {place}" for place, count in places.most_common(20)), sep="\n")
    return int(share > MOST_PER_1000_LINES)


if __name__ == "__main__":
    sys.exit(main())
