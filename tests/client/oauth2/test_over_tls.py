"""Prove the client by its certificate, over real TLS: RFC 8705. Its tokens are of use over its connections alone."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.figures.house import House
from watchword.client import AuthenticationFailed, OAuth2Auth, client_certificate
from watchword.codec.subject_rule import subject_uri
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes


async def _set_up(house: House) -> Any:
    async with house.operator() as watchword:
        await watchword.lifecycle.add_subject("service:billing", by="test")
        issued = await watchword.lifecycle.issue(Kind.CLIENT_CERT, "service:billing", by="test")
        options = {"auth_method": "tls_client_auth", "tls_client_auth_san_uri": subject_uri("service:billing")}
        client = await watchword.lifecycle.issue(
            Kind.OAUTH_CLIENT,
            "service:billing",
            by="test",
            scopes=("orders:read",),
            options={**options, "grants": ["client_credentials"], "tls_client_certificate_bound_access_tokens": True},
        )
        for name in ("certificate", "private_key", "chain"):
            (house.folder / f"{name}.pem").write_text(issued.material[name])
        return client.material


def test_a_certificate_proves_the_client_and_binds_its_tokens(tmp_path: Path) -> None:
    with House(tmp_path / "house", tls=True) as house:
        client = asyncio.run(_set_up(house))
        issuer, folder = f"https://127.0.0.1:{house.port}", house.folder
        auth = OAuth2Auth.client_credentials(client["client_id"], None, "orders:read", issuer=issuer, mtls=True)
        tls = client_certificate(folder / "certificate.pem", folder / "private_key.pem", folder / "ca.pem")
        with httpx2.Client(verify=tls, auth=auth, trust_env=False, timeout=20) as http:
            assert http.get(f"{issuer}/whoami").json()["scheme"] == "oauth2"
        token = auth.current()
        assert token is not None
        with httpx2.Client(
            verify=ssl.create_default_context(cafile=folder / "ca.pem"), trust_env=False, timeout=20
        ) as thief:
            stolen = thief.get(f"{issuer}/whoami", headers={"authorization": f"Bearer {token.access}"})
            assert stolen.status_code == 401
            again = OAuth2Auth.client_credentials(client["client_id"], None, issuer=issuer, mtls=True)
            with pytest.raises(AuthenticationFailed, match="invalid_client"):
                thief.get(f"{issuer}/whoami", auth=again)
