"""Model what ``watchword.toml`` says about people: accounts, mail, passwords, second factors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from watchword.codec.passwords import Cost
from watchword.codec.webauthn import Site
from watchword.server.config.sources import SecretSource, Source
from watchword.server.config.values import Duration, RateText, Scopes, Table, Variable, Words, checked
from watchword.server.config.values import address_of as place_of

__all__ = ["AccountsTable", "MailTable", "MfaTable", "PagesTable", "PasswordsTable"]


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
    password: SecretSource = None
    sender: Annotated[str, checked(_sender)] = ""
    timeout: Duration = 10
    queue: int = Field(default=256, ge=1, le=65536)

    @model_validator(mode="after")
    def _whole(self) -> MailTable:
        if self.server and not self.sender:
            raise ValueError('sender is missing: such as "Example <no-reply@example.com>"')
        if self.username and self.encryption == "none":
            raise ValueError("a password would be sent unencrypted: use starttls or tls")
        if self.username and not self.password_env and self.password is None:
            raise ValueError("password_env is missing: the variable that holds the password of username")
        if self.password_env and self.password is not None:
            raise ValueError("password_env and password say the same: keep one")
        return self

    @property
    def source(self) -> Source | None:
        """Return where the password of ``username`` comes from."""
        if not self.username:
            return None
        return self.password or Source("env", self.password_env)


_LEAST_MEMORY = {1: 47104, 2: 19456, 3: 12288, 4: 9216}
"""KiB by iterations: what OWASP holds for equally strong with Argon2id; from five iterations on 7168."""


class PasswordsTable(Table):
    """Hold ``[passwords]``."""

    plaintext: bool = False
    minimum: int = Field(default=15, ge=8, le=128)
    minimum_with_factor: int = Field(default=8, ge=8, le=128)
    strength: int = Field(default=3, ge=0, le=4)
    memory: int = Field(default=19456, ge=7168, le=1024 * 1024)
    iterations: int = Field(default=2, ge=1, le=32)
    parallelism: int = Field(default=1, ge=1, le=16)

    @model_validator(mode="after")
    def _costly_enough(self) -> PasswordsTable:
        least = _LEAST_MEMORY.get(self.iterations, 7168)
        if self.memory < least:
            raise ValueError(f"memory is at least {least} (KiB) with {self.iterations} iterations")
        return self

    def cost(self) -> Cost:
        """Return what one hash costs."""
        return Cost(self.memory, self.iterations, self.parallelism)


class MfaTable(Table):
    """Hold ``[mfa]``."""

    required: Literal["off", "optional", "required"] = "optional"
    rp_id: str = Field(default="", max_length=253, pattern=r"^[a-z0-9.-]*$")
    rp_name: str = Field(default="Watchword", min_length=1, max_length=64)
    origins: Words = ()

    def site(self, issuer: str) -> Site:
        """Return the site that passkeys are for: the issuer's, where nothing else is said."""
        return Site.of(issuer, rp_id=self.rp_id, name=self.rp_name, origins=self.origins)


class PagesTable(Table):
    """Hold ``[pages]``."""

    name: str = Field(default="Watchword", min_length=1, max_length=64)
    theme: str = ""
