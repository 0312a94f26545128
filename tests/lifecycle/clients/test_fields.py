"""What may be said of a client, and what does not go together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certificates import make
from tests.hostile import URIS
from watchword.codec.jose import SigningKey
from watchword.codec.oauth.x5c import jwks_of
from watchword.lifecycle.clients.fields import ASSERTION, DEVICE, EXCHANGE, FIELDS, FieldError, grant_of, settled
from watchword.lifecycle.errors import LifecycleError

CALLBACK = "https://app.example/cb"
KEYS = {"keys": [SigningKey.generate().public_jwk()]}


def refused(field: str, **fields: Any) -> FieldError:
    with pytest.raises(FieldError) as caught:
        settled(fields)
    assert caught.value.field == field, caught.value
    return caught.value


def test_what_is_not_said_follows_from_the_rest() -> None:
    assert settled({}) == {
        "grants": ["client_credentials"],
        "redirect_uris": [],
        "public": False,
        "first_party": False,
    }
    assert settled({"redirect_uris": [CALLBACK]})["grants"] == ["authorization_code", "refresh_token"]
    assert settled({"auth_method": "none", "redirect_uris": [CALLBACK]})["public"] is True
    assert settled({"public": True, "redirect_uris": [CALLBACK]})["auth_method"] == "none"


@pytest.mark.parametrize(
    ("word", "grant"),
    [
        ("client_credentials", "client_credentials"),
        ("authorization-code", "authorization_code"),
        ("device-code", DEVICE),
        ("device_code", DEVICE),
        ("token-exchange", EXCHANGE),
        (EXCHANGE, EXCHANGE),
        ("jwt-bearer", ASSERTION),
    ],
)
def test_grants_have_short_words(word: str, grant: str) -> None:
    assert grant_of(word) == grant


@pytest.mark.parametrize("word", ["", "password", "implicit", "urn:evil:token-exchange", "token-exchangé"])
def test_there_are_no_other_grants(word: str) -> None:
    with pytest.raises(LifecycleError):
        grant_of(word)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_name", ""),
        ("client_name", "x" * 65),
        ("client_name", "two\nlines"),
        ("client_uri", "http://app.example"),
        ("logo_uri", "javascript:alert(1)"),
        ("contacts", "alice@example.com"),
        ("contacts", ["x"] * 33),
        ("application_type", "desktop"),
        ("redirect_uris", [CALLBACK + "#x"]),
        ("grants", ["password"]),
        ("public", "yes"),
        ("auth_method", "client_secret_jwt"),
        ("jwks", {"keys": []}),
        ("jwks", {"keys": [{"kty": "oct", "k": "AAAA"}]}),
        ("jwks", {"keys": [{**KEYS["keys"][0], "d": "AAAA"}]}),
        ("jwks", [KEYS["keys"][0]]),
        ("jwks_uri", "http://app.example/jwks"),
        ("tls_client_auth_san_ip", "app.example"),
        ("token_format", "paseto"),
        ("access_lifetime", 0),
        ("access_lifetime", 2 * 86_400 + 1),
        ("access_lifetime", True),
        ("refresh_lifetime", -1),
        ("audiences", ["orders"]),
        ("audiences", ["https://api.example#x"]),
        ("subject_type", "private"),
        ("backchannel_logout_uri", "http://app.example/out"),
        ("exchange", {"impersonate": "yes"}),
        ("exchange", {"anything": True}),
        ("exchange", {"audiences": ["https://chat.example"]}),
        ("client_nmae", "x"),
    ],
)
def test_a_wrong_value_names_its_field(field: str, value: Any) -> None:
    assert field in str(refused(field, **{field: value})) or field == "client_nmae"


def test_an_unknown_field_names_the_nearest() -> None:
    assert refused("client_nmae", client_nmae="x").hint == "did you mean client_name?"


@pytest.mark.parametrize("uri", URIS)
def test_no_hostile_redirect_uri_is_taken_unless_it_could_be_somebodys_own(uri: str) -> None:
    try:
        taken = settled({"redirect_uris": [uri]})["redirect_uris"]
    except FieldError:
        return
    assert taken == [uri], "what is taken is compared as it stands"
    assert "#" not in uri
    assert uri.isascii()


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("redirect_uris", {"grants": ["authorization_code"]}),
        ("grants", {"public": True, "grants": ["client_credentials"]}),
        ("grants", {"public": True, "grants": [EXCHANGE]}),
        ("auth_method", {"public": True, "auth_method": "private_key_jwt", "jwks": KEYS}),
        ("auth_method", {"public": False, "auth_method": "none"}),
        ("jwks", {"auth_method": "private_key_jwt"}),
        ("jwks", {"auth_method": "self_signed_tls_client_auth"}),
        ("jwks_uri", {"auth_method": "private_key_jwt", "jwks": KEYS, "jwks_uri": "https://app.example/jwks"}),
        ("auth_method", {"auth_method": "tls_client_auth"}),
        (
            "auth_method",
            {"auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a.example", "tls_client_auth_san_ip": "::1"},
        ),
        (
            "sector_identifier_uri",
            {"subject_type": "pairwise", "redirect_uris": [CALLBACK, "https://other.example/cb"]},
        ),
    ],
)
def test_what_does_not_go_together_is_refused(field: str, fields: dict[str, Any]) -> None:
    refused(field, **fields)


def test_rfc_7517_section_4_7_the_certificate_of_a_key_stays_with_it() -> None:
    own, other = jwks_of(make().pem), jwks_of(make().pem)
    assert settled({"auth_method": "self_signed_tls_client_auth", "jwks": own})["jwks"] == own
    for x5c in (other["keys"][0]["x5c"], [], ["!"]):
        error = refused("jwks", jwks={"keys": [{**own["keys"][0], "x5c": x5c}]})
        assert "key 1: " in str(error)
        assert "x5c" in str(error)


@pytest.mark.parametrize("uri", ["http://localhost/cb", "com.example.app:/cb"])
@pytest.mark.parametrize("field", ["redirect_uris", "post_logout_redirect_uris"])
def test_rfc8252_8_what_calls_itself_a_web_application_is_answered_on_the_web(field: str, uri: str) -> None:
    places = {"redirect_uris": [CALLBACK], field: [CALLBACK, uri]}
    assert refused(field, application_type="web", **places).hint == "application_type native"
    settled({**places, "application_type": "native"})
    settled(places)  # an operator who does not say it has looked


def test_a_change_keeps_the_rest_and_none_takes_away() -> None:
    before = settled({"client_name": "Orders", "redirect_uris": [CALLBACK]}) | {"client_id": "cli_1"}
    after = settled({"client_name": None, "first_party": True}, before)
    assert "client_name" not in after
    assert (after["first_party"], after["redirect_uris"], after["client_id"]) == (True, [CALLBACK], "cli_1")


def test_public_and_authentication_change_together() -> None:
    public = settled({"public": True, "redirect_uris": [CALLBACK]})
    assert settled({"public": False}, public).get("auth_method") is None
    keyed = settled({"auth_method": "private_key_jwt", "jwks": KEYS}, public)
    assert keyed["public"] is False


def test_every_field_has_a_reading_that_refuses_nonsense() -> None:
    for name in FIELDS:
        refused(name, **{name: object()})
