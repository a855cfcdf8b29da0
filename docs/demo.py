"""The main job in a few minutes: `make demo`.

Renders scenes, sweeps two architectures on two cores, is interrupted once, resumes, and uses the winner: report,
explanation, ONNX graph, masks of images that no data set holds. Every step is a command that you could type; all but
the interrupted one run in this process, which saves the seconds that torch takes to load.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

DEMO = Path("demo")
SWEEP = DEMO / "sweeps" / "architecture"
NEW = DEMO / "new"
INTERRUPT_AFTER = 3

SCENES = ["--size", "96x144"]
TRAINING = [
    *("--set", "encoder=lite0@imagenet", "--set", "decoder=unet,fpn"),
    *("--fix", "real=true", "--fix", "generations=5", "--fix", "augmentation=none", "--fix", "batch_size=4"),
    *("--fix", "encoder_learning_rate=0.0007", "--fix", "decoder_learning_rate=0.002", "--fix", "channels_last=true"),
    *("--fix", "plateau_patience=1"),
    *("--max-epochs", "7", "--slots", "2"),
]


def main() -> None:
    """Run the demo in the folder `demo`, which is replaced."""
    started = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    scenes, model = DEMO / "scenes", DEMO / "model"
    run("data", "scenes", "--out", str(scenes), "--generations", "5=60,camera=280", *SCENES)
    run("data", "show", str(scenes), "--out", str(DEMO / "scenes.png"))
    interrupted("sweep", "architecture", "--data", str(scenes), "--out", str(SWEEP.parent), *TRAINING)
    run("status", str(SWEEP))
    run("resume", str(SWEEP), "--slots", "2")
    run("best", str(SWEEP))
    run("report", str(SWEEP))
    run("explain", str(SWEEP), "best", "--square", "16", "--out", str(DEMO / "explain"))
    run("model", str(SWEEP), "best", "--out", str(model), "--onnx")
    run("data", "scenes", "--out", str(NEW), "--generations", "camera=12", "--seed", "7", *SCENES)
    run("predict", str(model), str(NEW / "images"), "--out", str(DEMO / "predictions"), "--overlay")
    print(conclusion(time.monotonic() - started))


def conclusion(seconds: float) -> str:
    """Return what was seen, and what to open."""
    import pandas as pd

    ranking = json.loads(subprocess.run(command("best", str(SWEEP), "--json"), check=True, capture_output=True).stdout)
    arm = ranking["arms"][0]
    trials = pd.read_parquet(SWEEP / "trials")
    test = float(trials.loc[trials["trial_key"] == arm["trial_key"], "test_iou_with_target"].iloc[0])
    arms, best = len(set(trials["arm_key"])), f"{arm['decoder']} with {arm['encoder']}"
    baseline = max(ranking["baselines"].values())
    opened = [SWEEP / "report" / "report.html", *sorted((DEMO / "explain").glob("*.png"))[:1]]
    opened += [DEMO / "predictions" / "overlays", DEMO / "model" / "README.md"]
    lines = [
        "",
        f"Seen in {seconds:.0f} s: of {arms} architectures, {best} finds belts best.",
        f"Its IoU on test images with a belt, of people that nobody trained on, is {test:.2f}; a predictor that looks",
        f"at no image gets {baseline:.2f} on the selection set. The sweep was interrupted, and lost nothing.",
        *(f"Open: {path}" for path in opened),
        "The camera images are rendered stand-ins for photographs. Your own images: docs/data.md.",
        "To type such commands yourself: source .venv/bin/activate",
    ]
    return "\n".join(lines)


def run(*arguments: str) -> None:
    """Run one command in this process, shown first; end the demo if it fails."""
    from runners.cli import main as run_command

    show(arguments)
    sys.argv = ["seatbelt", *arguments]
    try:
        run_command()
    except SystemExit as end:
        if end.code:
            sys.exit(f"the demo ends: the command ended with exit code {end.code}")
    sys.stdout.flush()


def interrupted(*arguments: str) -> None:
    """Run one command and interrupt it, as Ctrl-C would, after a few epochs."""
    show(arguments)
    with subprocess.Popen(command(*arguments)) as process:
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


def command(*arguments: str) -> list[str]:
    """Return the command line of this environment."""
    return [os.fspath(Path(sys.executable).with_name("seatbelt")), *arguments]


def show(arguments: tuple[str, ...]) -> None:
    """Print a command as one would type it."""
    print(f"\n$ seatbelt {shlex.join(arguments)}", flush=True)


if __name__ == "__main__":
    main()
