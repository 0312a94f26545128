"""What OpenID Connect says on paper: hashes, metadata, issuers, callbacks. Judging whole logins is tested over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.oidc import (
    Metadata,
    authorization_url,
    basic,
    callback_of,
    challenge_of,
    half_hash,
    id_token_refusal,
    metadata_of,
    same_issuer,
    with_query,
)
from watchword.model.reason import BAD_CLAIMS

ISSUER = "https://op.example"


def test_rfc7636_appendix_b() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_openid_core_a_4_half_of_the_hash() -> None:
    """OpenID Connect Core 1.0 appendix A.4 has the code, A.3 the access token, both hashed by SHA-256."""
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"
    assert half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", "RS256") == "LDktKdoQak3Pk0cnXxCltA"


def test_ed25519_hashes_by_sha_512() -> None:
    assert len(half_hash("x", "EdDSA")) == 43


def test_rfc6749_2_3_1_both_parts_are_encoded() -> None:
    import base64

    field = basic("a:b c", "ü%")
    assert base64.b64decode(field.removeprefix("Basic ")) == b"a%3Ab+c:%C3%BC%25"


def test_a_query_keeps_what_it_has() -> None:
    assert with_query("https://a.example/x?y=1", {"z": "&"}) == "https://a.example/x?y=1&z=%26"
    assert with_query("https://a.example/x", {"z": "1"}) == "https://a.example/x?z=1"


def test_a_request_without_a_nonce_has_none() -> None:
    asked = {"client_id": "c", "redirect_uri": "https://r.example", "scopes": ("a", "b"), "state": "s", "verifier": "v"}
    assert "nonce" not in authorization_url("https://op.example/a", nonce="", **asked)  # type: ignore[arg-type]
    assert "scope=a+b" in authorization_url("https://op.example/a", nonce="n", **asked)  # type: ignore[arg-type]


def document(**change: Any) -> bytes:
    value = {
        "issuer": ISSUER,
        "authorization_endpoint": ISSUER + "/a",
        "token_endpoint": ISSUER + "/t",
        "jwks_uri": "https://keys.example/k",
        **change,
    }
    return json.dumps(value).encode()


def test_metadata() -> None:
    found = metadata_of(document(authorization_response_iss_parameter_supported=True), ISSUER)
    assert found == Metadata(ISSUER, ISSUER + "/a", ISSUER + "/t", "https://keys.example/k", names_itself=True)


@pytest.mark.parametrize("raw", [b"", b"[]", b"x", b'{"issuer": "https://op.example", "issuer": "x"}'])
def test_what_is_no_metadata(raw: bytes) -> None:
    assert isinstance(metadata_of(raw, ISSUER), str)


def test_a_provider_on_the_net_names_no_loopback() -> None:
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        assert isinstance(metadata_of(document(**{name: "http://127.0.0.1/x"}), ISSUER), str)
        assert isinstance(metadata_of(document(**{name: "http://[::1"}), ISSUER), str)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "x.localhost", "localhost.", "127.0.0.1", "127.8.8.8", "0.0.0.0", "[::1]", "[::]"),  # noqa: S104
        *("[::ffff:127.0.0.1]", "169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"),
    ],
)
def test_a_provider_on_the_net_names_not_this_machine_over_tls_either(host: str) -> None:
    """Its token endpoint is where the client's secret is sent, and which ports are open would be seen by the time."""
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        for url in (f"https://{host}/x", f"https://{host}:8443/x"):
            assert isinstance(metadata_of(document(**{name: url}), ISSUER), str), url
    own = f"https://{host}"
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    ends = {name: f"{own}/{name}" for name in names}
    assert isinstance(metadata_of(document(issuer=own, **ends), own), Metadata), "who is here may say so"


def test_many_tenants_only_where_that_is_known() -> None:
    common, said = "https://login.example/common/v2.0", "https://login.example/{tenantid}/v2.0"
    assert isinstance(metadata_of(document(issuer=said), common), str)
    assert isinstance(metadata_of(document(issuer=said), common, tenants=True), Metadata)
    for other in ("https://evil.example/{tenantid}/v2.0", "{tenantid}", "https://login.example/{tenantid}/v1.0"):
        assert isinstance(metadata_of(document(issuer=other), common, tenants=True), str)


def test_same_issuer() -> None:
    assert same_issuer(ISSUER, {"iss": ISSUER})
    for iss in (ISSUER + "/", [ISSUER], None, ISSUER[:-1]):
        assert not same_issuer(ISSUER, {"iss": iss})


@pytest.mark.parametrize(
    "query", [b"a=1&a=2", b"%ff=1", b"a=%ff", b"x" * 9000, "ä=1".encode(), b"&".join([b"a=1"] * 40)]
)
def test_callbacks_that_are_refused(query: bytes) -> None:
    assert callback_of(query) is None


@given(st.binary(max_size=200))
def test_no_callback_breaks(query: bytes) -> None:
    found = callback_of(query)
    assert found is None or isinstance(found, dict)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "tid"]), anything
    ),
    st.booleans(),
)
def test_no_claims_break_and_none_pass_without_the_nonce(claims: dict[str, Any], most: bool) -> None:
    right = {"iss": ISSUER, "sub": "s", "aud": "c", "exp": 2000, "iat": 1000} if most else {}
    refused = id_token_refusal(
        {**right, **claims},
        issuer=ISSUER,
        client_id="c",
        nonce="a-nonce-that-nobody-guesses",
        access_token="x",
        algorithm="ES256",
        now=1000.0,
    )
    assert refused is not None


def test_a_nonce_of_half_a_character() -> None:
    claims = {"iss": ISSUER, "sub": "s", "aud": "c", "exp": 2000, "iat": 1000, "nonce": "\ud800"}
    given_ = {"issuer": ISSUER, "client_id": "c", "nonce": "n", "access_token": "x", "algorithm": "ES256"}
    assert id_token_refusal(claims, now=1000.0, **given_) is BAD_CLAIMS  # type: ignore[arg-type]
