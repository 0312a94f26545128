"""What the composition root puts together: the seven schemes, and each route's guards in their order."""

from __future__ import annotations

import pytest

from watchword.app import Watchword
from watchword.assembly import Guards, schemes_at, schemes_of
from watchword.guards.csrf import Csrf
from watchword.guards.networks import Networks
from watchword.guards.rate_limit import AddressLimit, CredentialLimit, SubjectLimit
from watchword.guards.scopes import Scopes
from watchword.guards.step_up import StepUp
from watchword.guards.url_credentials import UrlCredentials
from watchword.lifecycle.errors import LifecycleError
from watchword.model.ports import Scheme
from watchword.policy import compile as compile_policy
from watchword.routes import Rule

SEVEN = {"api-key", "basic", "hmac", "jwt", "mtls", "oauth2", "session"}


@pytest.fixture(scope="module")
def watchword() -> Watchword:
    return Watchword(inline=True, subject_limit="100/min")


def kinds(guards: object) -> list[type]:
    return [type(guard) for guard in guards]  # type: ignore[attr-defined]


def test_the_seven_are_there_under_their_own_names(watchword: Watchword) -> None:
    assert set(watchword.schemes) == SEVEN
    assert all(isinstance(scheme, Scheme) and scheme.name == name for name, scheme in watchword.schemes.items())
    assert {name for name, scheme in watchword.schemes.items() if scheme.needs_body} == {"hmac"}


def test_a_name_twice_is_an_error(watchword: Watchword) -> None:
    with pytest.raises(ValueError, match="'api-key'"):
        schemes_of(watchword.parts, [watchword.schemes["api-key"]])


def test_an_api_of_its_own_name_has_an_oauth2_of_its_own(watchword: Watchword) -> None:
    for same in ("", watchword.audience):
        assert schemes_at(same, watchword.schemes, watchword.parts) is watchword.schemes
    there = schemes_at("https://api.example.com/orders", watchword.schemes, watchword.parts)
    assert [name for name in SEVEN if there[name] is not watchword.schemes[name]] == ["oauth2"]
    with pytest.raises(ValueError, match="names no API"):
        watchword.compile(Rule("/x", "oauth2", resource="orders"))
    assert watchword.compile(Rule("/x", "oauth2", resource="https://api.example.com/orders")).metadata == (
        "https://api.example.com/.well-known/oauth-protected-resource/orders"
    )


def test_guards_before_look_at_the_url_the_network_and_the_address(watchword: Watchword) -> None:
    assert kinds(watchword.compile(Rule("/x", "api-key")).before) == [UrlCredentials, AddressLimit]
    before = watchword.compile(Rule("/x", "api-key", networks=("10.0.0.0/8",))).before
    assert kinds(before) == [UrlCredentials, Networks, AddressLimit]
    unlimited = Watchword(inline=True, address_limit=None)
    assert kinds(unlimited.compile(Rule("/x", "public")).before) == [UrlCredentials]


def test_guards_after_come_cheapest_and_gravest_first(watchword: Watchword) -> None:
    plain = watchword.compile(Rule("/x", "api-key"))
    assert kinds(plain.after) == [Networks, CredentialLimit, SubjectLimit]
    full = watchword.compile(
        Rule("/x", "session | jwt", scopes=("a",), limit="5/min", networks=("10.0.0.0/8",), factors=("otp",), within=5)
    )
    assert kinds(full.after) == [Networks, Csrf, Scopes, StepUp, CredentialLimit, SubjectLimit]


def test_sessions_anywhere_in_a_policy_bring_the_csrf_guard(watchword: Watchword) -> None:
    for accept in ("session", "api-key | session", "session & mtls", "session via mtls", "session | public"):
        assert Csrf in kinds(watchword.compile(Rule("/x", accept)).after), accept
    assert Csrf not in kinds(watchword.compile(Rule("/x", "jwt")).after)


def test_within_nought_is_a_demand(watchword: Watchword) -> None:
    assert StepUp in kinds(watchword.compile(Rule("/x", "jwt", within=0)).after)


def test_routes_do_not_share_their_counts(watchword: Watchword) -> None:
    names = set()
    for rule in (Rule("/a", "jwt"), Rule("/b", "jwt"), Rule("/a", "jwt", methods=("GET",))):
        (limit,) = [guard for guard in watchword.compile(rule).after if isinstance(guard, CredentialLimit)]
        names.add(limit.name)
    assert len(names) == 3


def test_what_is_wrong_is_named(watchword: Watchword) -> None:
    guards = Guards(UrlCredentials(), watchword.meter, watchword.csrf, watchword.clock)
    policy = compile_policy("jwt", watchword.schemes)
    with pytest.raises(LifecycleError, match="unit"):
        guards.after(Rule("/x", "jwt", limit="5/mni"), policy)
    with pytest.raises(LifecycleError):
        guards.before(Rule("/x", "jwt", networks=("10.0.0.1/8",)))
