"""Makes `python -m runners.cli` the command line."""

from runners.cli import run

run()
