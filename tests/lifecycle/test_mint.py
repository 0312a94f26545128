"""What each kind consists of: an id that proves nothing, a proof that is kept nowhere."""

from __future__ import annotations

import pytest

from tests.house import House, played
from watchword.codec.secrets import digest, well_formed
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT, MINTS, client_lookup, context
from watchword.model.credential import Kind

IDS = {
    Kind.API_KEY: "key_",
    Kind.HMAC: "hk_live_",
    Kind.PASSWORD: "pwd_",
    Kind.CLIENT_CERT: "crt_",
    Kind.OAUTH_CLIENT: "cli_",
    Kind.SESSION: "ses_",
    Kind.SIGNING_KEY: "sig_",
    Kind.CA: "ca_",
}


@played
async def test_every_kind_has_its_prefix_and_an_id_of_its_own(opened: House) -> None:
    assert set(MINTS) == set(IDS)
    for kind, prefix in IDS.items():
        issued = await opened.issue(kind, CA_SUBJECT if kind in (Kind.SIGNING_KEY, Kind.CA) else f"user:{kind}")
        assert issued.credential.id.startswith(prefix)
        other = await opened.issue(kind, f"user:{kind}2")
        assert other.credential.id != issued.credential.id
        secrets = [value for name, value in issued.material.items() if "secret" in name or name == "cookie"]
        assert [value for value in secrets if value in repr(issued.credential)] == []


@played
async def test_what_need_not_be_recovered_is_kept_as_a_digest(opened: House) -> None:
    key = await opened.issue()
    assert well_formed(key.material["secret"], "ak_live_")
    assert (key.credential.lookup, key.credential.secret) == (digest(key.material["secret"]), b"")
    session = await opened.issue(Kind.SESSION)
    assert session.credential.lookup == digest(session.material["cookie"])
    client = await opened.issue(Kind.OAUTH_CLIENT)
    assert client.credential.lookup == client_lookup(client.material["client_id"], client.material["client_secret"])


@played
async def test_what_must_be_recovered_is_sealed_to_its_row(opened: House) -> None:
    signer = await opened.issue(Kind.HMAC)
    sealer, sealed = opened.watchword.sealer, signer.credential.secret
    assert sealer.open(sealed, context(signer.credential.id)) == signer.material["secret"].encode()
    with pytest.raises(Exception, match="not of this row"):
        sealer.open(sealed, context("hk_live_other"))


@played
async def test_test_credentials_say_so(opened: House) -> None:
    key = await opened.issue(options={"test": True})
    assert key.material["secret"].startswith("ak_test_")
    signer = await opened.issue(Kind.HMAC, options={"test": True})
    assert signer.credential.id.startswith("hk_test_")
    assert signer.material["secret"].startswith("hs_test_")


@played
async def test_a_client_keeps_its_name_when_its_secret_rotates(opened: House) -> None:
    first = await opened.issue(Kind.OAUTH_CLIENT, options={"redirect_uris": ["https://app.example/cb"]})
    second = await opened.watchword.lifecycle.rotate(first.credential.id, overlap=60, by="x")
    assert second.material["client_id"] == first.material["client_id"]
    assert second.material["client_secret"] != first.material["client_secret"]
    assert second.credential.detail["redirect_uris"] == ["https://app.example/cb"]
    public = await opened.issue(Kind.OAUTH_CLIENT, options={"public": True})
    assert set(public.material) == {"client_id"}


@played
async def test_a_session_has_an_idle_limit_whoever_forgets_to_set_one(opened: House) -> None:
    session = await opened.issue(Kind.SESSION)
    assert session.credential.detail == {"idle": 3600}


@played
async def test_the_newest_usable_authority_signs_certificates(opened: House) -> None:
    (first,) = await opened.watchword.store.credentials(kind=Kind.CA)
    opened.clock.now += 1
    second = await opened.issue(Kind.CA, CA_SUBJECT)
    issued = await opened.issue(Kind.CLIENT_CERT)
    assert issued.credential.detail["authority"] == second.credential.id
    for id in (first.id, second.credential.id):
        await opened.watchword.lifecycle.revoke(id, reason="r", by="x")
    with pytest.raises(LifecycleError, match="no certificate authority"):
        await opened.issue(Kind.CLIENT_CERT)


@played
async def test_unknown_profiles_are_named(opened: House) -> None:
    with pytest.raises(LifecycleError, match="'none'") as caught:
        await opened.issue(Kind.HMAC, options={"profile": "none"})
    assert "v1" in caught.value.hint


@played
async def test_a_client_is_answered_nowhere_that_runs_or_leaks_its_codes(opened: House) -> None:
    """From Python too: the page that leads a browser on goes to whatever is registered."""
    for uri in ("javascript:alert(document.cookie)", "http://app.example/cb", "data:text/html,x"):
        with pytest.raises(LifecycleError, match=r"nobody's own|in the open"):
            await opened.issue(Kind.OAUTH_CLIENT, options={"redirect_uris": ["https://app.example/cb", uri]})
