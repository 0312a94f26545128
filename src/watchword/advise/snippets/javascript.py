"""Write what a caller in JavaScript does: in Node where there is a secret to keep, in a page with a session."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from watchword.advise.answers import Place

__all__ = ["javascript"]

_BODY: Final = 'JSON.stringify({ item: "tea" })'
_PRINT: Final = (
    "if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);\nconsole.log(await answer.text());\n"
)


def javascript(kind: str, place: Place) -> str:
    """Return an ES module for Node 22 or newer, or, for a session, what a page of the API's own origin does."""
    return _MODULES[kind](place)


def _fetch(place: Place, headers: str, url: str = "", body: str = _BODY) -> str:
    target = url or json.dumps(place.base + place.example)
    more = ', "Content-Type": "application/json"' if place.sends else ""
    lines = [f"const answer = await fetch({target}, {{"]
    if place.method != "GET":
        lines.append(f"  method: {json.dumps(place.method)},")
    lines.append(f"  headers: {{ {headers}{more} }},")
    if place.sends:
        lines.append(f"  body: {body},")
    return "\n".join([*lines, "});\n"]) + _PRINT


def _api_key(place: Place) -> str:
    return _fetch(place, "Authorization: `Bearer ${process.env.API_KEY}`")


def _basic(place: Place) -> str:
    pair = "const pair = Buffer.from(`${process.env.API_USER}:${process.env.API_PASSWORD}`);\n"
    return pair + _fetch(place, 'Authorization: `Basic ${pair.toString("base64")}`')


def _token(place: Place, path: str, member: str, options: str) -> str:
    return f"""const login = await fetch({json.dumps(place.base + path)}, {{
  method: "POST",
{options}
}});
if (!login.ok) throw new Error(`${{login.status}} ${{await login.text()}}`);
const {{ {member} }} = await login.json();
"""


def _jwt(place: Place) -> str:
    options = """  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ username: process.env.API_USER, password: process.env.API_PASSWORD }),"""
    return _token(place, "/login", "token", options) + _fetch(place, "Authorization: `Bearer ${token}`")


def _scope(place: Place) -> str:
    return f", scope: {json.dumps(' '.join(place.scopes))}" if place.scopes else ""


def _oauth(place: Place) -> str:
    pair = "const pair = Buffer.from(`${process.env.CLIENT_ID}:${process.env.CLIENT_SECRET}`);\n"
    options = f"""  headers: {{ Authorization: `Basic ${{pair.toString("base64")}}` }},
  body: new URLSearchParams({{ grant_type: "client_credentials"{_scope(place)} }}),"""
    token = _token(place, "/oauth/token", "access_token", options)
    return pair + token + _fetch(place, "Authorization: `Bearer ${access_token}`")


def _oauth_person(place: Place) -> str:
    return (
        f"""import {{ createInterface }} from "node:readline/promises";

const client_id = process.env.CLIENT_ID;
const asked = await fetch({json.dumps(place.base + "/oauth/device")}, {{
  method: "POST",
  body: new URLSearchParams({{ client_id{_scope(place)} }}),
}});
if (!asked.ok) throw new Error(`${{asked.status}} ${{await asked.text()}}`);
const {{ device_code, verification_uri_complete }} = await asked.json();
const terminal = createInterface({{ input: process.stdin, output: process.stdout }});
await terminal.question(`Agree at ${{verification_uri_complete}}, then press Enter.\\n`);
terminal.close();
"""
        + _token(
            place,
            "/oauth/token",
            "access_token",
            """  body: new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code,
    client_id,
  }),""",
        )
        + _fetch(place, "Authorization: `Bearer ${access_token}`")
    )


def _hmac(place: Place) -> str:
    kind = json.dumps("application/json" if place.sends else "")
    body = _BODY if place.sends else '""'
    proof = (
        '"X-API-Key": key, "X-Timestamp": now, "X-Nonce": nonce, "X-Content-SHA256": digest, "X-Signature": signature'
    )
    return f"""import {{ createHash, createHmac, randomUUID }} from "node:crypto";

const {{ HMAC_KEY: key, HMAC_SECRET: secret }} = process.env;
const url = new URL({json.dumps(place.base + place.example)});
const body = {body};
const now = String(Math.floor(Date.now() / 1000));
const nonce = randomUUID();
const digest = createHash("sha256").update(body).digest("hex");
const signed = [
  "watchword-hmac-v1", key, now, nonce, {json.dumps(place.method)}, url.host, url.pathname, url.search.slice(1), {kind},
  digest,
];
const signature = createHmac("sha256", secret).update(signed.join("\\n")).digest("hex");
{_fetch(place, proof, "url", "body")}"""


def _mtls(place: Place) -> str:
    headers = '{ "Content-Type": "application/json" }' if place.sends else "{}"
    sent = _BODY if place.sends else ""
    return f"""import {{ readFileSync }} from "node:fs";
import {{ request }} from "node:https";

const options = {{
  method: {json.dumps(place.method)},
  headers: {headers},
  cert: readFileSync("cert.pem"),
  key: readFileSync("key.pem"),
}};
const call = request({json.dumps(place.base + place.example)}, options, async (answer) => {{
  let text = "";
  for await (const part of answer) text += part;
  if (answer.statusCode >= 400) throw new Error(`${{answer.statusCode}} ${{text}}`);
  console.log(text);
}});
call.end({sent});
"""


def _session(place: Place) -> str:
    page = f"// In a page of {place.base}, once the person has logged in: the browser sends the cookie by itself.\n"
    if place.method == "GET":
        return f"{page}const answer = await fetch({json.dumps(place.example)});\n{_PRINT}"
    csrf = "const csrf = document.cookie.match(/(?:^|; )__Host-csrf=([^;]*)/)?.[1];\n"
    return page + csrf + _fetch(place, '"X-CSRF-Token": csrf', json.dumps(place.example))


_MODULES: Final[Mapping[str, Callable[[Place], str]]] = MappingProxyType(
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
