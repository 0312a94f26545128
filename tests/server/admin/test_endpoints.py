"""What is put together answers, and nothing else is there; see test_clients for what each part does."""

from __future__ import annotations

from watchword.app import Watchword
from watchword.server.admin.endpoints import admin_endpoints
from watchword.server.config.settings import Settings


def test_everything_is_under_one_version_but_the_document() -> None:
    places = {route.path for route in admin_endpoints(Watchword(), Settings())}
    assert "/openapi.json" in places
    assert all(place.startswith("/admin/v1/") for place in places - {"/openapi.json"})
