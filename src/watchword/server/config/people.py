"""Model what ``watchword.toml`` says about people: accounts and mail."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from watchword.server.config.values import Duration, RateText, Scopes, Table, Variable, checked
from watchword.server.config.values import address_of as place_of

__all__ = ["AccountsTable", "MailTable"]


def _sender(text: str) -> None:
    """Hold a sender to "address" or "Name <address>"."""
    from email.utils import parseaddr

    from watchword.codec.names import normal_address
    from watchword.lifecycle.errors import LifecycleError

    if not text.isprintable() or normal_address(parseaddr(text)[1]) is None:
        raise LifecycleError("not an address that mail can come from", 'such as "Example <no-reply@example.com>"')


class AccountsTable(Table):
    """Hold ``[accounts]``."""

    sign_up: Literal["off", "invitation", "open"] = "off"
    scopes: Scopes = ()
    limit: RateText = "20/h"
    mails: RateText = "5/h"


class MailTable(Table):
    """Hold ``[mail]``."""

    server: Annotated[str, checked(place_of)] = ""
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    ca: str = ""
    username: str = ""
    password_env: Variable = ""
    sender: Annotated[str, checked(_sender)] = ""
    timeout: Duration = 10
    queue: int = Field(default=256, ge=1, le=65536)

    @model_validator(mode="after")
    def _whole(self) -> MailTable:
        if self.server and not self.sender:
            raise ValueError('sender is missing: such as "Example <no-reply@example.com>"')
        if self.username and self.encryption == "none":
            raise ValueError("a password would be sent unencrypted: use starttls or tls")
        return self
