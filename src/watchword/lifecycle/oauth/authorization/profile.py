"""Hold everybody to the FAPI 2.0 Security Profile, as one preset: ``profile = "fapi2"``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential

__all__ = ["ALGORITHMS", "FAPI2", "METHODS", "authorization_metadata", "client_fault", "narrowed_metadata"]

FAPI2: Final = "fapi2"

METHODS: Final = frozenset({"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"})
"""How a client proves itself (FAPI 2.0 Security Profile section 5.3.2.1, item 6)."""

ALGORITHMS: Final = frozenset({"EdDSA", "Ed25519", "ES256", "PS256"})
"""What is signed with, by anybody (section 5.4.1). RS256 is not."""

_SIGNED: Final = ("id_token_signed_response_alg", "userinfo_signed_response_alg")
_LISTS: Final = (
    "token_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_methods_supported",
)


def client_fault(client: Credential) -> str:
    """Return what keeps a client out, in words, "" for nothing: what it proves itself by, and wants signed by."""
    detail = client.detail
    if detail.get("public") is True or detail.get("auth_method") not in METHODS:
        return "the profile wants a client that proves itself with a key: private_key_jwt or a certificate"
    if any(name in detail and detail[name] not in ALGORITHMS for name in _SIGNED):
        return "the profile signs nothing by RS256"
    return ""


def authorization_metadata(rules: OAuthRules) -> dict[str, Any]:
    """Return what the server's metadata say of authorization requests (RFC 8414, RFC 9126, RFC 9101, RFC 9396)."""
    found: dict[str, Any] = {
        "require_pushed_authorization_requests": rules.require_par,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,  # none is fetched: a pushed one is not meant by this
        "request_object_signing_alg_values_supported": ["EdDSA", "ES256", "PS256", "RS256"],
    }
    if rules.details:
        found["authorization_details_types_supported"] = sorted(rules.details)
    return narrowed_metadata(found) if rules.profile == FAPI2 else found


def narrowed_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the server's metadata (RFC 8414) with what the profile forbids left out."""
    found = dict(metadata)
    for name in _LISTS:
        if name in found:
            found[name] = [each for each in found[name] if each in METHODS]
    for name, value in metadata.items():
        if name.endswith("_signing_alg_values_supported") and isinstance(value, list):
            found[name] = [each for each in value if each in ALGORITHMS]
    return {**found, "require_pushed_authorization_requests": True}
