"""How OAuth clients prove themselves: RFC 6749 section 2.3, RFC 7523, RFC 8705 section 2."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64encode
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certificates import Made, make, uri
from tests.house import House, played
from tests.proving import assertion, claims_of_client
from tests.tokens import compact, raw_sign
from watchword.codec.jose import SigningKey
from watchword.codec.oauth.x5c import jwks_of
from watchword.codec.x509 import ChainVerifier
from watchword.lifecycle.oauth.proofs import ASSERTION, METHODS
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Fetched, Unavailable
from watchword.model.reason import (
    BAD_ALGORITHM,
    BAD_CLAIMS,
    BAD_SIGNATURE,
    BAD_TYPE,
    EXPIRED,
    MALFORMED_CREDENTIAL,
    MALFORMED_REQUEST,
    NO_CREDENTIAL,
    REPLAYED,
    REVOKED,
    UNKNOWN_CREDENTIAL,
    UNKNOWN_KEY,
    UNTRUSTED_CERTIFICATE,
    WRONG_AUDIENCE,
    WRONG_SECRET,
    Reason,
)
from watchword.model.request import Peer, Request
from watchword.model.verdict import Rejection

ISSUER = "http://127.0.0.1:8000"
TOKEN = f"{ISSUER}/oauth/token"
KEYS = {name: SigningKey.generate(name) for name in ("EdDSA", "ES256", "RS256")}
KEY = KEYS["ES256"]


def request(authorization: str | None = None, certificate: bytes | None = None) -> Request:
    fields = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request("POST", b"/oauth/token", b"", fields, Peer("192.0.2.1", tls=True, certificate=certificate))


def basic(client_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()


async def client_of(opened: House, *, keys: Any = None, **options: Any) -> Credential:
    jwks = {"keys": [key.public_jwk() for key in keys]} if keys else None
    given = {**({"jwks": jwks} if jwks else {}), **options}
    return (await opened.issue(Kind.OAUTH_CLIENT, options=given)).credential


async def proved(
    opened: House, form: dict[str, str], *, strict: bool = False, url: str = TOKEN, **more: Any
) -> Credential | Rejection:
    proofs = opened.watchword.oauth.proofs
    proofs._strict = strict
    return await proofs.prove(request(**more), form, url)


def refused(answer: Credential | Rejection, *reasons: Reason) -> None:
    assert isinstance(answer, Rejection), answer
    assert answer.reason in reasons, answer


# --- secrets ----------------------------------------------------------------------------------------------------------


@played
async def test_rfc_6749_section_2_3_1_either_way_where_none_is_registered(opened: House) -> None:
    issued = await opened.issue(Kind.OAUTH_CLIENT)
    name, secret = issued.material["client_id"], issued.material["client_secret"]
    for form, field in (({"client_id": name, "client_secret": secret}, None), ({}, basic(name, secret))):
        assert await proved(opened, form, authorization=field) == issued.credential
    refused(await proved(opened, {"client_id": name}), WRONG_SECRET)
    refused(await proved(opened, {"client_id": name, "client_secret": secret + "x"}), UNKNOWN_CREDENTIAL)
    refused(await proved(opened, {"client_id": name, "client_secret": ""}), WRONG_SECRET)
    refused(await proved(opened, {"client_id": "cli_none", "client_secret": secret}), UNKNOWN_CREDENTIAL)
    refused(await proved(opened, {}), NO_CREDENTIAL)


@played
async def test_a_client_proves_itself_in_its_registered_way_alone(opened: House) -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        issued = await opened.issue(Kind.OAUTH_CLIENT, options={"auth_method": method})
        name, secret = issued.material["client_id"], issued.material["client_secret"]
        ways = {
            "client_secret_basic": await proved(opened, {}, authorization=basic(name, secret)),
            "client_secret_post": await proved(opened, {"client_id": name, "client_secret": secret}),
        }
        assert ways.pop(method) == issued.credential
        for answer in ways.values():
            refused(answer, WRONG_SECRET)
    public = await client_of(opened, public=True)
    assert await proved(opened, {"client_id": public.id}) == public
    refused(await proved(opened, {"client_id": public.id, "client_secret": "x"}), UNKNOWN_CREDENTIAL)
    keyed = await client_of(opened, keys=[KEY], auth_method="private_key_jwt")
    refused(await proved(opened, {"client_id": keyed.id}), WRONG_SECRET)
    refused(await proved(opened, {"client_id": public.id} | assertion(KEY, public.id, ISSUER)), UNKNOWN_KEY)


@played
async def test_a_contradictory_record_proves_nothing(opened: House) -> None:
    odd = await client_of(opened, public=True, auth_method="private_key_jwt", keys=[KEY])
    refused(await proved(opened, {"client_id": odd.id}), WRONG_SECRET)
    refused(await proved(opened, assertion(KEY, odd.id, ISSUER)), UNKNOWN_KEY)


@played
async def test_both_secrets_of_a_rotation_prove_the_client(opened: House) -> None:
    issued = await opened.issue(Kind.OAUTH_CLIENT)
    name = issued.material["client_id"]
    after = await opened.watchword.lifecycle.rotate(issued.credential.id, overlap=60, by="user:admin")
    for secret in (issued.material["client_secret"], after.material["client_secret"]):
        answer = await proved(opened, {"client_id": name, "client_secret": secret})
        assert isinstance(answer, Credential)
        assert answer.detail["client_id"] == name
    opened.clock.now += 61
    refused(
        await proved(opened, {"client_id": name, "client_secret": issued.material["client_secret"]}),
        *(reason for reason in (UNKNOWN_CREDENTIAL, REVOKED, EXPIRED)),
        Reason("retired", 401, "unauthenticated", "Authentication is required", "invalid_token"),
    )


@played
async def test_rfc_6749_section_2_3_two_ways_at_once_are_refused(opened: House) -> None:
    issued = await opened.issue(Kind.OAUTH_CLIENT)
    name, secret = issued.material["client_id"], issued.material["client_secret"]
    keyed = await client_of(opened, keys=[KEY], auth_method="private_key_jwt")
    signed, post = assertion(KEY, keyed.id, ISSUER), {"client_id": name, "client_secret": secret}
    for form, field in (
        (post, basic(name, secret)),
        (signed, basic(name, secret)),
        ({**post, **signed}, None),
        ({"client_assertion_type": ASSERTION}, basic(name, secret)),
        ({"client_id": "cli_other"}, basic(name, secret)),
        ({"client_id": name, **signed}, None),
    ):
        refused(await proved(opened, form, authorization=field), MALFORMED_REQUEST)
    assert await proved(opened, {"client_id": name}, authorization=basic(name, secret)) == issued.credential
    assert await proved(opened, {"client_id": keyed.id, **signed}) == keyed, "what was refused spent nothing"


@played
async def test_other_fields_prove_nobody(opened: House) -> None:
    basics = ("Basic", "Basic !", "Basic YQ", "Basic YTo=", "Basic OmI=", "Basic Y2xpXzE6JXp6")
    for field in ("", "Bearer x", "DPoP x", *basics):
        refused(await proved(opened, {}, authorization=field), MALFORMED_CREDENTIAL)


# --- private_key_jwt: MUST 9, 10, 11, 12, 14, 15 ----------------------------------------------------------------------


async def keyed(opened: House, *keys: SigningKey, **options: Any) -> Credential:
    return await client_of(opened, keys=keys or (KEY,), auth_method="private_key_jwt", **options)


def signed(client: Credential, key: SigningKey = KEY, audience: Any = ISSUER, **more: Any) -> dict[str, str]:
    return assertion(key, str(client.detail["client_id"]), audience, **more)


@played
async def test_rfc_7523_a_signed_assertion_proves_the_client(opened: House) -> None:
    client = await keyed(opened, *KEYS.values())
    for key in KEYS.values():
        assert await proved(opened, signed(client, key)) == client
    for typ in ("client-authentication+jwt", "application/jwt"):
        assert await proved(opened, signed(client, typ=typ)) == client
    untyped = compact({"alg": KEY.algorithm, "kid": KEY.kid}, claims_of_client(client.id, ISSUER), raw_sign(KEY))
    form = {"client_assertion_type": ASSERTION, "client_assertion": untyped.decode()}
    assert await proved(opened, form) == client


@played
async def test_must_15_cve_2020_5300_cve_2020_15222_an_assertion_is_good_once(opened: House) -> None:
    client, other = await keyed(opened), await keyed(opened)
    form = signed(client, jti="same")
    assert await proved(opened, form) == client
    refused(await proved(opened, form), REPLAYED)
    refused(await proved(opened, signed(client, jti="same")), REPLAYED)
    assert await proved(opened, signed(other, jti="same")) == other
    opened.clock.now += 59
    refused(await proved(opened, form), REPLAYED)


@played
async def test_a_hundred_uses_of_an_assertion_at_once_have_one_winner(opened: House) -> None:
    client = await keyed(opened)
    form = signed(client)
    answers = await asyncio.gather(*(proved(opened, form) for _ in range(100)))
    assert answers.count(client) == 1
    for answer in answers:
        if answer != client:
            refused(answer, REPLAYED)


@played
async def test_must_15_the_audience_is_the_issuer_alone(opened: House) -> None:
    client = await keyed(opened)
    for audience in (ISSUER, [ISSUER]):
        for strict in (True, False):
            assert await proved(opened, signed(client, audience=audience), strict=strict) == client
    endpoint = f"{ISSUER}/oauth/par"
    for audience in (TOKEN, [TOKEN], endpoint):
        assert await proved(opened, signed(client, audience=audience), url=endpoint) == client
        refused(await proved(opened, signed(client, audience=audience), url=endpoint, strict=True), WRONG_AUDIENCE)
    for audience in (
        *(ISSUER + "/", ISSUER[:-1], ISSUER.upper(), "https://evil.example", "", [], None, 1, {}),
        *([ISSUER, "https://evil.example"], [ISSUER, TOKEN], [[ISSUER]], f"{ISSUER} {TOKEN}", endpoint),
    ):
        refused(await proved(opened, signed(client, audience=audience)), WRONG_AUDIENCE)


@played
async def test_must_11_the_times_are_bounded(opened: House) -> None:
    client, now = await keyed(opened), int(opened.clock.now)
    for more in ({"exp": now + 300, "iat": ...}, {"exp": now + 3600}, {"exp": now + 1}, {"iat": now - 200}):
        assert await proved(opened, signed(client, **more)) == client
    for more in (
        *({"exp": ...}, {"exp": now}, {"exp": now - 1}, {"exp": "soon"}, {"exp": None}, {"exp": 1e300}, {"exp": True}),
        *({"exp": now + 3600, "iat": ...}, {"exp": now + 3600, "iat": now - 300}, {"iat": now + 40}),
        *({"nbf": now + 40}, {"nbf": "x"}, {"iat": "x"}),
    ):
        refused(await proved(opened, signed(client, **more)), BAD_CLAIMS)
    infinite = json.dumps({**claims_of_client(client.id, ISSUER), "exp": float("inf")}).encode()
    form = {"client_assertion_type": ASSERTION}
    raw = compact({"alg": KEY.algorithm, "kid": KEY.kid, "typ": "JWT"}, infinite, raw_sign(KEY))
    refused(await proved(opened, {**form, "client_assertion": raw.decode()}), MALFORMED_CREDENTIAL)


@played
async def test_each_claim_is_required_and_iss_is_sub(opened: House) -> None:
    client = await keyed(opened)
    for more in (
        *({"iss": ...}, {"sub": ...}, {"jti": ...}, {"jti": ""}, {"jti": "j" * 256}, {"jti": 1}),
        *({"iss": ISSUER}, {"sub": "user:alice"}, {"iss": ["x"], "sub": ["x"]}, {"iss": "", "sub": ""}),
    ):
        refused(await proved(opened, signed(client, **more)), BAD_CLAIMS)
    refused(await proved(opened, signed(client, aud=...)), WRONG_AUDIENCE, BAD_CLAIMS)
    refused(await proved(opened, signed(client, iss="cli_1", sub="cli_1")), UNKNOWN_CREDENTIAL)


@played
async def test_only_the_one_type_of_assertion_is_read(opened: House) -> None:
    client = await keyed(opened)
    form = signed(client)
    for change in (
        *({"client_assertion_type": ""}, {"client_assertion_type": ASSERTION.replace("jwt", "saml2")}),
        *({"client_assertion": ""}, {"client_assertion": "a.b"}, {"client_assertion": "a.b.c"}),
        {"client_assertion": "é.b.c"},
    ):
        refused(await proved(opened, form | change), MALFORMED_CREDENTIAL)
    refused(await proved(opened, {"client_assertion": form["client_assertion"]}), MALFORMED_CREDENTIAL)
    for typ in ("at+jwt", "dpop+jwt", "logout+jwt", "oauth-authz-req+jwt", "id_token"):
        refused(await proved(opened, signed(client, typ=typ)), BAD_TYPE)


def _secrets(key: SigningKey) -> list[bytes]:
    held: Any = key._key.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = held.public_bytes(serialization.Encoding.PEM, spki)
    jwk = json.dumps(key.public_jwk()).encode()
    return [
        pem,
        pem.rstrip(b"\n"),
        held.public_bytes(serialization.Encoding.DER, spki),
        held.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        jwk,
        b"\xef\xbb\xbf" + jwk,
        b" " + jwk,
        b"",
    ]


@played
async def test_cve_2022_29217_cve_2026_11800_public_key_as_hmac_secret(opened: House) -> None:
    for algorithm in KEYS:
        await _confused(opened, algorithm)


async def _confused(opened: House, algorithm: str) -> None:
    key = KEYS[algorithm]
    client = await keyed(opened, key)
    for mac in ("HS256", "HS384", "HS512"):
        for secret in _secrets(key):
            hashed = mac.replace("HS", "sha")

            def sign(text: bytes, secret: bytes = secret, hashed: str = hashed) -> bytes:
                return hmac.digest(secret, text, hashed)

            refused(await proved(opened, _forged(client, key, sign, alg=mac)), BAD_ALGORITHM)
    for none in ("none", "None", "NONE", "", None, ...):
        refused(
            await proved(opened, _forged(client, key, lambda _: b"", alg=none)), BAD_ALGORITHM, MALFORMED_CREDENTIAL
        )
        refused(await proved(opened, _forged(client, key, raw_sign(key), alg=none)), BAD_ALGORITHM)
    for other in {*KEYS} - {algorithm}:
        answer = await proved(opened, _forged(client, key, raw_sign(key), alg=other))
        refused(answer, BAD_ALGORITHM, UNKNOWN_KEY)


def _forged(client: Credential, key: SigningKey, sign: Any, **header: Any) -> dict[str, str]:
    members = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **header}
    kept = {name: value for name, value in members.items() if value is not ...}
    text = compact(kept, claims_of_client(client.id, ISSUER), sign).decode()
    return {"client_assertion_type": ASSERTION, "client_assertion": text}


@played
async def test_cve_2026_27962_must_12_a_key_in_the_header_is_no_key(opened: House) -> None:
    client, mallory = await keyed(opened), SigningKey.generate("ES256")
    for header in (
        {"jwk": mallory.public_jwk()},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x5u"},
        {"x5c": ["AA"]},
    ):
        for kid in (KEY.kid, mallory.kid, ...):
            refused(await proved(opened, _forged(client, mallory, raw_sign(mallory), kid=kid, **header)), BAD_ALGORITHM)
    refused(await proved(opened, signed(client, mallory)), UNKNOWN_KEY)
    refused(await proved(opened, _forged(client, KEY, raw_sign(mallory))), BAD_SIGNATURE)


@played
async def test_ghsa_5jhw_7jv7_qcqq_must_14_no_variant_of_an_assertion(opened: House) -> None:
    client = await keyed(opened)
    text = signed(client)["client_assertion"]
    for variant in (text + "=", text + " ", " " + text, text + "\n", text[:-1], text.replace(".", "=.", 1), text + "A"):
        form = {"client_assertion_type": ASSERTION, "client_assertion": variant}
        refused(await proved(opened, form), MALFORMED_CREDENTIAL, BAD_SIGNATURE)


@played
async def test_the_key_of_another_client_is_no_key(opened: House) -> None:
    one, other = await keyed(opened), await keyed(opened, SigningKey.generate("ES256"))
    refused(await proved(opened, signed(other, KEY)), UNKNOWN_KEY)
    assert await proved(opened, signed(one, KEY)) == one


@played
async def test_unknown_clients_and_wrong_keys_are_told_the_same(opened: House) -> None:
    client = await keyed(opened)
    answers = [
        await proved(opened, assertion(KEY, "cli_unknown", ISSUER)),
        await proved(opened, signed(client, SigningKey.generate("ES256"))),
        await proved(opened, _forged(client, KEY, raw_sign(SigningKey.generate("ES256")))),
        await proved(opened, {"client_id": "cli_unknown", "client_secret": "cs_live_x"}),
        await proved(opened, {"client_id": "cli_unknown"}),
    ]
    assert len({(each.reason.status, each.reason.type, each.reason.error) for each in answers}) == 1  # type: ignore[union-attr]


@played
async def test_what_ended_proves_nothing(opened: House) -> None:
    client = await keyed(opened)
    await opened.watchword.lifecycle.revoke(client.id, reason="test", by="user:admin")
    refused(await proved(opened, signed(client)), REVOKED)


@played
async def test_keys_behind_a_jwks_uri(opened: House) -> None:
    calls: list[str] = []

    async def fetch(url: str, **more: Any) -> Fetched:
        calls.append(url)
        return Fetched(200, json.dumps({"keys": [KEY.public_jwk()]}).encode())

    opened.watchword.oauth.client_keys._fetch = fetch
    client = await client_of(opened, auth_method="private_key_jwt", jwks_uri="https://app.example/jwks")
    assert await proved(opened, signed(client)) == client
    assert await proved(opened, signed(client)) == client
    assert calls == ["https://app.example/jwks"]


@played
async def test_cve_2020_15223_a_broken_store_is_broken_not_refused(opened: House) -> None:
    client, proofs = await keyed(opened), opened.watchword.oauth.proofs

    class Broken:
        def claim(self, key: bytes, until: float) -> Any:
            raise Unavailable("down")

        async def credential_by(self, lookup: bytes) -> Any:
            raise Unavailable("down")

    whole = proofs._ephemeral, proofs._records
    proofs._ephemeral = proofs._records = Broken()  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        await proved(opened, signed(client))
    with pytest.raises(Unavailable):
        await proved(opened, {"client_id": client.id, "client_secret": "cs_live_x"})
    proofs._ephemeral, proofs._records = whole


# --- certificates (RFC 8705 section 2) --------------------------------------------------------------------------------

CA = make(ca=True, common="CA")
NAMES = {
    "san_dns": ("billing.example", x509.DNSName("billing.example")),
    "san_uri": ("spiffe://prod/billing", x509.UniformResourceIdentifier("spiffe://prod/billing")),
    "san_ip": ("192.0.2.7", x509.IPAddress(ip_address("192.0.2.7"))),
    "san_email": ("billing@app.example", x509.RFC822Name("billing@app.example")),
}


async def outside(opened: House, **options: Any) -> Credential:
    mtls: Any = opened.watchword.schemes["mtls"]
    mtls._rule = object()  # an outside CA: its certificates are on no record of ours
    mtls.trust(ChainVerifier(CA.pem))
    return await client_of(opened, auth_method="tls_client_auth", **options)


def leaf(opened: House, *names: x509.GeneralName, issuer: Made | None = CA, **more: Any) -> Made:
    return make(issuer, names or (uri("service:billing"),), now=opened.clock.now, **more)


@played
async def test_rfc_8705_section_2_1_2_one_name_of_the_certificate(opened: House) -> None:
    for kind in NAMES:
        await _named_by(opened, kind)


async def _named_by(opened: House, kind: str) -> None:
    wanted, name = NAMES[kind]
    client = await outside(opened, **{f"tls_client_auth_{kind}": wanted})
    form = {"client_id": client.id}
    ca = make(ca=True, common="CA", now=opened.clock.now)
    opened.watchword.schemes["mtls"].trust(ChainVerifier(ca.pem))  # type: ignore[attr-defined]
    right = leaf(opened, name, issuer=ca)
    assert await proved(opened, form, certificate=right.der) == client
    more = leaf(opened, *(each for _, each in NAMES.values()), issuer=ca)
    assert await proved(opened, form, certificate=more.der) == client
    for other in NAMES:
        if other != kind:
            wrong = leaf(opened, NAMES[other][1], issuer=ca)
            refused(await proved(opened, form, certificate=wrong.der), UNTRUSTED_CERTIFICATE)
    refused(await proved(opened, form), NO_CREDENTIAL)
    stranger = leaf(opened, name, issuer=make(ca=True, common="CA", now=opened.clock.now))
    refused(await proved(opened, form, certificate=stranger.der), UNTRUSTED_CERTIFICATE)
    old = leaf(opened, name, issuer=ca, span=(-120, -60))
    refused(await proved(opened, form, certificate=old.der), EXPIRED)
    refused(await proved(opened, form, certificate=b"\x30\x03"), MALFORMED_CREDENTIAL)
    assert await proved(opened, {"client_id": client.id}, certificate=right.der) == client


@played
async def test_rfc_8705_section_2_1_2_an_address_is_no_text(opened: House) -> None:
    ca = make(ca=True, common="CA", now=opened.clock.now)
    client = await outside(opened, tls_client_auth_san_ip="2001:DB8:0::7")
    opened.watchword.schemes["mtls"].trust(ChainVerifier(ca.pem))  # type: ignore[attr-defined]
    for address, reason in (("2001:db8::7", None), ("2001:db8::8", UNTRUSTED_CERTIFICATE)):
        shown = leaf(opened, x509.IPAddress(ip_address(address)), issuer=ca)
        answer = await proved(opened, {"client_id": client.id}, certificate=shown.der)
        assert answer == client if reason is None else answer.reason is reason  # type: ignore[union-attr]


@played
async def test_rfc_4514_the_subject_is_compared_part_by_part(opened: House) -> None:
    ca = make(ca=True, common="CA", now=opened.clock.now)
    client = await outside(opened, tls_client_auth_subject_dn="CN=billing")
    opened.watchword.schemes["mtls"].trust(ChainVerifier(ca.pem))  # type: ignore[attr-defined]
    form = {"client_id": client.id}
    assert await proved(opened, form, certificate=leaf(opened, issuer=ca, common="billing").der) == client
    for common in ("Billing", "billing2", "billin", ("billing", "billing"), ("x", "billing"), "CN=billing"):
        wrong = leaf(opened, issuer=ca, common=common)
        refused(await proved(opened, form, certificate=wrong.der), UNTRUSTED_CERTIFICATE)


@played
async def test_a_client_without_a_name_is_proved_by_no_certificate(opened: House) -> None:
    ca = make(ca=True, common="CA", now=opened.clock.now)
    client = await outside(opened)
    opened.watchword.schemes["mtls"].trust(ChainVerifier(ca.pem))  # type: ignore[attr-defined]
    certificate = leaf(opened, issuer=ca).der
    refused(await proved(opened, {"client_id": client.id}, certificate=certificate), UNTRUSTED_CERTIFICATE)


@played
async def test_a_certificate_of_our_own_that_was_revoked_proves_no_client(opened: House) -> None:
    client = await client_of(
        opened, auth_method="tls_client_auth", tls_client_auth_san_uri="urn:watchword:service:billing"
    )
    issued = await opened.issue(Kind.CLIENT_CERT)
    der = x509.load_pem_x509_certificate(issued.material["certificate"].encode()).public_bytes(
        serialization.Encoding.DER
    )
    form = {"client_id": client.id}
    assert await proved(opened, form, certificate=der) == client
    await opened.watchword.lifecycle.revoke(issued.credential.id, reason="test", by="user:admin")
    refused(await proved(opened, form, certificate=der), REVOKED)


@played
async def test_rfc_8705_section_2_2_a_self_signed_certificate_of_a_registered_key(opened: House) -> None:
    own = make(common="app", now=opened.clock.now)
    key = SigningKey(own.key)
    for keys in ([key], [KEY, key]):
        client = await client_of(opened, keys=keys, auth_method="self_signed_tls_client_auth")
        form = {"client_id": client.id}
        assert await proved(opened, form, certificate=own.der) == client
        again = make(common="anybody", key=own.key, now=opened.clock.now)  # the key counts, not what is said of it
        assert await proved(opened, form, certificate=again.der) == client
        other = make(common="app", now=opened.clock.now)
        refused(await proved(opened, form, certificate=other.der), UNKNOWN_KEY)
        refused(await proved(opened, form), NO_CREDENTIAL)
        old = make(common="app", key=own.key, now=opened.clock.now, span=(-120, -60))
        refused(await proved(opened, form, certificate=old.der), EXPIRED)
        refused(await proved(opened, form, certificate=b"x"), MALFORMED_CREDENTIAL)
        large = make(common="app", key=ec.generate_private_key(ec.SECP384R1()), now=opened.clock.now)
        refused(await proved(opened, form, certificate=large.der), UNTRUSTED_CERTIFICATE)
        refused(await proved(opened, signed(client, key)), UNKNOWN_KEY)


@played
async def test_a_self_signed_certificate_of_a_key_behind_a_jwks_uri(opened: House) -> None:
    own = make(common="app", now=opened.clock.now)
    jwk = SigningKey(own.key, "app-1").public_jwk()

    async def fetch(url: str, **more: Any) -> Fetched:
        return Fetched(200, json.dumps({"keys": [jwk]}).encode())

    opened.watchword.oauth.client_keys._fetch = fetch
    options = {"auth_method": "self_signed_tls_client_auth", "jwks_uri": "https://app.example/jwks"}
    client = await client_of(opened, **options)
    assert await proved(opened, {"client_id": client.id}, certificate=own.der) == client
    other = make(common="app", now=opened.clock.now)
    refused(await proved(opened, {"client_id": client.id}, certificate=other.der), UNKNOWN_KEY)


@played
async def test_a_self_signed_certificate_among_several_keys_of_one_algorithm(opened: House) -> None:
    """RFC 8705 section 2.2: one of the client's keys, under whatever name it has there, given or fetched."""
    own = make(common="app", now=opened.clock.now)
    keys = {"keys": [SigningKey.generate("ES256", "a").public_jwk(), SigningKey(own.key, "b").public_jwk()]}

    async def fetch(url: str, **more: Any) -> Fetched:
        return Fetched(200, json.dumps(keys).encode())

    opened.watchword.oauth.client_keys._fetch = fetch
    for place in ({"jwks": keys}, {"jwks_uri": "https://app.example/jwks"}):
        client = await client_of(opened, auth_method="self_signed_tls_client_auth", **place)
        assert await proved(opened, {"client_id": client.id}, certificate=own.der) == client
        other = make(common="app", now=opened.clock.now)
        refused(await proved(opened, {"client_id": client.id}, certificate=other.der), UNKNOWN_KEY)


@played
async def test_a_certificate_that_a_registered_one_issued_proves_nobody(opened: House) -> None:
    """Such a one passes TLS: a client may have registered a CA as its certificate, to which TLS then gives credit."""
    now, san = opened.clock.now, "urn:watchword:service:billing"
    authority = make(common="app", ca=True, now=now)
    options = {"auth_method": "self_signed_tls_client_auth"}
    evil = await client_of(opened, jwks=jwks_of(authority.pem), **options)
    victim = await client_of(opened, jwks=jwks_of(make(common="billing", now=now).pem), **options)
    named = await client_of(opened, auth_method="tls_client_auth", tls_client_auth_san_uri=san)
    issued = make(authority, [uri("service:billing")], common="billing", now=now)
    assert await proved(opened, {"client_id": evil.id}, certificate=authority.der) == evil
    for client, reason in ((evil, UNKNOWN_KEY), (victim, UNKNOWN_KEY), (named, UNTRUSTED_CERTIFICATE)):
        refused(await proved(opened, {"client_id": client.id}, certificate=issued.der), reason)
    refused(await proved(opened, {"client_id": victim.id}, certificate=authority.der), UNKNOWN_KEY)
    refused(await proved(opened, {"client_id": named.id}, certificate=authority.der), UNTRUSTED_CERTIFICATE)
    await opened.watchword.lifecycle.revoke(evil.id, reason="test", by="user:admin")
    refused(await proved(opened, {"client_id": evil.id}, certificate=authority.der), REVOKED)


@played
async def test_must_22_a_certificate_in_a_header_is_nobodys(opened: House) -> None:
    own = make(common="app", now=opened.clock.now)
    client = await client_of(opened, keys=[SigningKey(own.key)], auth_method="self_signed_tls_client_auth")
    value = b":" + b64encode(own.der) + b":"
    for name in (b"client-cert", b"client_cert", b"x-forwarded-client-cert", b"ssl-client-cert", b"x-ssl-cert"):
        asked = Request("POST", b"/oauth/token", b"", [(name, value)], Peer("192.0.2.1", tls=True))
        answer = await opened.watchword.oauth.proofs.prove(asked, {"client_id": client.id}, TOKEN)
        refused(answer, NO_CREDENTIAL)


def test_every_way_is_named() -> None:
    assert set(METHODS) == {
        *("client_secret_basic", "client_secret_post", "private_key_jwt"),
        *("tls_client_auth", "self_signed_tls_client_auth", "none"),
    }
