"""What a provider's id_token must be: the attack matrix of protocols, every entry of it refused."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization

from tests import tokens
from tests.providers import FakeProvider
from watchword.codec.jose import SigningKey
from watchword.codec.secrets import Sealer, new_root_key
from watchword.lifecycle.outside.relying import Arrived, Provider, RelyingParty
from watchword.model.ports import Fetched, Unavailable
from watchword.model.verdict import Rejection
from watchword.stores.memory import MemoryStore

REDIRECT = "https://ours.example/login/outside/fake/callback"


class Exchange:
    """One relying party and a provider that is asked without a network."""

    def __init__(self, **provider: Any) -> None:
        self.fake = FakeProvider()
        self.fake._http.server_close()
        self.calls: list[str] = []
        self.now = time.time()
        self.store = MemoryStore(clock=lambda: self.now)
        given = {"client_secret": self.fake.client_secret, **provider}
        self.party = RelyingParty(
            Provider("fake", "Fake", self.fake.issuer, self.fake.client_id, **given),
            REDIRECT,
            ephemeral=self.store,
            sealer=Sealer(new_root_key()),
            fetch=self.fetch,
            clock=lambda: self.now,
        )

    def fetch(self, url: str, *, data: Any = None, headers: Any = None) -> Fetched:
        path = url.removeprefix(self.fake.url)
        self.calls.append(path)
        status, value = self.fake.answer(path, dict(data or {}), dict(headers or {}))
        if status == 500:
            raise Unavailable(url)
        return Fetched(status, value if isinstance(value, bytes) else json.dumps(value).encode())

    async def log_in(self, **change: str) -> Arrived | Rejection:
        state = self.fake.asked(await self.party.begin("browser", {"next": "/"}))["state"]
        query = urlencode({"code": "the-code", "state": state, **change})
        return await self.party.finish("browser", query.encode())

    def result(self) -> Arrived | Rejection:
        return asyncio.run(self.log_in())


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def compact(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def by_hmac(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    signed = compact(header, claims).rpartition(".")[0]
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(signed.encode())
    return signed + "." + base64.urlsafe_b64encode(mac.finalize()).rstrip(b"=").decode()


def test_an_honest_id_token(exchange: Exchange) -> None:
    arrived = exchange.result()
    assert isinstance(arrived, Arrived)
    assert (arrived.outsider.issuer, arrived.outsider.subject) == (exchange.fake.issuer, "248289761001")
    assert arrived.outsider.label == "alice@example.com"
    assert arrived.intention == {"next": "/"}


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_every_algorithm_that_is_trusted(exchange: Exchange, algorithm: str) -> None:
    from watchword.codec.oidc import half_hash

    exchange.fake.key = SigningKey.generate(algorithm, kid="k1")
    exchange.fake.claims = {"at_hash": half_hash(exchange.fake.access, algorithm)}
    assert isinstance(exchange.result(), Arrived)


def test_a_provider_signs_by_ps256_where_its_key_says_so(exchange: Exchange) -> None:
    key = SigningKey.generate("RS256", kid="k1")
    head = {"alg": "PS256", "kid": "k1"}
    exchange.fake.sign = lambda claims: tokens.compact(head, claims, tokens.pss_sign(key)).decode()
    exchange.fake.key = key
    assert isinstance(exchange.result(), Rejection), "of an RS256 key"
    exchange = Exchange()
    exchange.fake.sign = lambda claims: tokens.compact(head, claims, tokens.pss_sign(key)).decode()
    exchange.fake.key = SimpleNamespace(public_jwk=lambda: {**key.public_jwk(), "alg": "PS256"})  # type: ignore[assignment]
    assert isinstance(exchange.result(), Arrived), "its at_hash, too, is by SHA-256"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
def test_cve_2026_28802_none(exchange: Exchange, algorithm: str | None) -> None:
    header = {"typ": "JWT", "kid": "k1"} | ({} if algorithm is None else {"alg": algorithm})
    exchange.fake.sign = lambda claims: compact(header, claims)
    assert isinstance(exchange.result(), Rejection)


@pytest.mark.parametrize("form", ["pem", "der", "ssh", "jwk", "secret", "empty"])
@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_cve_2026_11800_33322_public_key_as_hmac_secret(exchange: Exchange, form: str, algorithm: str) -> None:
    fake = exchange.fake
    fake.key = SigningKey.generate("RS256", kid="k1")
    public = fake.key._key.public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    keys = {
        "pem": public.public_bytes(serialization.Encoding.PEM, info),
        "der": public.public_bytes(serialization.Encoding.DER, info),
        "ssh": public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        "jwk": json.dumps(fake.key.public_jwk()).encode(),
        "secret": fake.client_secret.encode(),
        "empty": b"",
    }
    fake.sign = lambda claims: by_hmac({"alg": algorithm, "typ": "JWT", "kid": "k1"}, claims, keys[form])
    assert isinstance(exchange.result(), Rejection)


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_cve_2026_27962_a_key_that_the_token_brings(exchange: Exchange, member: str) -> None:
    own = SigningKey.generate("ES256", kid="own")
    value = {"jwk": own.public_jwk(), "jku": "https://evil.example", "x5u": "https://evil.example", "x5c": ["x"]}
    exchange.fake.sign = lambda claims: own.sign(claims, headers={member: value[member]})
    assert isinstance(exchange.result(), Rejection)


def test_another_key_with_the_providers_kid(exchange: Exchange) -> None:
    own = SigningKey.generate("ES256", kid="k1")
    exchange.fake.sign = own.sign
    assert isinstance(exchange.result(), Rejection)


def test_crit_is_refused(exchange: Exchange) -> None:
    """CVE-2025-59420."""
    exchange.fake.sign = lambda claims: exchange.fake.key.sign(claims, headers={"crit": ["x"], "x": 1})
    assert isinstance(exchange.result(), Rejection)


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt"])
def test_other_kinds_of_tokens_are_no_id_token(exchange: Exchange, typ: str) -> None:
    exchange.fake.sign = lambda claims: exchange.fake.key.sign(claims, typ)
    assert isinstance(exchange.result(), Rejection)


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "nonce"])
def test_ghsa_wcvh_g65p_v576_each_claim_is_needed(exchange: Exchange, name: str) -> None:
    exchange.fake.drop = {name}
    assert isinstance(exchange.result(), Rejection)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": ["x"]},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": "client-of-ours "},
        {"aud": ["client-of-ours", "another"]},
        {"aud": ["client-of-ours", "another"], "azp": "another"},
        {"aud": "client-of-ours", "azp": "another"},
        {"aud": {}},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": True},
        {"iat": 1},
        {"iat": 4_102_444_800},
        {"iat": "now"},
        {"nbf": 4_102_444_800},
        {"nonce": "another"},
        {"nonce": ""},
        {"nonce": "é"},
        {"nonce": 5},
        {"at_hash": "another"},
        {"at_hash": 5},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
    ],
    ids=str,
)
def test_claims_that_are_not_for_us(exchange: Exchange, claims: dict[str, Any]) -> None:
    exchange.fake.claims = claims
    assert isinstance(exchange.result(), Rejection)


def test_ghsa_75c5_xw7c_p5pm_partial_issuer_match(exchange: Exchange) -> None:
    own = exchange.fake.issuer
    for iss in (own + "/", own[:-1], own + ".evil.example", own.upper(), " " + own):
        exchange.fake.claims = {"iss": iss}
        assert isinstance(exchange.result(), Rejection), iss


def test_several_audiences_with_us_as_the_party(exchange: Exchange) -> None:
    exchange.fake.claims = {"aud": ["client-of-ours", "another"], "azp": "client-of-ours"}
    assert isinstance(exchange.result(), Arrived)


def test_an_answer_without_id_token(exchange: Exchange) -> None:
    for change in ({"id_token": None}, {"id_token": ""}, {"id_token": "x"}, {"id_token": 5}, {"access_token": None}):
        exchange.fake.token = lambda answer, change=change: (200, {**answer, **change})
        assert isinstance(exchange.result(), Rejection), change


def test_a_nonce_of_another_login(exchange: Exchange) -> None:
    async def work() -> Arrived | Rejection:
        first = exchange.fake.asked(await exchange.party.begin("browser", {}))
        second = exchange.fake.asked(await exchange.party.begin("browser", {}))
        exchange.fake.nonce = first["nonce"]
        query = urlencode({"code": "the-code", "state": second["state"]})
        return await exchange.party.finish("browser", query.encode())

    assert isinstance(asyncio.run(work()), Rejection)


def test_the_verifier_goes_with_the_code(exchange: Exchange) -> None:
    """A code of another login is nothing here: the provider compares the verifier (RFC 7636 section 4.6)."""

    async def work() -> Arrived | Rejection:
        exchange.fake.asked(await exchange.party.begin("browser", {}))
        challenge = exchange.fake.challenge
        second = exchange.fake.asked(await exchange.party.begin("browser", {}))
        exchange.fake.challenge = challenge
        query = urlencode({"code": "the-code", "state": second["state"]})
        return await exchange.party.finish("browser", query.encode())

    assert isinstance(asyncio.run(work()), Rejection)


def test_what_waits_is_sealed(exchange: Exchange) -> None:
    async def work() -> tuple[dict[str, str], bytes]:
        asked = exchange.fake.asked(await exchange.party.begin("browser", {"next": "/private"}))
        return asked, repr(vars(exchange.store)).encode()

    asked, kept = asyncio.run(work())
    for secret in (asked["state"], asked["nonce"], "/private"):
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("ago", "kind"), [(None, Arrived), (0, Arrived), (30, Arrived), (3600, Rejection), ("now", Rejection)]
)
def test_who_steps_up_logs_in_anew(exchange: Exchange, ago: Any, kind: type) -> None:
    async def work() -> Arrived | Rejection:
        asked = exchange.fake.asked(await exchange.party.begin("browser", {}, anew=True))
        assert asked["prompt"] == "login"
        return await exchange.party.finish("browser", urlencode({"code": "the-code", "state": asked["state"]}).encode())

    exchange.fake.claims = {"auth_time": ago if ago == "now" else int(time.time()) - (ago or 0)}
    exchange.fake.drop = {"auth_time"} if ago is None else set()
    assert isinstance(asyncio.run(work()), kind)


def test_a_login_ends_after_ten_minutes(exchange: Exchange) -> None:
    async def work() -> Arrived | Rejection:
        asked = exchange.fake.asked(await exchange.party.begin("browser", {}))
        exchange.now += 601
        return await exchange.party.finish("browser", urlencode({"code": "x", "state": asked["state"]}).encode())

    assert isinstance(asyncio.run(work()), Rejection)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/a"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "https://user:x@evil.example/t"},
        {"token_endpoint": None},
        {"jwks_uri": "data:application/json,{}"},
        {"jwks_uri": "https://x.example/#f"},
        {"userinfo_endpoint": 5},
        {"token_endpoint_auth_methods_supported": {"a": 1}},
        {"authorization_response_iss_parameter_supported": "yes"},
    ],
    ids=str,
)
def test_metadata_that_is_wrong_is_broken(exchange: Exchange, metadata: dict[str, Any]) -> None:
    """CVE-2026-48522."""
    exchange.fake.metadata = metadata
    with pytest.raises(Unavailable):
        exchange.result()


def test_names_are_read_at_userinfo_where_the_id_token_has_none(exchange: Exchange) -> None:
    fake, answer = exchange.fake, exchange.fake.answer
    fake.metadata = {"userinfo_endpoint": fake.url + "/me"}
    fake.drop = {"email"}
    told: dict[str, Any] = {"sub": "248289761001", "preferred_username": "mona", "iss": "https://evil.example"}

    def also(path: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        if path != "/me":
            return answer(path, form, headers)
        assert headers["authorization"] == f"Bearer {fake.access}"
        return 200, told

    fake.answer = also  # type: ignore[method-assign]
    arrived = exchange.result()
    assert isinstance(arrived, Arrived)
    assert (arrived.outsider.name, arrived.outsider.issuer) == ("mona", fake.issuer)
    for wrong in ({"sub": "another"}, {"sub": None}, {"preferred_username": ["x"]}):
        told |= wrong
        arrived = exchange.result()
        assert isinstance(arrived, Arrived)
        assert (arrived.outsider.name, arrived.outsider.label) == ("", "248289761001")
        assert arrived.outsider.subject == "248289761001"


def test_an_outage_of_userinfo_hinders_nobody(exchange: Exchange) -> None:
    fake, answer = exchange.fake, exchange.fake.answer
    fake.metadata, fake.drop = {"userinfo_endpoint": fake.url + "/me"}, {"email"}
    fake.answer = lambda path, form, headers: (  # type: ignore[method-assign]
        (500, {}) if path == "/me" else answer(path, form, headers)
    )
    assert isinstance(exchange.result(), Arrived)


def test_secrets_by_post_where_basic_is_not_there(exchange: Exchange) -> None:
    exchange.fake.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"]}
    assert isinstance(exchange.result(), Arrived)


def test_cve_2026_48524_an_outage_forgets_nothing(exchange: Exchange) -> None:
    assert isinstance(exchange.result(), Arrived)
    exchange.now += 4000
    exchange.calls.clear()
    answer = exchange.fake.answer

    def partly(path: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        return (500, {}) if "well-known" in path or path == "/jwks" else answer(path, form, headers)

    exchange.fake.answer = partly  # type: ignore[method-assign]
    exchange.fake.claims = {"iat": int(exchange.now), "exp": int(exchange.now) + 60}
    assert isinstance(exchange.result(), Arrived)


def test_ghsa_2gx3_rcp4_g85q_unknown_kids_do_not_storm(exchange: Exchange) -> None:
    assert isinstance(exchange.result(), Arrived)
    exchange.calls.clear()
    other = SigningKey.generate("ES256", kid="unknown")
    exchange.fake.sign = other.sign
    for _ in range(10):
        assert isinstance(exchange.result(), Rejection)
    assert exchange.calls.count("/jwks") <= 1
    assert exchange.calls.count("/.well-known/openid-configuration") == 0


def test_tenants_that_may_log_in() -> None:
    exchange = Exchange(tenants=("t1",))
    for tid, expected in (("t1", Arrived), ("t2", Rejection)):
        exchange.fake.claims = {"tid": tid}
        assert isinstance(exchange.result(), expected)
    exchange.fake.claims = {}
    assert isinstance(exchange.result(), Rejection)


def test_secrets_are_not_shown() -> None:
    exchange = Exchange()
    assert exchange.fake.client_secret not in repr(exchange.party.provider)
