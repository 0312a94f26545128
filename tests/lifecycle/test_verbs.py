"""The one lifecycle: issue, rotate, revoke, disable: every kind, on every inline store."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.house import House, asking, basic, bearing, house, played, reason
from watchword import Allow, Principal, run_sync
from watchword.codec.jose import SigningKey
from watchword.codec.secrets import new_root_key
from watchword.codec.x509 import der_of
from watchword.keyring import Issuer
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.tokens import Terms
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Kind, State
from watchword.model.records import Topic
from watchword.model.request import Request
from watchword.model.verdict import Decision, Rate

PASSWORD = "a long password indeed"
Present = Callable[[House, Issued], Request]


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/watchword.db"


def play(test: Callable[[House], Coroutine[Any, Any, None]], url: str = "memory:", **options: Any) -> None:
    async def run() -> None:
        async with house(url, root_key=new_root_key(), **options) as opened:
            await test(opened)

    asyncio.run(run())


def key_request(opened: House, issued: Issued) -> Request:
    return bearing(b"Bearer " + issued.material["secret"].encode())


def password_request(opened: House, issued: Issued) -> Request:
    return bearing(basic("alice", issued.material.get("password", PASSWORD)))


def cookie_request(opened: House, issued: Issued) -> Request:
    return asking((b"cookie", b"__Host-session=" + issued.material["cookie"].encode()))


def certificate_request(opened: House, issued: Issued) -> Request:
    return asking(certificate=der_of(issued.material["certificate"].encode()))


_count = iter(range(10**6))


def signed_request(opened: House, issued: Issued) -> Request:
    id, stamp = issued.material["key_id"].encode(), b"%d" % opened.clock.now
    nonce, whole = b"n%d" % next(_count), hashlib.sha256(b"").hexdigest().encode()
    lines = (b"watchword-hmac-v1", id, stamp, nonce, b"GET", b"api.example", b"/orders", b"", b"", whole)
    signature = hmac.new(issued.material["secret"].encode(), b"\n".join(lines), "sha256").hexdigest().encode()
    fields = ((b"x-api-key", id), (b"x-timestamp", stamp), (b"x-nonce", nonce), (b"x-signature", signature))
    return asking(*fields, body=b"")


async def client_request(opened: House, issued: Issued) -> Request:
    token = await opened.watchword.tokens.for_client(issued.credential, Terms(issued.credential.scopes))
    return bearing(b"Bearer " + token.text.encode())


# kind, whose, how its scheme is called, what presents it
KINDS: list[tuple[Kind, str, str, Present]] = [
    (Kind.API_KEY, "service:billing", "api-key", key_request),
    (Kind.HMAC, "service:billing", "hmac", signed_request),
    (Kind.PASSWORD, "user:alice", "basic", password_request),
    (Kind.CLIENT_CERT, "service:billing", "mtls", certificate_request),
    (Kind.SESSION, "user:alice", "session", cookie_request),
]
EVERY = pytest.mark.parametrize(("kind", "subject", "accept", "present"), KINDS, ids=[row[0] for row in KINDS])


def outcome(decision: Decision) -> str:
    return "accepted" if isinstance(decision, Allow) else reason(decision)


@EVERY
def test_issue_rotate_with_overlap_retire_revoke(
    kind: Kind, subject: str, accept: str, present: Present, url: str
) -> None:
    async def test(opened: House) -> None:
        async def tried(issued: Issued) -> str:
            return outcome(await opened.decide(accept, present(opened, issued)))

        lifecycle = opened.watchword.lifecycle
        old = await opened.issue(kind, subject, scopes=["orders:read"])
        assert await tried(old) == "accepted"
        new = await lifecycle.rotate(old.credential.id, overlap=60, by="user:admin")
        assert (await tried(old), await tried(new)) == ("accepted", "accepted")
        assert (await lifecycle.show(old.credential.id)).state(opened.clock.now) is State.RETIRING
        opened.clock.now += 59
        assert (await tried(old), await tried(new)) == ("accepted", "accepted")
        opened.clock.now += 1
        assert await tried(new) == "accepted"
        assert await tried(old) in ("retired", "wrong_secret")  # among passwords a retired one is none
        revoked = await lifecycle.revoke(new.credential.id, reason="lost", by="user:admin")
        assert (revoked.revoke_reason, revoked.revoked_by) == ("lost", "user:admin")
        assert await tried(new) in ("revoked", "unknown_credential", "wrong_secret")
        assert (await lifecycle.show(new.credential.id)).replaces == old.credential.id

    play(test, url)


@EVERY
def test_without_overlap_the_old_one_ends_at_once(
    kind: Kind, subject: str, accept: str, present: Present, url: str
) -> None:
    async def test(opened: House) -> None:
        old = await opened.issue(kind, subject)
        assert outcome(await opened.decide(accept, present(opened, old))) == "accepted"
        new = await opened.watchword.lifecycle.rotate(old.credential.id, overlap=0, by="x")
        assert outcome(await opened.decide(accept, present(opened, old))) != "accepted"
        assert outcome(await opened.decide(accept, present(opened, new))) == "accepted"

    play(test, url)


@EVERY
def test_expiry_ends_what_is_remembered_too(kind: Kind, subject: str, accept: str, present: Present, url: str) -> None:
    async def test(opened: House) -> None:
        issued = await opened.issue(kind, subject, expires_at=int(opened.clock.now) + 30)
        assert outcome(await opened.decide(accept, present(opened, issued))) == "accepted"
        opened.clock.now += 30
        assert outcome(await opened.decide(accept, present(opened, issued))) != "accepted"

    play(test, url)


def test_a_disabled_subject_has_no_living_credential(url: str) -> None:
    async def test(opened: House) -> None:
        lifecycle = opened.watchword.lifecycle
        held = []
        for kind, _, accept, present in KINDS:
            held.append((accept, present, await opened.issue(kind, "user:alice")))
        client = await opened.issue(Kind.OAUTH_CLIENT, "user:alice")
        app = await client_request(opened, client)
        held.append(("oauth2", lambda *_: app, client))
        who = (await opened.decide("session", cookie_request(opened, held[4][2]))).principal  # type: ignore[union-attr]
        family = await opened.watchword.families.start(who, by="user:alice")
        token = bearing(b"Bearer " + opened.watchword.tokens.for_family(family.family).text.encode())

        async def outcomes() -> list[str]:
            found = [outcome(await opened.decide(accept, present(opened, each))) for accept, present, each in held]
            return [*found, outcome(await opened.decide("jwt", token))]

        assert set(await outcomes()) == {"accepted"}
        opened.clock.now += 1
        kept_client = await client_request(opened, client)  # tokens signed before
        await lifecycle.set_enabled("user:alice", False, by="user:admin")
        assert "accepted" not in await outcomes()
        assert outcome(await opened.decide("oauth2", kept_client)) != "accepted"
        refreshed = await opened.watchword.families.redeem(family.token)
        assert reason(refreshed) == "revoked"
        with pytest.raises(LifecycleError, match="disabled"):
            await lifecycle.issue(Kind.API_KEY, "user:alice", by="x")
        opened.clock.now += 1
        await lifecycle.set_enabled("user:alice", True, by="user:admin")
        assert outcome(await opened.decide("api-key", key_request(opened, held[0][2]))) == "accepted"
        assert outcome(await opened.decide("jwt", token)) != "accepted"  # tokens from before stay void

    play(test, url)


@pytest.mark.parametrize("kind", [Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.SESSION])
def test_a_hundred_concurrent_rotations_have_one_winner(kind: Kind, url: str) -> None:
    async def test(opened: House) -> None:
        old = await opened.issue(kind)
        barrier = Barrier(10)

        def run(_: int) -> list[str]:
            barrier.wait(10)
            won = []
            for _ in range(10):
                try:
                    won.append(run_sync(opened.watchword.lifecycle.rotate(old.credential.id, overlap=60, by="x")))
                except LifecycleError:
                    continue
            return [each.credential.id for each in won]

        with ThreadPoolExecutor(10) as pool:
            winners = [id for share in pool.map(run, range(10)) for id in share]
        assert len(winners) == 1
        assert (await opened.watchword.lifecycle.show(old.credential.id)).replaced_by == winners[0]
        assert len(await opened.watchword.store.credentials(kind=kind)) == 2

    play(test, url)


def test_rotating_what_cannot_be_rotated_says_why(url: str) -> None:
    async def test(opened: House) -> None:
        lifecycle = opened.watchword.lifecycle
        old = await opened.issue()
        new = await lifecycle.rotate(old.credential.id, overlap=60, by="x")
        with pytest.raises(LifecycleError, match="rotated already") as caught:
            await lifecycle.rotate(old.credential.id, overlap=60, by="x")
        assert new.credential.id in caught.value.hint
        await lifecycle.revoke(new.credential.id, reason="r", by="x")
        with pytest.raises(LifecycleError, match="is revoked"):
            await lifecycle.rotate(new.credential.id, overlap=60, by="x")
        with pytest.raises(LifecycleError, match="no credential"):
            await lifecycle.rotate("key_nothing", overlap=60, by="x")

    play(test, url)


def test_a_successor_inherits_what_bounds_its_predecessor(url: str) -> None:
    async def test(opened: House) -> None:
        lifecycle = opened.watchword.lifecycle
        old = await opened.issue(
            scopes=["a", "b c"],
            networks=["10.0.0.0/8"],
            limit=Rate(5, 60),
            expires_at=int(opened.clock.now) + 1000,
            options={"test": True},
        )
        opened.clock.now += 400
        new = (await lifecycle.rotate(old.credential.id, overlap=60, by="x")).credential
        assert (new.scopes, new.networks, new.limit) == (frozenset("abc"), ("10.0.0.0/8",), Rate(5, 60))
        assert new.expires_at == int(opened.clock.now) + 1000
        assert new.detail["test"] is True
        signer = await opened.issue(Kind.HMAC, options={"profile": "concat"})
        assert (await lifecycle.rotate(signer.credential.id, overlap=0, by="x")).credential.detail[
            "profile"
        ] == "concat"

    play(test, url)


def test_revoking_is_idempotent_and_keeps_who_was_first(url: str) -> None:
    async def test(opened: House) -> None:
        lifecycle = opened.watchword.lifecycle
        id = (await opened.issue()).credential.id
        first = await lifecycle.revoke(id, reason="lost", by="user:a")
        opened.clock.now += 5
        assert await lifecycle.revoke(id, reason="again", by="user:b") == first
        leaked = await lifecycle.revoke(id, reason="found", by="user:c", leaked=True)
        assert (leaked.leaked, leaked.revoked_at) == (True, first.revoked_at)
        assert await lifecycle.revoke(id, reason="again", by="user:d") == leaked
        assert [e.action for e in await opened.events() if e.credential == id] == ["issue", "revoke", "leaked"]

    play(test, url)


def test_revocation_takes_effect_at_the_next_request_on_another_node(tmp_path: Path) -> None:
    url, key = f"sqlite:///{tmp_path}/x.db", new_root_key()

    async def run() -> None:
        async with house(url, root_key=key) as one, house(url, root_key=key) as other:
            bearer, issued = await one.key()
            for _ in range(2):
                assert outcome(await other.decide("api-key", bearing(bearer))) == "accepted"
            await one.watchword.lifecycle.revoke(issued.credential.id, reason="r", by="x")
            assert outcome(await other.decide("api-key", bearing(bearer))) == "revoked"

    asyncio.run(run())


def test_tokens_of_a_revoked_client_and_family_are_void(url: str) -> None:
    async def test(opened: House) -> None:
        client = await opened.issue(Kind.OAUTH_CLIENT)
        request = await client_request(opened, client)
        assert outcome(await opened.decide("oauth2", request)) == "accepted"
        await opened.watchword.lifecycle.revoke(client.credential.id, reason="r", by="x")
        assert outcome(await opened.decide("oauth2", request)) == "revoked"

    play(test, url)


def test_secrets_are_not_in_the_files(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/watchword.db"
    canaries: list[str] = [PASSWORD]

    async def test(opened: House) -> None:
        for kind, subject, accept, present in KINDS:
            options = {"password": PASSWORD} if kind is Kind.PASSWORD else {}
            issued = await opened.issue(kind, subject, options=options)
            await opened.decide(accept, present(opened, issued))
            await opened.decide(accept, asking(path=b"/" + issued.material.get("secret", "x").encode()))
            canaries.extend(
                text for name, text in issued.material.items() if name not in ("key_id", "certificate", "chain")
            )
        client = await opened.issue(Kind.OAUTH_CLIENT)
        canaries.append(client.material["client_secret"])
        who = (await opened.decide("session", cookie_request(opened, await opened.issue(Kind.SESSION)))).principal  # type: ignore[union-attr]
        family = await opened.watchword.families.start(who, by="x")
        canaries.extend(family.token.split(".")[1::2])
        again = await opened.watchword.families.redeem(family.token)
        canaries.append(again.token.split(".")[3])  # type: ignore[union-attr]
        canaries.append(opened.watchword.tokens.for_family(family.family).text)
        await opened.watchword.lifecycle.rotate((await opened.issue(Kind.HMAC)).credential.id, overlap=0, by="x")
        await opened.watchword.audit.flush()

    play(test, url)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "watchword.db" for path in files)
    held = b"".join(path.read_bytes() for path in files)
    assert b"hk_live_" in held  # the search would find something
    pem = [line for text in canaries for line in text.splitlines() if len(line) > 10 and "-----" not in line]
    forms = [form for text in pem for form in (text.encode(), text.encode().hex().encode())]
    assert len(forms) > 20
    assert [form for form in forms if form in held] == []


def test_material_shows_in_no_text() -> None:
    async def test(opened: House) -> None:
        for kind, subject, _, _ in KINDS:
            issued = await opened.issue(kind, subject)
            shown = f"{issued!r} {issued} {issued.credential!r}"
            assert [v for n, v in issued.material.items() if n != "key_id" and v in shown] == []

    play(test)


@played
async def test_subjects_are_added_once_in_their_one_spelling(opened: House) -> None:
    lifecycle = opened.watchword.lifecycle
    assert (await lifecycle.add_subject("user:Alice", by="x")).name == "user:alice"
    for name in ("user:alice", "user:ALICE"):
        with pytest.raises(LifecycleError, match="exists already"):
            await lifecycle.add_subject(name, by="x")
    with pytest.raises(LifecycleError) as caught:
        await lifecycle.subject("user:alicf")
    assert caught.value.hint == "did you mean user:alice?"
    with pytest.raises(LifecycleError) as caught:
        await lifecycle.issue(Kind.API_KEY, "service:zebra", by="x")
    assert "watchword service add zebra" in caught.value.hint


@played
async def test_enabling_and_disabling_are_idempotent(opened: House) -> None:
    lifecycle = opened.watchword.lifecycle
    subject = await lifecycle.add_subject("user:alice", by="x")
    assert await lifecycle.set_enabled("user:alice", True, by="x") == subject
    disabled = await lifecycle.set_enabled("user:alice", False, by="x")
    assert await lifecycle.set_enabled("user:alice", False, by="x") == disabled
    entries = opened.watchword.store.entries(0)
    assert [entry.topic for entry in entries if entry.key == "user:alice"] == [Topic.SUBJECT]  # type: ignore[union-attr]


@played
async def test_a_person_has_one_password_which_rotates(opened: House) -> None:
    first = await opened.issue(Kind.PASSWORD, "user:alice", options={"password": PASSWORD})
    assert dict(first.material) == {}
    with pytest.raises(LifecycleError, match="has a password"):
        await opened.issue(Kind.PASSWORD, "user:alice")
    rotated = await opened.watchword.lifecycle.rotate(
        first.credential.id, overlap=0, by="x", options={"password": "another long password"}
    )
    assert dict(rotated.material) == {}
    assert outcome(await opened.decide("basic", bearing(basic("alice", PASSWORD)))) == "wrong_secret"
    assert outcome(await opened.decide("basic", bearing(basic("alice", "another long password")))) == "accepted"


@played
async def test_every_act_is_audited_with_who_did_it(opened: House) -> None:
    lifecycle = opened.watchword.lifecycle
    issued = await opened.issue()
    rotated = await lifecycle.rotate(issued.credential.id, overlap=5, by="user:root")
    await lifecycle.revoke(rotated.credential.id, reason="why", by="user:root")
    await lifecycle.set_enabled("service:billing", False, by="user:root")
    await lifecycle.set_enabled("service:billing", True, by="user:root")
    events = [event for event in await opened.events() if event.actor in ("user:admin", "user:root")]
    assert [event.action for event in events] == ["add", "issue", "rotate", "revoke", "disable", "enable"]
    assert {event.outcome for event in events} == {"done"}
    assert events[3].detail == "why"
    assert {event.subject for event in events} == {"service:billing"}


@played
async def test_an_act_that_loses_leaves_nothing(opened: House) -> None:
    issued = await opened.issue()
    lifecycle, store = opened.watchword.lifecycle, opened.watchword.store
    before = (await store.events(), await store.credentials(), store.entries(0))
    keep = store.write

    async def lose(*changes: Any) -> bool:
        return False

    store.write = lose  # type: ignore[method-assign]
    for act in (
        lifecycle.rotate(issued.credential.id, overlap=5, by="x"),
        lifecycle.revoke(issued.credential.id, reason="r", by="x"),
        lifecycle.set_enabled("service:billing", False, by="x"),
        lifecycle.issue(Kind.API_KEY, "service:billing", by="x"),
    ):
        with pytest.raises(LifecycleError):
            await act
    store.write = keep  # type: ignore[method-assign]
    assert (await store.events(), await store.credentials(), store.entries(0)) == before


@played
async def test_bad_demands_are_refused_before_anything_is_made(opened: House) -> None:
    await opened.issue()
    count = len(await opened.watchword.store.credentials(limit=1000))
    for more in (
        {"networks": ["10.0.0.1/8"]},
        {"scopes": ['a"b']},
        {"options": {"profile": "none"}, "kind": Kind.HMAC},
    ):
        kind = more.pop("kind", Kind.API_KEY)
        with pytest.raises(LifecycleError):
            await opened.watchword.lifecycle.issue(kind, "service:billing", by="x", **more)  # type: ignore[arg-type]
    assert len(await opened.watchword.store.credentials(limit=1000)) == count


@played
async def test_kinds_that_are_not_issued_say_so(opened: House) -> None:
    await opened.issue()
    with pytest.raises(LifecycleError, match="refresh"):
        await opened.watchword.lifecycle.issue(Kind.REFRESH, "service:billing", by="x")
    who = (await opened.decide("api-key", key_request(opened, await opened.issue()))).principal  # type: ignore[union-attr]
    family = await opened.watchword.families.start(who, by="x")
    with pytest.raises(LifecycleError, match="refresh"):
        await opened.watchword.lifecycle.rotate(family.family.id, overlap=0, by="x")


@played
async def test_pages_list_what_there_is(opened: House) -> None:
    ids = sorted([(await opened.issue()).credential.id for _ in range(5)])
    lifecycle = opened.watchword.lifecycle
    first = await lifecycle.page(kind=Kind.API_KEY, limit=3)
    rest = await lifecycle.page(kind=Kind.API_KEY, after=first[-1].id, limit=3)
    assert [each.id for each in (*first, *rest)] == ids
    assert await lifecycle.page(subject="service:nobody") == []


def test_a_disabled_subject_is_not_let_in_by_an_issuer_that_goes_on_signing_for_it() -> None:
    """Row 9 of the promises: all that a disabled person has is dead, tokens of outside issuers included."""
    key = SigningKey.generate()

    def token(opened: House, **claims: Any) -> Request:
        now = int(opened.clock())
        named = {"iss": "https://idp.example", "aud": "api", "sub": "alice", "iat": now, "exp": now + 864_000}
        return bearing(b"Bearer " + key.sign({**named, **claims}).encode())

    async def test(opened: House) -> None:
        lifecycle = opened.watchword.lifecycle
        await lifecycle.add_subject("user:alice", by="x")
        first = token(opened)
        assert isinstance(await opened.decide("jwt", first), Allow)
        await lifecycle.set_enabled("user:alice", False, by="x")
        opened.clock.now += 1
        fresh = token(opened, jti="signed after she was disabled")
        assert reason(await opened.decide("jwt", fresh)) == "revoked"
        opened.clock.now += 3 * 86_400  # longer than revocations of single tokens are remembered
        assert reason(await opened.decide("jwt", first)) == "revoked"
        await lifecycle.set_enabled("user:alice", True, by="x")
        assert reason(await opened.decide("jwt", fresh)) == "revoked"
        opened.clock.now += 1
        assert isinstance(await opened.decide("jwt", token(opened)), Allow)

    issuer = Issuer("https://idp.example", "api", keys=[key.verification])
    play(test, issuers={issuer.iss: issuer})


def test_what_was_begun_with_a_password_ends_when_it_is_revoked(url: str) -> None:
    async def test(opened: House) -> None:
        watchword, lifecycle = opened.watchword, opened.watchword.lifecycle
        password = await opened.issue(Kind.PASSWORD, "user:alice", options={"password": PASSWORD})
        who = await watchword.parts.password_check().check("alice", PASSWORD)
        assert isinstance(who, Principal)
        begun = await watchword.families.start(who, by="user:alice")
        session = cookie_request(opened, await opened.issue(Kind.SESSION, "user:alice"))
        others = cookie_request(opened, await opened.issue(Kind.SESSION, "user:bob"))
        key = key_request(opened, await opened.issue(Kind.API_KEY, "user:alice"))
        token = bearing(b"Bearer " + watchword.tokens.for_family(begun.family).text.encode())
        accept = "session | jwt | api-key"
        for request in (session, token, others, key):
            assert isinstance(await opened.decide(accept, request), Allow)
        await lifecycle.revoke(password.credential.id, reason="phished", by="user:admin", leaked=True)
        assert reason(await watchword.families.redeem(begun.token)) == "revoked"
        for request in (session, token):
            assert reason(await opened.decide(accept, request)) == "revoked"
        for request in (others, key):
            assert isinstance(await opened.decide(accept, request), Allow)
        late = await watchword.families.start(who, by="user:alice")  # its login was under way
        assert reason(await watchword.families.redeem(late.token)) == "revoked"
        ended = [event.credential for event in await opened.events() if event.action == "revoke"]
        assert begun.family.id in ended

    play(test, url)


def test_a_reason_that_quotes_a_secret_is_kept_without_it(url: str) -> None:
    async def test(opened: House) -> None:
        issued = await opened.issue(Kind.API_KEY)
        secret = issued.material["secret"]
        why = f"{secret} was in a gist"
        revoked = await opened.watchword.lifecycle.revoke(issued.credential.id, reason=why, by="user:admin")
        assert revoked.revoke_reason == "[redacted] was in a gist"
        await opened.watchword.lifecycle.revoke_tokens("service:billing", reason=why, by="user:admin")
        assert secret not in str(await opened.events())

    play(test, url)


def test_the_server_itself_is_not_disabled() -> None:
    """Nothing that it signs would be believed."""

    async def test(opened: House) -> None:
        with pytest.raises(LifecycleError, match="is this server itself"):
            await opened.watchword.lifecycle.set_enabled("service:watchword", False, by="test")
        assert (await opened.watchword.lifecycle.subject("service:watchword")).disabled_at is None

    play(test)
