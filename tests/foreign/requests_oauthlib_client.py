"""Be an application that uses requests-oauthlib: log in with PKCE, call, refresh; or act in one's own name."""

from __future__ import annotations

import json
import sys
from typing import Any

from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

given = json.loads(sys.argv[1])
issuer = given["issuer"]


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def whoami(session: Any) -> Any:
    answer = session.get(f"{issuer}/whoami")
    return answer.json() if answer.status_code == 200 else answer.status_code


def person() -> None:
    session = OAuth2Session(
        given["client_id"], redirect_uri=given["redirect_uri"], scope=given["scope"].split(), pkce="S256"
    )
    place, _ = session.authorization_url(f"{issuer}/oauth/authorize")
    say(place=place)
    came = sys.stdin.readline().strip()
    secret = {"client_secret": given["secret"]} if given.get("secret") else {"include_client_id": True}
    token = session.fetch_token(f"{issuer}/oauth/token", authorization_response=came, **secret)
    first = whoami(session)
    more = {"client_id": given["client_id"]}
    if given.get("secret"):
        more["client_secret"] = given["secret"]
    again = session.refresh_token(f"{issuer}/oauth/token", **more)
    rotated = again["refresh_token"] != token["refresh_token"]
    say(first=first, again=whoami(session), rotated=rotated, scope=" ".join(token["scope"]))


def machine() -> None:
    session = OAuth2Session(client=BackendApplicationClient(given["client_id"], scope=given["scope"].split()))
    session.fetch_token(f"{issuer}/oauth/token", auth=HTTPBasicAuth(given["client_id"], given["secret"]))
    say(who=whoami(session))


try:
    machine() if given.get("machine") else person()
except Exception as error:
    say(error=f"{type(error).__name__}: {error}")
