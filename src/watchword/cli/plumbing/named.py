"""Find the credential that somebody names, or name the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watchword.cli.plumbing.shell import Stop, nearest

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.model.credential import Credential

__all__ = ["OWN_KINDS", "credential_named"]

OWN_KINDS: Final = ("signing-key", "ca")
"""The server has one of them in use, so their kind says which is meant."""

_PAGE: Final = 500


async def credential_named(house: Watchword, id: str) -> Credential:
    """Return the credential, or stop and name the nearest id. A secret typed instead of an id is never repeated."""
    if id.startswith(("ak_", "hs_", "rt_", "cs_", "ws_", "eyJ")):
        raise Stop(*await _not_an_id(house, id))
    record = await house.store.credential(id)
    if record is not None:
        return record
    ids: list[str] = []
    while page := await house.lifecycle.page(after=ids[-1] if ids else "", limit=_PAGE):
        ids += [each.id for each in page]
        if len(page) < _PAGE or len(ids) > 10 * _PAGE:
            break
    if id in OWN_KINDS:
        raise Stop(f"{id!r} is a kind, not an id", f"`watchword list --kind {id}` shows the ids")
    beginning = (each for each in ids if len(id) > 6 and each.startswith(id))
    near = nearest(id, [*ids, *OWN_KINDS], 0.6) or next(beginning, None)
    hint = f"did you mean {near}?" if near else "`watchword list` shows their ids"
    raise Stop(f"there is no credential {id[:64]!r}", hint)


async def _not_an_id(house: Watchword, secret: str) -> tuple[str, str]:
    from watchword.codec.secrets import digest

    record = await house.store.credential_by(digest(secret))
    if record is None:
        return "that is a secret, not an id", "`watchword list` shows the ids"
    return "that is a secret, not an id", f"its id is {record.id}"
