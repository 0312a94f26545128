"""Tell of alerts by webhook, signed as callers of ours sign (profile ``v1``), and by mail."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.app import Watchword
from watchword.codec.message import Parts, body_digest, canonical, sign
from watchword.codec.secrets import SealingError
from watchword.lifecycle.mint import context
from watchword.lifecycle.operations.alerts.delivery import Tell
from watchword.model.alerts import Alert
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.server.account.mail import Letter, Send, Undeliverable
from watchword.server.config.settings import Settings
from watchword.server.watching.owners import Owners

__all__ = ["Mail", "Receivers", "Webhook", "payload"]

_JSON: Final = "application/json"
_PATIENCE: Final = 10.0  # seconds for one delivery
_SUCCESSORS: Final = 16
_WAITING: Final = 10_000  # alerts of which it is known who had them


def payload(alert: Alert, issuer: str) -> dict[str, Any]:
    """Return what a webhook gets: all of the alert but what is for us alone."""
    detail = {name: value for name, value in alert.detail.items() if name not in ("told", "advice", "told_to")}
    return {
        "id": alert.id,
        "at": alert.at,
        "issuer": issuer,
        "rule": alert.rule,
        "severity": alert.severity,
        "told": alert.detail.get("told", ""),
        "advice": alert.detail.get("advice", ""),
        "credential": alert.credential,
        "subject": alert.subject,
        "network": alert.address,
        "detail": detail,
    }


class Webhook:
    """POST alerts as JSON, signed by an hmac credential of ours, which the receiver has as well."""

    def __init__(self, watchword: Watchword, url: str, key_id: str) -> None:
        self._watchword = watchword
        self._url = url
        self._key_id = key_id
        self._fetch: Any = None

    async def tell(self, alert: Alert) -> None:
        """Send one. Raise Unavailable for any answer but a 2xx, and for none."""
        body = json.dumps(payload(alert, self._watchword.issuer), separators=(",", ":")).encode()
        headers = await self._signed(body)
        if self._fetch is None:
            from watchword.server.outward import Outward

            # The operator named it, so it may be inside; where it redirects to is not followed.
            self._fetch = Outward(private_hosts=[urlsplit(self._url).hostname or ""], timeout=_PATIENCE)
        try:
            answer = await self._fetch.post(self._url, body, {**headers, "idempotency-key": alert.id})
        except Unavailable as error:  # it quotes the URL, whose path is a secret at many receivers
            raise Unavailable(f"{urlsplit(self._url).hostname}: {str(error).rpartition(': ')[2]}") from None
        if not 200 <= answer.status < 300:
            raise Unavailable(f"it answered {answer.status}")

    async def _signed(self, body: bytes) -> Mapping[str, str]:
        record = await self._key()
        try:
            secret = self._watchword.sealer.open(record.secret, context(record.id))
        except SealingError:
            raise Unavailable("the secret of webhook_key does not open") from None
        place = urlsplit(self._url)
        stamp, nonce = str(int(self._watchword.clock())), secrets.token_urlsafe(16)
        host = place.netloc.rpartition("@")[2].lower()
        parts = Parts(
            record.id.encode(),
            stamp.encode(),
            nonce.encode(),
            "POST",
            host.encode(),
            place.path.encode() or b"/",
            place.query.encode(),
            _JSON.encode(),
            body_digest(body),
            body,
        )
        message = canonical("v1", parts)
        if message is None:
            raise Unavailable("the webhook's URL cannot be signed")
        signature = {
            "x-api-key": record.id,
            "x-timestamp": stamp,
            "x-nonce": nonce,
            "x-signature": sign(secret, message),
        }
        return {"host": host, "content-type": _JSON, **signature}

    async def _key(self) -> Credential:
        """Return the credential, or the successor that has taken its place."""
        id, now = self._key_id, self._watchword.clock()
        for _ in range(_SUCCESSORS):
            record = await self._watchword.store.credential(id)
            if record is None or record.kind is not Kind.HMAC or record.detail.get("profile") != "v1":
                raise Unavailable("webhook_key names no hmac credential of profile v1")
            if record.refusal(now) is None:
                return record
            if record.replaced_by is None:
                raise Unavailable(f"webhook_key is {record.state(now)}")
            id = record.replaced_by
        raise Unavailable("webhook_key was replaced too often")

    async def close(self) -> None:
        """End what is under way."""
        if self._fetch is not None:
            await self._fetch.close()
            self._fetch = None


class Mail:
    """Send alerts to operators, one letter an address."""

    def __init__(self, send: Send, to: tuple[str, ...], issuer: str) -> None:
        self._send = send
        self._to = to
        self._issuer = issuer
        self._had: dict[str, set[str]] = {}

    async def tell(self, alert: Alert) -> None:
        """Send one. Raise Unavailable when an address did not get it: then it is tried again, and the others are not.

        Who had it this process knows: from another one all get it again.
        """
        had, failed = self._had.pop(alert.id, set()), []
        for address in self._to:
            if address in had:
                continue
            try:
                await self._send(self._letter(alert, address))
                had.add(address)
            except Undeliverable as error:
                failed.append(str(error))
        if failed:
            while len(self._had) >= _WAITING:
                del self._had[next(iter(self._had))]
            self._had[alert.id] = had
            raise Unavailable(failed[0])

    def _letter(self, alert: Alert, to: str) -> Letter:
        said = payload(alert, self._issuer)
        about = {name: said[name] for name in ("credential", "subject", "network")} | said["detail"]
        lines = [f"{said['told'][:1].upper()}{said['told'][1:]}.", "", f"when: {_moment(alert.at)}"]
        lines += [
            f"{name.replace('_', ' ')}: {_plain(_readable(name, value))}"
            for name, value in about.items()
            if value not in ("", None, [], 0)
        ]
        lines += ["", f"What to do: {said['advice']}.", "", f"{self._issuer}/console/alerts", f"alert {alert.id}"]
        return Letter(to, f"[{alert.severity}] {said['told']}", "\n".join(lines) + "\n")


def _readable(name: str, value: object) -> object:
    return _moment(value) if isinstance(value, int) and (name.endswith("_at") or name == "since") else value


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _plain(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(char if char.isprintable() else " " for char in text)[:300]


class Receivers:
    """Hold who is told of alerts, by what settings say."""

    def __init__(self, watchword: Watchword, settings: Settings, send: Send) -> None:
        table = settings.alerts
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self.tells: dict[str, Tell] = {}
        if table.webhook:
            webhook = Webhook(watchword, table.webhook, table.webhook_key)
            self.tells["webhook"] = webhook.tell
            self._closing.append(webhook.close)
        if table.email:
            self.tells["email"] = Mail(send, table.email, watchword.issuer).tell
        self.tells["owner"] = Owners(watchword, send).tell

    async def close(self) -> None:
        """Close what is open."""
        for close in self._closing:
            await close()
