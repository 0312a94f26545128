"""Get tokens by OAuth 2, keep them fresh, and carry them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any, Final, TypedDict, Unpack

from watchword.client.flight import Renewal, RenewingAuth, Turn
from watchword.client.oauth2.asking import Ask, ClientCredentials, Flow, refreshed
from watchword.client.oauth2.challenges import said_of
from watchword.client.oauth2.code import AuthorizationCode, show_in_browser
from watchword.client.oauth2.device import DeviceAuthorization, Prompt, show_on_stderr
from watchword.client.oauth2.discovery import resource_found, server_found, url_of
from watchword.client.oauth2.dpop import DpopKey
from watchword.client.oauth2.endpoint import Desk
from watchword.client.oauth2.granted import Granted, granted_of, kept_of, to_keep
from watchword.client.oauth2.identity import client_of
from watchword.client.oauth2.keeping import Keep
from watchword.client.oauth2.metadata import Server, usable, usable_issuer
from watchword.client.oauth2.sharing import alone, forgotten
from watchword.client.tokens import failure, json_object
from watchword.client.transport import AuthenticationFailed, Reply, Sending, Step, Steps

__all__ = ["OAuth2Auth", "Options"]

_LATER: Final = 5.0  # seconds until a refresh is tried again that met a busy server
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_MOST_DENIED: Final = 16
_RENEW, _NONCE, _STEP_UP = "renew", "nonce", "step-up"


class Options(TypedDict, total=False):
    """Name what every way of getting a token takes; ``OAuth2Auth`` says what each is."""

    issuer: str | None
    resource: str | None
    origin: str | None
    private_key: str | bytes | None
    kid: str | None
    mtls: bool
    dpop: bool
    keep: Keep | None


class OAuth2Auth(RenewingAuth[Granted]):
    """Prove the caller by an OAuth 2 access token: fetched, refreshed before it ends, and fetched anew after a 401.

    As it stands it is the client credentials grant (RFC 6749 section 4.4) at ``token_url``; ``client_credentials``,
    ``code`` and ``device`` find the server by themselves. ``scope`` is space-separated.

    ``issuer``: the authorization server; its metadata (RFC 8414) say where everything is. Without it, the first 401 of
    the API does (RFC 9728), for clients that have no secret to give away, and tokens go to that API alone.
    ``resource``: the API that the token is for (RFC 8707). ``origin`` (a URL) keeps the token from requests to anywhere
    else. ``client_secret``, ``private_key`` (PEM; RFC 7523) or ``mtls`` (the connection's certificate; RFC 8705) prove
    the client; none of them is a public one. ``kid`` names the key. ``dpop`` binds tokens to a key of this object's own
    (RFC 9449), so that a stolen one is useless. ``keep`` keeps tokens between processes.

    A 403 for want of scope, or a 401 for want of a stronger login, asks for that once; in the client's own name only
    where the token is for that API alone (``resource``) or bound, since whoever asks gets it. Raises
    AuthenticationFailed when no token can be had, ValueError for arguments that make no sense.
    """

    def __init__(
        self,
        token_url: str | None,
        client_id: str,
        client_secret: str | None = None,
        scope: str | None = None,
        *,
        flow: Flow | None = None,
        issuer: str | None = None,
        resource: str | None = None,
        origin: str | None = None,
        private_key: str | bytes | None = None,
        kid: str | None = None,
        mtls: bool = False,
        dpop: bool = False,
        keep: Keep | None = None,
    ) -> None:
        super().__init__(origin)
        client = client_of(client_id, client_secret, private_key, kid, mtls)
        self._flow: Flow = ClientCredentials() if flow is None else flow
        self._issuer = issuer
        self._server = _server(token_url, issuer, self._flow)
        if issuer is None and self._server is None and client_secret:
            raise ValueError("a secret goes to a server that you name: say issuer, or token_url")
        self._ask = Ask(frozenset((scope or "").split()), resource)
        self._desk = Desk(client)
        self._dpop = dpop
        self._keep = keep
        self._named = token_url, client_id, scope
        self._refresh = ""
        self._spent = ""  # the access token that was refused: one that is kept may be that very one
        self._wanted: Ask | None = None  # what a step-up asks for, until it is granted
        self._denied: set[frozenset[str]] = set()
        self._stepping = Turn()
        self._finding = Lock()

    @classmethod
    def client_credentials(
        cls, client_id: str, client_secret: str | None = None, scope: str | None = None, **options: Unpack[Options]
    ) -> OAuth2Auth:
        """Act as the client itself, with nobody's help."""
        return cls(None, client_id, client_secret, scope, **options)

    @classmethod
    def code(
        cls,
        client_id: str,
        client_secret: str | None = None,
        scope: str | None = None,
        *,
        path: str = "/callback",
        port: int = 0,
        seconds: float = 300.0,
        show: Callable[[str], None] = show_in_browser,
        **options: Unpack[Options],
    ) -> OAuth2Auth:
        """Act for a person, who logs in by a browser on this machine: see AuthorizationCode."""
        flow = AuthorizationCode(path, port, seconds, show)
        return cls(None, client_id, client_secret, scope, flow=flow, **options)

    @classmethod
    def device(
        cls,
        client_id: str,
        client_secret: str | None = None,
        scope: str | None = None,
        *,
        show: Callable[[Prompt], None] = show_on_stderr,
        **options: Unpack[Options],
    ) -> OAuth2Auth:
        """Act for a person, who logs in on another device: see DeviceAuthorization."""
        return cls(None, client_id, client_secret, scope, flow=DeviceAuthorization(show), **options)

    # --- requests -----------------------------------------------------------------------------------------------------

    def current(self) -> Granted | None:
        """Return the token until shortly before it ends."""
        token = self._proof
        return token if token is not None and time.monotonic() < token.renew_at else None

    def attach(self, proof: Granted, sending: Sending) -> Mapping[str, str]:
        """Carry the token as RFC 6750 section 2.1 says, a bound one as RFC 9449 section 7.1."""
        if not proof.bound:
            return {"Authorization": f"Bearer {proof.access}"}
        fields = self._desk.proof(sending.method, url_of(sending), proof.access)
        return {"Authorization": f"DPoP {proof.access}", **fields}

    def steps(self, sending: Sending) -> Steps:
        """Attach the token; do what the answer asks for, each thing once, when the body can be sent twice."""
        if self._server is None and self._issuer is None:
            asked_for = yield from self._discovered(sending)
            if not asked_for:
                return
        proof = self.current() or (yield from self.renewed())
        left = {_RENEW, _NONCE, _STEP_UP}
        while True:
            reply = yield self.attach(proof, sending)
            if reply is None:
                return
            known = self._desk.learn(sending.origin, reply)
            again, wanted = self._consequence(proof, reply, known)
            if again not in left or sending.body is None:
                if again not in left and wanted is not None and wanted.login:
                    self._denied.add(_missing(wanted, proof))  # the login that it asked for is not enough
                return
            left.remove(again)
            if wanted is not None:
                proof = yield from self._stepped_up(proof, wanted)
            elif again == _RENEW:
                proof = yield from self.renewed()

    def _consequence(self, proof: Granted, reply: Reply, new_nonce: bool) -> tuple[str, Ask | None]:
        """Return what an answer asks for, "" for nothing, and for a step-up what to ask for then."""
        if reply.status not in {401, 403}:
            return "", None
        said = said_of(reply.challenge)
        error = said.get("error")
        if reply.refused and proof.bound and error == "use_dpop_nonce":
            return (_NONCE if new_nonce else ""), None
        if reply.refused and error == "insufficient_user_authentication" and self._flow.interactive:
            return self._unless_hopeless(proof, replace(self._ask, login=_login_of(said)))
        if reply.refused:
            if self._proof is proof:
                self._proof, self._spent = None, proof.access
            return _RENEW, None
        scopes = frozenset(said.get("scope", "").split())
        harmless = self._flow.interactive or proof.bound or self._ask.resource is not None
        if error != "insufficient_scope" or not harmless or scopes <= proof.scopes:
            return "", None
        return self._unless_hopeless(proof, replace(self._ask, scopes=self._ask.scopes | proof.scopes | scopes))

    def _unless_hopeless(self, proof: Granted, wanted: Ask) -> tuple[str, Ask | None]:
        """Leave out what was asked for in vain before; an API that thinks of ever more is not heard."""
        hopeless = _missing(wanted, proof) in self._denied or len(self._denied) >= _MOST_DENIED
        return ("", None) if hopeless else (_STEP_UP, wanted)

    def _stepped_up(self, proof: Granted, wanted: Ask) -> Generator[Step, Reply | None, Granted]:
        """Ask for more, one request at a time; where it is refused, what there was is good for as much as before."""
        ticket = self._stepping.ticket()
        try:
            yield ticket
            held = self.current() or proof
            if held is not proof and wanted.scopes <= held.scopes:  # another request has asked meanwhile
                return held
            self._wanted = wanted = replace(wanted, scopes=wanted.scopes | self._ask.scopes | held.scopes)
            self._proof, self._spent = None, held.access
            try:
                fresh = yield from self.renewed()
            except (AuthenticationFailed, GeneratorExit) as ended:
                self._proof = self.current() or held
                if isinstance(ended, AuthenticationFailed) and ended.status not in _BUSY:
                    self._denied.add(_missing(wanted, held))
                raise
            if not wanted.scopes <= fresh.scopes:
                self._denied.add(_missing(wanted, held))
            return fresh
        finally:
            self._wanted = None
            self._stepping.give_back(ticket)

    def _discovered(self, sending: Sending) -> Generator[Step, Any, bool]:
        """Find the server by the resource; return whether the request is still to be sent."""
        said: Mapping[str, str] = {}
        if sending.body is not None:
            reply = yield {}
            if not reply.refused:
                return False
            said = said_of(reply.challenge)
        found = yield from resource_found(url_of(sending), said)
        with self._finding:  # requests to several APIs may be here at once: the first one's tokens are for it alone
            if self._issuer is None:
                ask, self._origin = self._ask, self._origin or sending.origin
                scopes = ask.scopes or found.scopes or frozenset(found.resource.scopes)
                self._ask = replace(ask, scopes=scopes, resource=ask.resource or found.resource.identifier)
                self._issuer = found.resource.issuer
        if sending.origin == self._origin:
            return True
        if sending.body is None:
            yield {}
        return False

    # --- tokens -------------------------------------------------------------------------------------------------------

    def renew(self) -> Renewal[Granted]:
        """Take a token that is kept, refresh, or ask anew; with the lock of ``keep``, so that one process does."""
        keep = self._keep
        if keep is None:
            return (yield from self._fresh())
        kept = self._kept(keep)
        if kept is not None:
            return kept
        yield from alone(keep)
        try:
            kept = self._kept(keep)
            if kept is None:
                kept = yield from self._fresh()
                self._save(keep, kept)
            return kept
        finally:
            keep.give_back()

    def forgotten(self) -> Renewal[bool]:
        """Delete what is kept and have the server revoke it (RFC 7009); return whether there was something.

        Raises AuthenticationFailed when it cannot be deleted, and with the type "not_revoked" when it is, but may still
        be good.
        """
        self._proof, self._refresh = None, ""
        return (yield from forgotten(self._desk, self._keep)) if self._keep is not None else False

    def _purpose(self) -> str:
        """Say what tokens are for: those that were got from another server, or for another API, are not used."""
        token_url, client_id, scope = self._named
        parts = self._issuer or token_url, client_id, scope, self._ask.resource, self._dpop, type(self._flow).__name__
        return hashlib.sha256(repr([*parts]).encode()).hexdigest()

    def _kept(self, keep: Keep) -> Granted | None:
        """Take over what is kept; return the token when it can be used as it is."""
        found = kept_of(keep.load(), self._purpose(), monotonic=time.monotonic(), now=time.time())
        if found is None:
            return None
        granted, key = found
        if granted.bound or key:
            try:
                self._desk.key = DpopKey.from_text(key)
            except ValueError:
                return None
        self._refresh = granted.refresh
        ask = self._wanted
        fresh = granted.access != self._spent and time.monotonic() < granted.renew_at
        return granted if fresh and (ask is None or (not ask.login and ask.scopes <= granted.scopes)) else None

    def _save(self, keep: Keep, granted: Granted) -> None:
        key = "" if self._desk.key is None else self._desk.key.to_text()
        keep.save(
            to_keep(granted, self._purpose(), key, self._issuer or "", monotonic=time.monotonic(), now=time.time())
        )

    def _fresh(self) -> Renewal[Granted]:
        server = self._server
        if server is None:
            assert self._issuer is not None  # noqa: S101 - steps() has found it
            server = self._server = yield from server_found(self._issuer, mtls=self._desk.client.mtls)
        if self._dpop and self._desk.key is None:
            self._desk.key = DpopKey()
        ask = self._wanted or self._ask
        if self._refresh and self._wanted is None:
            granted = yield from self._by_refresh(server, ask)
            if granted is not None:
                return granted
        asked = time.monotonic()
        reply = yield from self._flow.granted(self._desk, server, ask)
        return self._taken(reply, ask, asked if not self._flow.interactive else time.monotonic())

    def _by_refresh(self, server: Server, ask: Ask) -> Renewal[Granted | None]:
        """Return what the refresh token brings; None when it is good for nothing any more."""
        asked, old = time.monotonic(), self._proof
        reply = yield from refreshed(self._desk, server, ask, self._refresh)
        if reply.status == 200:
            return self._taken(reply, ask, asked)
        if reply.status in _BUSY and old is not None and asked < old.ends_at:  # refused without being looked at
            return replace(old, renew_at=min(asked + _LATER, old.ends_at))
        if json_object(reply).get("error") != "invalid_grant":
            raise failure("the token could not be refreshed", reply)
        self._refresh = ""
        return None

    def _taken(self, reply: Reply, ask: Ask, asked: float) -> Granted:
        granted = granted_of(json_object(reply), ask.scopes, asked) if reply.status == 200 else None
        if granted is None:
            raise failure("the token endpoint refused", reply)
        if self._dpop and not granted.bound:
            raise AuthenticationFailed("the server gave a token that is not bound to the key (DPoP)")
        if granted.bound and not self._dpop:
            raise AuthenticationFailed("the server gave a token that is bound to a key (DPoP): say dpop=True")
        self._refresh = granted.refresh or self._refresh
        if self._wanted is not None and ask.scopes <= granted.scopes:
            self._ask = replace(ask, login={})
        return replace(granted, refresh=self._refresh)


def _server(token_url: str | None, issuer: str | None, flow: Flow) -> Server | None:
    """Return what is known of the server from the start, None when its metadata have to say."""
    if issuer is not None and not usable_issuer(issuer):
        raise ValueError("an issuer is an https URL (http on this machine), without query and fragment")
    if token_url is None:
        return None
    if not usable(token_url):
        raise ValueError("a token_url is an https URL (http on this machine)")
    if flow.interactive:
        raise ValueError("a person's login needs the issuer, not its token endpoint alone")
    return Server(issuer or "", token_url)


def _missing(wanted: Ask, proof: Granted) -> frozenset[str]:
    """Return what an answer asks for that the token has not: how the person logged in, or scopes."""
    return frozenset(map("=".join, wanted.login.items())) or wanted.scopes - proof.scopes


def _login_of(said: Mapping[str, str]) -> dict[str, str]:
    """Return how the person must have logged in (RFC 9470 section 3), as fields of an authorization request."""
    fields = {name: said[name] for name in ("acr_values", "max_age") if name in said}
    return fields or {"prompt": "login"}
