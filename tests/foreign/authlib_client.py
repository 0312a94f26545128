"""Be an application that uses Authlib: log in, call, refresh, introspect, revoke; or act in one's own name."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

given = json.loads(sys.argv[1])
issuer = given["issuer"]


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def session(**more: Any) -> Any:
    kind = OAuth2Client if given["library"] == "httpx" else OAuth2Session
    arguments = {"scope": given["scope"], "code_challenge_method": "S256", **more}
    if given.get("method"):
        arguments["token_endpoint_auth_method"] = given["method"]
        arguments["revocation_endpoint_auth_method"] = given["method"]
    if kind is OAuth2Client:
        arguments["timeout"] = 30  # its own five seconds are too few where many tests share two cores
    return kind(given["client_id"], given.get("secret"), **arguments)


def metadata(client: Any) -> Any:
    return client.request("GET", f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True).json()


def whoami(client: Any) -> Any:
    answer = client.get(f"{issuer}/whoami")
    return answer.json() if answer.status_code == 200 else answer.status_code


def person() -> None:
    with session(redirect_uri=given["redirect_uri"]) as client:
        places = metadata(client)
        verifier = generate_token(64)
        place, state = client.create_authorization_url(places["authorization_endpoint"], code_verifier=verifier)
        say(place=place)
        came = sys.stdin.readline().strip()
        endpoint = places["token_endpoint"]
        token = client.fetch_token(endpoint, authorization_response=came, code_verifier=verifier, state=state)
        first = whoami(client)
        again = client.refresh_token(endpoint, refresh_token=token["refresh_token"])
        said = {"first": first, "again": whoami(client), "scope": token["scope"]}
        said["rotated"] = again["refresh_token"] != token["refresh_token"]
        if given.get("secret"):
            said["active"] = active(client, places, again["access_token"])
        client.revoke_token(
            places["revocation_endpoint"], token=again["refresh_token"], token_type_hint="refresh_token"
        )
        said["revoked"] = settled(lambda: whoami(client), 401)
        say(**said)


def machine() -> None:
    if given.get("pem"):
        from joserfc.jwk import OKPKey

        given["secret"] = OKPKey.import_key(given["pem"], {"kid": given["kid"]})
    with session() as client:
        places = metadata(client)
        if given.get("pem"):
            header = {"kid": given["kid"]}
            client.register_client_auth_method(PrivateKeyJWT(issuer, headers=header, alg="EdDSA"))
        token = client.fetch_token(places["token_endpoint"], grant_type="client_credentials")
        said = {"who": whoami(client), "scope": token["scope"]}
        said["active"] = active(client, places, token["access_token"])
        client.revoke_token(places["revocation_endpoint"], token=token["access_token"]).raise_for_status()
        said["inactive"] = settled(lambda: active(client, places, token["access_token"]), False)
        say(**said)


def active(client: Any, places: Any, token: str) -> Any:
    return client.introspect_token(places["introspection_endpoint"], token=token).json()["active"]


def settled(ask: Any, wanted: Any) -> Any:
    """Ask until the answer is the one that is wanted: one worker tells the others what is revoked."""
    ends = time.monotonic() + 10
    while (answer := ask()) != wanted and time.monotonic() < ends:
        time.sleep(0.1)
    return answer


try:
    machine() if given.get("machine") else person()
except Exception as error:
    say(error=f"{type(error).__name__}: {error}")
