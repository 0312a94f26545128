"""Write what a caller with a shell does, by curl and, to sign, OpenSSL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from shlex import quote
from types import MappingProxyType
from typing import Final

from watchword.advise.answers import Place

__all__ = ["curl"]

_BODY: Final = '{"item": "tea"}'
_TAKE: Final = """take() { sed -n "s/.*\\"$1\\": *\\"\\([^\\"]*\\)\\".*/\\1/p"; }"""


def curl(kind: str, place: Place) -> str:
    """Return lines for a shell (POSIX)."""
    return _SCRIPTS[kind](place)


def _call(place: Place, *proof: str) -> str:
    words = ["curl --fail-with-body"]
    if place.method != "GET":
        words.append(f"--request {place.method}")
    words += proof
    if place.sends:
        words += ['--header "Content-Type: application/json"', f"--data {quote(_BODY)}"]
    words.append(quote(place.base + place.example))
    return " \\\n    ".join(words) + "\n"


def _bearer(name: str) -> str:
    return f'--header "Authorization: Bearer ${name}"'


def _api_key(place: Place) -> str:
    return _call(place, _bearer("API_KEY"))


def _basic(place: Place) -> str:
    return _call(place, '--user "$API_USER:$API_PASSWORD"')


def _jwt(place: Place) -> str:
    login = (
        f"TOKEN=$(curl --silent --fail-with-body {quote(place.base + '/login')} \\\n"
        '    --header "Content-Type: application/json" \\\n'
        '    --data "{\\"username\\": \\"$API_USER\\", \\"password\\": \\"$API_PASSWORD\\"}" | take token)\n'
    )
    return f"{_TAKE}\n{login}{_call(place, _bearer('TOKEN'))}"


def _oauth(place: Place) -> str:
    scope = f" \\\n    --data-urlencode {quote('scope=' + ' '.join(place.scopes))}" if place.scopes else ""
    token = (
        f"TOKEN=$(curl --silent --fail-with-body {quote(place.base + '/oauth/token')} \\\n"
        f'    --user "$CLIENT_ID:$CLIENT_SECRET" --data grant_type=client_credentials{scope} | take access_token)\n'
    )
    return f"{_TAKE}\n{token}{_call(place, _bearer('TOKEN'))}"


def _oauth_person(place: Place) -> str:
    scope = f" --data-urlencode {quote('scope=' + ' '.join(place.scopes))}" if place.scopes else ""
    return f"""{_TAKE}
ASKED=$(curl --silent --fail-with-body {quote(place.base + "/oauth/device")} --data "client_id=$CLIENT_ID"{scope})
echo "Agree at $(echo "$ASKED" | take verification_uri_complete), then press Enter."
read -r _
TOKEN=$(curl --silent --fail-with-body {quote(place.base + "/oauth/token")} --data "client_id=$CLIENT_ID" \\
    --data grant_type=urn:ietf:params:oauth:grant-type:device_code \\
    --data "device_code=$(echo "$ASKED" | take device_code)" | take access_token)
{_call(place, _bearer("TOKEN"))}"""


def _hmac(place: Place) -> str:
    host = place.base.partition("://")[2].partition("/")[0]
    prefix = place.base.partition("://")[2][len(host) :]
    kind = "application/json" if place.sends else ""
    proof = (
        '--header "X-API-Key: $HMAC_KEY"',
        '--header "X-Timestamp: $NOW"',
        '--header "X-Nonce: $NONCE"',
        '--header "X-Content-SHA256: $DIGEST"',
        '--header "X-Signature: $SIGNATURE"',
    )
    return f"""NOW=$(date +%s)
NONCE=$(openssl rand -hex 16)
DIGEST=$(printf %s {quote(_BODY if place.sends else "")} | openssl dgst -sha256 -r | cut -d " " -f 1)
SIGNATURE=$(printf "%s\\n%s\\n%s\\n%s\\n%s\\n%s\\n%s\\n%s\\n%s\\n%s" watchword-hmac-v1 "$HMAC_KEY" "$NOW" "$NONCE" \\
    {place.method} {quote(host.lower())} {quote(prefix + place.example)} "" {quote(kind)} "$DIGEST" |
    openssl dgst -sha256 -hmac "$HMAC_SECRET" -r | cut -d " " -f 1)
{_call(place, *proof)}"""


def _mtls(place: Place) -> str:
    return _call(place, "--cert cert.pem --key key.pem")


def _session(place: Place) -> str:
    login = quote(place.base + "/login")
    csrf = ("--header \"X-CSRF-Token: $(sed -n 's/.*csrf\\t//p' jar)\"",) if place.method != "GET" else ()
    return f"""FORM=$(curl --silent --fail-with-body --cookie-jar jar {login})
curl --silent --fail-with-body --output /dev/null --cookie jar --cookie-jar jar {login} \\
    --data-urlencode "csrf_token=$(echo "$FORM" | sed -n 's/.*name="csrf_token" value="\\([0-9a-f]*\\)".*/\\1/p')" \\
    --data-urlencode "username=$API_USER" --data-urlencode "password=$API_PASSWORD"
{_call(place, "--cookie jar", *csrf)}"""


_SCRIPTS: Final[Mapping[str, Callable[[Place], str]]] = MappingProxyType(
    {
        "api-key": _api_key,
        "basic": _basic,
        "jwt": _jwt,
        "oauth2": _oauth,
        "oauth2-person": _oauth_person,
        "hmac": _hmac,
        "mtls": _mtls,
        "session": _session,
    }
)
