"""Session cookies: which name counts, and when a session has ended."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.house import House, accepted, asking, played, reason
from watchword.codec.secrets import new_secret
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Kind
from watchword.model.request import Request
from watchword.model.verdict import Principal, Rejection
from watchword.schemes.session import Session
from watchword.stores.memory import MemoryStore
from watchword.verdicts import Verdicts

VALUE = new_secret("ws_").encode()


def read(text: bytes, **peer: object) -> object:
    return Session(MemoryStore(), Verdicts()).read(asking((b"cookie", text), **peer))  # type: ignore[arg-type]


def with_cookie(issued: Issued) -> Request:
    return asking((b"cookie", b"__Host-session=" + issued.material["cookie"].encode()))


async def session(opened: House, **options: object) -> Issued:
    return await opened.issue(Kind.SESSION, "user:alice", options={"idle": 600, **options})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a=b",
        b"session",
        b"__Host-sessions=x",
        b"__host-session=x",
        b"x__Host-session=x",
        b"a=__Host-session=x",
        b";;;",
        b"=",
    ],
)
def test_other_cookies_are_absent(text: bytes) -> None:
    assert read(text) is None


def test_over_tls_only_the_host_cookie_counts() -> None:
    both = b"session=plain; __Host-session=" + VALUE
    found = read(both, tls=True)
    assert found == sha256(VALUE).digest()
    plain = read(both, tls=False, address="127.0.0.1")
    assert plain == sha256(b"plain").digest()
    assert read(b"session=" + VALUE, tls=True) is None
    assert read(b"__Host-session=" + VALUE, tls=False, address="127.0.0.1") is None
    assert read(both, tls=False, address="192.0.2.7") is None


@given(
    st.lists(
        st.sampled_from([b"__Host-session=", b"__Host-session", b"; ", b";", b" ", b"a=b", b"=", b",", VALUE, b"x"]),
        max_size=8,
    )
)
@example([b"__Host-session=", VALUE])
@example([b"a=b", b"; ", b"__Host-session=", VALUE, b"; ", b"a=b"])
@example([b"x", b"__Host-session=", VALUE])
@example([b"__Host-session=", VALUE, b"; ", b"__Host-session=", VALUE])
@example([b"__Host-session=", VALUE, b"; ", b"__Host-session=", b"; ", b"__Host-session="])
def test_what_is_recalled_is_what_would_be_read(pieces: list[bytes]) -> None:
    verdicts = Verdicts()
    scheme = Session(MemoryStore(), verdicts, clock=lambda: 1.0)
    who = Principal("user:alice", "session", "ses_1")
    scheme._verdicts.put(sha256(VALUE).digest(), who, 2.0, 1.0)
    request = asking((b"cookie", b"".join(pieces)))
    recalled = scheme.recall(request)
    assert recalled is None or (recalled is who and scheme.read(request) == sha256(VALUE).digest())
    if b"".join(pieces) in (b"__Host-session=" + VALUE, b"a=b; __Host-session=" + VALUE + b"; a=b"):
        assert recalled is who


def test_two_cookies_of_the_name_are_refused() -> None:
    assert isinstance(read(b"__Host-session=a; __Host-session=b"), Rejection)
    assert isinstance(read(b"__Host-session=a; x=y; __Host-session=a"), Rejection)


def test_the_value_does_not_show() -> None:
    assert VALUE.decode() not in repr(read(b"__Host-session=" + VALUE))


@played
async def test_a_session_proves_how_its_person_logged_in(opened: House) -> None:
    issued = await session(opened, factors=["pwd", "otp"], authenticated_at=1234)
    who = accepted(await opened.decide("session", with_cookie(issued))).principal
    assert who is not None
    assert (who.subject, who.credential) == ("user:alice", issued.credential.id)
    assert (who.factors, who.authenticated_at) == (("pwd", "otp"), 1234)


@played
async def test_without_more_the_login_was_when_it_was_issued(opened: House) -> None:
    issued = await session(opened)
    opened.clock.now += 5
    who = accepted(await opened.decide("session", with_cookie(issued))).principal
    assert who is not None
    assert (who.factors, who.authenticated_at) == ((), issued.credential.created_at)


@played
async def test_a_session_ends_when_it_was_idle_too_long(opened: House) -> None:
    issued = await session(opened)
    for _ in range(8):  # use keeps it alive, far beyond one idle time
        opened.clock.now += 200
        accepted(await opened.decide("session", with_cookie(issued)))
        await opened.watchword.audit.flush()
    opened.clock.now += 601
    assert reason(await opened.decide("session", with_cookie(issued))) == "expired"


@played
async def test_a_session_never_used_is_idle_from_its_issue(opened: House) -> None:
    issued = await session(opened)
    opened.clock.now += 601
    assert reason(await opened.decide("session", with_cookie(issued))) == "expired"


@played
async def test_use_does_not_move_the_absolute_end(opened: House) -> None:
    issued = await opened.issue(
        Kind.SESSION, "user:alice", options={"idle": 600}, expires_at=int(opened.clock.now) + 1000
    )
    for _ in range(9):
        opened.clock.now += 100
        accepted(await opened.decide("session", with_cookie(issued)))
        await opened.watchword.audit.flush()
    opened.clock.now += 100
    assert reason(await opened.decide("session", with_cookie(issued))) == "expired"


@played
async def test_logging_out_ends_it_at_once(opened: House) -> None:
    issued = await session(opened)
    accepted(await opened.decide("session", with_cookie(issued)))
    await opened.watchword.lifecycle.revoke(issued.credential.id, reason="logout", by="user:alice")
    assert reason(await opened.decide("session", with_cookie(issued))) == "revoked"


@played
async def test_made_up_cookies_are_refused_without_a_look_up(opened: House) -> None:
    for value in (b"", b"x", VALUE[:-1], VALUE + b"0", new_secret("ak_live_").encode(), b"\xff" * 40):
        refused = await opened.decide("session", asking((b"cookie", b"__Host-session=" + value)))
        assert reason(refused) == "malformed_credential"
    assert (
        reason(await opened.decide("session", asking((b"cookie", b"__Host-session=" + VALUE)))) == "unknown_credential"
    )


@played
async def test_an_api_key_is_no_session(opened: House) -> None:
    _, issued = await opened.key()
    cookie = b"__Host-session=" + issued.material["secret"].encode()
    assert reason(await opened.decide("session", asking((b"cookie", cookie)))) == "malformed_credential"


@played
async def test_what_changes_something_needs_a_token_of_this_session(opened: House) -> None:
    issued, other = await session(opened), await session(opened)
    base = [(b"cookie", b"__Host-session=" + issued.material["cookie"].encode())]
    token_for = opened.watchword.csrf.token_for

    async def post(*more: tuple[bytes, bytes]) -> str:
        decision = await opened.decide("session", asking(*base, *more, method="POST"))
        return "accepted" if decision.__class__.__name__ == "Allow" else reason(decision)

    token = (b"x-csrf-token", token_for(issued.credential.id).encode())
    assert await post() == "csrf_missing"
    assert await post((b"x-csrf-token", token_for(other.credential.id).encode())) == "csrf_mismatch"
    assert await post(token) == "accepted"
    assert await post(token, (b"origin", b"https://evil.example")) == "cross_site"
    assert await post(token, (b"sec-fetch-site", b"cross-site")) == "cross_site"


def test_no_challenge_is_registered_for_cookies() -> None:
    scheme = Session(MemoryStore(), Verdicts())
    assert scheme.challenge(None) is None
    assert scheme.describe() == {"type": "apiKey", "in": "cookie", "name": "__Host-session"}


@played
async def test_what_proves_somebody_to_another_scheme_is_no_cookie(opened: House) -> None:
    """The digest of an API key was once found where sessions look for theirs, and its CSRF guard skipped."""
    bearer, _ = await opened.key()
    assert accepted(await opened.decide("api-key | session", asking((b"authorization", bearer)))).principal
    cookie = b"__Host-session=" + bearer.removeprefix(b"Bearer ")
    assert reason(await opened.decide("api-key | session", asking((b"cookie", cookie)))) == "malformed_credential"
