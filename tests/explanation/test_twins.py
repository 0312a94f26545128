"""Every request of the demo, honest or forged, is explained right before it is judged: both must say the same.

The explanation is made in the serving process, by the very house that judges the request a moment later. Did it leave
any trace there (a first use, a count, a remembered verdict), the judging would come out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from watchword.adapters.asgi import read_body, replayed, whole
from watchword.app import Watchword
from watchword.audit import Audit
from watchword.demo import stage as demo
from watchword.demo.courier import Courier
from watchword.demo.orders import PLACES, DemoApp
from watchword.demo.stage import Stage, listening, staged
from watchword.demo.trial import judged
from watchword.demo.twins import SCRIPTS
from watchword.explanation import Explanation, explain
from watchword.model.request import Request
from watchword.model.verdict import Rejection

Told = tuple[int, str, str]


class Explained(DemoApp):
    """Explain each request to the sample API before it is answered."""

    pairs: list[tuple[Explanation, Told]]
    judged: list[Told]

    def __init__(self, server: Any, watchword: Watchword) -> None:
        super().__init__(server, watchword)
        self._house = watchword

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PLACES):
            await super().__call__(scope, receive, send)
            return
        body = await read_body(receive) or b""
        query = scope["query_string"].decode("latin-1")
        tls = scope.get("extensions", {}).get("tls", {})
        explanation = await explain(
            self._house,
            scope["method"],
            f"{scope['scheme']}://127.0.0.1{scope['raw_path'].decode('ascii')}" + (f"?{query}" if query else ""),
            scope["headers"],
            body=body,
            address=scope["client"][0],
            certificate=tls.get("client_cert_der"),
        )
        before = len(Explained.judged)
        await super().__call__(scope, _replay(body, receive), send)
        Explained.pairs += [(explanation, told) for told in Explained.judged[before:]]


def _replay(body: bytes, receive: Any) -> Callable[[], Any]:
    read = [whole(body)]
    return lambda: replayed(read, receive)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        note = Audit.note
        house: list[Any] = []

        def noted(self: Audit, now: float, request: Request, verdict: Any, reference: str = "") -> None:
            note(self, now, request, verdict, reference)
            if house and self is not house[0].audit:
                return
            if request.path.startswith(tuple(place.encode() for place in PLACES)):
                refused = isinstance(verdict, Rejection)
                told = (verdict.reason.status, verdict.reason.code) if refused else (200, "")
                credential = "" if verdict is None else verdict.credential
                Explained.judged.append((*told, credential))

        class Watched(Explained):
            def __init__(self, server: Any, watchword: Watchword) -> None:
                super().__init__(server, watchword)
                house.append(watchword)

        patch.setattr(Audit, "note", noted)
        patch.setattr(demo, "DemoApp", Watched)
        Explained.pairs, Explained.judged = [], []
        bound, url = listening("127.0.0.1:0")
        with staged(bound, url) as found:
            yield found


@pytest.fixture(scope="module")
def courier(stage: Stage) -> Iterator[Courier]:
    with Courier(stage.url, stage.folder) as courier:
        yield courier


@pytest.mark.parametrize("scheme", SCRIPTS)
def test_the_explained_verdict_is_the_real_one(stage: Stage, courier: Courier, scheme: str) -> None:
    Explained.pairs.clear()
    verdicts = next(judged(stage, courier, {scheme: SCRIPTS[scheme]}))
    here = [each for each in verdicts if each.answer.sent.target.startswith(PLACES)]
    assert [(each.case.what, each.answer.status, each.reason) for each in here if not each.right] == []
    assert len(Explained.pairs) >= 10
    told = [(each.outcome.status, each.outcome.reason, each.outcome.credential) for each, _ in Explained.pairs]
    assert told == [real for _, real in Explained.pairs]
    for explanation, _ in Explained.pairs:
        _hold(explanation, stage)


def _hold(explanation: Explanation, stage: Stage) -> None:
    """Hold an explanation to its form, and to saying no secret."""
    value = explanation.value()
    secrets = [*stage.seeds.keys.values(), *stage.seeds.passwords.values(), *stage.seeds.cookies.values()]
    secrets += [secret for _, secret in (*stage.seeds.signers.values(), *stage.seeds.clients.values())]
    assert not any(secret in str(value) for secret in secrets)
    assert explanation.routes[0].matched
    outcomes = [step.outcome for step in explanation.steps]
    if explanation.accepted:
        assert set(outcomes) == {"passed"}
        assert value["response"]["status"] == 200
        return
    reasons = [step.reason for step in explanation.steps if step.outcome == "refused"]
    assert reasons == [explanation.outcome.reason], "one step refuses"
    assert "passed" not in outcomes[outcomes.index("refused") :], "nothing is asked after that"
    assert value["response"]["status"] == explanation.outcome.status
