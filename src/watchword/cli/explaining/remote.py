"""Ask a running server, as an operator, what the command line could ask of the store itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.cli.plumbing.profiles import Proof, auth_of, profile_named
from watchword.cli.plumbing.shell import BROKEN, REFUSED, Stop

__all__ = ["asked_of"]

_TIMEOUT: Final = 30.0  # seconds
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_UNAUTHORIZED: Final = (401, 403)
_OK: Final = 200


def asked_of(server: str, profile: str | None, path: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``server`` answers to ``value``, posted to ``path`` of its admin API by who the profile says."""
    import httpx2

    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Stop(f"--server: {server[:80]!r} is not the URL of a server", "such as https://auth.example.com")
    proof = profile_named(profile) if profile is not None else Proof()
    if proof.scheme not in ("", "mtls", "hmac") and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise Stop("--server: http shows the credential to everybody on the way", "use https")
    url = f"{server.rstrip('/')}{path}"
    auth: Any = auth_of(proof, url)
    try:
        with httpx2.Client(verify=_tls(proof), timeout=_TIMEOUT, trust_env=parts.hostname not in _LOOPBACK) as client:
            response = client.post(url, json=dict(value), auth=auth)
    except httpx2.TimeoutException:
        raise Stop(f"{parts.netloc} did not answer within {_TIMEOUT:.0f} s", code=BROKEN) from None
    except httpx2.HTTPError as error:
        raise Stop(f"{parts.netloc} cannot be reached: {error}", "is it running there?", BROKEN) from None
    return _answer(response)


def _tls(proof: Proof) -> Any:
    import ssl

    from watchword.client import client_certificate

    certificate, key, ca = (proof.path(name) for name in ("certificate", "private_key", "ca"))
    try:
        if certificate is not None and key is not None:
            return client_certificate(certificate, key, ca)
        return True if ca is None else ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError) as error:
        raise Stop(f"the certificate cannot be used: {getattr(error, 'reason', None) or error.strerror}") from None


def _answer(response: Any) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError:
        value = None
    if response.status_code == _OK and isinstance(value, dict):
        return value
    problem = value if isinstance(value, dict) else {}
    title = str(problem.get("title") or f"it answered {response.status_code}")
    if response.status_code in _UNAUTHORIZED:
        reference = f", reference {problem['reference']}" if problem.get("reference") else ""
        hint = "prove an operator with --as PROFILE, whose credential has the scope of admin:configuration:read"
        raise Stop(f"{response.status_code}: {title}{reference}", hint, REFUSED)
    if response.status_code >= 500:
        raise Stop(f"{response.status_code}: {title}", "the server is broken; its log says more", BROKEN)
    errors = problem.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    text = f"{first['field']}: {first.get('text', '')}" if "field" in first else str(problem.get("detail") or title)
    raise Stop(f"{response.status_code}: {text}", str(first.get("hint") or ""))
