"""What clients say of themselves: read, refused, said again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import make
from tests.hostile import URIS
from tests.tokens import ED, ES, RS
from watchword.codec.oauth.x5c import jwks_of
from watchword.lifecycle.oauth.asking import registered
from watchword.lifecycle.oauth.described.metadata import (
    ClientMetadata,
    MetadataRefused,
    Permitted,
    hosts_of,
    members_of,
    metadata_of,
)

CODE, REFRESH = "authorization_code", "refresh_token"
METHODS = frozenset(
    {
        *("none", "client_secret_basic", "client_secret_post", "private_key_jwt"),
        *("tls_client_auth", "self_signed_tls_client_auth"),
    }
)
PERMITTED = Permitted(frozenset({CODE, REFRESH}), frozenset({"orders:read", "orders:write"}), METHODS)
KEYS = {"keys": [ED.public_jwk()]}


def app(**more: Any) -> dict[str, Any]:
    return {"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none", **more}


def accepted(value: dict[str, Any], permitted: Permitted = PERMITTED, source: Any = "registered") -> ClientMetadata:
    found = metadata_of(value, permitted, source)
    assert isinstance(found, ClientMetadata), found
    return found


def refused(value: dict[str, Any], permitted: Permitted = PERMITTED, source: Any = "registered") -> MetadataRefused:
    found = metadata_of(value, permitted, source)
    assert isinstance(found, MetadataRefused), found
    assert found.description
    return found


def test_rfc_7591_section_3_1_example() -> None:
    example = {
        "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
        "client_name": "My Example Client",
        "client_name#ja-Jpan-JP": "クライアント名",
        "token_endpoint_auth_method": "client_secret_basic",
        "logo_uri": "https://client.example.org/logo.png",
        "jwks_uri": "https://client.example.org/my_public_keys.jwks",
        "example_extension_parameter": "example_value",
    }
    found = accepted(example)
    assert found.detail["grants"] == [CODE]
    assert found.detail["public"] is False
    assert found.detail["first_party"] is False
    assert found.detail["source"] == "registered"
    assert found.detail["application_type"] == "web"
    assert found.scopes == PERMITTED.scopes
    members = members_of(found.detail, found.scopes)
    for name in ("redirect_uris", "client_name", "token_endpoint_auth_method", "logo_uri", "jwks_uri"):
        assert members[name] == example[name]
    assert members["response_types"] == ["code"]
    assert "example_extension_parameter" not in members


def test_what_is_said_again_is_read_as_the_same() -> None:
    whole = app(
        client_name="Reports",
        client_uri="https://app.example/",
        contacts=["ops@app.example"],
        grant_types=[CODE, REFRESH],
        scope="openid orders:read",
        token_endpoint_auth_method="private_key_jwt",
        jwks=KEYS,
        require_pushed_authorization_requests=True,
        dpop_bound_access_tokens=True,
        backchannel_logout_uri="https://app.example/logout",
        backchannel_logout_session_required=True,
        post_logout_redirect_uris=["https://app.example/bye"],
        authorization_details_types=["payment"],
        subject_type="pairwise",
        software_id="4NRB1-0XZABZI9E6-5SM3R",
        software_version="2.1",
    )
    first = accepted(whole)
    again = accepted(json.loads(json.dumps(members_of(first.detail, first.scopes))))
    assert again == first
    assert first.detail["require_par"] is True
    assert first.scopes == {"openid", "orders:read"}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": "https://app.example/cb"}, "redirect_uris"),
        ({"redirect_uris": [1]}, "redirect_uris"),
        ({"redirect_uris": [f"https://app.example/{n}" for n in range(11)]}, "redirect_uris"),
        ({"redirect_uris": ["https://app.example/cb", "https://app.example/cb#"]}, "redirect_uris"),
        ({"redirect_uris": ["http://app.example/cb"]}, "redirect_uris"),
        ({"redirect_uris": ["http://localhost/cb"], "application_type": "web"}, "native"),
        ({"redirect_uris": ["com.example.app:/cb"], "application_type": "web"}, "native"),
        ({"redirect_uris": ["app:/cb"], "application_type": "native"}, "redirect_uris"),
        ({"post_logout_redirect_uris": ["javascript:alert(1)"]}, "post_logout"),
    ],
)
def test_redirect_uris_that_are_refused(more: dict[str, Any], wrong: str) -> None:
    found = refused(app(**more))
    assert found.error == "invalid_redirect_uri"
    assert wrong in found.description


@pytest.mark.parametrize(
    "more",
    [
        {"client_name": ""},
        {"client_name": "x" * 129},
        {"client_name": "Bank\u202eevil"},
        {"client_name": "a\nb"},
        {"client_name": 1},
        {"client_uri": "http://app.example/"},
        {"logo_uri": "javascript:alert(1)"},
        {"logo_uri": "https://u@app.example/logo"},
        {"policy_uri": "https://app.example/#x"},
        {"tos_uri": "https://app.example:99999/"},
        {"tos_uri": "https://app.example:0/"},
        {"client_uri": "https://[::1"},
        {"logo_uri": "https://]"},
        {"backchannel_logout_uri": "https://[x]/"},
        {"jwks_uri": "http://127.0.0.1/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"backchannel_logout_uri": "http://169.254.169.254/"},
        {"application_type": "desktop"},
        {"subject_type": "private"},
        {"grant_types": ["implicit"]},
        {"grant_types": ["password"]},
        {"grant_types": ["client_credentials"]},
        {"grant_types": [REFRESH]},
        {"grant_types": CODE},
        {"grant_types": ["a b"]},
        {"response_types": ["token"]},
        {"response_types": ["id_token", "code id_token"]},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": ["none"]},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"tls_client_auth_san_dns": "app.example"},
        {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_san_dns": "app.example",
            "tls_client_auth_san_ip": "192.0.2.1",
        },
        {"require_signed_request_object": True},
        {"dpop_bound_access_tokens": "true"},
        {"id_token_signed_response_alg": "PS512"},
        {"id_token_signed_response_alg": "none"},
        {"request_object_signing_alg": "none"},
        {"token_endpoint_auth_signing_alg": "HS256"},
        {"id_token_encrypted_response_alg": "RSA-OAEP"},
        {"jwks": KEYS, "jwks_uri": "https://app.example/jwks"},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
        {"jwks": {"keys": [{**ED.public_jwk(), "d": "c2VjcmV0"}]}},
        {"jwks": {"keys": [{"kty": "RSA"}]}},
        {"jwks": {"keys": ["x"]}},
        {"jwks": [ED.public_jwk()]},
        {"jwks": {"keys": [ES.public_jwk()] * 11}},
        {"scope": ["orders:read"]},
        {"scope": "a  b"},
        {"scope": 'a"b'},
        {"contacts": "ops@app.example"},
        {"subject_type": "pairwise", "redirect_uris": ["https://a.example/cb", "https://b.example/cb"]},
    ],
    ids=lambda more: re.sub(r"[0-9A-Za-z_-]{20,}", "…", str(more)),  # keys are drawn anew in every process
)
def test_metadata_that_is_refused(more: dict[str, Any]) -> None:
    found = refused(app(**more))
    assert found.error == "invalid_client_metadata"
    assert "c2VjcmV0" not in found.description


def test_an_algorithm_needs_a_key_that_is_for_it() -> None:
    bare = {name: value for name, value in RS.public_jwk().items() if name != "alg"}
    given = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "PS256"}
    assert "its alg is PS256" in refused(app(**given, jwks={"keys": [bare]})).description
    assert "for PS256" in refused(app(**given, jwks=KEYS)).description
    accepted(app(**given, jwks={"keys": [bare, {**bare, "alg": "PS256", "kid": "pss"}]}))
    accepted(app(**given | {"token_endpoint_auth_method": "client_secret_basic"}, jwks=KEYS))
    refused(app(request_object_signing_alg="ES256", jwks=KEYS))
    accepted(app(request_object_signing_alg="Ed25519", jwks=KEYS))


def test_software_statements_are_refused_by_their_own_error() -> None:
    assert refused(app(software_statement="eyJ")).error == "unapproved_software_statement"


@pytest.mark.parametrize("uri", URIS)
def test_cve_2026_7504_3872_28512_what_was_registered_is_all_that_is_gone_to(uri: str) -> None:
    found = metadata_of(app(redirect_uris=[uri, "https://app.example/cb"]), PERMITTED, "registered")
    if isinstance(found, MetadataRefused):
        assert found.error == "invalid_redirect_uri"
        return
    known = tuple(found.detail["redirect_uris"])
    assert known == tuple(dict.fromkeys([uri, "https://app.example/cb"]))
    assert [each for each in URIS if registered(each, known)] == [uri]


@pytest.mark.parametrize(
    ("uris", "kind"),
    [
        (["https://app.example/cb"], "web"),
        (["http://127.0.0.1/cb"], "native"),
        (["http://localhost:6274/cb"], "native"),
        (["com.example.app:/cb", "https://app.example/cb"], "native"),
    ],
)
def test_who_does_not_say_what_it_is_is_what_its_redirects_say(uris: list[str], kind: str) -> None:
    assert accepted(app(redirect_uris=uris)).detail["application_type"] == kind


def test_nobody_gives_itself_more_than_is_permitted() -> None:
    asked = app(
        grant_types=[CODE, "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
        scope="openid admin orders:read",
        first_party=True,
        public=False,
        source="operator",
        audiences=["https://other.example"],
        access_lifetime=10**9,
        token_format="jwt",
    )
    found = accepted(asked)
    assert found.detail["grants"] == [CODE]
    assert found.scopes == {"openid", "orders:read"}
    assert found.detail["first_party"] is False
    assert found.detail["public"] is True
    assert found.detail["source"] == "registered"
    assert not {"audiences", "access_lifetime", "token_format"} & set(found.detail)


def test_client_credentials_where_they_are_permitted_need_a_proof() -> None:
    permitted = Permitted(frozenset({"client_credentials"}), frozenset({"a"}), METHODS)
    assert refused({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}, permitted)
    found = accepted({"grant_types": ["client_credentials"]}, permitted)
    assert members_of(found.detail, found.scopes)["response_types"] == []


def test_hosts() -> None:
    found = accepted(app(redirect_uris=["https://A.example/cb", "https://a.example:8443/x", "com.example.app:/cb"]))
    assert hosts_of(found.detail) == {"a.example", ""}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        *("redirect_uris", "client_name", "jwks", "jwks_uri", "scope", "grant_types", "response_types", "contacts"),
        *("application_type", "subject_type", "token_endpoint_auth_method", "logo_uri", "dpop_bound_access_tokens"),
        *("sector_identifier_uri", "post_logout_redirect_uris", "tls_client_auth_subject_dn"),
    ]
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_json_is_accepted_or_refused(value: dict[str, Any]) -> None:
    found = metadata_of(app(**value), PERMITTED, "registered")
    if isinstance(found, ClientMetadata):
        assert accepted(members_of(found.detail, found.scopes)) == found


def test_rfc_7517_section_4_7_the_certificate_of_a_key_stays_with_it() -> None:
    own, other = jwks_of(make().pem)["keys"][0], jwks_of(make().pem)["keys"][0]
    said = app(token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": [own]})
    assert accepted(said).detail["jwks"] == {"keys": [own]}
    assert "another key" in refused({**said, "jwks": {"keys": [{**own, "x5c": other["x5c"]}]}}).description
    assert "x5c" in refused({**said, "jwks": {"keys": [ED.public_jwk(), {**own, "x5c": "MII"}]}}).description
    elsewhere = {**other, "use": "enc", "x5c": ["a certificate for something else"]}
    assert accepted({**said, "jwks": {"keys": [own, elsewhere]}}).detail["jwks"] == {"keys": [own, elsewhere]}
