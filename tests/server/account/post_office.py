"""A real mail server on a socket of loopback: with STARTTLS, with TLS, with a login, or one that refuses."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from tests.figures.house import free_port

__all__ = ["Office", "office"]


@dataclass
class Office:
    """Hold what came in, and how the server is reached."""

    port: int = 0
    ca: Path = Path()
    mails: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    answer: str = "250 OK"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("2"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            message = message_from_bytes(content, policy=default)
            assert isinstance(message, EmailMessage)
            self.mails.append((envelope, message))
            self.secure.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"post office password", handled=False)

    def toml(self, encryption: str, more: str = "") -> str:
        return (
            f'[mail]\nserver = "localhost:{self.port}"\nencryption = "{encryption}"\nca = "{self.ca}"\n'
            f'sender = "Watchword <no-reply@example.com>"\ntimeout = "5s"\n{more}'
        )


@contextlib.contextmanager
def office(folder: Path, *, tls: str = "", login: bool = False, name: str = "localhost") -> Iterator[Office]:
    """Run a mail server; ``tls`` is "", "starttls" or "tls"."""
    own = Office(port=free_port(), ca=folder / "mail-ca.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(own.ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    options: dict[str, Any] = {"enable_SMTPUTF8": True}
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if login:
        options |= {"authenticator": own.authenticate, "auth_required": True, "auth_require_tls": bool(tls)}
    controller = Controller(
        own, hostname="127.0.0.1", port=own.port, ssl_context=context if tls == "tls" else None, **options
    )
    controller.start()
    try:
        yield own
    finally:
        controller.stop()
