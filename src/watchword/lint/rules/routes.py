"""Rules about what each route demands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from watchword.lint.case import Case
from watchword.lint.overlaps import READING, Place
from watchword.lint.rule import Rule, Severity, Spot, rule

__all__ = ["EVERYBODY", "RULES"]

EVERYBODY: Final = frozenset({"0.0.0.0/0", "::/0"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"})
_WEBDAV: Final = frozenset({"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH"})
_PARAMETER: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(?::path)?\}")
_ELSEWHERE: Final = re.compile(r"/:([A-Za-z_]\w*)|/<(?:\w+:)?(\w+)>|/(\*\*?)")  # how other tables write parameters
_ROOT: Final = re.compile(r"/\{[A-Za-z_][A-Za-z0-9_]*:path\}")
_NO_PERSON: Final = frozenset({"api-key", "hmac"})
_WHO_PROVES: Final = {"basic": frozenset({"pwd"}), "mtls": frozenset({"pop"})}


def _word(place: Place) -> str:
    """Return what a scope for the place would be called."""
    segments = [part for part in place.entry.path.split("/") if part and not part.startswith("{")]
    return f"{segments[0] if segments else 'api'}:{'write' if place.writes else 'read'}"


@rule(
    "WW101",
    Severity.WARNING,
    "A route has no limit",
    why="Whoever has a leaked credential may call it as fast as it answers, until somebody notices.",
    fix='limit = "600/min"',
    sources=("mistake: no limit for each credential", "ASVS 5.0 2.4.1"),
)
def no_limit(case: Case) -> Iterator[Spot]:
    """Check ``limit``, unless every subject has one."""
    if case.settings.limits.subject:
        return
    for place in case.routes:
        if place.schemes and not place.entry.limit:
            yield Spot(place.key("limit"), f"{place} has no limit for each credential")


@rule(
    "WW102",
    Severity.WARNING,
    "A route asks for no scope",
    why="Every credential that its policy accepts opens it, whatever it was issued for.",
    fix='scopes = ["orders:write"]',
    sources=("RFC 9700 2.3", "ASVS 5.0 8.2.1"),
)
def no_scopes(case: Case) -> Iterator[Spot]:
    """Check ``scopes``; where nothing is changed it is worth a note."""
    for place in case.routes:
        if place.schemes and not place.public and not place.entry.scopes:
            severity = None if place.writes else Severity.NOTE
            yield Spot(place.key("scopes"), f"{place} asks for no scope", f'scopes = ["{_word(place)}"]', severity)


@rule(
    "WW103",
    Severity.WARNING,
    "Something can be changed without proof",
    why=(
        "A public route that takes POST, PUT, PATCH or DELETE lets anybody change what is behind it, and "
        "nobody can be asked about it."
    ),
    fix='methods = ["GET"]',
    sources=("ASVS 5.0 8.2.1", "RFC 9110 9.2.1"),
)
def public_writes(case: Case) -> Iterator[Spot]:
    """Check public routes for methods that write."""
    for place in case.routes:
        if place.public and place.writes:
            named = ", ".join(sorted(place.methods - READING)) or "every method"
            yield Spot(place.key("accept"), f"{place.entry.path[:80]} is public for {named}")


@rule(
    "WW104",
    Severity.WARNING,
    "Everything that no other route names is public",
    why="A place that is added tomorrow is open until somebody thinks of it; without this route it would be refused.",
    fix="name the places that are public, one [[route]] each",
    sources=("ASVS 5.0 8.2.1",),
)
def all_public(case: Case) -> Iterator[Spot]:
    """Check templates that take in every path."""
    for place in case.routes:
        if place.public and _ROOT.fullmatch(place.entry.path):
            yield Spot(place.key("path"), f"{place.entry.path} is public, and takes in every path that has no route")


@rule(
    "WW107",
    Severity.WARNING,
    "A network is everybody",
    why="A list of networks that holds all addresses keeps nobody out, and looks as if it did.",
    fix='networks = ["10.0.0.0/8"], or remove it',
    sources=("ASVS 5.0 8.4.2",),
)
def everybody(case: Case) -> Iterator[Spot]:
    """Check ``networks``."""
    for place in case.routes:
        for name in EVERYBODY.intersection(place.entry.networks):
            yield Spot(place.key("networks"), f"{place} is open to {name}: every address")


@rule(
    "WW108",
    Severity.WARNING,
    "Networks are compared with the proxy's address",
    why=(
        "Callers come by way of a proxy, as the issuer says, but no proxy is trusted: the address that is "
        "compared is the proxy's own."
    ),
    fix='[server]\ntrusted_proxies = ["127.0.0.1"]   # the address that your proxy connects from',
    sources=("ASVS 5.0 4.1.3", "RFC 7239 8.1"),
)
def proxys_address(case: Case) -> Iterator[Spot]:
    """Check ``networks`` where TLS ends before us."""
    if case.tls or case.proxied or not case.https:
        return
    for place in case.routes:
        if place.entry.networks:
            yield Spot(place.key("networks"), f"{place}: the proxy's address is compared, not the caller's")


@rule(
    "WW109",
    Severity.WARNING,
    "Nobody can prove what a route asks for",
    why="Keys and signatures tell nothing of how a person logged in, so every request is refused.",
    fix='accept = "session | jwt"',
    sources=("RFC 9470", "RFC 8176"),
)
def unprovable(case: Case) -> Iterator[Spot]:
    """Check ``factors`` where no login is accepted."""
    for place in case.routes:
        wanted = frozenset(place.entry.factors)
        if not wanted or not place.schemes or place.schemes - _NO_PERSON - _WHO_PROVES.keys():
            continue
        if not any(wanted <= proven for proven in map(_proven, place.ways)):
            yield Spot(place.key("factors"), f"{place}: {place.entry.accept} proves no {', '.join(sorted(wanted))}")


def _proven(way: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*(_WHO_PROVES.get(name, frozenset()) for name in way))


@rule(
    "WW110",
    Severity.NOTE,
    "Something can be deleted with an old login",
    why=(
        "Who finds an open browser or steals a token can do what cannot be undone. A second factor, freshly "
        "proven, keeps them out."
    ),
    fix='factors = ["mfa"]\nwithin = "5m"',
    sources=("ASVS 5.0 7.5.3", "RFC 9470"),
)
def no_step_up(case: Case) -> Iterator[Spot]:
    """Check routes that name DELETE and let people in."""
    for place in case.accepting("session", "jwt"):
        if "DELETE" in place.methods and not place.entry.factors and place.entry.within is None:
            yield Spot(place.key("methods"), f"{place} asks for no recent second factor")


@rule(
    "WW111",
    Severity.NOTE,
    "A route accepts Basic",
    why="The password itself travels with every request, and each place that sees one of them can log in with it.",
    fix='accept = "api-key | jwt"',
    sources=("RFC 7617 4", "RFC 9700 2.4"),
)
def basic(case: Case) -> Iterator[Spot]:
    """Check for Basic."""
    for place in case.accepting("basic"):
        yield Spot(place.key("accept"), f"{place} accepts passwords with every request")


@rule(
    "WW112",
    Severity.WARNING,
    "A route wants client certificates, which nobody is asked for",
    why="Without server.tls.client_ca no caller can show one, so the alternatives with mtls never hold.",
    fix='[server.tls]\nclient_ca = "watchword"',
    sources=("RFC 8446 4.3.2", "ASVS 5.0 12.3.5"),
)
def no_client_ca(case: Case) -> Iterator[Spot]:
    """Check for mtls where no client authority is named."""
    if case.settings.server.tls.client_ca:
        return
    for place in case.accepting("mtls"):
        needed = all("mtls" in way for way in place.ways)
        said = "every request is refused" if needed else "that alternative never holds"
        yield Spot(place.key("accept"), f"{place}: {said}", severity=None if needed else Severity.NOTE)


@rule(
    "WW113",
    Severity.NOTE,
    "A service behind has to compare a digest",
    why=(
        "The signature is checked over X-Content-SHA256, unseen content: a service that does not compare it "
        "takes any content."
    ),
    fix="compare X-Watchword-Content-SHA256 with the SHA-256 of the content, in the service behind",
    sources=("RFC 9530 6.1",),
)
def unseen(case: Case) -> Iterator[Spot]:
    """Check ``body``."""
    for place in case.routes:
        if place.entry.body == "upstream":
            yield Spot(place.key("body"), f"{place}: its content is not seen here")


@rule(
    "WW114",
    Severity.WARNING,
    "No route says what a place demands",
    why="Without any [[route]], /check asks for proof alone: every credential opens every place.",
    fix=(
        '[[route]]\npath = "/orders/{id}"\nmethods = ["GET"]\naccept = "api-key | jwt"\nscopes = '
        '["orders:read"]\nlimit = "600/min"'
    ),
    sources=("ASVS 5.0 8.1.1", "ASVS 5.0 8.2.1"),
)
def no_routes(case: Case) -> Iterator[Spot]:
    """Check that there are routes."""
    if not case.routes:
        severity = Severity.NOTE if case.development else None
        yield Spot(("route",), "there is no [[route]]: any credential opens every place", severity=severity)


@rule(
    "WW115",
    Severity.NOTE,
    "A route does not say which API it is part of",
    why="There are several APIs; where a route names none, a token for our own audience opens it.",
    fix='resource = "https://api.example.com/orders"',
    sources=("RFC 8707 2", "RFC 9700 2.3", "ASVS 5.0 10.3.1"),
)
def no_resource(case: Case) -> Iterator[Spot]:
    """Check ``resource`` where there are several APIs."""
    if not case.settings.resource:
        return
    for place in case.accepting("oauth2"):
        if not place.entry.resource:
            fix = f'resource = "{case.settings.resource[0].uri}"'
            yield Spot(place.key("resource"), f"{place} is part of no [[resource]]", fix)


@rule(
    "WW116",
    Severity.WARNING,
    "A path is written for another table",
    why=(
        "Such a path is taken as it stands, so it names one place that nobody asks for; the places that were "
        "meant have no route."
    ),
    fix='path = "/orders/{id}", or "/files/{rest:path}" for the rest',
    sources=("ASVS 5.0 8.2.1",),
)
def foreign_path(case: Case) -> Iterator[Spot]:
    """Check for parameters in other spellings."""
    for place in case.routes:
        found = _ELSEWHERE.search(place.entry.path)
        if found or "?" in place.entry.path or "#" in place.entry.path:
            meant = _ELSEWHERE.sub(_ours, place.entry.path).split("?")[0].split("#")[0]
            yield Spot(place.key("path"), f"{place.entry.path[:80]} is no pattern", f'path = "{meant}"')


def _ours(found: re.Match[str]) -> str:
    return "/{rest:path}" if found[3] else f"/{{{found[1] or found[2]}}}"


@rule(
    "WW117",
    Severity.WARNING,
    "There is no such method",
    why="The route holds for requests that nobody sends; those that were meant are refused, or fall to another route.",
    fix='methods = ["GET"]',
    sources=("RFC 9110 9.1",),
)
def no_method(case: Case) -> Iterator[Spot]:
    """Check ``methods`` against those that are registered."""
    for place in case.routes:
        for name in sorted(place.methods - _METHODS - _WEBDAV):
            yield Spot(place.key("methods"), f"{place.entry.path[:80]}: there is no method {name[:40]!r}")


@rule(
    "WW118",
    Severity.WARNING,
    "A scope stands for everything",
    why="A scope such as * or admin is given to whoever needs a part of it, and opens the rest.",
    fix='scopes = ["orders:read"]',
    sources=("RFC 9700 2.3", "ASVS 5.0 10.4.11"),
)
def catch_all(case: Case) -> Iterator[Spot]:
    """Check for scopes that name no act, wherever scopes are settled."""
    settings = case.settings
    places = [(place.key("scopes"), place.entry.scopes) for place in case.routes]
    places += [(("resource", n, "scopes"), each.scopes) for n, each in enumerate(settings.resource)]
    places += [(("accounts", "scopes"), settings.accounts.scopes), (("oauth", "scopes"), tuple(settings.oauth.scopes))]
    places.append((("oauth", "registration_scopes"), settings.oauth.registration_scopes))
    for key, scopes in places:
        for name in scopes:
            if name.lower() in ("*", "all", "admin", "root", "full", "everything") or name.endswith(":*"):
                yield Spot(key, f"the scope {name!r} stands for everything")


RULES: Final[tuple[Rule, ...]] = (
    *(no_limit, no_scopes, public_writes, all_public, everybody, proxys_address, unprovable, no_step_up, basic),
    *(no_client_ca, unseen, no_routes, no_resource, foreign_path, no_method, catch_all),
)
