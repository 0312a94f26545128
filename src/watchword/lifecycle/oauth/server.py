"""Put the authorization server together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from watchword.codec.secrets import Sealer
from watchword.keyring import OwnKeys
from watchword.lifecycle.families import Families
from watchword.lifecycle.oauth.approvals import Approvals
from watchword.lifecycle.oauth.asking import OPENID_SCOPES, Judge
from watchword.lifecycle.oauth.authorization.arrivals import Arrivals
from watchword.lifecycle.oauth.authorization.consents import Consents
from watchword.lifecycle.oauth.authorization.profile import FAPI2
from watchword.lifecycle.oauth.authorization.pushed import Pushed
from watchword.lifecycle.oauth.authorization.request_objects import RequestObjects
from watchword.lifecycle.oauth.client_keys import ClientKeys
from watchword.lifecycle.oauth.clients import Clients
from watchword.lifecycle.oauth.codes import Codes
from watchword.lifecycle.oauth.described.documents import Documents
from watchword.lifecycle.oauth.described.registration import Registration
from watchword.lifecycle.oauth.devices import Devices
from watchword.lifecycle.oauth.grants import Grants
from watchword.lifecycle.oauth.grants.assertion import JwtBearer
from watchword.lifecycle.oauth.grants.client_credentials import ClientCredentials
from watchword.lifecycle.oauth.grants.code import AuthorizationCode
from watchword.lifecycle.oauth.grants.device import DeviceCode
from watchword.lifecycle.oauth.grants.exchange import TokenExchange
from watchword.lifecycle.oauth.grants.refresh import RefreshToken
from watchword.lifecycle.oauth.inspection import Inspection
from watchword.lifecycle.oauth.openid.logouts import Logouts
from watchword.lifecycle.oauth.openid.signing_out import SigningOut
from watchword.lifecycle.oauth.presented import PresentedTokens
from watchword.lifecycle.oauth.proofs import ClientProofs
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.lifecycle.tokens import Tokens
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.ports import Clock, Ephemeral, Feed, Fetch, Meter, Records
from watchword.verdicts import Revocations, Verdicts

__all__ = ["AuthorizationServer", "House"]


class Store(Records, Ephemeral, Feed, Protocol):
    """Keep what lasts and what does not, and say what was taken back."""


@dataclass(frozen=True, slots=True)
class House:
    """Hold what the authorization server stands on."""

    store: Store
    lifecycle: Lifecycle
    families: Families
    tokens: Tokens
    issuer: str
    audience: str
    clock: Clock
    sealer: Sealer
    keys: OwnKeys
    verdicts: Verdicts
    revocations: Revocations
    meter: Meter
    told: Callable[[], None]


class AuthorizationServer:
    """Hold what decides about applications: who they are, what they were granted, which tokens they get."""

    rules: OAuthRules
    issuer: str
    fetch: Fetch | None
    documents: Documents
    clients: Clients
    registration: Registration
    client_keys: ClientKeys
    proofs: ClientProofs
    resources: Resources
    judge: Judge
    codes: Codes
    consents: Consents
    pushed: Pushed
    arrivals: Arrivals
    devices: Devices
    signing_out: SigningOut
    logouts: Logouts
    inspection: Inspection
    presented: PresentedTokens
    grants: Grants

    def __init__(
        self,
        house: House,
        rules: OAuthRules,
        *,
        bind: bool = False,
        fetch: Fetch | None = None,
    ) -> None:
        """Stand on ``house``. ``bind``: tokens belong to the certificate of the connection that they were got over.

        What clients publish of themselves is fetched by ``fetch``, which must refuse places inside; None: nothing is.
        """
        store, families, tokens, clock = house.store, house.families, house.tokens, house.clock
        self.rules = rules
        self.issuer = house.issuer
        self._clock = clock
        self.fetch = fetch
        self._know_clients(house, fetch)
        self.resources = Resources(
            house.audience,
            rules.resources,
            issuer=house.issuer,
            everywhere=OPENID_SCOPES,
            algorithms=rules.algorithms,
            require_dpop=rules.require_dpop,
        )
        tokens.carried = self.resources.scopes
        self.judge = Judge(self.resources, rules)
        approvals = Approvals(store, house.lifecycle, families, clock=clock)
        self.codes = Codes(store, store, house.lifecycle, approvals, clock=clock)
        self.consents = Consents(store, house.lifecycle, clock=clock)
        self.pushed = Pushed(store, clock)
        self.arrivals = Arrivals(self.pushed, RequestObjects(self.client_keys, house.issuer, clock), rules)
        self.devices = Devices(store, approvals, self.resources, house.sealer.mac("device"), clock=clock)
        self.signing_out = SigningOut(store, told=house.told, clock=clock)
        self.logouts = Logouts(store, self.clients, tokens.openid, self.signing_out, fetch=fetch, clock=clock)
        self._inspect(house)
        self.presented = PresentedTokens(
            house.keys,
            store,
            store,
            self.inspection,
            families,
            self.clients,
            rules.issuers,
            tokens.openid.subjects,
            issuer=house.issuer,
            clock=clock,
        )
        self._grant(tokens, families, bind=bind)

    def _know_clients(self, house: House, fetch: Fetch | None) -> None:
        """Say who clients are, and how they prove it."""
        store, rules, clock = house.store, self.rules, house.clock
        self.documents = Documents(store, house.lifecycle, house.meter, rules, fetch, told=house.told, clock=clock)
        self.clients = Clients(store, self.documents, rules, clock=clock)
        self.registration = Registration(store, house.lifecycle, rules, fetch, told=house.told, clock=clock)
        self.client_keys = ClientKeys(fetch, clock=clock)
        self.proofs = ClientProofs(
            store,
            store,
            self.clients,
            self.client_keys,
            issuer=house.issuer,
            verdicts=house.verdicts,
            strict=rules.profile == FAPI2,
            clock=clock,
        )

    def _inspect(self, house: House) -> None:
        """Say what a token is worth, and take it back."""
        self.inspection = Inspection(
            house.keys,
            house.store,
            house.families,
            house.lifecycle,
            house.verdicts,
            house.revocations,
            house.tokens.openid.subjects,
            issuer=house.issuer,
            clock=house.clock,
        )

    def _grant(self, tokens: Tokens, families: Families, *, bind: bool) -> None:
        """Answer each grant."""
        self.grants = Grants(
            [
                AuthorizationCode(self.codes, tokens, self.resources),
                ClientCredentials(tokens, self.judge, self.resources),
                RefreshToken(families, tokens, self.resources, rotate=self.rules.profile != FAPI2),
                DeviceCode(self.devices, tokens),
                TokenExchange(self.presented, tokens, self.resources, issuer=self.issuer, clock=self._clock),
                JwtBearer(self.presented, tokens, self.resources),
            ],
            self.resources,
            bind=bind,
            require_dpop=self.rules.require_dpop,
            require_bound=self.rules.profile == FAPI2,
            require_keys=self.rules.profile == FAPI2,
        )
