"""Possession of a key, proved once a request: replays, nonces, where a request went."""

from __future__ import annotations

import asyncio
import itertools
from hashlib import sha256
from inspect import isawaitable
from typing import Any

import pytest

from tests.tokens import NOW, Ticker, compact, raw_sign
from watchword.codec.jose import SigningKey
from watchword.codec.strict import to_base64url
from watchword.model.ports import Unavailable
from watchword.model.reason import BAD_PROOF, NONCE_NEEDED, REPLAYED_PROOF
from watchword.model.request import Peer, Request
from watchword.model.verdict import Rejection
from watchword.possession import Possession
from watchword.stores.memory import MemoryStore

KEY = SigningKey.generate("ES256")
JKT = KEY.verification.thumbprint()
URL = "https://api.example/orders"
_numbers = itertools.count()


def proof(key: SigningKey = KEY, *, token: bytes | None = None, **more: Any) -> bytes:
    jwk = {name: value for name, value in key.public_jwk().items() if name not in {"kid", "use", "alg"}}
    claims = {"jti": f"j{next(_numbers)}", "htm": "GET", "htu": URL, "iat": NOW, **more}
    if token is not None:
        claims["ath"] = to_base64url(sha256(token).digest()).decode()
    return compact({"typ": "dpop+jwt", "alg": key.algorithm, "jwk": jwk}, claims, raw_sign(key))


def asked(*proofs: bytes, host: bytes = b"api.example", path: bytes = b"/orders", tls: bool = True) -> Request:
    fields = [(b"host", host), *((b"dpop", each) for each in proofs)]
    return Request("GET", path, b"x=1", fields, Peer("192.0.2.1", tls=tls))


def house(*, nonces: bool = False, store: Any = None, issuer: str = "") -> tuple[Possession, Ticker]:
    clock = Ticker()
    return Possession(store or MemoryStore(clock=clock), b"k" * 32, clock=clock, nonces=nonces, issuer=issuer), clock


def proved(possession: Possession, request: Request, **more: Any) -> str | Rejection | None:
    answer: Any = possession.prove(request, **more)

    async def wait() -> Any:
        return await answer

    return asyncio.run(wait()) if isawaitable(answer) else answer  # type: ignore[no-any-return]


def refusal(answer: object) -> Rejection:
    assert isinstance(answer, Rejection), answer
    return answer


def test_a_proof_names_its_key() -> None:
    possession, _ = house()
    assert proved(possession, asked(proof())) == JKT
    assert proved(possession, asked()) is None


def test_with_an_access_token_the_proof_is_for_that_one() -> None:
    possession, _ = house()
    assert proved(possession, asked(proof(token=b"t")), access_token=b"t") == JKT
    assert refusal(proved(possession, asked(proof()), access_token=b"t")).reason is BAD_PROOF
    assert refusal(proved(possession, asked(proof(token=b"u")), access_token=b"t")).reason is BAD_PROOF


def test_more_than_one_proof_is_refused() -> None:
    possession, _ = house()
    first, second = proof(), proof()
    for proofs in ((first, second), (first, first), (b"", first), (first, b"")):
        assert refusal(proved(possession, asked(*proofs))).reason is BAD_PROOF
    assert refusal(proved(possession, asked(first + b", " + second))).reason is BAD_PROOF
    assert proved(possession, asked(first)) == JKT, "what was refused spent nothing"


def test_must_17_a_proof_is_good_once() -> None:
    possession, clock = house()
    raw = proof()
    assert proved(possession, asked(raw)) == JKT
    for later in (0, 1, 59.9, 60):
        clock.now = NOW + later
        assert refusal(proved(possession, asked(raw))).reason is REPLAYED_PROOF
    clock.now = NOW + 61
    assert refusal(proved(possession, asked(raw))).reason is BAD_PROOF


def test_must_17_no_other_spelling_of_the_place_makes_it_new() -> None:
    possession, _ = house()
    assert proved(possession, asked(proof(jti="same"))) == JKT
    for htu in (URL.upper().replace("/ORDERS", "/orders"), URL + "?a=b", "https://api.example:443/./orders"):
        assert refusal(proved(possession, asked(proof(jti="same", htu=htu)))).reason is REPLAYED_PROOF
    assert refusal(proved(possession, asked(proof(jti="same"), path=b"/x/../orders"))).reason is REPLAYED_PROOF


def test_the_same_jti_of_another_key_or_place_is_another() -> None:
    possession, _ = house()
    other = SigningKey.generate()
    assert proved(possession, asked(proof(jti="same"))) == JKT
    assert proved(possession, asked(proof(other, jti="same"))) == other.verification.thumbprint()
    more = proof(jti="same", htu="https://api.example/x")
    assert proved(possession, asked(more, path=b"/x")) == JKT


def test_a_hundred_uses_at_once_have_one_winner() -> None:
    possession, _ = house()
    raw = proof()

    async def one() -> Any:
        await asyncio.sleep(0)
        answer = possession.prove(asked(raw))
        return await answer if isawaitable(answer) else answer

    async def race() -> list[Any]:
        return await asyncio.gather(*(one() for _ in range(100)))

    answers = asyncio.run(race())
    assert answers.count(JKT) == 1
    assert sum(isinstance(each, Rejection) and each.reason is REPLAYED_PROOF for each in answers) == 99


@pytest.mark.parametrize("later", [False, True])
def test_cve_2020_15223_a_broken_store_is_broken_not_refused(later: bool) -> None:
    class Broken:
        def claim(self, key: bytes, until: float) -> Any:
            async def fail() -> bool:
                raise Unavailable("down")

            if later:
                return fail()
            raise Unavailable("down")

    possession, _ = house(store=Broken())
    with pytest.raises(Unavailable):
        proved(possession, asked(proof()))


def test_only_the_algorithms_that_are_let_in() -> None:
    possession = Possession(MemoryStore(clock=Ticker()), b"k" * 32, clock=Ticker(), algorithms=["ES256"])
    assert proved(possession, asked(proof())) == JKT
    assert refusal(proved(possession, asked(proof(SigningKey.generate())))).reason is BAD_PROOF
    assert possession.challenge(None).parameters == (("algs", "ES256"),)


def test_where_the_request_went() -> None:
    possession, _ = house(issuer="https://auth.example/oauth")
    assert possession.place(asked()) == "https://api.example/orders"
    assert possession.place(asked(tls=False)) == "http://api.example/orders"
    assert possession.place(asked(tls=False, host=b"AUTH.example")) == "https://AUTH.example/orders"
    userinfo = asked(tls=False, host=b"auth.example", path=b"/oauth/userinfo")
    assert possession.place(userinfo) == "https://auth.example/oauth/oauth/userinfo"
    assert possession.place(asked(tls=False, host=b"auth.example:8000")) == "http://auth.example:8000/orders"
    nowhere = Request("GET", b"/orders", b"", [], Peer())
    assert refusal(proved(possession, Request("GET", b"/", b"", [(b"dpop", proof())], Peer()))).reason is BAD_PROOF
    assert possession.place(nowhere) == ""
    assert proved(possession, asked(proof(htu="https://as.example/t")), url="https://as.example/t") == JKT
    assert refusal(proved(possession, asked(proof()), url="https://as.example/t")).reason is BAD_PROOF
    assert refusal(proved(possession, asked(proof(), host=b"ap\xc3\xa9.example"))).reason is BAD_PROOF


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (b"api.example/orders?", b"/admin"),
        (b"api.example/orders#", b"/admin"),
        (b"api.example/orders;", b"/admin"),
        (b"api.example/", b"/orders"),
        (b"x@api.example", b"/orders"),
        (b"api.example\\", b"/orders"),
        (b"api.example", b"/orders#/admin"),
        (b"api.example", b"/orders?/admin"),
        (b"api.exampl", b"e/orders"),
        (b"api.example", b""),
        (b"api.example", b"*"),
        (b"api.example:", b"/orders"),
        (b"", b"/orders"),
    ],
)
def test_neither_host_nor_path_can_say_the_other(host: bytes, path: bytes) -> None:
    possession, _ = house()
    assert possession.place(asked(host=host, path=path)) == ""
    assert refusal(proved(possession, asked(proof(), host=host, path=path))).reason is BAD_PROOF


# --- nonces (RFC 9449 section 8) --------------------------------------------------------------------------------------


def given(answer: Rejection) -> str:
    ((name, value),) = answer.headers
    assert name == b"dpop-nonce"
    return value.decode()


def test_a_nonce_is_asked_for_and_given() -> None:
    possession, _ = house(nonces=True)
    raw = proof()
    first = refusal(proved(possession, asked(raw)))
    assert first.reason is NONCE_NEEDED
    assert proved(possession, asked(proof(nonce=given(first)))) == JKT
    assert given(refusal(proved(possession, asked(b"x")))) == given(first), "every refusal brings one"
    assert house()[0].fresh() == ()


def test_a_nonce_is_good_in_its_window_and_the_next() -> None:
    possession, clock = house(nonces=True)
    clock.now = NOW // 120 * 120
    nonce = given(refusal(proved(possession, asked(proof(iat=clock.now)))))
    for later in (119, 120, 239):
        clock.now = NOW // 120 * 120 + later
        assert proved(possession, asked(proof(nonce=nonce, iat=clock.now))) == JKT
    clock.now = NOW // 120 * 120 + 240
    late = refusal(proved(possession, asked(proof(nonce=nonce, iat=clock.now))))
    assert late.reason is NONCE_NEEDED
    assert given(late) != nonce


def test_a_nonce_of_nobody_is_refused() -> None:
    possession, _ = house(nonces=True)
    nonce = given(refusal(proved(possession, asked(proof()))))
    other = Possession(MemoryStore(), b"j" * 32, clock=Ticker(), nonces=True)
    strange = given(refusal(proved(other, asked(proof()))))
    for bad in (nonce[:-1], nonce + "A", nonce.swapcase(), strange, "x", "é"):
        assert refusal(proved(possession, asked(proof(nonce=bad)))).reason is NONCE_NEEDED


def test_nodes_that_share_the_key_share_the_nonces() -> None:
    store = MemoryStore(clock=Ticker())
    one, _ = house(nonces=True, store=store)
    other, clock = house(nonces=True, store=store)
    clock.now = NOW + 120  # its clock is ahead
    nonce = given(refusal(proved(other, asked(proof(iat=clock.now)))))
    assert proved(one, asked(proof(nonce=nonce))) == JKT


def test_the_challenge_names_what_may_sign() -> None:
    possession, _ = house()
    assert possession.challenge(None).parameters == (("algs", "EdDSA Ed25519 ES256 PS256 RS256"),)
    assert possession.challenge(Rejection(NONCE_NEEDED)).parameters[0] == ("error", "use_dpop_nonce")
    assert possession.challenge(Rejection(BAD_PROOF)).parameters[0] == ("error", "invalid_dpop_proof")
    assert possession.challenge(None).scheme == "DPoP"
