"""Show records to operators as JSON values: the same fields for every kind, and never a secret."""

from __future__ import annotations

from typing import Any, Final

from watchword.model.credential import Credential
from watchword.model.records import Subject

__all__ = ["SHOWN", "credential_value", "subject_value"]

SHOWN: Final = (
    "profile", "test", "hint", "serial", "authority", "client_id", "grants", "redirect_uris", "public", "first_party",
    "kid", "algorithm", "name", "login", "agent", "address", "provider", "issuer",
)  # fmt: skip
"""What the detail of a record may show; anything else stays in the store."""


def credential_value(record: Credential, now: float) -> dict[str, Any]:
    """Return a credential as JSON values at ``now``; times are Unix seconds."""
    value: dict[str, Any] = {
        "id": record.id,
        "kind": record.kind.value,
        "subject": record.subject,
        "state": record.state(now).value,
        "scopes": sorted(record.scopes),
        "networks": list(record.networks),
        "limit": None if record.limit is None else str(record.limit),
        "created_at": record.created_at,
        "not_before": record.not_before,
        "expires_at": record.expires_at,
        "retire_at": record.retire_at,
        "last_used_at": record.last_used_at,
        "replaces": record.replaces,
        "replaced_by": record.replaced_by,
        "revoked_at": record.revoked_at,
        "revoked_by": record.revoked_by,
        "revoke_reason": record.revoke_reason,
    }
    return value | {name: record.detail[name] for name in SHOWN if name in record.detail}


def subject_value(subject: Subject) -> dict[str, Any]:
    """Return a subject as JSON values; times are Unix seconds."""
    return {
        "subject": subject.name,
        "state": "enabled" if subject.disabled_at is None else "disabled",
        "created_at": subject.created_at,
        "disabled_at": subject.disabled_at,
    }
