"""Rules about what is issued: each is broken by one credential, and not by another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make
from tests.lint.example import DAY, NOW, Example, record
from watchword.lint import Severity
from watchword.model.credential import Credential, Kind

PUBLIC = 'issuer = "https://auth.example.com"\n'
HERE = int(NOW)
USERS = "user:alice"
ADMIN = frozenset({"admin:keys:write"})
FINE = (record(),)


def client(id: str = "cli_a", **detail: Any) -> Credential:
    return record(Kind.OAUTH_CLIENT, id, expires_at=None, lookup=b"x", detail={"client_id": id, **detail})


def authority(days: int) -> Credential:
    pem = make(ca=True, now=NOW, span=(-DAY, days * DAY)).pem.decode()
    return record(Kind.CA, "ca_a", subject="service:watchword", expires_at=None, detail={"certificate": pem})


def password(**more: Any) -> Credential:
    return record(Kind.PASSWORD, "pwd_a", subject=USERS, expires_at=None, **more)


def factor(**more: Any) -> Credential:
    return record(Kind.PASSKEY, "psk_a", subject=USERS, **more)


def signing(age: int, **more: Any) -> Credential:
    since = HERE - age * DAY
    return record(Kind.SIGNING_KEY, "sig_a", subject="service:watchword", created_at=since, expires_at=None, **more)


OLD = {"created_at": HERE - 400 * DAY, "last_used_at": HERE}
RETIRING = {"retire_at": HERE + 2 * DAY, "replaced_by": "key_b"}

EXAMPLES = [
    Example("WW801", held=(record(expires_at=None),), kept=FINE, file="key_a"),
    Example("WW801", held=(record(Kind.HMAC, "hk_live_a", expires_at=None),), kept=FINE, file="hk_live_a"),
    Example(
        "WW802", held=(record(created_at=HERE - 91 * DAY),), kept=(record(created_at=HERE - 89 * DAY),), file="key_a"
    ),
    Example(
        "WW802",
        held=(record(created_at=HERE - 200 * DAY, last_used_at=HERE - 91 * DAY),),
        kept=(record(created_at=HERE - 200 * DAY, last_used_at=HERE - DAY),),
        file="key_a",
    ),
    Example("WW803", held=(record(**OLD),), kept=(record(**OLD, **RETIRING),), file="key_a"),
    Example(
        "WW804",
        held=(record(Kind.HMAC, "hk_live_a", detail={"profile": "concat"}),),
        kept=(record(Kind.HMAC, "hk_live_a", detail={"profile": "v1"}),),
        file="hk_live_a",
    ),
    Example(
        "WW805",
        held=(client(redirect_uris=["http://localhost:3000/cb"]),),
        kept=(client(redirect_uris=["http://127.0.0.1/cb", "https://localhost.example/cb"]),),
        file="cli_a",
    ),
    Example("WW806", held=(password(scopes=ADMIN),), kept=(password(scopes=ADMIN), factor()), file="pwd_a"),
    Example(
        "WW806",
        held=(password(scopes=ADMIN), factor(revoked_at=HERE - 1)),
        kept=(password(scopes=frozenset({"orders:read"})),),
        file="pwd_a",
    ),
    Example(
        "WW807",
        held=(record(scopes=ADMIN),),
        kept=(record(scopes=ADMIN, networks=("10.0.0.0/8",)),),
        file="key_a",
    ),
    Example(
        "WW808",
        held=(record(**RETIRING, last_used_at=HERE - 60),),
        kept=(record(**RETIRING, last_used_at=HERE - 2 * DAY),),
        file="key_a",
    ),
    Example("WW809", held=(authority(80),), kept=(authority(100),), file="ca_a"),
    Example(
        "WW810",
        PUBLIC,
        held=(record(detail={"test": True}),),
        kept=(record(detail={"test": True}),),
        file="key_a",
    ),
    Example(
        "WW811",
        held=tuple(record(id=f"key_{number:02}") for number in range(11)),
        kept=tuple(record(id=f"key_{number:02}") for number in range(10)),
        file="service:billing",
    ),
    Example("WW812", held=(signing(100),), kept=(signing(91),), file="sig_a"),
    Example("WW812", held=(signing(100),), kept=(signing(100, replaced_by="sig_b"),), file="sig_a"),
    Example(
        "WW813",
        held=(record(expires_at=HERE + 13 * DAY),),
        kept=(record(expires_at=HERE + 13 * DAY, **RETIRING),),
        file="key_a",
    ),
    Example("WW814", held=(client(access_lifetime=7200),), kept=(client(access_lifetime=600),), file="cli_a"),
    Example(
        "WW815",
        held=(client(exchange={"impersonate": True}),),
        kept=(client(exchange={"audiences": {}}),),
        file="cli_a",
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_credential_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


@pytest.mark.parametrize("gone", [{"revoked_at": HERE - 1}, {"expires_at": HERE - 1}, {"leaked": True}])
def test_what_is_no_longer_good_is_passed_over(gone: dict[str, Any], tmp_path: Path) -> None:
    held = (record(scopes=ADMIN, detail={"test": True}, **({"expires_at": None} | gone)),)
    for rule in ("WW801", "WW807", "WW810"):
        assert Example(rule, PUBLIC, held=held).found(tmp_path, bad=True) == []


def test_an_authority_that_has_ended_is_an_error(tmp_path: Path) -> None:
    [found] = Example("WW809", held=(authority(0),)).found(tmp_path / ".", bad=True)
    assert found.severity is Severity.WARNING  # it ends this very second
    ended = make(ca=True, now=NOW - 9 * DAY, span=(-DAY, DAY)).pem.decode()
    held = (record(Kind.CA, "ca_a", expires_at=None, detail={"certificate": ended}),)
    [found] = Example("WW809", held=held).found(tmp_path, bad=True)
    assert found.severity is Severity.ERROR


def test_of_many_the_first_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    held = tuple(record(id=f"key_{number:04}", expires_at=None) for number in range(1030))  # more than a page
    found = Example("WW801", held=held).found(tmp_path, bad=True)
    assert len(found) == 26
    assert found[-1].file == "the store"
    assert found[-1].message == "1005 more: a key never ends"


def test_what_ends_within_hours_is_told_with_the_hour(tmp_path: Path) -> None:
    held = (record(retire_at=HERE + 3600, replaced_by="key_b", last_used_at=HERE - 60),)
    [found] = Example("WW808", held=held).found(tmp_path, bad=True)
    times = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M UTC}" for at in (HERE - 60, HERE + 3600)]
    assert f"used at {times[0]}, retired at {times[1]}" in found.message
