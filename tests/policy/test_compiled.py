"""What a compiled policy says about itself: challenges, OpenAPI, what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from watchword.model.reason import EXPIRED, MALFORMED_CREDENTIAL, NO_CREDENTIAL
from watchword.model.request import Peer, Request
from watchword.model.verdict import Challenge, Principal, Rejection
from watchword.policy import Either, Leaf, PolicyError, alternatives, compile, parse, render


@dataclass
class Fake:
    """Act as a scheme that reads one header field and asks by one challenge."""

    name: str
    asks: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    type: str = "http"
    needs_body: bool = False

    def read(self, request: Request) -> Any:
        value = request.fields.get(self.name.encode())
        return Rejection(MALFORMED_CREDENTIAL) if value == b"?" else value

    def verify(self, credential: Any, request: Request) -> Principal:
        return Principal("user:alice", self.name, credential.decode())

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        if not self.asks:
            return None
        error = rejection.reason.error if rejection else ""
        # A careless scheme: it has an error even where no credential came.
        return Challenge(self.asks, (*self.parameters, ("error", error or "invalid_token")))

    def describe(self) -> dict[str, Any]:
        return {"type": self.type}


SCHEMES: dict[str, Any] = {
    "api-key": Fake("api-key", type="apiKey"),
    "basic": Fake("basic", "Basic", (("realm", "w"), ("charset", "UTF-8"))),
    "jwt": Fake("jwt", "Bearer", (("realm", "w"),)),
    "oauth2": Fake("oauth2", "bearer", (("realm", "x"), ("resource_metadata", "u")), "oauth2"),
    "hmac": Fake("hmac", needs_body=True),
    "mtls": Fake("mtls", type="mutualTLS"),
}
ABSENT = Rejection(NO_CREDENTIAL)


def _request(**fields: str) -> Request:
    return Request("GET", b"/", b"", [(name.encode(), value.encode()) for name, value in fields.items()], Peer())


def test_every_scheme_is_asked_for_once_and_in_order() -> None:
    policy = compile("oauth2 | jwt | basic | api-key", SCHEMES)
    assert policy.challenges(ABSENT) == policy.challenges(None)
    assert policy.challenges(ABSENT) == (
        Challenge("bearer", (("realm", "x"), ("resource_metadata", "u"))),
        Challenge("Basic", (("realm", "w"), ("charset", "UTF-8"))),
    )
    (joined,) = compile("jwt & oauth2", SCHEMES).challenges(ABSENT)
    assert joined == Challenge("Bearer", (("realm", "w"), ("resource_metadata", "u")))


def test_rfc_6750_section_3_no_error_without_a_credential() -> None:
    policy = compile("jwt | api-key", SCHEMES)
    asked = Challenge("Bearer", (("realm", "w"),))
    refused = Challenge("Bearer", (("realm", "w"), ("error", "invalid_token")))
    assert policy.challenges(ABSENT) == (asked,)
    assert policy.challenges(Rejection(EXPIRED)) == (refused,)
    assert policy.challenges(Rejection(EXPIRED), _request(jwt="t")) == (refused,)
    assert policy.challenges(Rejection(EXPIRED), Request("GET", b"/", b"", [(b"api-key", b"k")], Peer())) == (asked,)


def test_describe_is_openapi() -> None:
    policy = compile("api-key | jwt & mtls | oauth2 via mtls | public", SCHEMES)
    assert policy.describe(["orders:read"]) == [
        {"api-key": []},
        {"jwt": [], "mtls": []},
        {"oauth2": ["orders:read"], "mtls": []},
        {},
    ]
    assert compile("public", SCHEMES).describe() == [{}]
    spelled = compile("(jwt | oauth2) & (mtls | hmac) | mtls & jwt", SCHEMES).describe()
    assert [list(each) for each in spelled] == [
        ["jwt", "mtls"],
        ["jwt", "hmac"],
        ["oauth2", "mtls"],
        ["oauth2", "hmac"],
    ]


def test_described_lists_are_not_shared() -> None:
    first, second = compile("oauth2 | oauth2 & mtls", SCHEMES).describe(["r"])
    first["oauth2"].append("w")
    assert second["oauth2"] == ["r"]


def test_alternatives_are_spelled_out_in_the_order_in_which_they_are_tried() -> None:
    assert [render(tree) for tree in alternatives(parse("(a | b & c) via (d | e) | f | public"))] == [
        "a via d",
        "a via e",
        "(b & c) via d",
        "(b & c) via e",
        "f",
    ]
    assert [render(tree) for tree in alternatives(parse("(a | b) & (a | c)"))] == ["a", "a & c", "b & a", "b & c"]


def test_alternatives_are_bounded() -> None:
    names = [f"s{number}" for number in range(14)]
    pairs = " & ".join(f"({one} | {two})" for one, two in zip(names[::2], names[1::2], strict=True))
    with pytest.raises(PolicyError, match="found 128 alternatives, expected at most 64"):
        compile(pairs, dict.fromkeys(names, SCHEMES["jwt"]))


def test_trace_reads_and_verifies_nothing() -> None:
    policy = compile("jwt & mtls | basic | jwt", SCHEMES)
    assert policy.trace(_request(jwt="t", basic="?")) == [
        ("jwt", "presented"),
        ("mtls", "absent"),
        ("basic", "malformed"),
    ]


def test_what_a_policy_knows_of_itself() -> None:
    policy = compile(" jwt|(hmac&mtls)|public ", SCHEMES)
    assert policy.schemes == ("jwt", "hmac", "mtls")
    assert (policy.needs_body, policy.public) == (True, True)
    assert (policy.text, repr(policy)) == ("jwt | hmac & mtls | public", "Compiled('jwt | hmac & mtls | public')")
    assert policy.policy == parse(policy.text)
    assert not compile("jwt", SCHEMES).needs_body
    assert compile("public", SCHEMES).evaluate(_request()) is None


def test_an_unknown_scheme_is_named_with_the_nearest() -> None:
    with pytest.raises(PolicyError, match=r'column 7: found "jtw".*did you mean "jwt"'):
        compile("mtls |jtw", SCHEMES)
    with pytest.raises(PolicyError, match=r'^found "oauth".*did you mean "oauth2"') as caught:
        compile(Either((Leaf("jwt"), Leaf("oauth"))), SCHEMES)
    assert caught.value.column == 0


def test_content_is_read_only_for_who_presents_a_scheme_that_signs_it() -> None:
    def request(*names: bytes) -> Request:
        return Request("POST", b"/", b"", [(name, b"1") for name in names], Peer())

    policy = compile("api-key | hmac & mtls", {**SCHEMES, "mtls": Fake("mtls")})
    assert not policy.reads_body(request())
    assert not policy.reads_body(request(b"api-key", b"mtls"))
    assert policy.reads_body(request(b"hmac"))
    assert policy.reads_body(request(b"api-key", b"hmac"))
    assert not compile("api-key", SCHEMES).reads_body(request(b"hmac"))


class Carried(Fake):
    """Travel in one field alone."""

    carrier = "Authorization"


@pytest.mark.parametrize("text", ["basic & jwt", "jwt via basic", "mtls | (jwt | mtls) & basic"])
def test_two_proofs_in_one_field_can_never_be_met(text: str) -> None:
    schemes: dict[str, Any] = {name: SCHEMES[name] for name in ("basic", "jwt", "mtls")}
    schemes.update({name: Carried(name, "") for name in ("basic", "jwt")})
    with pytest.raises(PolicyError, match="both travel in Authorization"):
        compile(text, schemes)
    compile("jwt & mtls | basic & mtls | basic", schemes)
