"""Fill the demo's store: two people, three services, a credential of every kind, and some that must not work."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from watchword.app import Watchword
from watchword.codec.jose import SigningKey
from watchword.lifecycle.certificates import issue_client_certificate, issue_server_certificate, new_ca
from watchword.lifecycle.mint import Workshop, context
from watchword.lifecycle.verbs import Issued, Lifecycle
from watchword.model.credential import Kind
from watchword.model.verdict import Rate

__all__ = ["ALICE", "BILLING", "BOB", "SHIPPING", "Seeds", "sow"]

ALICE: Final = "user:alice"
BOB: Final = "user:bob"
BILLING: Final = "service:billing"
SHIPPING: Final = "service:shipping"
LEGACY: Final = "service:legacy"

_BY: Final = "demo"
_HOUR: Final = 3600
_EVERYTHING: Final = ("orders:read", "orders:write", "transfers:write", "reports:read")
_ELSEWHERE: Final = "203.0.113.0/24"  # RFC 5737: nobody calls from there


@dataclass(slots=True)
class Seeds:
    """Hold what the callers hold, by the name that the demo gives it; all of it dies with the demo."""

    folder: Path
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    signers: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    clients: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    cookies: dict[str, str] = field(default_factory=dict, repr=False)
    ids: dict[str, str] = field(default_factory=dict)
    signing_key: SigningKey | None = field(default=None, repr=False)

    def certificate(self, name: str) -> Path:
        """Return the PEM file that holds a certificate and its key."""
        return self.folder / f"{name}.pem"


async def sow(house: Watchword, folder: Path, names: list[str]) -> Seeds:
    """Write everything into the started house and its files; ``names`` are those of the server's certificate."""
    sower = _Sower(house, Seeds(folder))
    await sower.subjects()
    await sower.passwords()
    await sower.api_keys()
    await sower.signers()
    await sower.clients()
    await sower.sessions()
    await sower.certificates(names)
    await house.lifecycle.set_enabled(LEGACY, False, by=_BY)  # whatever it holds is refused from now on
    sower.seeds.signing_key = house.keys.signing_key()
    return sower.seeds


class _Sower:
    """Issue through the lifecycle, as every operator does; what has expired was issued by a clock of yesterday."""

    def __init__(self, house: Watchword, seeds: Seeds) -> None:
        self._house = house
        self.seeds = seeds
        self._now = int(time.time())
        self._past = self._now - 24 * _HOUR
        workshop = Workshop(house.store, house.sealer, house.passwords)
        self._yesterday = Lifecycle(workshop, clock=lambda: float(self._past))

    async def subjects(self) -> None:
        for name in (ALICE, BOB, BILLING, SHIPPING, LEGACY):
            await self._house.lifecycle.add_subject(name, by=_BY)

    async def _issue(
        self,
        kind: Kind,
        subject: str = BILLING,
        *,
        expired: bool = False,
        revoked: bool = False,
        scopes: tuple[str, ...] = _EVERYTHING,
        **more: Any,
    ) -> Issued:
        lifecycle = self._yesterday if expired else self._house.lifecycle
        ends = self._past + _HOUR if expired else None
        issued = await lifecycle.issue(kind, subject, by=_BY, scopes=scopes, expires_at=ends, **more)
        if revoked:
            await self._house.lifecycle.revoke(issued.credential.id, reason="the demo", by=_BY)
        return issued

    async def passwords(self) -> None:
        for name, subject, scopes in (("alice", ALICE, _EVERYTHING), ("bob", BOB, ()), ("legacy", LEGACY, ())):
            options = {"password": secrets.token_hex(6)}
            issued = await self._issue(Kind.PASSWORD, subject, scopes=tuple(scopes), options=options)
            self.seeds.passwords[name] = options["password"]
            self.seeds.ids[f"password {name}"] = issued.credential.id
        old = self.seeds.passwords["alice"]
        new = {"password": secrets.token_hex(6)}
        await self._house.lifecycle.rotate(self.seeds.ids["password alice"], overlap=0, by=_BY, options=new)
        self.seeds.passwords |= {"alice": new["password"], "alice before": old}

    async def api_keys(self) -> None:
        drafts: dict[str, dict[str, Any]] = {
            "billing": {},
            "expired": {"expired": True},
            "revoked": {"revoked": True},
            "doomed": {},
            "legacy": {"subject": LEGACY},
            "elsewhere": {"networks": [_ELSEWHERE]},
            "narrow": {"scopes": ("orders:read",)},
            "frugal": {"limit": Rate(2, 60)},
            "busy": {},
            "spilled": {},
            "before": {},
        }
        for name, draft in drafts.items():
            issued = await self._issue(Kind.API_KEY, **draft)
            self.seeds.keys[name] = issued.material["secret"]
            self.seeds.ids[f"key {name}"] = issued.credential.id
        await self._house.lifecycle.rotate(self.seeds.ids["key before"], overlap=0, by=_BY)

    async def signers(self) -> None:
        drafts: dict[str, dict[str, Any]] = {
            "billing": {},
            "shipping": {"subject": SHIPPING},
            "expired": {"expired": True},
            "revoked": {"revoked": True},
            "doomed": {},
            "legacy": {"subject": LEGACY},
            "narrow": {"scopes": ("orders:read",)},
        }
        for name, draft in drafts.items():
            issued = await self._issue(Kind.HMAC, **draft)
            self.seeds.signers[name] = (issued.material["key_id"], issued.material["secret"])
            self.seeds.ids[f"signer {name}"] = issued.credential.id

    async def clients(self) -> None:
        for name in ("billing", "doomed", "narrow", "gone"):
            scopes = ("orders:read",) if name == "narrow" else _EVERYTHING
            issued = await self._issue(Kind.OAUTH_CLIENT, revoked=name == "gone", scopes=scopes)
            self.seeds.clients[name] = (issued.material["client_id"], issued.material["client_secret"])
            self.seeds.ids[f"client {name}"] = issued.credential.id

    async def sessions(self) -> None:
        options = {"idle": _HOUR, "factors": ["pwd"], "authenticated_at": self._past}
        for name, subject, expired in (("expired", ALICE, True), ("legacy", LEGACY, False), ("idle", ALICE, False)):
            if name == "idle":
                lifecycle, ends = self._yesterday, self._now + _HOUR
                issued = await lifecycle.issue(Kind.SESSION, subject, by=_BY, expires_at=ends, options=options)
            else:
                issued = await self._issue(Kind.SESSION, subject, expired=expired, options=options)
            self.seeds.cookies[name] = issued.material["cookie"]

    async def certificates(self, names: list[str]) -> None:
        drafts: dict[str, dict[str, Any]] = {
            "billing": {},
            "shipping": {"subject": SHIPPING},
            "expired": {"expired": True},
            "revoked": {"revoked": True},
            "doomed": {},
            "legacy": {"subject": LEGACY},
            "narrow": {"scopes": ("orders:read",)},
        }
        for name, draft in drafts.items():
            issued = await self._issue(Kind.CLIENT_CERT, **draft)
            self._write(name, issued.material["certificate"], issued.material["private_key"])
            self.seeds.ids[f"certificate {name}"] = issued.credential.id
        await self._foreign(names)

    async def _foreign(self, names: list[str]) -> None:
        """Make the server's own certificate, and those that look right and are not."""
        record = (await self._house.store.credentials(kind=Kind.CA))[0]
        own = record.detail["certificate"].encode()
        key = self._house.sealer.open(record.secret, context(record.id))
        ends = self._now + 30 * 24 * _HOUR
        leaf, leaf_key, _ = issue_server_certificate(own, key, names, self._now, ends)
        (self.seeds.folder / "ca.pem").write_bytes(own)
        self._write("server", leaf, leaf_key)
        # Signed by our CA, but on no record of issue: such as one made by who once copied the CA's key.
        leaf, leaf_key, _ = issue_client_certificate(own, key, BILLING, self._now, ends)
        self._write("unrecorded", leaf, leaf_key)
        stranger = new_ca(record.detail["name"], self._now)  # of the same name
        leaf, leaf_key, _ = issue_client_certificate(*stranger, BILLING, self._now, ends)
        self._write("stranger", leaf, leaf_key)
        self._write("self-signed", *stranger)

    def _write(self, name: str, certificate: str | bytes, private_key: str | bytes) -> None:
        texts = [part.decode() if isinstance(part, bytes) else part for part in (certificate, private_key)]
        path = self.seeds.certificate(name)
        path.touch(mode=0o600)
        path.write_text("".join(texts))
