"""Put the house together for an application: open the store, build schemes, guards, gate and lifecycle."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from watchword.assembly import Guards, Parts, schemes_at, schemes_of
from watchword.audit import Audit
from watchword.codec.forwarded import TrustedProxies
from watchword.codec.oauth.protected_resource import metadata_url
from watchword.codec.passwords import Cost, dummy, work
from watchword.codec.secrets import Sealer, new_root_key
from watchword.codec.webauthn import Site
from watchword.codec.x509 import ChainVerifier
from watchword.gate import Gate, Route
from watchword.guards.csrf import Csrf
from watchword.guards.rate_limit import AddressLimit
from watchword.guards.url_credentials import UrlCredentials
from watchword.keyring import Issuer, OwnKeys
from watchword.lifecycle.burn import Burning
from watchword.lifecycle.endings import Endings
from watchword.lifecycle.families import Families
from watchword.lifecycle.mint import CA_SUBJECT, Workshop
from watchword.lifecycle.oauth.openid.id_tokens import IdTokens
from watchword.lifecycle.oauth.openid.person import Person
from watchword.lifecycle.oauth.openid.subjects import Subjects
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.lifecycle.oauth.server import AuthorizationServer, House
from watchword.lifecycle.operations import Operations, Ways
from watchword.lifecycle.outside.identities import Identities
from watchword.lifecycle.people.account.desk import Desk
from watchword.lifecycle.people.account.links import Links
from watchword.lifecycle.people.accounts import Accounts
from watchword.lifecycle.people.ceremonies import Ceremonies
from watchword.lifecycle.people.factors import SecondFactors
from watchword.lifecycle.people.hash_work import note_work
from watchword.lifecycle.people.logins import Logins
from watchword.lifecycle.people.password_rules import PasswordRules
from watchword.lifecycle.people.proving import Proving
from watchword.lifecycle.people.sessions import Sessions
from watchword.lifecycle.signing import KeySchedule
from watchword.lifecycle.tokens import Tokens
from watchword.lifecycle.values import networks_of, rate_of
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.ports import Clock, Fetch, Meter, Scheme, Unavailable
from watchword.model.records import FeedEntry, Topic
from watchword.model.request import Request
from watchword.offload import HashingPool, InlineHashing
from watchword.policy import compile as compile_policy
from watchword.routes import RouteTable, Rule
from watchword.schemes.basic import Guesses
from watchword.stores.metering import alone, meter_of
from watchword.stores.opening import Store, open_store
from watchword.upkeep import Chore, Upkeep
from watchword.verdicts import FeedWatch, Revocations, Verdicts

__all__ = ["ROOT_KEY", "Watchword"]

ROOT_KEY: Final = "WATCHWORD_ROOT_KEY"


class Watchword:
    """Answer who is calling, inside an application.

    ``store`` is "sqlite:///watchword.db", "postgresql://…", "memory:" or an open store; ``root_key`` is 32 bytes in
    base64url, by default from the environment variable WATCHWORD_ROOT_KEY; ``issuer`` names us in tokens, ``audience``
    the API (default: the issuer), ``site`` whose passkeys are asked for (default: the issuer's host). ``workers`` is
    how many processes share a SQLite store: 1 counts limits in memory, anything else through a file. Durations are in
    seconds.
    """

    store: Store
    sealer: Sealer
    issuer: str
    audience: str
    metadata: str = ""
    """Where the server says what our own ``audience`` is (RFC 9728): challenges for access tokens then name it."""
    realm: str
    clock: Clock
    running: bool
    session_idle: int
    session_lifetime: int
    client_ca: bytes | None
    proxies: TrustedProxies | None
    verdicts: Verdicts
    revocations: Revocations
    watch: FeedWatch
    audit: Audit
    passwords: InlineHashing | HashingPool
    keys: OwnKeys
    meter: Meter
    csrf: Csrf
    lifecycle: Lifecycle
    signing: KeySchedule
    password_rules: PasswordRules
    accounts: Accounts
    factors: SecondFactors
    ceremonies: Ceremonies
    logins: Logins
    sessions: Sessions
    families: Families
    tokens: Tokens
    oauth: AuthorizationServer
    identities: Identities
    operations: Operations
    parts: Parts
    schemes: dict[str, Scheme[Any]]
    gate: Gate

    def __init__(
        self,
        store: str | Store = "memory:",
        *,
        root_key: str | None = None,
        issuer: str = "http://127.0.0.1:8000",
        audience: str | None = None,
        rules: Iterable[Rule] = (),
        trusted_proxies: Iterable[str] = (),
        issuers: Mapping[str, Issuer] | None = None,
        introspection: Iterable[Any] = (),
        schemes: Iterable[Scheme[Any]] = (),
        client_ca: bytes | None = None,
        client_subject: str | None = None,
        realm: str = "api",
        address_limit: str | None = "300/min",
        account_limit: str | None = "10/min",
        logins_limit: str | None = "1200/min",
        subject_limit: str | None = None,
        burn: bool = True,
        plaintext_passwords: bool = False,
        password_cost: Cost | None = None,
        password_rules: PasswordRules | None = None,
        access_lifetime: int = 600,
        refresh_lifetime: int = 30 * 86400,
        refresh_grace: float = 10.0,
        bind_tokens: bool = False,
        oauth: OAuthRules | None = None,
        fetch: Fetch | None = None,
        key_rotation: int = 90 * 86400,
        session_idle: int = 3600,
        session_lifetime: int = 12 * 3600,
        site: Site | None = None,
        mfa: Literal["off", "optional", "required"] = "optional",
        feed_every: float = 0.1,
        feed_bound: float = 30.0,
        stale_feed: Literal["refuse", "accept"] = "refuse",
        workers: int | None = None,
        inline: bool = False,
        clock: Clock = time.time,
    ) -> None:
        self.store = open_store(store, clock=clock) if isinstance(store, str) else store
        self.sealer = Sealer(_root_key(root_key, self.store))
        self.issuer = issuer.rstrip("/")
        self.audience = audience or self.issuer
        self.realm, self.clock = realm, clock
        self.running = False
        self.session_idle, self.session_lifetime = session_idle, session_lifetime
        self.client_ca = client_ca
        self.proxies = TrustedProxies(_networks(trusted_proxies)) if trusted_proxies else None
        self.verdicts, self.revocations = Verdicts(), Revocations()
        self._watch_feed(feed_every, feed_bound, stale_feed)
        self.audit = Audit(self.store, self.store)
        turns = f"{self.store.state}-hashing.lock" if self.store.state is not None else None
        pool = HashingPool(password_cost, sharing=workers or 1, turns=turns)
        self.passwords = InlineHashing(password_cost) if inline else pool
        self.keys = OwnKeys(self.store, self.sealer, self.issuer, clock, self.verdicts)
        alone(self.store, workers)
        self.meter = meter_of(self.store, workers, clock)
        self.csrf = Csrf(self.sealer.mac("csrf"))
        self._keep_credentials(key_rotation)
        self._serve_people(password_rules or PasswordRules(), site or Site.of(self.issuer), mfa)
        self._give_tokens(access_lifetime, refresh_lifetime, refresh_grace, bind_tokens)
        self.operations = Operations(self._ways())
        self.operations.authorities.changed.append(self._trust)
        self.oauth = AuthorizationServer(self._oauth_house(), oauth or OAuthRules(), bind=bind_tokens, fetch=fetch)
        self.parts = self._parts(
            password_cost=password_cost or Cost(),
            issuers=dict(issuers or {}),
            introspection=tuple(introspection),
            client_subject=client_subject,
            plaintext_passwords=plaintext_passwords,
            guesses=_guesses(self.meter, account_limit, logins_limit),
        )
        self.schemes = schemes_of(self.parts, schemes)
        mtls: Any = self.schemes["mtls"]
        self.oauth.proofs.vouched = mtls.vouched
        self._urls = UrlCredentials()
        self._burning = Burning(self.store, self.lifecycle, self.families, self.keys, clock=clock)
        self._address = AddressLimit(self.meter, rate_of(address_limit)) if address_limit else None
        per_subject = rate_of(subject_limit) if subject_limit else None
        self._guards = Guards(self._urls, self.meter, self.csrf, clock, self._address, per_subject)
        self.gate = Gate(self.watch, self.audit, failures=self._address, burn=self._burn if burn else None, clock=clock)
        self._table = RouteTable((rule, self.compile(rule)) for rule in rules)
        self._keep_up()

    def _keep_up(self) -> None:
        self.audit.name_routes(self._table.template)
        self._upkeep = Upkeep(self._chores(), inline=self.store.inline)
        self.audit.hurry = self._upkeep.hurry or self.audit.hurry
        self._starting = asyncio.Lock()

    def _watch_feed(self, every: float, bound: float, stale: str) -> None:
        self.watch = FeedWatch(
            self.store, self.verdicts, self.revocations, every=every, bound=bound, refuse=stale == "refuse"
        )
        self.watch.listen(self._heard)

    def _keep_credentials(self, key_rotation: int) -> None:
        workshop = Workshop(self.store, self.sealer, self.passwords)
        self.lifecycle = Lifecycle(workshop, told=self.watch.hurry, clock=self.clock)
        self.signing = KeySchedule(workshop, every=key_rotation, told=self.watch.hurry, clock=self.clock)

    def _serve_people(self, password_rules: PasswordRules, site: Site, mfa: str) -> None:
        self.password_rules = password_rules
        links = Links(self.store, self.sealer, self.clock)
        self.accounts = Accounts(
            Desk(self.store, links, self.passwords, self.password_rules, self.watch.hurry, self.clock)
        )
        proving = Proving(self.store, self.store, self.sealer, self.meter, site, self.watch.hurry, self.clock)
        self.factors = SecondFactors(proving)
        self.ceremonies = Ceremonies(proving, self.factors, required=mfa)

    def _give_tokens(self, access: int, refresh: int, grace: float, bind: bool) -> None:
        self.families = Families(
            self.store,
            self.lifecycle,
            key=self.sealer.mac("refresh"),
            lifetime=refresh,
            grace=grace,
            bind=bind,
            clock=self.clock,
        )
        self.tokens = Tokens(
            self.keys,
            self.store,
            self._openid(),
            issuer=self.issuer,
            audience=self.audience,
            lifetime=access,
            revocations=self.revocations,
            clock=self.clock,
        )
        limits = (self.session_idle, self.session_lifetime)
        self.logins = Logins(self.store, self.lifecycle, self.families, *limits, self.watch.hurry, self.clock)
        self.sessions = Sessions(self.store, self.lifecycle, self.watch.hurry, self.clock)
        self.identities = Identities(self.store, told=self.watch.hurry, clock=self.clock)

    def _openid(self) -> IdTokens:
        subjects, person = Subjects(self.sealer.mac("pairwise")), Person(self.store, clock=self.clock)
        provide = self.signing.provide
        return IdTokens(self.keys, subjects, person, issuer=self.issuer, provide=provide, clock=self.clock)

    def _ways(self) -> Ways:
        return Ways(self.store, self.lifecycle, self.signing, self.audit, self.sealer, self.watch.hurry, self.clock)

    def _oauth_house(self) -> House:
        given = (self.store, self.lifecycle, self.families, self.tokens, self.issuer, self.audience, self.clock)
        more = (self.verdicts, self.revocations, self.meter, self.watch.hurry)
        return House(*given, self.sealer, self.keys, *more)

    def _parts(self, **given: Any) -> Parts:
        return Parts(
            records=self.store,
            ephemeral=self.store,
            verdicts=self.verdicts,
            revocations=self.revocations,
            sealer=self.sealer,
            passwords=self.passwords,
            keys=self.keys,
            issuer=self.issuer,
            audience=self.audience,
            realm=self.realm,
            clock=self.clock,
            dpop_nonces=self.oauth.rules.dpop_nonces,
            dpop_algorithms=self.oauth.rules.algorithms,
            **given,
        )

    def compile(self, rule: Rule) -> Route:
        """Return the route that a rule describes. Raise PolicyError or LifecycleError that name what is wrong."""
        policy = compile_policy(rule.accept, schemes_at(rule.resource, self.schemes, self.parts))
        own = self.metadata if "oauth2" in policy.schemes else ""
        metadata = metadata_url(rule.resource) if rule.resource else own
        return Route(policy, self._guards.before(rule), self._guards.after(rule, policy), rule.scopes, metadata)

    def route(self, accept: str, **demands: Any) -> Route:
        """Return a route by its demands: ``scopes``, ``limit``, ``networks``, ``factors``, ``within``, ``resource``."""
        listed: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in demands.items()}
        return self.compile(Rule("", accept, **listed))

    def route_for(self, method: str, path: str) -> Route | None:
        """Return the configured route of a place, None where there is none."""
        return self._table.find(method, path)

    async def start(self) -> None:
        """Open the store, make the server's own keys if there are none, load them, start writing the audit.

        Raise ValueError when the root key is not the one that the store was made with.
        """
        async with self._starting:
            if self.running:
                return
            await self.store.open()
            try:
                await self._prepare()
            except BaseException:
                await self.store.close()
                raise
            if isinstance(self.passwords, HashingPool):
                self.passwords.open()
            self._upkeep.start()
            self.running = True

    async def _prepare(self) -> None:
        await self.operations.root_key.settle()
        await self.lifecycle.provide(by=CA_SUBJECT)
        await self.signing.run()
        await note_work(self.store, (work(dummy(self.passwords.cost)),) * 2)
        await self.keys.load()
        try:
            self.keys.signing_key()
        except Unavailable as error:
            raise ValueError(f"the root key does not fit this store ({error})") from None
        await self._trust()
        reading = self.watch.sync(self.clock())  # from here on it is known how long nobody has read
        if reading is not None:
            await reading

    async def stop(self) -> None:
        """Write what waits and close the store. Raise Unavailable when it could not be written."""
        if not self.running:
            return
        self.running = False
        await self._upkeep.stop()
        try:
            await self.audit.settle()
            await self.operations.close()
        finally:
            if isinstance(self.passwords, HashingPool):
                self.passwords.close()
            await self.store.close()

    async def authorities(self) -> bytes:
        """Return the certificates of our own CAs, PEM."""
        return await self.operations.authorities.bundle()

    async def _trust(self) -> None:
        mtls: Any = self.schemes["mtls"]
        bundle = self.client_ca if self.client_ca is not None else await self.authorities()
        mtls.trust(ChainVerifier(bundle) if bundle or self.client_ca is not None else None)

    async def _heard(self, entry: FeedEntry) -> None:
        if entry.topic is Topic.KEYS:
            await self.operations.root_key.heard()
            self.signing.due = float("-inf")
            await self.keys.load()
            await self._trust()

    async def _burn(self, request: Request) -> None:
        await self._burning.burn(self._urls.burnt(request))

    def _chores(self) -> dict[str, Chore]:
        forget = getattr(self.store, "forget", None)  # other people's stores may do so by themselves
        return {
            "the audit cannot be written": self.audit.flush,  # the notes wait; when too many do, deciding stops
            "the signing keys cannot be turned over": self._turn_keys,  # the key in use goes on signing
            "unused clients cannot be dropped": self.oauth.registration.tidy,
            "what has ended cannot be forgotten": Endings(self.store, forget, clock=self.clock).run,
            **self.operations.chores(),
        }

    async def _turn_keys(self) -> None:
        if self.clock() >= self.signing.due:
            await self.signing.run()


def _root_key(given: str | None, store: Store) -> str:
    key = given or os.environ.get(ROOT_KEY)
    if key:
        return key
    if store.lasting:
        raise ValueError(f"no root key: set {ROOT_KEY}, or make one with `watchword init`")
    return new_root_key()


def _guesses(meter: Meter, account: str | None, total: str | None) -> Guesses | None:
    return Guesses(meter, rate_of(account), rate_of(total) if total else None) if account else None


def _networks(texts: Iterable[str]) -> list[Any]:
    from ipaddress import ip_network

    return [ip_network(text) for text in networks_of(texts)]
