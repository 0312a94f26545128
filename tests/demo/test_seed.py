"""What is sown is in the state that the scripts rely on, and no secret of it shows."""

from __future__ import annotations

import time

from watchword.app import Watchword
from watchword.demo.seed import ALICE, BILLING, BOB, SHIPPING
from watchword.demo.stage import Stage
from watchword.model.credential import Kind, State


def test_states(stage: Stage) -> None:
    async def states(office: Watchword) -> dict[str, State]:
        found = {name: await office.lifecycle.show(id) for name, id in stage.seeds.ids.items()}
        return {name: record.state(time.time()) for name, record in found.items()}

    found = stage.office(states)
    for kind in ("key", "signer", "certificate"):
        assert found[f"{kind} billing"] is State.ACTIVE
        assert found[f"{kind} expired"] is State.EXPIRED
        assert found[f"{kind} revoked"] is State.REVOKED
    assert found["key before"] is State.RETIRED
    assert found["client gone"] is State.REVOKED
    assert found["password alice"] is State.RETIRED


def test_everybody_holds_what_the_seven_schemes_need(stage: Stage) -> None:
    async def kinds(office: Watchword) -> dict[str, set[Kind]]:
        return {
            name: {record.kind for record in await office.lifecycle.page(subject=name, limit=100)}
            for name in (ALICE, BOB, BILLING, SHIPPING)
        }

    held = stage.office(kinds)
    assert Kind.PASSWORD in held[ALICE]
    assert held[BILLING] >= {Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT}
    assert held[SHIPPING] == {Kind.HMAC, Kind.CLIENT_CERT}


def test_no_secret_is_in_a_repr(stage: Stage) -> None:
    shown = repr(stage.seeds)
    secrets = [*stage.seeds.passwords.values(), *stage.seeds.keys.values(), *stage.seeds.cookies.values()]
    assert [secret for secret in secrets if secret in shown] == []
