"""Walk through the life of grants at random, beside a small model of who may what.

Nothing that was withdrawn leads to a token, no token and no family outlives the right that it rests on, and whatever
was not withdrawn goes on: what introspection and the resource side say is compared with the model after every step.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.house import CHEAP, Clock, asking, bearing
from tests.lifecycle.oauth.test_asking import FIELDS, KNOWN, VERIFIER
from tests.lifecycle.oauth.test_inspection import FORMATS
from watchword.app import Watchword
from watchword.lifecycle.clients.book import ClientBook
from watchword.lifecycle.clients.fields import EXCHANGE
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.asking import Ask
from watchword.lifecycle.oauth.authorization.consents import Wish
from watchword.lifecycle.oauth.devices import Begun, DeviceRequest
from watchword.lifecycle.oauth.grants.device import DEVICE_GRANT
from watchword.lifecycle.oauth.grants.exchange import ACCESS_TYPE, ID_TYPE, JAG_TYPE, REFRESH_TYPE
from watchword.lifecycle.oauth.terms import Refused
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Allow, Principal, Rejection

T = TypeVar("T")

GRANTS = ["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT, EXCHANGE]
SCOPES = frozenset({"a", "b"})
ASKED = SCOPES | {"openid"}
OVERLAP = 60
MONTH = 30 * 86_400
LOOKED_AT = 8  # of the latest tokens and families
BEGINNINGS = {"connect": 2, "authorize": 2, "redeem": 3, "ask_by_device": 3, "decide_device": 4, "log_in": 2}
USES = {
    "poll_device": 3,
    "refresh": 8,
    "exchange": 6,
    "exchange_id_token": 5,
    "assert_elsewhere": 2,
    "ask_for_itself": 1,
}
WITHDRAWALS = (
    *("withdraw_consent", "log_out", "log_out_everywhere", "change_password", "disable_or_enable_person"),
    *("disable_or_enable_client", "disable_or_enable_service", "revoke_tokens_of_client", "revoke_client"),
    *("rotate_secret", "revoke_token", "revoke_refresh_token"),
)
NEEDS = {
    **dict.fromkeys(("refresh", "assert_elsewhere", "revoke_refresh_token"), "families"),
    **dict.fromkeys(("exchange", "revoke_token"), "tokens"),
    **dict.fromkeys(("decide_device", "poll_device"), "devices"),
    "redeem": "codes",
    "exchange_id_token": "identities",
    "withdraw_consent": "consents",
}
SECONDS = (1, 1, 5, 5, 59, 61, 599, 601, MONTH)
ELSEWHERE = "https://elsewhere.example"


@dataclass(eq=False)
class Person:
    name: str
    password: str
    enabled: bool = True
    void: int = 0  # the second up to which tokens are void


@dataclass(eq=False)
class Session:
    person: Person
    id: str
    cookie: str
    since: float
    alive: bool = True


Login: TypeAlias = tuple[Session | None, float]  # which session, where a browser asked, and when somebody logged in


@dataclass(eq=False)
class App:
    name: str
    id: str
    first_party: bool
    records: list[str]
    secrets: list[tuple[str, float]]
    alive: bool = True
    enabled: bool = True  # whose it is
    switched_on: bool = True
    void: int = 0

    @property
    def usable(self) -> bool:
        return self.alive and self.enabled and self.switched_on


@dataclass(eq=False)
class Consent:
    person: Person
    app: App
    id: str
    alive: bool = True


@dataclass(eq=False)
class Family:
    person: Person
    app: App
    ends: float
    tokens: list[str]
    login: Login
    alive: bool = True

    @property
    def id(self) -> str:
        return "fam_" + self.tokens[0].partition(".")[0].removeprefix("rt_")


@dataclass(eq=False)
class Identity:
    """An id_token: it holds while its client still has something of that login."""

    text: str
    person: Person
    app: App
    login: Login
    ends: float
    alive: bool = True

    def beside(self, families: list[Family], now: float) -> Family | None:
        stands = [
            each
            for each in families
            if (each.person, each.app, each.login) == (self.person, self.app, self.login)
            and each.alive
            and now < each.ends
        ]
        return min(stands, key=lambda each: each.id, default=None) if self.alive and now < self.ends else None


@dataclass(eq=False)
class Access:
    text: str
    app: App
    ends: float
    person: Person | None = None
    family: Family | None = None
    origin: Access | None = None
    alive: bool = True

    def holds(self, now: float) -> bool:
        return self.alive and now < self.ends and (self.origin is None or self.origin.holds(now))

    @property
    def subject(self) -> str:
        if self.person is not None:
            return self.person.name
        return self.app.name if self.origin is None else self.origin.subject

    @property
    def depth(self) -> int:
        return 0 if self.origin is None else 1 + self.origin.depth


@dataclass(eq=False)
class Waiting:
    """A code, or what a device asked for, once somebody has approved it."""

    app: App
    text: str
    ends: float
    user_code: str = ""
    opener: Person | None = None
    denied: bool = False
    session: Session | None = None
    consent: Consent | None = None
    used: bool = False
    family: Family | None = None

    def decidable(self, person: Person, now: float) -> bool:
        undecided = self.session is None and not self.denied
        return undecided and now < self.ends and self.opener in (None, person)

    def stands(self, now: float) -> bool:
        session, consent = self.session, self.consent
        approved = session is not None and session.alive and (consent is None or consent.alive)
        return approved and not self.used and now < self.ends


@dataclass
class Model:
    people: list[Person] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    families: list[Family] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    tokens: list[Access] = field(default_factory=list)
    codes: list[Waiting] = field(default_factory=list)
    devices: list[Waiting] = field(default_factory=list)

    def end_family(self, family: Family) -> None:
        family.alive = False
        for each in self.tokens:
            if each.family is family:
                each.alive = False

    def end_logins(self, person: Person) -> None:
        for session in self.sessions:
            if session.person is person:
                session.alive = False
        for family in self.families:
            if family.person is person:
                self.end_family(family)

    def end_access(self, now: float, *, person: Person | None = None, app: App | None = None) -> None:
        owner = person or app
        assert owner is not None
        owner.void = int(now)
        for each in (*self.tokens, *self.identities):
            if (person is not None and each.person is person) or (app is not None and each.app is app):
                each.alive = False


class GrantLife(RuleBasedStateMachine):
    """Act on a whole Watchword in memory and on the model; compare."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.clock.now = 1_800_000_000.0  # the same every time, so that a walk can be walked again
        self.model = Model()
        self.house = Watchword(
            clock=self.clock,
            inline=True,
            password_cost=CHEAP,
            workers=1,
            feed_every=0.0,
            refresh_grace=0.0,
            address_limit=None,
            key_rotation=100 * 365 * 86_400,
        )
        self.do(self.house.start())
        told = self.house.watch.hurry
        self.book = ClientBook(self.house.store, self.house.lifecycle, told=told, clock=self.clock)

    def teardown(self) -> None:
        self.do(self.house.stop())
        self.loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @property
    def now(self) -> float:
        return self.clock.now

    def pick(self, found: list[T], n: int) -> T:
        return found[-1 - n % len(found)]  # the latest first: they are the livelier ones

    @initialize(formats=st.lists(st.sampled_from(FORMATS), min_size=3, max_size=3), seed=st.integers(0, 2**64 - 1))
    def open(self, formats: list[str], seed: int) -> None:
        """Set the house up. What is done in it follows from ``seed``: choices that Hypothesis makes itself are so often
        the simplest that most walks would end before they began.
        """
        self.chance = Random(seed)
        named = {**BEGINNINGS, **USES, **dict.fromkeys(self.chance.sample(WITHDRAWALS, 3), 1), "wait": 3}
        self.acts = [name for name, weight in named.items() for _ in range(weight)]
        lifecycle = self.house.lifecycle
        for name in ("user:alice", "user:bob"):
            self.do(lifecycle.add_subject(name, by="t"))
            self.model.people.append(Person(name, self.password(name)))
        for n, format in enumerate(formats):
            name = f"service:app{n}"
            self.do(lifecycle.add_subject(name, by="t"))
            options: dict[str, Any] = {"grants": GRANTS, "redirect_uris": [KNOWN[0]], "token_format": format}
            options |= {"first_party": n == 0, "exchange": {"audiences": {ELSEWHERE: "there"}}}
            if n == 2:  # it is an API, too, which exchanges what others show to it
                options["introspects"] = [self.house.audience]
            issued = self.do(lifecycle.issue(Kind.OAUTH_CLIENT, name, by="t", scopes=SCOPES, options=options))
            id, secret = issued.material["client_id"], issued.material["client_secret"]
            self.model.apps.append(App(name, id, n == 0, [id], [(secret, float("inf"))]))
        self.do(lifecycle.add_subject("service:api", by="t"))
        options = {"grants": [], "introspects": [self.house.audience]}
        self.api = self.do(lifecycle.issue(Kind.OAUTH_CLIENT, "service:api", by="t", options=options)).credential
        for n in range(2):
            self.log_in(n)
        for n in range(3):
            self.connect(n, n)

    def password(self, name: str) -> str:
        options = {"password": "x" * 20}
        return self.do(self.house.lifecycle.issue(Kind.PASSWORD, name, by="t", options=options)).credential.id

    @rule()
    def step(self) -> None:
        """Do one thing that can be done."""
        able = [name for name in self.acts if name not in NEEDS or getattr(self.model, NEEDS[name])]
        act = self.chance.choice(able)
        n, m = min(self.some(), self.some()), self.some()
        yes, also = self.chance.random() < 0.4, self.chance.random() < 0.2
        if act == "wait":
            self.clock.now += self.chance.choice(SECONDS)
        elif act == "decide_device":
            self.decide_device(n, m, self.chance.choice(["allow", "allow", "allow", "deny", ""]))
        elif act in ("redeem", "revoke_token"):
            getattr(self, act)(n, m, also)
        elif act in ("refresh", "assert_elsewhere"):
            getattr(self, act)(n, m, yes)
        elif act in ("exchange_id_token", "revoke_refresh_token"):
            getattr(self, act)(n, m, yes, also)
        elif act in ("log_in", "poll_device", *WITHDRAWALS):
            getattr(self, act)(n)
        else:
            getattr(self, act)(n, m)

    def some(self) -> int:
        return self.chance.randrange(8)

    # --- asking -------------------------------------------------------------------------------------------------------

    def heard(self) -> None:
        reading = self.house.watch.sync(self.now)
        if reading is not None:
            self.do(_awaited(reading))

    def proved(self, app: App, n: int) -> tuple[Credential | Rejection, bool]:
        """Authenticate with one of the client's secrets; return the outcome, and whether it should have worked."""
        self.heard()
        secret, ends = self.pick(app.secrets, n)
        form = {"client_id": app.id, "client_secret": secret}
        found = self.do(self.house.oauth.proofs.prove(asking(), form, f"{self.house.issuer}/oauth/token"))
        return found, app.usable and self.now < ends

    def asked(self, app: App, n: int, stands: bool, audience: str = "", **form: str) -> dict[str, Any] | None:
        """Ask for tokens; what comes must be what the model says."""
        client, may = self.proved(app, n)
        assert isinstance(client, Credential) is may, client
        if isinstance(client, Rejection):
            return None
        several = {"audience": (audience,)}
        given = self.do(self.house.oauth.grants.answer(asking(), form, client, several=several))
        assert isinstance(given, dict) is stands, given
        return given if isinstance(given, dict) else None

    def took(self, given: dict[str, Any], app: App, **more: Any) -> Access:
        token = Access(given["access_token"], app, self.now + given["expires_in"], **more)
        self.model.tokens.append(token)
        return token

    def begun(self, given: dict[str, Any], waiting: Waiting) -> None:
        assert waiting.session is not None
        person = waiting.session.person
        login = (None if waiting.user_code else waiting.session, waiting.session.since)
        family = Family(person, waiting.app, self.now + MONTH, [given["refresh_token"]], login)
        self.model.families.append(family)
        self.took(given, waiting.app, person=person, family=family)
        self.identified(given, family)
        waiting.family = family

    def identified(self, given: dict[str, Any], family: Family) -> None:
        person, app, ends = family.person, family.app, self.now + given["expires_in"]
        late = self.now >= max(person.void, app.void) + 1  # what says the very second of a withdrawal is void with it
        self.model.identities.append(Identity(given["id_token"], person, app, family.login, ends, late))

    # --- beginning ----------------------------------------------------------------------------------------------------

    def log_in(self, n: int) -> None:
        person = self.pick(self.model.people, n)
        if not person.enabled:
            return
        options = {"login": person.password, "idle": 10**9, "proved": {"pwd": int(self.now)}, "factors": ["pwd"]}
        options["authenticated_at"] = int(self.now)
        issued = self.do(self.house.lifecycle.issue(Kind.SESSION, person.name, by="t", scopes={"a"}, options=options))
        self.model.sessions.append(Session(person, issued.credential.id, issued.material["cookie"], int(self.now)))

    def who(self, session: Session) -> Principal | None:
        """Return whom a session's cookie proves: what the authorization endpoint and the device page go by."""
        request = asking((b"cookie", f"__Host-session={session.cookie}".encode()))
        decision = self.do(self.house.gate.decide(request, self.house.route("session")))
        assert isinstance(decision, Allow) is session.alive, decision
        return decision.principal if isinstance(decision, Allow) else None

    def consent(self, person: Person, app: App, client: Credential) -> Consent | None:
        if app.first_party:
            return None
        wish = Wish(ASKED)
        record = self.do(self.house.oauth.consents.give(person.name, client, wish, by=person.name))
        known = [each for each in self.model.consents if each.id == record.id]
        assert all(each.alive for each in known)
        if not known:
            self.model.consents.append(Consent(person, app, record.id))
        return known[0] if known else self.model.consents[-1]

    def authorize(self, n: int, m: int) -> None:
        session, app = self.pick(self.model.sessions, n), self.pick(self.model.apps, m)
        who, client = self.who(session), self.do(self.house.oauth.clients.find(app.id))
        assert (client is not None) is app.usable
        if who is None or client is None:
            return
        consent = self.consent(session.person, app, client)
        record = None if consent is None else self.do(self.house.store.credential(consent.id))
        ask = Ask(client, KNOWN[0], ASKED, FIELDS["code_challenge"])
        code = self.do(self.house.oauth.codes.grant(ask, who, consent=record))
        self.model.codes.append(Waiting(app, code, self.now + 60, session=session, consent=consent))

    def connect(self, n: int, m: int) -> None:
        """Walk the code flow in one go."""
        before = len(self.model.codes)
        self.authorize(n, m)
        if len(self.model.codes) > before:
            self.redeem(0, 0, False)

    def redeem(self, n: int, m: int, stolen: bool) -> None:
        code = self.pick(self.model.codes, n)
        app = self.pick(self.model.apps, m) if stolen else code.app
        stands = code.stands(self.now) and app is code.app
        form = {"code": code.text, "redirect_uri": KNOWN[0], "code_verifier": VERIFIER}
        if not isinstance(self.proved(app, 0)[0], Credential):
            return
        given = self.asked(app, 0, stands, grant_type="authorization_code", **form)
        if given is not None:
            self.begun(given, code)
        elif (code.used or self.now >= code.ends) and code.family is not None:
            self.model.end_family(code.family)
        code.used = True

    def ask_by_device(self, n: int, m: int) -> None:
        app = self.pick(self.model.apps, n)
        client, may = self.proved(app, m)
        assert isinstance(client, Credential) is may
        if isinstance(client, Credential):
            begun = self.do(self.house.oauth.devices.begin(client, ASKED))
            assert isinstance(begun, Begun)
            self.model.devices.append(Waiting(app, begun.device_code, self.now + 600, begun.user_code))

    def decide_device(self, n: int, m: int, press: str) -> None:
        """Type a device's code, and press a button or none."""
        device, session = self.pick(self.model.devices, n), self.pick(self.model.sessions, m)
        who, client = self.who(session), self.do(self.house.oauth.clients.find(device.app.id))
        if who is None or client is None:
            return
        devices, may = self.house.oauth.devices, device.decidable(session.person, self.now)
        opened = self.do(devices.open(device.user_code, who))
        assert isinstance(opened, DeviceRequest) is may, opened
        if may:
            device.opener = session.person
        consent = self.consent(session.person, device.app, client) if may and press == "allow" else None

        async def agreed() -> dict[str, Any]:
            return {} if consent is None else {"consent": consent.id}

        if press == "deny":
            assert isinstance(self.do(devices.deny(device.user_code, who)), DeviceRequest) is may
            device.denied = device.denied or may
        elif press == "allow":
            assert isinstance(self.do(devices.approve(device.user_code, who, agreed=agreed)), DeviceRequest) is may
            if may:
                device.session, device.consent = session, consent

    def poll_device(self, n: int) -> None:
        device = self.pick(self.model.devices, n)
        self.clock.now += 61  # as slow as any device must be
        given = self.asked(device.app, 0, device.stands(self.now), grant_type=DEVICE_GRANT, device_code=device.text)
        if given is not None:
            self.begun(given, device)
        app = device.app
        if app.usable and device.session is not None:
            device.used = True

    def ask_for_itself(self, n: int, m: int) -> None:
        app = self.pick(self.model.apps, n)
        given = self.asked(app, m, True, grant_type="client_credentials")
        if given is not None:
            self.took(given, app)

    def refresh(self, n: int, m: int, old: bool) -> None:
        family = self.pick(self.model.families, n)
        token = family.tokens[0] if old else family.tokens[-1]
        current = token == family.tokens[-1]
        usable = family.alive and self.now < family.ends
        given = self.asked(family.app, m, usable and current, grant_type="refresh_token", refresh_token=token)
        if given is not None:
            family.tokens.append(given["refresh_token"])
            self.took(given, family.app, person=family.person, family=family)
            self.identified(given, family)
        elif usable and not current and self.proved(family.app, m)[1]:
            self.model.end_family(family)

    def exchange(self, n: int, m: int) -> None:
        """Exchange an access token: its own client may, and the API that it is for, and nobody else."""
        token = self.pick(self.model.tokens, n)
        app = self.pick([token.app, self.model.apps[2], self.model.apps[1]], m)
        if token.depth >= 3:
            return
        form = {"grant_type": EXCHANGE, "subject_token": token.text, "subject_token_type": ACCESS_TYPE}
        may = token.holds(self.now) and app in (token.app, self.model.apps[2])
        given = self.asked(app, m, may, **form)
        if given is not None:
            self.took(given, app, person=token.person, family=token.family, origin=token)

    def exchange_id_token(self, n: int, m: int, elsewhere: bool, stolen: bool) -> None:
        """Exchange an id_token, for a token here or for an assertion to another server."""
        identity = self.pick(self.model.identities, n)
        app = self.pick(self.model.apps, m) if stolen else identity.app
        beside = identity.beside(self.model.families, self.now)
        form = {"grant_type": EXCHANGE, "subject_token": identity.text, "subject_token_type": ID_TYPE}
        may = beside is not None and app is identity.app
        if elsewhere:
            self.asked(app, m, may, ELSEWHERE, requested_token_type=JAG_TYPE, **form)
        elif (given := self.asked(app, m, may, **form)) is not None:
            self.took(given, app, person=identity.person, family=beside)

    def assert_elsewhere(self, n: int, m: int, old: bool) -> None:
        """Show a refresh token for an assertion to another server: only one that could be used, and it stays so."""
        family = self.pick(self.model.families, n)
        token = family.tokens[0] if old else family.tokens[-1]
        may = token == family.tokens[-1] and family.alive and self.now < family.ends
        form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": REFRESH_TYPE}
        self.asked(family.app, m, may, ELSEWHERE, requested_token_type=JAG_TYPE, **form)

    # --- withdrawing --------------------------------------------------------------------------------------------------

    def revoke_token(self, n: int, m: int, others: bool) -> None:
        token = self.pick(self.model.tokens, n)
        app = self.pick(self.model.apps, m) if others else token.app
        client, may = self.proved(app, 0)
        if isinstance(client, Credential):
            held = token.holds(self.now)
            found = self.do(self.house.oauth.inspection.revoke(token.text, client))
            assert isinstance(found, Refused) is (held and app is not token.app)
            token.alive = token.alive and app is not token.app
        assert may is isinstance(client, Credential)

    def revoke_refresh_token(self, n: int, m: int, old: bool, others: bool) -> None:
        family = self.pick(self.model.families, n)
        app = self.pick(self.model.apps, m) if others else family.app
        client, _ = self.proved(app, 0)
        if isinstance(client, Credential):
            text = family.tokens[0] if old else family.tokens[-1]
            self.do(self.house.oauth.inspection.revoke(text, client))
            if app is family.app:
                self.model.end_family(family)

    def withdraw_consent(self, n: int) -> None:
        consent = self.pick(self.model.consents, n)
        by = consent.person.name
        with nullcontext() if consent.alive else suppress(LifecycleError):  # the chores forget what has ended long ago
            self.do(self.house.oauth.consents.withdraw(consent.id, subject=by, by=by))
        if consent.alive:
            consent.alive = False
            for family in self.model.families:
                if family.person is consent.person and family.app is consent.app:
                    self.model.end_family(family)

    def log_out(self, n: int) -> None:
        session = self.pick(self.model.sessions, n)
        by = session.person.name
        with nullcontext() if session.alive else suppress(LifecycleError):
            self.do(self.house.sessions.end(session.id, subject=by, by=by))
        session.alive = False

    def log_out_everywhere(self, n: int) -> None:
        person = self.pick(self.model.people, n)
        self.clock.now += 1  # tokens count in seconds
        self.do(self.house.sessions.end_everything(person.name, by="t"))
        self.model.end_logins(person)
        self.model.end_access(self.now, person=person)

    def change_password(self, n: int) -> None:
        person = self.pick(self.model.people, n)
        if person.enabled:
            self.do(self.house.lifecycle.revoke(person.password, reason="x", by="t"))
            person.password = self.password(person.name)
            self.model.end_logins(person)

    def disable_or_enable_person(self, n: int) -> None:
        person = self.pick(self.model.people, n)
        self.clock.now += 1
        person.enabled = not person.enabled
        self.do(self.house.lifecycle.set_enabled(person.name, person.enabled, by="t"))
        self.model.end_logins(person)
        self.model.end_access(self.now, person=person)

    def disable_or_enable_service(self, n: int) -> None:
        app = self.pick(self.model.apps, n)
        self.clock.now += 1
        app.enabled = not app.enabled
        self.do(self.house.lifecycle.set_enabled(app.name, app.enabled, by="t"))
        self.model.end_access(self.now, app=app)

    def disable_or_enable_client(self, n: int) -> None:
        app = self.pick(self.model.apps, n)
        if app.alive:
            self.clock.now += 1
            app.switched_on = not app.switched_on
            self.do(self.book.set_enabled(app.id, app.switched_on, by="t"))
            self.model.end_access(self.now, app=app)

    def revoke_tokens_of_client(self, n: int) -> None:
        app = self.pick(self.model.apps, n)
        self.clock.now += 1
        self.do(self.house.lifecycle.revoke_client_tokens(app.records[-1], reason="x", by="t"))
        self.model.end_access(self.now, app=app)

    def revoke_client(self, n: int) -> None:
        app = self.pick(self.model.apps, n)
        self.clock.now += 1
        for each in app.records:
            self.do(self.house.lifecycle.revoke(each, reason="x", by="t"))
        app.alive = False
        self.model.end_access(self.now, app=app)

    def rotate_secret(self, n: int) -> None:
        app = self.pick(self.model.apps, n)
        if not app.usable:
            return
        issued = self.do(self.house.lifecycle.rotate(app.records[-1], overlap=OVERLAP, by="t"))
        app.records.append(issued.credential.id)
        last, _ = app.secrets[-1]
        app.secrets[-1] = last, self.now + OVERLAP
        app.secrets.append((issued.material["client_secret"], float("inf")))

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def tokens_hold_as_the_model_says(self) -> None:
        self.heard()
        for token in self.model.tokens[-LOOKED_AT:]:
            holds = token.holds(self.now)
            said = self.do(_awaited(self.house.oauth.inspection.look(token.text, self.api)))
            assert said["active"] is holds, token
            decision = self.do(
                self.house.gate.decide(bearing(f"Bearer {token.text}".encode()), self.house.route("oauth2"))
            )
            assert isinstance(decision, Allow) is holds, (token, decision)
            if isinstance(decision, Allow):
                assert decision.principal is not None
                assert decision.principal.subject == token.subject

    @invariant()
    def families_live_as_the_model_says(self) -> None:
        for family in self.model.families[-LOOKED_AT:]:
            asker = Credential(
                family.app.id, Kind.OAUTH_CLIENT, family.app.name, 1, detail={"client_id": family.app.id}
            )
            said = self.do(_awaited(self.house.oauth.inspection.look(family.tokens[-1], asker)))
            assert said["active"] is (family.alive and self.now < family.ends), family
            for old in family.tokens[:-1][-2:]:
                assert self.do(_awaited(self.house.oauth.inspection.look(old, asker)))["active"] is False


async def _awaited(found: Any) -> Any:
    return await found if hasattr(found, "__await__") else found


COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}


def test_no_token_outlives_the_right_that_it_rests_on() -> None:
    run_state_machine_as_test(GrantLife, settings=settings(max_examples=60, stateful_step_count=40, **COMMON))


@pytest.mark.soak
def test_no_token_outlives_the_right_that_it_rests_on_for_long() -> None:
    """Figure: no path to a token that a withdrawn right would have forbidden; GRANT_LIVES walks of a hundred steps."""
    count = int(os.environ.get("GRANT_LIVES", "1500"))
    run_state_machine_as_test(GrantLife, settings=settings(max_examples=count, stateful_step_count=100, **COMMON))
