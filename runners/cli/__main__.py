"""`python -m runners.cli` is the command line too."""

from runners.cli import main

main()
