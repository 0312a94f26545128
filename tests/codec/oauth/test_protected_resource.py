"""Where the metadata of an API is (RFC 9728), and what can name one (RFC 8707)."""

from __future__ import annotations

import pytest

from watchword.codec.oauth.protected_resource import checked_resource, metadata_url, origin_of


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        # RFC 9728 section 3.1, both examples
        ("https://resource.example.com", "https://resource.example.com/.well-known/oauth-protected-resource"),
        (
            "https://resource.example.com/resource1",
            "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
        ),
        ("https://resource.example.com/", "https://resource.example.com/.well-known/oauth-protected-resource"),
        ("https://a.example:8443/x/", "https://a.example:8443/.well-known/oauth-protected-resource/x/"),
        ("https://a.example?tenant=1", "https://a.example/.well-known/oauth-protected-resource?tenant=1"),
        ("https://a.example/x?tenant=1", "https://a.example/.well-known/oauth-protected-resource/x?tenant=1"),
        ("http://[::1]:8000/mcp", "http://[::1]:8000/.well-known/oauth-protected-resource/mcp"),
    ],
)
def test_rfc_9728_section_3_1_path_insertion(resource: str, place: str) -> None:
    assert metadata_url(checked_resource(resource)) == place
    assert origin_of(resource) + place[len(origin_of(resource)) :] == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.example.com",
        "/orders",
        "urn:example:orders",
        "https://",
        "https://a.example/#top",
        "https://a.example/#",
        "https://alice@a.example/",
        "https://@a.example/",
        "ftp://a.example/",
        "https://a.example/a b",
        "https://a.example/\n",
        "https://a.exämple/",
        'https://a.example/"',
        "https://a.example\\b",
        "https://a.example/" + "a" * 600,
    ],
)
def test_what_names_no_api_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no API"):
        checked_resource(text)
