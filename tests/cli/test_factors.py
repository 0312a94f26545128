"""``watchword user factors``, ``remove-factor`` and ``reset-factors``: the operator's path for a lost factor."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.authenticator import Authenticator
from tests.cli.desk import Desk
from watchword.app import Watchword
from watchword.codec.otp import Totp
from watchword.model.credential import Credential, Kind

ALICE = "user:alice"
ISSUER = "https://id.example"


async def _enrol(desk: Desk) -> None:
    """Give Alice an app, a passkey, recovery codes and a session, as her browser would."""
    url = f"sqlite:///{desk.folder}/watchword.db"
    key = (desk.folder / ".env").read_text().strip().partition("=")[2].strip("'\"")
    watchword = Watchword(url, root_key=key, issuer=ISSUER, workers=1)
    await watchword.start()
    factors = watchword.factors
    try:
        draft = await factors.begin_totp(ALICE)
        code = Totp(draft.secret).code(int(watchword.clock()) // 30)
        assert isinstance(await factors.finish_totp(ALICE, draft.handle, code, name="Phone", by=ALICE), Credential)
        passkey = await factors.begin_passkey(ALICE)
        response = Authenticator(ISSUER).create(passkey.options)
        made = await factors.finish_passkey(ALICE, passkey.handle, response, name="Blue key", by=ALICE)
        assert isinstance(made, Credential)
        await factors.new_recovery_codes(ALICE, by=ALICE)
        await watchword.lifecycle.issue(Kind.SESSION, ALICE, by=ALICE)
    finally:
        await watchword.stop()


@pytest.fixture
def lost(desk: Desk) -> Desk:
    """Return a desk where Alice has factors, and has lost them."""
    asyncio.run(_enrol(desk))
    return desk


def test_factors_are_listed(lost: Desk) -> None:
    said = lost.done("user", "factors", "alice").out.splitlines()
    assert said[0].split() == ["ID", "KIND", "NAME", "ENROLLED", "LAST", "USED"]
    assert [line.split()[1] for line in said[1:]] == ["totp", "passkey", "recovery-codes"]
    assert "10 codes left" in said[3]
    values = lost.done("user", "factors", "user:alice", "--json").lines
    assert [each.get("name") for each in values] == ["Phone", "Blue key", None]
    assert values[2]["codes_left"] == 10


def test_the_lifecycle_shows_and_revokes_them_as_everything(lost: Desk) -> None:
    [totp] = lost.done("list", "--kind", "totp", "--json").lines
    assert (totp["subject"], totp["state"], totp["name"]) == (ALICE, "active", "Phone")
    said = lost.done("show", totp["id"], "--json")
    assert "secret" not in said.out
    lost.done("revoke", totp["id"], "--reason", "lost")
    assert [each["kind"] for each in lost.done("user", "factors", "alice", "--json").lines] == [
        "passkey",
        "recovery-codes",
    ]


def test_one_factor_is_removed(lost: Desk) -> None:
    totp, passkey, codes = lost.done("user", "factors", "alice", "--json").lines
    said = lost.done("user", "remove-factor", "alice", totp["id"], "--reason", "lost", "--json").json
    assert said == {"subject": ALICE, "removed": totp["id"], "left": [passkey["id"], codes["id"]]}
    assert f"removed {passkey['id']}" in lost.done("user", "remove-factor", "alice", passkey["id"], "--reason", "x").out
    assert "no second factor" in lost.done("user", "factors", "alice").err
    assert lost.done("show", codes["id"], "--json").json["state"] == "revoked"


def test_a_reset_takes_everything_back_and_is_audited(lost: Desk) -> None:
    why = "phone lost; seen in person"
    said = lost.done("user", "reset-factors", "alice", "--reason", why, "--yes", "--json").json
    assert len(said["removed"]) == 3
    states = {each["kind"]: each["state"] for each in lost.done("list", "--subject", ALICE, "--json").lines}
    assert states == dict.fromkeys(("totp", "passkey", "recovery-codes", "session"), "revoked")
    [event] = [each for each in lost.done("audit", "--json").lines if each["action"] == "reset-factors"]
    assert (event["subject"], event["detail"]) == (ALICE, why)
    assert event["actor"].startswith("cli:")


def test_a_reset_is_asked_about(lost: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("user", "reset-factors", "alice", "--reason", "lost")
    assert "add --yes" in lost.wrong(*words)

    import tests.cli.desk as module

    monkeypatch.setattr(module._Stream, "isatty", lambda self: self is sys.stdin)
    assert "that is another name" in lost.run(*words, stdin="bob\n").err
    assert len(lost.done("user", "factors", "alice", "--json").lines) == 3
    assert "user:alice has no second factor now" in lost.done(*words, stdin="alice\n").out
    assert lost.done("user", "factors", "alice", "--json").lines == []


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("factors", "alcie"), "there is no user:alcie", "did you mean user:alice?"),
        (("reset-factors", "alcie", "--reason", "x", "--yes"), "there is no user:alcie", "did you mean"),
        (("reset-factors", "alice", "--yes"), "--reason", "such as: watchword user reset-factors"),
        (("reset-factors", "alice", "--reason", " ", "--yes"), "--reason is empty", "seen in person"),
        (
            ("remove-factor", "alice", "otp_none", "--reason", "x"),
            "there is no factor 'otp_none'",
            "watchword user factors",
        ),
        (("factors", "a b"), "is not a name", "letters"),
    ],
)
def test_mistakes_say_how_to_mend_them(desk: Desk, words: tuple[str, ...], what: str, hint: str) -> None:
    said = desk.wrong("user", *words)
    assert what in said
    assert hint in said


@pytest.mark.parametrize("kind", ["totp", "passkey", "recovery-codes", "recovery_codes"])
def test_a_factor_is_not_issued(desk: Desk, kind: str) -> None:
    said = desk.wrong("issue", kind, "--for", ALICE)
    assert "enrol" in said
    assert "log in" in said
