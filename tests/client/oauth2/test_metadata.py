"""Judge metadata by RFC 8414, RFC 9728 and RFC 8705 section 5."""

import json
from typing import Any

import pytest

from tests.client.oauth2.world import API, ISSUER, World
from watchword.client.oauth2.metadata import (
    Resource,
    Server,
    places_of_resource,
    places_of_server,
    resource_of,
    server_of,
    usable_issuer,
)


def server(mtls: bool = False, **more: Any) -> Server | str:
    return server_of(json.dumps(World(more).document()).encode(), ISSUER, mtls=mtls)


def test_rfc_8414_section_3_1_the_well_known_part_goes_before_the_path() -> None:
    assert places_of_server("https://example.com")[0] == "https://example.com/.well-known/oauth-authorization-server"
    assert places_of_server("https://example.com/issuer1") == (
        "https://example.com/.well-known/oauth-authorization-server/issuer1",
        "https://example.com/.well-known/openid-configuration/issuer1",
        "https://example.com/issuer1/.well-known/openid-configuration",
    )


def test_rfc_9728_section_3_1_places() -> None:
    well_known = "https://resource.example.com/.well-known/oauth-protected-resource"
    assert places_of_resource("https://resource.example.com/resource1?x") == (f"{well_known}/resource1", well_known)
    assert places_of_resource("https://resource.example.com/") == (well_known,)


def test_a_server_is_read() -> None:
    found = server()
    assert isinstance(found, Server)
    assert (found.token_endpoint, found.names_itself, found.posts_secret) == (f"{ISSUER}/token", True, False)
    assert found.pushed_authorization_request_endpoint == ""


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"issuer": ISSUER + "/"}, "issuer is another"),  # byte for byte: RFC 8414 section 3.3
        ({"issuer": ISSUER.upper()}, "issuer is another"),
        ({"issuer": [ISSUER]}, "issuer is another"),
        ({"token_endpoint": "http://auth.example/token"}, "token_endpoint is no URL"),
        ({"token_endpoint": "https://127.0.0.1/token"}, "token_endpoint is no URL"),
        ({"token_endpoint": "https://169.254.169.254/latest"}, "token_endpoint is no URL"),
        ({"authorization_endpoint": "file:///etc/passwd"}, "authorization_endpoint is no URL"),
        ({"authorization_endpoint": "https://auth.example/a#b"}, "authorization_endpoint is no URL"),
        ({"authorization_endpoint": ["https://auth.example/a"]}, "authorization_endpoint is no URL"),
        ({"token_endpoint": ""}, "no token_endpoint"),
        ({"token_endpoint_auth_methods_supported": 7}, "malformed"),
        ({"authorization_response_iss_parameter_supported": "yes"}, "malformed"),
    ],
)
def test_documents_that_are_refused(more: dict[str, Any], wrong: str) -> None:
    found = server(**more)
    assert isinstance(found, str)
    assert wrong in found


@pytest.mark.parametrize("raw", [b"", b"[]", b"x", b"{" * 70_000, b'{"a":1,"a":2}'])
def test_what_is_no_document(raw: bytes) -> None:
    assert server_of(raw, ISSUER) == "not a JSON object"


def test_without_s256_there_is_no_code_flow() -> None:
    for offered in ([], ["plain"]):
        found = server(code_challenge_methods_supported=offered)
        assert isinstance(found, Server)
        assert found.authorization_endpoint == ""


def test_secrets_are_posted_where_basic_is_not_taken() -> None:
    found = server(token_endpoint_auth_methods_supported=["client_secret_post", "none"])
    assert isinstance(found, Server)
    assert found.posts_secret


def test_rfc_8705_section_5_aliases_are_for_clients_with_a_certificate() -> None:
    alias = {"mtls_endpoint_aliases": {"token_endpoint": "https://mtls.auth.example/token"}}
    plain, bound = server(**alias), server(mtls=True, **alias)
    assert isinstance(plain, Server)
    assert isinstance(bound, Server)
    assert plain.token_endpoint == f"{ISSUER}/token"
    assert bound.token_endpoint == "https://mtls.auth.example/token"


@pytest.mark.parametrize(
    ("issuer", "usable"),
    [
        (ISSUER, True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("http://auth.example", False),
        ("https://auth.example?x=1", False),
        ("https://auth.example#x", False),
        ("https://a:b@auth.example", False),
        ("auth.example", False),
        ("https://", False),
    ],
)
def test_issuers_that_people_may_name(issuer: str, usable: bool) -> None:
    assert usable_issuer(issuer) is usable


def resource(url: str = f"{API}/orders", **more: Any) -> Resource | str:
    return resource_of(json.dumps({"resource": API, "authorization_servers": [ISSUER], **more}).encode(), url)


@pytest.mark.parametrize("identifier", [API, f"{API}/", f"{API}/orders"])
def test_a_resource_is_the_url_or_a_part_above_it(identifier: str) -> None:
    assert resource(resource=identifier) == Resource(identifier, ISSUER)


@pytest.mark.parametrize(
    "identifier", ["https://other.example", f"{API}/ord", f"{API}/orders/7", "http://api.example", f"{API}:444", 7, ""]
)
def test_rfc_9728_section_3_3_metadata_of_another_resource(identifier: object) -> None:
    assert resource(resource=identifier) == "it is the metadata of another resource"


@pytest.mark.parametrize("servers", [[], None, 7, [7]])
def test_a_resource_names_its_server(servers: object) -> None:
    assert resource(authorization_servers=servers) == "it names no authorization server"


@pytest.mark.parametrize("place", ["http://auth.example", "https://127.0.0.1", "file:///x", "https://a.example?x"])
def test_a_resource_on_the_net_names_no_server_inside(place: str) -> None:
    assert resource(authorization_servers=[place]) == "its authorization server is no URL to go to"
