"""A running server follows its files, and keeps the last good configuration while the new one is broken (row 61)."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import make
from tests.server.reloaded import NEW, NOW, OLD, TLS, TOML, Place, play

from watchword.codec.oauth.x5c import jwks_of
from watchword.codec.secrets import Sealer
from watchword.lifecycle.certificates import new_ca
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.model.records import FeedEntry, Topic
from watchword.server.reloading import Reloading

SELF = {"auth_method": "self_signed_tls_client_auth"}


def test_a_changed_file_is_seen_and_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(place: Place) -> None:
        await place.reloading.look()
        assert await place.acts() == []
        place.write("mail", "second one")
        place.write("watchword.toml", TOML.replace("90d", "30d"))
        await place.reloading.look()
        assert place.mail == "second one"
        assert place.watchword.operations.rotation.rules.ages["api-key"] == 30 * 86400
        assert await place.acts() == [("done", "")]
        await place.reloading.look()
        assert len(await place.acts()) == 1

    with caplog.at_level(logging.WARNING, "watchword"):
        play(Place(tmp_path), test)
    assert "second one" not in caplog.text


def test_a_broken_configuration_is_named_and_the_one_before_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(place: Place) -> None:
        place.write("mail", "kept for later")
        place.write("watchword.toml", TOML.replace("api_key", "api_kye"))
        await place.reloading.look()
        assert place.watchword.operations.rotation.rules.ages["api-key"] == 90 * 86400
        ((outcome, detail),) = await place.acts()
        assert outcome == "refused"
        assert "watchword.toml, line 12: rotation.api_kye: unknown setting (did you mean api_key?)" in detail
        place.write("watchword.toml", TOML + "\n")
        await place.reloading.look()
        assert [outcome for outcome, _ in await place.acts()] == ["refused", "done"]

    with caplog.at_level(logging.ERROR, "watchword"):
        play(Place(tmp_path), test)
    assert "what was before goes on" in caplog.text
    assert "line 12" in caplog.text


def test_whatever_is_missing_nothing_is_taken(tmp_path: Path) -> None:
    """A secret and a root key that are gone, a root key without the one in use: all or nothing."""

    async def test(place: Place) -> None:
        place.write("watchword.toml", TOML.replace("90d", "30d").replace('file = "root"', 'env = "NOT_THERE"'))
        assert not await place.reloading.reload()
        assert "root_key: env 'NOT_THERE' has none" in (await place.acts())[-1][1]
        place.write("watchword.toml", TOML.replace("90d", "30d"))
        for name, text, said in (
            ("mail", "", "mail.password: file 'mail' is empty"),
            ("root", "", "root_key.file: file 'root' is empty"),
            ("root", NEW, f"the root key {Sealer(OLD).key_id}, by which this store is sealed, is missing"),
            ("root", "hunter2", "the root key must be 32 bytes in base64url"),
        ):
            before = (place.folder / name).read_text()
            place.write(name, text)
            assert not await place.reloading.reload()
            assert said in (await place.acts())[-1][1]
            place.write(name, before)
        assert place.watchword.operations.rotation.rules.ages["api-key"] == 90 * 86400
        assert await place.reloading.reload()
        assert place.watchword.operations.rotation.rules.ages["api-key"] == 30 * 86400

    play(Place(tmp_path), test)


def test_no_mutation_ends_a_running_server(tmp_path: Path) -> None:
    async def test(place: Place) -> None:
        draw, sealed = random.Random(11), place.watchword.sealer.key_id
        for _ in range(40):
            at, byte = draw.randrange(len(TOML)), chr(draw.randrange(32, 127))
            place.write("watchword.toml", TOML[:at] + byte + TOML[at + 1 :])
            await place.reloading.reload()
            assert place.watchword.sealer.key_id == sealed
            assert place.mail == "first"
        place.write("watchword.toml", TOML)
        assert await place.reloading.reload()

    play(Place(tmp_path), test)


def test_the_root_keys_are_followed(tmp_path: Path) -> None:
    async def test(place: Place) -> None:
        place.write("root", f"{NEW}\n{OLD}\n")
        await place.reloading.look()
        sealer = place.watchword.sealer
        assert sealer.key_ids == (Sealer(NEW).key_id, Sealer(OLD).key_id)
        assert sealer.key_id == Sealer(OLD).key_id
        root_key = place.watchword.operations.root_key
        await root_key.begin(Sealer(NEW).key_id, by="x")
        await root_key.reseal()
        await root_key.finish(by="x")
        place.write("root", NEW)
        await place.reloading.look()
        assert list(sealer.key_ids) == [Sealer(NEW).key_id]

    play(Place(tmp_path), test)


def test_what_only_a_start_takes_up_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(place: Place) -> None:
        place.write("watchword.toml", TOML + '[sessions]\nidle = "5m"\n[server]\nmax_body = 4096\n')
        await place.reloading.look()
        assert place.watchword.session_idle == 3600

    with caplog.at_level(logging.WARNING, "watchword"):
        play(Place(tmp_path), test)
    assert "a restart takes up what else changed: server, sessions" in caplog.text


def test_no_secret_is_shown_to_whom_it_is_not_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The tables change places, one gets another server: what a running process asks is still the one from before."""

    async def test(place: Place) -> None:
        def secret(name: str) -> str:
            kept = place.settings.secret(name)
            assert kept is not None
            return kept()

        first, second = "introspection.1.client_secret", "introspection.2.client_secret"
        place.write("elsewhere", "not for who had the first")
        mail = TOML.replace("localhost:25", "elsewhere:25").replace('file = "mail"', 'file = "elsewhere"')
        place.write("watchword.toml", mail + asked("b") + asked("a"))
        await place.reloading.look()
        assert (secret(first), secret(second), place.mail) == ("secret of a", "secret of b", "first")
        place.write("watchword.toml", TOML + asked("a", "again") + asked("b"))
        await place.reloading.look()
        assert (secret(first), secret(second)) == ("new secret of a", "secret of b")
        assert [outcome for outcome, _ in await place.acts()] == ["done", "done"]

    def asked(name: str, file: str = "secret") -> str:
        endpoint = f'endpoint = "https://{name}.example/introspect"\nclient_id = "w"\n'
        return f'[[introspection]]\n{endpoint}client_secret = {{ file = "{name}.{file}" }}\n'

    for name, text in (("a.secret", "secret of a"), ("b.secret", "secret of b"), ("a.again", "new secret of a")):
        (tmp_path / name).write_text(text)
    with caplog.at_level(logging.WARNING, "watchword"):
        play(Place(tmp_path, TOML + asked("a") + asked("b")), test)
    assert "a restart takes up what else changed: introspection, mail" in caplog.text
    assert "secret of" not in caplog.text


def test_while_the_store_is_away_it_is_taken_when_it_is_back(tmp_path: Path) -> None:
    async def test(place: Place) -> None:
        store: Any = place.watchword.store
        real = store.subject

        async def away(*_: Any, **__: Any) -> Any:
            raise Unavailable("away")

        store.subject = away
        place.write("watchword.toml", TOML.replace("90d", "30d"))
        await place.reloading.look()
        assert await place.acts() == []
        store.subject = real
        await place.reloading.look()
        assert await place.acts() == [("done", "")]

    play(Place(tmp_path), test)


def test_whose_certificates_count_stays_as_it_began(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(place: Place) -> None:
        live, before = place.live, place.live and place.live.client_ca
        assert live is not None
        for tls in (TLS.format(client_ca="outside.pem"), TLS.format(client_ca=""), ""):
            place.write("watchword.toml", TOML + tls)
            await place.reloading.look()
            assert live.client_ca == before
        await place.watchword.operations.authorities.rotate(by="x")  # ours are followed all the same
        await place.reloading.look()
        assert live.client_ca != before
        assert [outcome for outcome, _ in await place.acts()] == ["done"] * 3

    (tmp_path / "outside.pem").write_bytes(new_ca("Outside", NOW)[0])
    with caplog.at_level(logging.WARNING, "watchword"):
        play(Place(tmp_path, tls=True), test)
    assert caplog.text.count("a restart takes up what else changed: server.tls") == 3


def test_tls_follows_its_files_and_our_cas(tmp_path: Path) -> None:
    async def test(place: Place) -> None:
        live, authorities = place.live, place.watchword.operations.authorities
        assert live is not None
        assert live.client_ca == await authorities.bundle()  # not the one that the first process began with
        first = live._current
        await place.reloading.look()
        assert live._current is first
        place.certify()
        await place.reloading.look()
        assert live._current is not first
        (tmp_path / "server.key").write_text("broken")
        await place.reloading.look()
        assert "SSLError" in (await place.acts())[-1][1]
        place.certify()
        await place.reloading.look()
        second = live._current
        place.watchword.watch.due = float("inf")
        await authorities.rotate(by="x")  # it is told: so the feed is due, though nobody asks anything
        await place.reloading._listen()
        read, trusted = place.watchword.authorities, list[bytes]()

        async def slowly() -> bytes:
            bundle = trusted[-1] if trusted else await read()
            if not trusted:
                place.reloading._heard(FeedEntry(0, Topic.KEYS, "", 0, 0))  # another one comes meanwhile
            trusted.append(bundle)
            return bundle

        place.watchword.authorities = slowly  # type: ignore[method-assign]
        await place.reloading.look()
        await place.reloading.look()
        assert len(trusted) == 2
        place.watchword.authorities = read  # type: ignore[method-assign]
        assert live.client_ca == await authorities.bundle()
        assert live.client_ca.count(b"BEGIN CERTIFICATE") == 2
        assert live._current is not second

    play(Place(tmp_path, tls=True), test)


def test_while_the_tls_files_are_broken_the_cas_wait(tmp_path: Path) -> None:
    async def test(place: Place) -> None:
        live, authorities = place.live, place.watchword.operations.authorities
        assert live is not None
        (tmp_path / "server.key").write_text("broken")
        await authorities.rotate(by="x")
        await place.reloading.look()
        assert live.client_ca is not None
        assert live.client_ca.count(b"BEGIN CERTIFICATE") == 1
        place.certify()
        await place.reloading.look()
        assert live.client_ca.count(b"BEGIN CERTIFICATE") == 2

    play(Place(tmp_path, tls=True), test)


def test_sighup_has_it_read_again(tmp_path: Path) -> None:
    script = tmp_path / "vault"
    script.write_text("#!/bin/sh\ncat value\n")
    script.chmod(0o700)
    toml = TOML.replace('{ file = "mail" }', f'{{ command = ["{script}"] }}')

    async def test(place: Place) -> None:
        assert place.mail == "one"
        place.write("value", "two")
        await place.reloading.look()
        assert place.mail == "one"  # no file of ours changed
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(20):
            while place.mail != "two":
                await asyncio.sleep(0.01)
        assert await place.acts() == [("done", "")]

    place = Place(tmp_path, toml)
    place.write("value", "one")
    play(place, test)


def test_of_several_workers_one_writes_the_audit(tmp_path: Path) -> None:
    async def test(place: Place) -> None:
        other = Reloading(place.watchword, place.settings)
        other._stamps = place.reloading._stamps
        assert await place.reloading.reload()
        assert await other.reload()
        assert await place.acts() == [("done", "")]

    play(Place(tmp_path), test)


def test_what_changed_while_it_began_is_taken_up(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write("watchword.toml", TOML.replace("90d", "7d"))
    place.reloading = Reloading(place.watchword, place.settings, every=3600.0)  # the settings are those of before

    async def test(place: Place) -> None:
        await place.reloading.look()
        assert place.watchword.operations.rotation.rules.ages["api-key"] == 7 * 86400

    play(place, test)


@pytest.mark.parametrize("own_ca", [True, False])
def test_rfc_8705_section_2_2_clients_own_certificates_are_let_through(tmp_path: Path, own_ca: bool) -> None:
    """Those of before, those that come, until their clients go; whichever CA the others are of."""

    async def test(place: Place) -> None:
        house, live = place.watchword, place.live
        assert live is not None
        assert live.anchors == (first.der,)
        bundle = live.client_ca
        options = {**SELF, "jwks": jwks_of(second.pem)}
        issued = await house.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="test", options=options)
        await place.reloading.look()
        assert set(live.anchors) == {first.der, second.der}
        assert live.client_ca == bundle
        certificates = place.folder / "server.pem"
        certificates.write_bytes(certificates.read_bytes() + b"\n")
        await place.reloading.look()  # what else is read again leaves them in
        assert set(live.anchors) == {first.der, second.der}
        assert second.der in live.made().get_ca_certs(binary_form=True)
        await house.lifecycle.revoke(issued.credential.id, reason="test", by="test")
        await place.reloading.look()
        assert live.anchors == (first.der,)

    first, second = make(common="first", now=NOW), make(common="second", ca=True, now=NOW)
    (tmp_path / "outside.pem").write_bytes(new_ca("Outside", NOW)[0])
    asyncio.run(_seed(Place(tmp_path), {**SELF, "jwks": jwks_of(first.pem)}))
    play(Place(tmp_path, tls=True, client_ca="watchword" if own_ca else "outside.pem"), test)


async def _seed(place: Place, options: dict[str, Any]) -> None:
    await place.watchword.start()
    await place.watchword.lifecycle.add_subject("service:app", by="test")
    await place.watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="test", options=options)
    await place.watchword.stop()


@pytest.mark.parametrize("verb", ["credential", "credentials"])
def test_certificates_that_cannot_be_read_now_are_read_by_the_next_look(tmp_path: Path, verb: str) -> None:
    async def test(place: Place) -> None:
        assert place.live is not None
        store: Any = place.watchword.store
        options = {**SELF, "jwks": jwks_of(own.pem)}
        await place.watchword.lifecycle.add_subject("service:app", by="test")
        await place.watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="test", options=options)
        place.reloading._anchors.heard(FeedEntry(0, Topic.KEYS, "", 0, 0))
        real = getattr(store, verb)

        async def away(*_: Any, **__: Any) -> Any:
            raise Unavailable("away")

        setattr(store, verb, away)
        await place.reloading._let_through()
        assert len(place.live.anchors) == 0
        setattr(store, verb, real)
        await place.reloading.look()
        assert list(place.live.anchors) == [own.der]

    own = make(now=NOW)
    play(Place(tmp_path, tls=True), test)
