"""Keys of checkpoints: those that the root key opens, whatever stands beside them."""

from __future__ import annotations

import pytest

from tests.house import House, played
from watchword.codec.secrets import Sealer, new_root_key
from watchword.lifecycle.operations.checkpoints.keys import CheckpointKeys
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.model.records import Swap


@played
async def test_a_key_is_known_by_its_private_half(made: House) -> None:
    keys = CheckpointKeys(made.watchword.store, made.watchword.sealer)
    (record,) = await made.watchword.lifecycle.page(kind=Kind.SIGNING_KEY)
    forged = {**record.detail, "public_jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}}
    assert await made.watchword.store.write(Swap(record.changed(detail=forged)))
    known = await keys.known(record.id)
    assert known is not None
    assert known.key.public_jwk()["x"] == (await keys.signing(made.clock())).public_jwk()["x"] != "A" * 43
    assert not known.leaked


@played
async def test_no_other_credential_is_a_key(made: House) -> None:
    keys = CheckpointKeys(made.watchword.store, made.watchword.sealer)
    hmac = await made.issue(Kind.HMAC)
    for id in ("", "sig_none", hmac.credential.id):
        assert await keys.known(id) is None


@played
async def test_under_another_root_key_there_is_none(made: House) -> None:
    keys = CheckpointKeys(made.watchword.store, Sealer(new_root_key()))
    (record,) = await made.watchword.lifecycle.page(kind=Kind.SIGNING_KEY)
    assert await keys.known(record.id) is None
    with pytest.raises(Unavailable, match="no active signing key"):
        await keys.signing(made.clock())
