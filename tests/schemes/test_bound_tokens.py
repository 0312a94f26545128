"""Tokens that belong to a key or a certificate, whoever issued them, and opaque ones of our own: attacks on both."""

from __future__ import annotations

import asyncio
import json
from inspect import isawaitable
from typing import Any

import pytest

from tests.proving import dpop
from tests.tokens import API, ED, ES, NOW, OURS, THEIRS, CountingFetch, Ticker, own_keys
from watchword.bearer import opaque_place
from watchword.codec.claims import certificate_confirmation
from watchword.codec.jose import SigningKey
from watchword.codec.secrets import new_secret
from watchword.keyring import Issuer
from watchword.model import reason as why
from watchword.model.ports import Fetched, Unavailable
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rejection
from watchword.possession import Possession
from watchword.schemes.jwt import Jwt
from watchword.schemes.oauth2 import Introspection, OAuth2
from watchword.stores.memory import MemoryStore
from watchword.verdicts import Revocations, Verdicts

KEY, OTHER = SigningKey.generate("ES256"), SigningKey.generate()
JKT = {"jkt": KEY.verification.thumbprint()}
ASK = "https://as.example/introspect"
URL = "https://api.example/orders"
CLAIMS = {
    "iss": OURS,
    "sub": "service:billing",
    "aud": API,
    "exp": NOW + 600,
    "iat": NOW,
    "jti": "t1",
    "client_id": "cli_1",
    "scope": "orders:read",
}


class Place:
    """Hold an API that takes our own tokens, an outside issuer's, and those that a provider is asked about."""

    def __init__(self, prefix: str = "") -> None:
        self.clock = Ticker()
        self.store = MemoryStore(clock=self.clock)
        self.verdicts, self.revocations = Verdicts(), Revocations()
        self.answer: dict[str, Any] = {"active": True, "sub": "alice", "client_id": "app", "exp": NOW + 600}
        self.fetch = CountingFetch(**{ASK: self.answer})
        outside = Issuer(THEIRS, API, types=("at+jwt",), keys=[ES.verification], clock=self.clock)
        self.scheme = OAuth2(
            own_keys(self.clock, verdicts=self.verdicts),
            {THEIRS: outside},
            self.verdicts,
            self.revocations,
            issuer=OURS,
            audience=API,
            ephemeral=self.store,
            possession=Possession(self.store, b"k" * 32, clock=self.clock),
            introspections=[Introspection(ASK, "api", "s3cr3t", self.fetch, prefix=prefix)],
            clock=self.clock,
        )

    def signed(self, **more: Any) -> str:
        claims = {name: value for name, value in {**CLAIMS, **more}.items() if value is not ...}
        return (ES if claims.get("iss") == THEIRS else ED).sign(claims, "at+jwt")

    def opaque(self, **more: Any) -> str:
        claims = {name: value for name, value in {**CLAIMS, **more}.items() if value is not ...}
        text = new_secret("at_")
        asyncio.run(self.store.put(opaque_place(text), json.dumps(claims).encode(), NOW + 600))
        return text

    def asked(
        self, token: str, *proofs: str, scheme: str = "DPoP", certificate: bytes | None = None
    ) -> Principal | Rejection | None:
        fields = [(b"host", b"api.example"), (b"authorization", f"{scheme} {token}".encode())]
        fields += [(b"dpop", each.encode()) for each in proofs]
        request = Request("GET", b"/orders", b"", fields, Peer("192.0.2.1", tls=True, certificate=certificate))
        found = self.scheme.read(request)
        if found is None or isinstance(found, Rejection):
            return found
        answer: Any = self.scheme.verify(found, request)

        async def wait() -> Any:
            return await answer

        return asyncio.run(wait()) if isawaitable(answer) else answer  # type: ignore[no-any-return]

    def proof(self, token: str, key: SigningKey = KEY, **more: Any) -> str:
        return dpop(key, "GET", URL, token, now=self.clock.now, **more)

    def proved(self, token: str, **more: Any) -> Principal | Rejection | None:
        return self.asked(token, self.proof(token), **more)


def reason(answer: object) -> why.Reason:
    assert isinstance(answer, Rejection), answer
    return answer.reason


@pytest.fixture
def place() -> Place:
    return Place()


def test_our_own_an_outside_issuers_and_a_providers_token_can_be_bound(place: Place) -> None:
    place.answer["cnf"] = JKT
    tokens = {
        "service:billing": (place.signed(cnf=JKT), place.opaque(cnf=JKT)),
        "user:alice": (place.signed(iss=THEIRS, sub="alice", cnf=JKT), "opaque-of-theirs"),
    }
    for subject, both in tokens.items():
        for token in both:
            for _ in range(2):
                who = place.proved(token)
                assert isinstance(who, Principal), who
                assert who.subject == subject
            assert reason(place.asked(token)) is why.BAD_PROOF
            assert reason(place.asked(token, place.proof(token, OTHER))) is why.UNCONFIRMED
            assert reason(place.asked(token, place.proof(token), scheme="Bearer")) is why.UNCONFIRMED


def test_must_17_the_order_of_uses_changes_nothing(place: Place) -> None:
    for bound, plain in ((place.signed(cnf=JKT), place.signed()), (place.opaque(cnf=JKT), place.opaque())):
        for _ in range(2):
            assert reason(place.asked(bound, scheme="Bearer")) is why.UNCONFIRMED
            assert isinstance(place.proved(bound), Principal)
            assert isinstance(place.asked(plain, scheme="Bearer"), Principal)
            assert reason(place.proved(plain)) is why.BAD_TYPE


def test_rfc_8705_section_3_a_certificate_binds_opaque_tokens_too(place: Place) -> None:
    cnf = certificate_confirmation(b"der")
    place.answer["cnf"] = cnf
    for token in (place.signed(cnf=cnf), place.opaque(cnf=cnf), "opaque-of-theirs"):
        for _ in range(2):
            assert isinstance(place.asked(token, scheme="Bearer", certificate=b"der"), Principal)
            for certificate in (None, b"other"):
                assert reason(place.asked(token, scheme="Bearer", certificate=certificate)) is why.UNCONFIRMED
        assert reason(place.proved(token, certificate=b"der")) is why.BAD_TYPE


def test_a_binding_that_nobody_knows_is_not_passed_over(place: Place) -> None:
    for cnf in ({"kid": "x"}, {**JKT, **certificate_confirmation(b"der")}, {}, None, [], "x", {"jkt": 1}):
        place.answer["cnf"] = cnf
        place.verdicts.clear()
        for token in (place.signed(cnf=cnf), place.opaque(cnf=cnf), "opaque-of-theirs"):
            assert reason(place.proved(token, certificate=b"der")) is why.BAD_TYPE
            assert reason(place.asked(token, scheme="Bearer", certificate=b"der")) is why.BAD_TYPE


def test_rfc_9449_section_6_2_what_a_provider_calls_the_token_must_fit(place: Place) -> None:
    place.answer |= {"cnf": JKT, "token_type": "DPoP"}
    assert isinstance(place.proved("theirs"), Principal)
    assert reason(place.asked("theirs", scheme="Bearer")) is why.BAD_TYPE
    place.answer["token_type"] = "Bearer"
    assert reason(place.proved("theirs-2")) is why.BAD_TYPE


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"iss": ...}, why.WRONG_ISSUER),
        ({"iss": "https://evil.example"}, why.WRONG_ISSUER),
        ({"aud": ...}, why.WRONG_AUDIENCE),
        ({"aud": "https://other.example"}, why.WRONG_AUDIENCE),
        ({"aud": [API + "/"]}, why.WRONG_AUDIENCE),
        ({"exp": ...}, why.BAD_CLAIMS),
        ({"exp": NOW}, why.EXPIRED),
        ({"exp": None}, why.BAD_CLAIMS),
        ({"sub": ...}, why.BAD_CLAIMS),
        ({"iat": ...}, why.BAD_CLAIMS),
        ({"iat": NOW + 60}, why.NOT_YET_VALID),
        ({"jti": ...}, why.BAD_CLAIMS),
        ({"client_id": ...}, why.BAD_CLAIMS),
        ({"sub": "mallory"}, why.BAD_CLAIMS),
        ({"events": {}}, why.BAD_TYPE),
    ],
)
def test_ghsa_wcvh_g65p_v576_each_claim_is_checked(place: Place, changes: dict[str, Any], refusal: why.Reason) -> None:
    for cnf in ({}, {"cnf": JKT}):
        more = {**changes, **cnf}
        tokens = [place.opaque(**more)] + ([place.signed(**more)] if "iss" not in changes else [])
        for token in tokens:
            answer = place.proved(token) if cnf else place.asked(token, scheme="Bearer")
            assert reason(answer) is refusal
    assert len(place.verdicts) == 0


def test_cve_2026_27840_no_part_of_an_opaque_token_is_asked_for_or_shown_to_anybody(place: Place) -> None:
    token = place.opaque()
    variants = [token[:cut] for cut in range(3, len(token))] + [
        token + "0",
        token + "=",
        token.swapcase(),
        "at_" + token,
    ]
    for text in variants:
        answer = place.asked(text, scheme="Bearer")
        if text.startswith("at_"):
            assert reason(answer) is why.MALFORMED_CREDENTIAL
    assert [call for call in place.fetch.calls if call[1]["token"].startswith("at_")] == []
    assert isinstance(place.asked(token, scheme="Bearer"), Principal)


def test_a_provider_whose_tokens_begin_alike_gets_those_that_are_not_ours() -> None:
    place = Place(prefix="at_theirs_")
    assert isinstance(place.asked("at_theirs_1", scheme="Bearer"), Principal)
    assert isinstance(place.asked(place.opaque(), scheme="Bearer"), Principal)
    assert [call[1]["token"] for call in place.fetch.calls] == ["at_theirs_1"]


def test_a_provider_like_ourselves_is_asked_about_what_we_do_not_know() -> None:
    place = Place(prefix="at_")
    theirs = new_secret("at_")
    assert isinstance(place.asked(theirs, scheme="Bearer"), Principal)
    assert isinstance(place.asked(place.opaque(), scheme="Bearer"), Principal)
    assert [call[1]["token"] for call in place.fetch.calls] == [theirs]
    place.answer["active"] = False
    assert reason(place.asked(new_secret("at_"), scheme="Bearer")) is why.INACTIVE_TOKEN


def test_what_was_taken_back_proves_nothing_any_more(place: Place) -> None:
    for number, token in enumerate((place.signed(cnf=JKT, jti="a"), place.opaque(cnf=JKT, jti="b"))):
        assert isinstance(place.proved(token), Principal)
        name = "ab"[number]
        place.verdicts.evict(f"token:{name}")
        place.revocations.add(f"token:{name}", NOW, NOW + 600)
        assert reason(place.proved(token)) is why.REVOKED
    token = place.opaque(jti="c")
    assert isinstance(place.asked(token, scheme="Bearer"), Principal)
    asyncio.run(place.store.take(opaque_place(token)))
    place.clock.now += 61
    assert reason(place.asked(token, scheme="Bearer")) is why.INACTIVE_TOKEN


def test_a_verdict_is_remembered_and_the_proof_asked_for_all_the_same(place: Place) -> None:
    token = place.opaque(cnf=JKT)
    assert isinstance(place.proved(token), Principal)
    asyncio.run(place.store.take(opaque_place(token)))  # from here on only memory knows it
    assert isinstance(place.proved(token), Principal)
    proof = place.proof(token)
    assert isinstance(place.asked(token, proof), Principal)
    assert reason(place.asked(token, proof)) is why.REPLAYED_PROOF


def test_cve_2020_15223_a_broken_store_is_broken_not_refused(place: Place) -> None:
    async def down(key: str) -> bytes | None:
        raise Unavailable("down")

    token, bound = place.opaque(), place.signed(cnf=JKT)
    place.store.get = down  # type: ignore[method-assign]
    place.store.claim = lambda key, until: (_ for _ in ()).throw(Unavailable("down"))  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        place.asked(token, scheme="Bearer")
    with pytest.raises(Unavailable):
        place.proved(bound)
    place.fetch.answers[ASK] = Fetched(500, b"")
    with pytest.raises(Unavailable):
        place.proved("theirs")


def test_other_schemes_do_not_take_what_came_as_dpop(place: Place) -> None:
    jwt = Jwt(own_keys(place.clock), {}, Verdicts(), Revocations(), issuer=OURS, audience=API, clock=place.clock)
    login = ED.sign({**CLAIMS, "cnf": JKT}, "JWT")
    request = Request("GET", b"/", b"", [(b"authorization", f"DPoP {login}".encode())], Peer())
    assert jwt.read(request) is None
    assert jwt.recall(request) is None
    assert reason(place.proved(login)) is why.BAD_TYPE
    assert reason(place.proved("a.b.c")) is why.MALFORMED_CREDENTIAL
    assert reason(place.proved("a.b.c.d.e")) is why.MALFORMED_CREDENTIAL
    for raw in (b"", b" ", b"=", b"a b", b"\xff", b"a" * 4_097):
        request = Request("GET", b"/", b"", [(b"authorization", b"DPoP " + raw)], Peer())
        assert reason(place.scheme.read(request)) is why.MALFORMED_CREDENTIAL


def test_without_possession_dpop_is_not_read() -> None:
    scheme = OAuth2(None, {}, Verdicts(), Revocations())
    assert scheme.read(Request("GET", b"/", b"", [(b"authorization", b"DPoP x")], Peer())) is None
    assert [each.scheme for each in scheme.challenges(None)] == ["Bearer"]
    token = Request("GET", b"/", b"", [(b"authorization", b"Bearer at_x")], Peer())
    assert scheme.read(token) is None


def test_the_error_is_on_the_challenge_of_what_came(place: Place) -> None:
    for scheme, bearer, bound in (("Bearer", "invalid_token", None), ("DPoP", None, "invalid_dpop_proof")):
        request = Request("GET", b"/", b"", [(b"authorization", f"{scheme} x".encode())], Peer())
        rejection = Rejection(why.BAD_PROOF if scheme == "DPoP" else why.EXPIRED)
        found = {
            each.scheme: dict(each.parameters).get("error") for each in place.scheme.challenges(rejection, request)
        }
        assert found == {"Bearer": bearer, "DPoP": bound}
