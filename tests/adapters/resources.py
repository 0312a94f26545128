"""Hold adapters to what a place of an API with a name of its own answers (RFC 9728, RFC 8707)."""

from __future__ import annotations

from typing import Any

from tests.house import House
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Kind
from watchword.testing.asgi import Answer, Ask, ask

ONE, OTHER = "https://api.example.com/one", "https://api.example.com/other"
METADATA = "https://api.example.com/.well-known/oauth-protected-resource/"


async def token(opened: House, audience: str = "", cnf: dict[str, str] | None = None) -> bytes:
    """Return an Authorization value that is for this API, "" for the usual one."""
    client = (
        await opened.issue(Kind.OAUTH_CLIENT, options={"grants": ["client_credentials"]}, scopes=["read"])
    ).credential
    terms = Terms(frozenset({"read"}), (audience,) if audience else (), cnf)
    return b"Bearer " + (await opened.watchword.tokens.for_client(client, terms)).text.encode()


async def hold(opened: House, app: Any) -> None:
    """Ask ``/one`` and ``/other``, each part of its API and for the scope "read", with tokens for both."""
    tokens = {audience: await token(opened, audience) for audience in (ONE, OTHER, "")}
    for path, own in (("/one", ONE), ("/other", OTHER)):
        for audience, value in tokens.items():
            answer = await ask(app, Ask(path=path).bearing((b"authorization", value)))
            assert answer.status == (200 if audience == own else 401), (path, audience)
            if audience != own:
                assert 'error="invalid_token"' in _bearer(answer)
        answer = await ask(app, Ask(path=path))
        assert answer.status == 401
        told = _bearer(answer)
        assert f'resource_metadata="{METADATA}{path[1:]}"' in told
        assert 'scope="read"' in told
        assert "error" not in told
    key, _ = await opened.key(scopes=())
    short = await ask(app, Ask(path="/one").bearing((b"authorization", key)))
    assert short.status == 403
    assert f'error="insufficient_scope", scope="read", resource_metadata="{METADATA}one"' in _bearer(short)


def _bearer(answer: Answer) -> str:
    return next(value for value in answer.all(b"www-authenticate") if value.startswith("Bearer "))
