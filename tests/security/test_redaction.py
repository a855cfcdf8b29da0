"""Texts that are printed or recorded hold no secret and no control character."""

from __future__ import annotations

import time

import pytest

from seatbelt.errors import UserError
from seatbelt.text.redaction import printable, redact, refuse_secret, safe_text

CANARY = "canary-4711"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"https://me:{CANARY}@host/x", "https://***@host/x"),
        (f"s3://AKIA:ab/{CANARY}@bucket/x", "s3://***@bucket/x"),
        (f"postgres://me:p@{CANARY}@host/db", "postgres://***@host/db"),
        (f"https://{CANARY}@github.com/x", "https://***@github.com/x"),
        (f"/tmp/https:/me:{CANARY}@host/x", "/tmp/https:/***@host/x"),
        (f"https://h/x?token={CANARY}&n=1", "https://h/x?token=***&n=1"),
        (f"https://h/x?n=1&X-Amz-Signature={CANARY}", "https://h/x?n=1&X-Amz-Signature=***"),
        (f"https://h/x?sig={CANARY}#top", "https://h/x?sig=***#top"),
        (f"https://h/x?access_key={CANARY};n=1", "https://h/x?access_key=***;n=1"),
        (f"AWS_SECRET_ACCESS_KEY={CANARY} ls", "AWS_SECRET_ACCESS_KEY=*** ls"),
        (f"{{'db_password': '{CANARY}', 'n': 1}}", "{'db_password': ***, 'n': 1}"),
        (f'{{"api_key": "a b {CANARY}"}}', '{"api_key": ***}'),
        (f"Authorization: Bearer {CANARY}", "Authorization: Bearer ***"),
        (f"seatbelt x --api-key {CANARY} --data d", "seatbelt x --api-key *** --data d"),
        (f"seatbelt x --hub-token 'a {CANARY}' d", "seatbelt x --hub-token *** d"),
    ],
)
def test_recognisable_secrets_are_masked(text: str, masked: str) -> None:
    assert redact(text, {}) == masked


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "my_secret", "PGPASSWORD", "X_PASSWD", "API_KEY", "PRIVATE_KEY", "AWS_ACCESS_KEY_ID", "CREDENTIALS"],
)
def test_values_of_secret_variables_are_masked_wherever_they_are(name: str) -> None:
    assert redact(f"a{CANARY}b {CANARY}", {name: CANARY}) == "a***b ***"


def test_what_is_no_secret_stays() -> None:
    environment = {"HOME": "/home/someone", "DEV_TOKEN": "short", "RAY_AUTH_TOKEN_PATH": "/home/someone/token"}
    for text in (
        "data set /home/someone/token: there is no such folder",
        "RAY_AUTH_MODE=token",
        "cannot be loaded as tensors only",
        "file:/home/me@work/x.pth",
        "[3] resnet18 fpn complete: best selection IoU 0.500",
        "short",
    ):
        assert redact(text, environment) == text


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    assert redact("secret-1-long", {"A_TOKEN": "secret-1", "B_TOKEN": "secret-1-long"}) == "***"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["a-" * 25_000, "token" * 2_500, "https:/" * 1_250, "aa:/" * 2_250, "x=" * 25_000, "a@b:" * 12_500]
)
def test_the_time_of_redaction_grows_linearly_with_the_text(text: str) -> None:
    def seconds(longer: str) -> float:
        started = time.process_time()
        redact(longer, {})
        return time.process_time() - started

    # Four times the text takes 4 times as long, or 16 times if an expression backtracks.
    assert seconds(4 * text) < 9 * max(seconds(text), 0.01)


def test_control_characters_are_written_out() -> None:
    assert printable("\x1b[2J\x9b31m\x07\u202e\u2028\udc80\r\n") == r"\x1b[2J\x9b31m\x07\u202e\u2028\udc80\r\n"
    assert printable("Größe\xa0日本 🚗") == "Größe\xa0日本 🚗"
    assert safe_text("a\nb\tc\r") == "a\nb\tc\\r"


def test_what_a_sweep_needs_and_cannot_mask_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_secret("data set", "/data/stripes")
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    with pytest.raises(UserError, match=r"^data set /data/\*\*\*/x holds a secret that the sweep would record; give "):
        refuse_secret("data set", f"/data/{CANARY}/x")
