"""Weigh the seven schemes: points as data, each with the sentence that says why.

A row gives points to schemes where every condition holds. Nothing else decides, so whoever disagrees with an advice
finds the row. What the sensitivity gives grows with a scheme's strength from level to level, and depends on nothing
else: more at stake never lets a weaker scheme overtake a stronger one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from watchword.advise.answers import Answers

__all__ = ["RULED_OUT", "SCHEMES", "STRENGTH", "TABLE", "Row", "weigh"]

SCHEMES: Final = ("basic", "api-key", "session", "jwt", "oauth2", "hmac", "mtls")
"""The schemes, the simplest to run first: of two with the same points the simpler one is advised."""

STRENGTH: Final[Mapping[str, int]] = MappingProxyType(
    {"basic": 0, "api-key": 1, "session": 2, "jwt": 2, "oauth2": 2, "hmac": 3, "mtls": 3}
)
"""How little a request that somebody saw is worth to them: a password most, a signature or certificate nothing."""

RULED_OUT: Final = -100
"""Points of what cannot be right, whatever else speaks for it."""


@dataclass(frozen=True, slots=True)
class Row:
    """Give ``points`` to a scheme where every answer named in ``when`` is one of those listed, and say why."""

    scheme: str
    points: int
    when: Mapping[str, tuple[str, ...]]
    why: str

    def holds(self, answers: Answers) -> bool:
        """Tell whether every condition holds."""
        return all(getattr(answers, name) in words for name, words in self.when.items())


def _rows(when: dict[str, tuple[str, ...]], *rows: tuple[str, int, str]) -> tuple[Row, ...]:
    return tuple(Row(scheme, points, MappingProxyType(when), why) for scheme, points, why in rows)


_PEOPLE: Final = ("people", "both")
_OUT: Final = RULED_OUT

_CALLERS: Final = (
    *_rows(
        {"callers": ("machines", "both"), "through": ("server",)},
        ("api-key", 7, "Programs call: one header, nothing to compute, nothing to renew by the hour."),
        ("hmac", 5, "A program can sign: the secret never travels."),
        ("mtls", 4, "A program can hold a certificate."),
        ("oauth2", 3, "A program can ask for tokens by client credentials."),
        ("basic", 0, "A program can send a name and a password."),
        ("jwt", -1, "Tokens of a login are made for people; a program would have to log in like one."),
        ("session", _OUT, "A session is for a person at a browser."),
    ),
    *_rows(
        {"callers": ("people",), "through": ("server",)},
        ("api-key", 6, "A person's script takes a key of their own from the environment."),
        ("jwt", 5, "A person logs in once; the script goes on with tokens."),
        ("oauth2", 4, "A tool can have the person log in through the browser, and sees no password."),
        ("basic", 2, "Every tool knows --user."),
        ("hmac", 1, "A person's script can sign, too."),
        ("mtls", 0, "A certificate on the person's machine works, where somebody renews it."),
        ("session", -4, "Cookies are for browsers; a script would have to play one."),
    ),
    *_rows(
        {"callers": _PEOPLE, "through": ("browser",)},
        ("session", 10, "A browser is the client: it keeps an HttpOnly cookie by itself, and no script can read it."),
        ("jwt", 4, "Tokens work in pages, but a script has to keep them where another script may find them."),
        ("oauth2", 1, "For your own pages an authorization server is a detour; it pays once others join."),
        ("basic", -3, "Browsers ask for name and password in a window of their own, and have no way to log out."),
        ("mtls", -5, "People have to install certificates into their browsers."),
        ("api-key", -20, "A key in a page belongs to everybody who can open the page."),
        ("hmac", _OUT, "A secret in a page is no secret: whoever opens it can sign."),
    ),
    *_rows(
        {"callers": _PEOPLE, "through": ("app",)},
        ("jwt", 9, "People log in once; a short token is verified anywhere, a refresh token brings the next."),
        ("oauth2", 5, "The code flow with PKCE keeps passwords out of the app altogether."),
        ("session", 3, "A single-page application on your own origin can live on the cookie."),
        ("basic", -3, "The app would keep the password and send it each time."),
        ("api-key", -8, "A key that ships with an app is everybody's; one for each person has to be typed in."),
        ("hmac", -10, "A secret that ships with an app can be read out of it."),
        ("mtls", -8, "Certificates on people's own devices are hard to hand out and to renew."),
    ),
    *_rows(
        {"callers": ("people", "both"), "through": ("third-party",)},
        ("oauth2", 14, "Somebody else's application acts for people: they agree to it, see it and take it back."),
        ("api-key", -8, "People would paste keys into applications of others, without bounds that they can see."),
        ("hmac", -12, "People would hand signing secrets to applications of others."),
        ("mtls", -12, "A certificate says which application calls, not for whom."),
        ("basic", _OUT, "People would give their password to somebody else's application."),
        ("jwt", _OUT, "Your login takes a password: people would type it into somebody else's application."),
        ("session", _OUT, "A cookie of yours never leaves your own site."),
    ),
    *_rows(
        {"callers": ("machines",), "through": ("third-party",)},
        ("oauth2", 10, "An application of somebody else that speaks OAuth gets short tokens for your API alone."),
        ("api-key", 6, "A key is what most public APIs hand to applications of others."),
        ("hmac", 5, "Its operator can sign."),
        ("mtls", 2, "Its operator can hold a certificate."),
        ("basic", 0, "Its operator can send a name and a password."),
        ("jwt", -2, "A login is made for people."),
        ("session", _OUT, "A session is for a person at a browser."),
    ),
    *_rows(
        {"through": ("agent",)},
        ("oauth2", 13, "Agents and MCP clients find an authorization server by themselves, and ask for narrow tokens."),
        ("api-key", 3, "A key with scopes and a limit of its own works where the agent cannot speak OAuth."),
        ("hmac", -3, "Agents call by generic tools, which do not sign."),
        ("mtls", -3, "Agents call by generic tools, which seldom hold certificates."),
        ("jwt", -6, "The agent would hold the person's password."),
        ("basic", -10, "The agent would hold the person's password, and send it each time."),
        ("session", _OUT, "An agent is no browser: a person's cookie is not for it."),
    ),
    *_rows(
        {"through": ("legacy",)},
        ("basic", 14, "It knows name and password only, and everything knows those."),
        ("api-key", 4, "If one header can be configured, a key does better than a password."),
        ("mtls", -2, "A proxy before it can present a certificate for it."),
        ("session", -6, "It keeps no cookies."),
        ("jwt", -6, "It logs in nowhere."),
        ("oauth2", -8, "It asks for no tokens."),
        ("hmac", -8, "It signs nothing."),
    ),
)

_AT_STAKE: Final = (
    *_rows(
        {"sensitivity": ("low",)},
        ("api-key", 3, "Little is at stake: a key that can be revoked is enough."),
        ("session", 1, "Little is at stake."),
        ("jwt", 1, "Little is at stake."),
        ("oauth2", 1, "Little is at stake."),
    ),
    *_rows(
        {"sensitivity": ("medium",)},
        ("basic", -4, "A password that is seen once works until somebody changes it."),
        ("api-key", 3, "With scopes, a limit, networks and an expiry, a key does for most APIs."),
        ("session", 2, "Nothing that lasts leaves the server but an id that can be deleted."),
        ("jwt", 2, "What can be stolen is over in minutes."),
        ("oauth2", 2, "What can be stolen is over in minutes, and is narrow."),
        ("hmac", 3, "A request that is seen is worth nothing."),
        ("mtls", 3, "Nothing that travels can be used again."),
    ),
    *_rows(
        {"sensitivity": ("high",)},
        ("basic", -12, "Much is at stake: whoever sees one request has the password."),
        ("api-key", -3, "Much is at stake: whoever sees one request has the key, until it is revoked."),
        ("session", 2, "A session can be held to a fresh second factor where it hurts."),
        ("jwt", 2, "Tokens can be held to a fresh second factor, and are short."),
        ("oauth2", 2, "Tokens can be narrow, short, and bound to a key (DPoP)."),
        ("hmac", 7, "Much is at stake: a signature covers this request, once; it cannot be replayed or altered."),
        ("mtls", 7, "Much is at stake: the identity is in the connection; there is nothing to steal from a request."),
    ),
)

_WHAT_YOU_HAVE: Final = (
    *_rows(
        {"ends": ("ours",)},
        ("mtls", 3, "Both ends are yours: certificates can be handed out and renewed by the same hands."),
    ),
    *_rows(
        {"ends": ("theirs",)},
        ("api-key", 1, "Others can start with a key in a minute."),
        ("mtls", -3, "Others have to keep a certificate of yours, and renew it in time."),
    ),
    *_rows(
        {"network": ("untrusted",)},
        ("hmac", 5, "Whoever reads requests on the way can neither alter nor repeat a signed one."),
        ("mtls", 2, "A certificate proves the connection, as far as TLS reaches."),
        ("jwt", -1, "Whoever reads requests on the way can use the token while it lasts."),
        ("oauth2", -1, "Whoever reads requests on the way can use the token while it lasts, unless it is bound."),
        ("session", -1, "Whoever reads requests on the way has the cookie."),
        ("api-key", -3, "Whoever reads requests on the way has the key."),
        ("basic", -6, "Whoever reads requests on the way has the password."),
    ),
    *_rows({"certificates": ("yes",)}, ("mtls", 6, "Both ends can handle client certificates.")),
    *_rows({"certificates": ("no",)}, ("mtls", -12, "Nobody can hand out, renew and revoke client certificates.")),
    *_rows(
        {"complexity": ("little",)},
        ("api-key", 2, "Nothing is simpler to hand out, to use and to revoke."),
        ("basic", 1, "Nothing has to be built."),
        ("jwt", -1, "Callers have to log in and to refresh."),
        ("oauth2", -2, "An authorization server is more to understand; ours comes ready."),
        ("hmac", -3, "Callers have to build what is signed, and to keep their clock right."),
        ("mtls", -5, "Certificates have to be handed out, renewed and revoked."),
    ),
    *_rows(
        {"complexity": ("much",)},
        ("oauth2", 1, "There is somebody to run an authorization server."),
        ("hmac", 1, "There is somebody to help callers sign."),
        ("mtls", 2, "There is somebody to run a certificate authority."),
    ),
)

_HOW_IT_WORKS: Final = (
    *_rows(
        {"provider": ("outside",), "callers": _PEOPLE},
        ("oauth2", 8, "People log in at a provider that you rely on: it issues, you verify."),
        ("jwt", 3, "The provider's tokens can be verified as they are ([[trusted_issuer]])."),
        ("session", 3, "People can log in with the provider, and have a session with you ([[provider]])."),
        ("basic", -4, "The provider keeps the passwords: there are none to check here."),
    ),
    *_rows(
        {"provider": ("outside",), "callers": ("machines",)},
        ("oauth2", 5, "Workloads can bring what their platform issues, and need no secret of yours."),
        ("jwt", 2, "What the platform issues can be verified as it is ([[trusted_issuer]])."),
    ),
    *_rows(
        {"revocation": ("at-once",)},
        ("session", 2, "A session is over when its record is."),
        ("api-key", 1, "A key is over when its record is."),
        ("mtls", 0, "A certificate is over at the next request."),
        ("jwt", -2, "A token says that it is valid: every service has to hear that it is not (within a second here)."),
        ("oauth2", -1, "A token has to be taken back everywhere it is verified (within a second here)."),
    ),
    *_rows({"revocation": ("hours",)}, ("jwt", 1, "Tokens may run out by themselves.")),
    *_rows(
        {"offline": ("yes",)},
        ("jwt", 5, "Any service verifies the signature by itself: no look-up, no shared session store."),
        ("oauth2", 4, "Signed access tokens are verified anywhere."),
        ("mtls", 2, "Any service verifies the chain by itself."),
        ("hmac", -3, "Every service needs the secret, or has to ask."),
        ("api-key", -4, "Every service has to look the key up."),
        ("basic", -4, "Every service has to check the password."),
        ("session", -5, "Every service has to reach the session's record."),
    ),
)

TABLE: Final[tuple[Row, ...]] = (*_CALLERS, *_AT_STAKE, *_WHAT_YOU_HAVE, *_HOW_IT_WORKS)
"""Every row there is."""


def weigh(answers: Answers) -> dict[str, list[Row]]:
    """Return, of each scheme, the rows that hold."""
    found: dict[str, list[Row]] = {scheme: [] for scheme in SCHEMES}
    for row in TABLE:
        if row.holds(answers):
            found[row.scheme].append(row)
    return found
