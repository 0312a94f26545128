"""Say what the authorization server can do, from what there is (RFC 8414 section 2, OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from typing import Any, Final

from watchword.app import Watchword
from watchword.codec.oauth.claims_request import CLAIM_SCOPES, LEVELS
from watchword.codec.oauth.dpop import ALGORITHMS as VERIFIED
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.lifecycle.oauth.authorization.profile import FAPI2, authorization_metadata, narrowed_metadata
from watchword.lifecycle.oauth.grants.exchange import JAG_TYPE
from watchword.lifecycle.oauth.openid.id_tokens import ALGORITHMS as SIGNED
from watchword.lifecycle.oauth.openid.subjects import SUBJECT_TYPES
from watchword.lifecycle.oauth.proofs import METHODS
from watchword.lifecycle.people.accounts import LOCALES

__all__ = ["ENDPOINTS", "authorization_server"]

ENDPOINTS: Final = {
    "authorization_endpoint": "/oauth/authorize",
    "token_endpoint": "/oauth/token",
    "userinfo_endpoint": "/oauth/userinfo",
    "device_authorization_endpoint": "/oauth/device",
    "pushed_authorization_request_endpoint": "/oauth/par",
    "introspection_endpoint": "/oauth/introspect",
    "revocation_endpoint": "/oauth/revoke",
    "end_session_endpoint": "/oauth/logout",
    "jwks_uri": "/oauth/jwks",
}
"""Where everything is that is always there."""

_TOKEN_CLAIMS: Final = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "acr", "at_hash", "sid")


def authorization_server(watchword: Watchword, *, certificates: bool) -> dict[str, Any]:
    """Return the metadata. ``certificates``: clients are asked for theirs, of the client CA or their own."""
    oauth, issuer = watchword.oauth, watchword.issuer
    registers = {} if oauth.registration.policy == "off" else {"registration_endpoint": f"{issuer}/oauth/register"}
    found = {
        "issuer": issuer,
        **{name: issuer + place for name, place in ENDPOINTS.items()},
        **registers,
        "client_id_metadata_document_supported": oauth.documents.on,
        "protected_resources": list(oauth.resources.known),
        **_REQUESTS,
        **authorization_metadata(oauth.rules),
        **_clients(certificates),
        **_PEOPLE,
        "grant_types_supported": list(oauth.grants.names),
        "identity_chaining_requested_token_types_supported": [JAG_TYPE],
        "scopes_supported": sorted(OPENID_SCOPES),
        "dpop_signing_alg_values_supported": list(VERIFIED),
        "tls_client_certificate_bound_access_tokens": certificates,
        "backchannel_logout_supported": oauth.fetch is not None,
        "backchannel_logout_session_supported": oauth.fetch is not None,
    }
    return narrowed_metadata(found) if oauth.rules.profile == FAPI2 else found


def _clients(certificates: bool) -> dict[str, Any]:
    """Return how clients prove who they are. Only who has a secret or a key may ask what a token is worth."""
    hidden = () if certificates else ("tls_client_auth", "self_signed_tls_client_auth")
    methods = [each for each in METHODS if each not in hidden]
    proving = [each for each in methods if each != "none"]
    found: dict[str, Any] = {}
    for endpoint, ways in (("token", methods), ("revocation", methods), ("introspection", proving)):
        found[f"{endpoint}_endpoint_auth_methods_supported"] = ways
        found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(VERIFIED)
    return found


_REQUESTS: Final[dict[str, Any]] = {
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "prompt_values_supported": ["none", "login", "consent", "select_account"],
    "claims_parameter_supported": True,
}
_PEOPLE: Final[dict[str, Any]] = {
    "subject_types_supported": list(SUBJECT_TYPES),
    "id_token_signing_alg_values_supported": list(SIGNED),
    "userinfo_signing_alg_values_supported": list(SIGNED),
    "acr_values_supported": list(LEVELS),
    "claim_types_supported": ["normal"],
    "claims_supported": [*_TOKEN_CLAIMS, *CLAIM_SCOPES],
    "ui_locales_supported": list(LOCALES),
}
