"""GPUs that NVML lists and torch cannot use, on pretended machines."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from runners.cli import main
from runners.commands import doctor
from runners.commands.doctor import examine
from runners.engines import gpus
from runners.engines.capacity import gpus_of_trial
from runners.engines.connection import Resources
from runners.engines.devices import check_devices, device_text
from runners.engines.gpus import Gpu, Gpus, gpu_fault, list_gpus, uuid_of, visible_count
from runners.engines.node_checks import NodeQuestion, report
from seatbelt.errors import UserError

H100 = tuple(Gpu(name="NVIDIA H100", uuid=f"GPU-{index}abc") for index in range(8))


class Library:
    """NVIDIA's library, of a machine with two GPUs; the first one is divided."""

    def __init__(self, *, fails: str = "") -> None:
        self._fails = fails

    def __getattr__(self, name: str) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            if name == self._fails:
                return 18
            if name == "nvmlSystemGetDriverVersion":
                arguments[0].value = b"535.104.05"
            elif name == "nvmlDeviceGetCount_v2":
                arguments[0]._obj.value = 2
            elif name == "nvmlDeviceGetHandleByIndex_v2":
                arguments[1]._obj.value = 1 + arguments[0].value
            elif name == "nvmlDeviceGetName":
                arguments[1].value = b"NVIDIA A100"
            elif name == "nvmlDeviceGetUUID":
                arguments[1].value = f"GPU-{arguments[0].value}".encode()
            elif name == "nvmlDeviceGetMigMode":
                arguments[1]._obj.value = int(arguments[0].value == 1)
                return 0 if arguments[0].value == 1 else 3
            return 0

        return call


def test_the_library_lists_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    divided, whole = (
        Gpu(name="NVIDIA A100", uuid="GPU-1", is_divided=True),
        Gpu(name="NVIDIA A100", uuid="GPU-2"),
    )
    assert list_gpus() == ("535.104.05", (divided, whole))
    assert (uuid_of("1"), uuid_of("2"), uuid_of("GPU-1")) == ("GPU-2", None, "GPU-1")


@pytest.mark.parametrize("fails", ["nvmlInit_v2", "nvmlDeviceGetCount_v2", "nvmlDeviceGetUUID"])
def test_a_library_that_refuses_lists_none(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library(fails=fails))
    assert list_gpus() == (None, ())


@pytest.mark.parametrize(
    ("variable", "visible"),
    [
        (None, 8),
        ("", 0),
        ("-1", 0),
        ("0", 1),
        ("0,1, 5", 3),
        ("0,9,1", 1),
        ("0,0", 0),
        ("GPU-3abc", 1),
        ("GPU-3,GPU-4", 2),
        ("GPU-xyz", 0),
        ("MIG-7/1/0", 1),
        ("NoDevFiles", 0),
    ],
)
def test_visible_gpus(variable: str | None, visible: int) -> None:
    assert visible_count(H100, variable) == visible


def test_of_divided_gpus_one_part_is_visible() -> None:
    assert visible_count((*H100, Gpu(name="NVIDIA A100", uuid="GPU-x", is_divided=True)), None) == 1


def machine(**changes: Any) -> Gpus:
    fields = {"driver": "580.65", "listed": H100, "visible": 8, "usable": 8, "torch": "2.14.1", "cuda": "13.0"}
    return Gpus(**{**fields, **changes})


NEEDS_580 = "install NVIDIA driver 580 or newer, which CUDA 13.0 of this torch needs"


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"driver": "535.104.05", "usable": 0}, f"{NEEDS_580}, or a torch that is built for CUDA 12"),
        ({"driver": "550.1", "usable": 0, "cuda": "12.6"}, "look at them with nvidia-smi, restart the machine"),
        ({"driver": "470.1", "usable": 0, "cuda": "12.6"}, "install NVIDIA driver 525 or newer, which CUDA 12.6 of"),
        ({"driver": "390.1", "usable": 0}, NEEDS_580),
        ({"usable": 0, "cuda": None}, "install a build of torch with CUDA: this one has none"),
        ({"usable": 7}, "look at the others with nvidia-smi, or exclude them by CUDA_VISIBLE_DEVICES"),
        ({"driver": None, "usable": 0}, "look at them with nvidia-smi"),
    ],
)
def test_what_to_install(changes: dict[str, Any], advice: str) -> None:
    fault = gpu_fault(machine(**changes))
    assert fault is not None
    assert fault.what.startswith("the machine has 8 NVIDIA H100 (NVIDIA driver ")
    assert fault.advice.startswith(advice)


@pytest.mark.parametrize(
    "changes",
    [{}, {"listed": (), "visible": 0, "usable": 0}, {"visible": 0, "usable": 0}, {"visible": 1, "usable": 1}],
)
def test_nothing_is_wrong(changes: dict[str, Any]) -> None:
    assert gpu_fault(machine(**changes)) is None


@pytest.fixture
def too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver is too old for torch."""
    monkeypatch.setattr(gpus, "list_gpus", lambda: ("535.104.05", H100))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize("engine", ["ray", "in-process"])
@pytest.mark.usefixtures("too_old")
def test_a_local_sweep_does_not_run_on_the_cpu_in_silence(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    for device in ("auto", "cuda"):
        with pytest.raises(UserError, match=r"8 NVIDIA H100 .*install NVIDIA driver 580 .*an empty CUDA_VISIBLE_DEV"):
            check_devices(device, engine=engine, address=None)
    check_devices("cpu", engine=engine, address=None)
    check_devices("auto", engine=engine, address="auto")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    check_devices("auto", engine=engine, address=None)
    with pytest.raises(UserError, match="--device cuda: torch can use 0 GPUs on this machine"):
        check_devices("cuda", engine=engine, address=None)


def test_a_numbered_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="Ray hands them out: use --device cuda with CUDA_VISIBLE_DEVICES=1"):
        check_devices("cuda:1", engine="ray", address="auto")
    monkeypatch.setattr("runners.engines.devices.examine_gpus", lambda: machine(listed=H100[:1], visible=1, usable=1))
    check_devices("cuda:0", engine="in-process", address=None)
    with pytest.raises(UserError, match="--device cuda:1: torch can use 1 GPUs on this machine"):
        check_devices("cuda:1", engine="in-process", address=None)


def ignore(text: str) -> None:
    """Discard the message on what `auto` chose."""


def test_gpus_of_trials_that_run_on_the_cpu_or_must_not() -> None:
    cluster = {"CPU": 8.0, "GPU": 2.0}
    assert gpus_of_trial(cluster, Resources(device="cpu"), ignore) == 0
    assert gpus_of_trial(cluster, Resources(device="cpu", gpus_per_trial=1), ignore) == 1, "the user's wish"
    assert gpus_of_trial(cluster, Resources(device="cuda"), ignore) == 1
    with pytest.raises(UserError, match="--device cuda, but --gpus-per-trial 0 gives trials none"):
        gpus_of_trial(cluster, Resources(device="cuda", gpus_per_trial=0), ignore)
    with pytest.raises(UserError, match="--device cuda, but Ray has no GPU for trials"):
        gpus_of_trial({"CPU": 8.0}, Resources(device="cuda"), ignore)


def test_the_meaning_of_auto_is_described() -> None:
    assert device_text("auto", 0.5) == "device auto: CUDA, with 0.5 GPU for each trial"
    assert device_text("auto", 0) == "device auto: the CPU, for there is no GPU for trials"
    assert device_text("cpu", 0) == "device cpu: trials use nothing else"


@pytest.mark.slow
def test_the_count_of_a_node_is_what_torch_can_use() -> None:
    assert report(NodeQuestion(count_gpus=True)).gpus == 0


def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    for name in ("_weights", "_weights_folder"):
        monkeypatch.setattr(doctor, name, lambda *_: doctor.MachineCheck(what="weights", state="ok", text=""))
    return {finding.what: (finding.state, finding.text) for finding in examine(start_ray=False)}


@pytest.mark.usefixtures("too_old")
def test_doctor_finds_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    state, text = states(monkeypatch)["GPUs"]
    assert state == "FAIL" and "install NVIDIA driver 580 or newer" in text
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert states(monkeypatch)["GPUs"] == ("note", "8 hidden by CUDA_VISIBLE_DEVICES: trials run on the CPU")


@pytest.mark.parametrize("check", ["_gpus", "_disk", "_python", "_package"])
def test_a_check_that_fails_is_a_finding_and_the_others_follow(monkeypatch: pytest.MonkeyPatch, check: str) -> None:
    expected = len(states(monkeypatch))

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(doctor, check, fail)
    findings = states(monkeypatch)
    assert len(findings) == expected
    assert ("FAIL", "the check ended with ZeroDivisionError: a b") in findings.values()


def test_doctor_lists_all_before_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SEATBELT_CACHE", str(blocked / "cache"))
    monkeypatch.setenv("SEATBELT_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setattr("runners.commands.doctor.probe", lambda resources: "a task ran")
    monkeypatch.setattr("sys.argv", ["seatbelt", "doctor"])
    with pytest.raises(SystemExit) as ended:
        main()
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    assert any(line.startswith(f"FAIL weights folder: the weights folder {tmp_path}/none") for line in lines)
    assert any(line.startswith("FAIL free disk for caches: ") and "set SEATBELT_CACHE" in line for line in lines)
    assert lines[-1] == "ok   Ray runs a task: a task ran"
