"""The main job in a few minutes: `make demo`.

Renders embedded scenes, sweeps eight architectures on two cores, is interrupted once, resumes, and shows the best.
Every step is a command that you could type.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

DEMO = Path("demo")
SWEEP = DEMO / "sweeps" / "architecture"
ARCHITECTURES = ["--set", "encoder=lite0@imagenet,resnet18@none", "--set", "decoder=unet,fpn,linknet,deeplabv3plus"]
INTERRUPT_AFTER = 5

NOT_SHOWN = """
What this demo does not show: real photographs (the scenes and the `camera` images are rendered stand-ins), enough
epochs and replicates to tell architectures apart (five epochs rank fast learners first, and lite0 starts from
ImageNet while resnet18 starts from nothing), GPUs, or a cluster. docs/data.md explains how to bring your own images."""


def main() -> None:
    """Run the demo in the folder `demo`, which is replaced."""
    started = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    scenes = DEMO / "scenes"
    run("data", "scenes", "--out", str(scenes), "--generations", "3=56,4=56,5=56,camera=66", "--size", "64x96")
    run("data", "show", str(scenes), "--out", str(DEMO / "scenes.png"))
    sweep = ["sweep", "architecture", "--data", str(scenes), "--out", str(SWEEP.parent), *ARCHITECTURES]
    sweep += ["--fix", "augmentation=none"]
    sweep += ["--fix", "encoder_learning_rate=0.001", "--fix", "decoder_learning_rate=0.001"]
    sweep += ["--prune", "asha", "--max-epochs", "5", "--slots", "2"]
    interrupted(*sweep)
    run("status", str(SWEEP))
    run("resume", str(SWEEP), "--slots", "2")
    run("best", str(SWEEP))
    sql = "select decoder, max(selection_iou) as best from trials group by decoder order by best desc"
    run("query", str(SWEEP), sql)
    print(NOT_SHOWN)
    print(f"\nthe demo took {time.monotonic() - started:.0f} s; its files are in {DEMO}/")
    print("to type such commands yourself: source .venv/bin/activate")


def run(*arguments: str) -> None:
    """Run one command, shown first; end the demo if it fails."""
    show(arguments)
    subprocess.run(command(arguments), check=True)


def interrupted(*arguments: str) -> None:
    """Run one command and interrupt it, as Ctrl-C would, after a few epochs."""
    show(arguments)
    with subprocess.Popen(command(arguments)) as process:
        while process.poll() is None and recorded_epochs() < INTERRUPT_AFTER:
            time.sleep(0.5)
        print(f"--- Ctrl-C after {recorded_epochs()} epochs ---", flush=True)
        process.send_signal(signal.SIGINT)
        if process.wait() != 0:
            sys.exit(f"the interrupted sweep ended with exit code {process.returncode}")


def recorded_epochs() -> int:
    """Return how many epochs the sweep has recorded: its tables can be read while it runs."""
    import pandas as pd

    epochs = SWEEP / "epochs"
    return len(pd.read_parquet(epochs)) if any(epochs.glob("*.parquet")) else 0


def command(arguments: tuple[str, ...]) -> list[str]:
    """Return the command line of this environment."""
    return [os.fspath(Path(sys.executable).with_name("seatbelt")), *arguments]


def show(arguments: tuple[str, ...]) -> None:
    """Print a command as one would type it."""
    import shlex

    print(f"\n$ seatbelt {shlex.join(arguments)}", flush=True)


if __name__ == "__main__":
    main()
