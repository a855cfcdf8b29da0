"""`python -m runners.cli` is the command line too."""

from runners.cli import run

run()
