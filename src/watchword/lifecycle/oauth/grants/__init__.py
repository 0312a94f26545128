"""Answer token requests: what all grants share is settled here, so that no grant can skip it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from watchword.codec.claims import certificate_confirmation
from watchword.lifecycle.oauth.authorization.profile import client_fault
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.terms import NO_SENDER, Asking, Given, Grant, Refused, Sender, refused
from watchword.model.credential import Credential
from watchword.model.reason import BAD_PROOF, MALFORMED_REQUEST, REFUSED_GRANT, UNCONFIRMED
from watchword.model.request import Request

__all__ = ["Grants"]

_LIST: Final = ("resource", "audience")


class Grants:
    """Hold every grant by its ``grant_type``."""

    def __init__(
        self,
        grants: Iterable[Grant],
        resources: Resources,
        *,
        bind: bool = False,
        require_dpop: bool = False,
        require_bound: bool = False,
        require_keys: bool = False,
    ) -> None:
        """Bind tokens to the certificate on the client's connection, where there is one, with ``bind``.

        ``require_dpop``: every token must be bound to a key; ``require_bound``: to a key or to a certificate.
        ``require_keys``: every client must prove itself with a key of its own.
        """
        self._grants = {grant.name: grant for grant in grants}
        self._resources = resources
        self._bind = bind or require_bound
        self._require_dpop = require_dpop
        self._require_bound = require_bound
        self._require_keys = require_keys

    @property
    def names(self) -> tuple[str, ...]:
        """Return every ``grant_type`` there is."""
        return tuple(sorted(self._grants))

    async def answer(
        self,
        request: Request,
        form: Mapping[str, str],
        client: Credential,
        sender: Sender = NO_SENDER,
        several: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Given:
        """Return the members of the answer (RFC 6749 section 5.1), or why there are none.

        ``several`` holds the values of ``resource`` and ``audience``.
        """
        name = form.get("grant_type")
        if not name:
            return refused(MALFORMED_REQUEST, "grant_type", "invalid_request")
        grant = self._grants.get(name)
        if grant is None:
            return refused(REFUSED_GRANT, "grant_type", "unsupported_grant_type")
        public = client.detail.get("public") is True
        if (public and not grant.anybodys) or name not in client.detail.get("grants", ()):
            return refused(REFUSED_GRANT, "grants", "unauthorized_client")
        fault = client_fault(client) if self._require_keys else ""
        if fault:
            return refused(REFUSED_GRANT, "profile", "unauthorized_client", fault)
        # Without a value a parameter counts as absent (RFC 6749 section 3.2).
        asked = {key: tuple(filter(None, (several or {}).get(key, ()))) for key in _LIST}
        # What is wanted from another server is known there alone, and judged by the grant.
        known = getattr(grant, "judges_targets", False) or self._resources.allowed(asked["resource"], client)
        if asked["resource"] and not known:
            return refused(REFUSED_GRANT, "resource", "invalid_target")  # RFC 8707 section 2.2
        cnf = self._cnf(client, sender)
        unbound = self._unbound(client, cnf)
        if unbound is not None:
            return unbound
        return await grant.answer(Asking(request, form, client, sender, cnf, asked["resource"], asked["audience"]))

    def _cnf(self, client: Credential, sender: Sender) -> Mapping[str, str] | None:
        """Return what the tokens are bound to: the key of the DPoP proof, or the certificate on the connection."""
        if sender.jkt:
            return {"jkt": sender.jkt}
        bind = self._bind or client.detail.get("tls_client_certificate_bound_access_tokens") is True
        return certificate_confirmation(sender.certificate) if bind and sender.certificate else None

    def _unbound(self, client: Credential, cnf: Mapping[str, str] | None) -> Refused | None:
        """Return why a client may not have tokens that are bound to ``cnf`` alone."""
        detail = client.detail
        needs_key = self._require_dpop or detail.get("dpop_bound_access_tokens") is True  # RFC 9449 section 5.2
        if needs_key and "jkt" not in (cnf or ()):
            return refused(BAD_PROOF, "no DPoP proof", "invalid_dpop_proof", "a DPoP proof is needed")
        needs_any = self._require_bound or detail.get("tls_client_certificate_bound_access_tokens") is True
        if needs_any and cnf is None:  # RFC 8705 section 3.4
            said = "no client certificate and no DPoP proof"
            return refused(UNCONFIRMED, said, "invalid_request", said)
        return None
