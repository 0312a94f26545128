"""Advised blocks are what the real loader takes, with what is suggested on top, too; the commands are real ones."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import httpx2
import pytest

from tests.cli.desk import run_in
from tests.explanation.house import issued, playing
from watchword.advise import QUESTIONS, Advice, Answers, NoAnswer, Place, advise
from watchword.advise.blocks import route_block
from watchword.advise.layers import UNSEEN
from watchword.app import Watchword
from watchword.client import SignatureAuth
from watchword.explanation import Question, explained
from watchword.model.credential import Kind
from watchword.routes import Rule
from watchword.server.config.load import load
from watchword.server.places import front_of

PLACE = Place(path="/orders/{id}", method="POST", scopes=("orders:read", "orders:write"))


def _several() -> list[Answers]:
    """Return answers that differ in what blocks depend on."""
    words = {question.name: [option.word for option in question.options] for question in QUESTIONS}
    told = ("callers", "through", "sensitivity", "ends", "certificates")
    found = []
    for choice in product(*(words[name] for name in told)):
        try:
            found.append(Answers(**dict(zip(told, choice, strict=True))))
        except NoAnswer:
            continue
    return found


def _blocks() -> dict[str, Advice]:
    return {each.route_block: each for answers in _several() for each in advise(answers, PLACE) if each.route_block}


@pytest.fixture(scope="module")
def blocks() -> dict[str, Advice]:
    return _blocks()


def _loaded(folder: Path, *texts: str) -> list[Rule]:
    path = folder / "watchword.toml"
    path.write_text("\n".join(texts))
    return [entry.rule() for entry in load(path).route]


def test_every_block_is_what_the_loader_takes(blocks: dict[str, Advice], tmp_path: Path) -> None:
    assert len(blocks) > 50
    house, rules = Watchword("memory:"), _loaded(tmp_path, *blocks)
    for rule, advice in zip(rules, blocks.values(), strict=True):
        assert (rule.path, rule.methods, rule.accept) == (PLACE.path, ("POST",), advice.scheme)
        assert (rule.scopes, bool(rule.limit)) == (PLACE.scopes, True)
        house.compile(rule)


def test_every_suggestion_on_top_is_what_the_loader_takes(blocks: dict[str, Advice], tmp_path: Path) -> None:
    texts, seen = [], set()
    for block, advice in blocks.items():
        for layer in advice.layers:
            for setting in layer.settings:
                assert f"\n# {setting}\n" in block
                seen.add(setting)
            key = layer.settings[0].partition(" ")[0] if layer.settings else ""
            kept = [line for line in block.splitlines() if not (key and line.startswith(f"{key} "))]
            if layer.settings:
                texts.append("\n".join([*kept, *layer.settings]))
    house = Watchword("memory:")
    for rule in _loaded(tmp_path, *dict.fromkeys(texts)):
        house.compile(rule)
    assert {'accept = "jwt via mtls"', 'accept = "mtls & hmac"', 'factors = ["otp"]'} < seen


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_advised_signature_passes_at_a_gateway_that_shows_no_content(method: str, tmp_path: Path) -> None:
    """Routes of watchword.toml are asked about by gateways: a signature over content must be fit for that."""
    place = Place("http://api.test", "/orders/{id}", method, ("orders:read",))
    best = advise(Answers(sensitivity="high"), place)[0]
    assert best.scheme == "hmac"
    for language in ("curl", "javascript"):
        assert "X-Content-SHA256" in best.snippet[language]
    rules = tuple(_loaded(tmp_path, best.route_block))

    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.HMAC, scopes=("orders:read",))
        auth = SignatureAuth(key.material["key_id"], key.material["secret"])
        sent = httpx2.Request(method, "http://api.test/orders/1", json={"item": "tea"} if method == "POST" else None)
        sent.read()
        fields = next(auth.sync_auth_flow(sent)).headers
        asked = {"method": method, "url": str(sent.url), "headers": [list(each) for each in fields.multi_items()]}
        found = await explained(house, Question.of(asked), front_of(house))
        assert found.accepted, found.outcome

    playing(rules, work)


def test_every_policy_that_may_take_signatures_is_fit_for_gateways(blocks: dict[str, Advice], tmp_path: Path) -> None:
    for block, advice in blocks.items():
        assert any(line.startswith(UNSEEN) for line in block.splitlines()) == (advice.scheme == "hmac")
        for layer in advice.layers:
            if any("hmac" in setting for setting in layer.settings):
                assert (UNSEEN in layer.settings) != (advice.scheme == "hmac")


def test_what_is_ruled_out_has_no_block() -> None:
    for answers in _several():
        for each in advise(answers, PLACE):
            if each.verdict == "ruled out":
                assert (each.route_block, each.steps, each.snippet) == ("", (), {})


def test_a_block_without_scopes_demands_none(tmp_path: Path) -> None:
    [rule] = _loaded(tmp_path, route_block("api-key", Answers(), Place(scopes=()), ()))
    assert rule.scopes == ()


def test_the_commands_are_real_ones(tmp_path: Path) -> None:
    """Run each kind of command once, and each that adds somebody where nobody of the name is there yet."""
    kinds: dict[tuple[str, ...], tuple[str, ...]] = {}
    for answers in _several():
        for each in advise(answers, PLACE):
            if each.steps:
                kinds.setdefault(tuple(each.steps[-1].split()[1:3]), each.steps)
    assert len(kinds) >= 7
    assert run_in(tmp_path, "init").code == 0
    added: set[str] = set()
    for steps in sorted(kinds.values(), key=len):
        for step in steps:
            words = step.replace(" --password ", " --password-stdin ").split()[1:]  # what a terminal would be asked for
            if words[1] == "add" and words[2] in added:
                continue
            added.add(words[2])
            said = run_in(tmp_path, *words, stdin="correct horse battery staple\n")
            assert said.code == 0, (step, said)
