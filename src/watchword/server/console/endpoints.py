"""Put the console together."""

from __future__ import annotations

from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.server.config.settings import Settings
from watchword.server.console.advise import AdvisePage
from watchword.server.console.alerts import AlertPages
from watchword.server.console.audit import AuditPages
from watchword.server.console.clients import ClientPages
from watchword.server.console.credential import CredentialPage
from watchword.server.console.credentials import CredentialPages
from watchword.server.console.desk import ConsoleDesk
from watchword.server.console.explain import ExplainPage
from watchword.server.console.issue import IssuePages
from watchword.server.console.lint import LintPage
from watchword.server.console.overview import Overview
from watchword.server.console.subject import SubjectPage
from watchword.server.console.subjects import SubjectPages
from watchword.server.pages.rendering import Pages

__all__ = ["console_endpoints"]


def console_endpoints(watchword: Watchword, settings: Settings, pages: Pages) -> list[Endpoint]:
    """Return every endpoint under ``/console``."""
    desk = ConsoleDesk(watchword, settings, pages)
    audit = AuditPages(desk)
    return [
        *Overview(desk).routes(),
        *CredentialPages(desk).routes(),
        *IssuePages(desk).routes(),
        *CredentialPage(desk, audit).routes(),
        *SubjectPages(desk).routes(),
        *SubjectPage(desk).routes(),
        *ClientPages(desk).routes(),
        *audit.routes(),
        *AlertPages(desk).routes(),
        *ExplainPage(desk).routes(),
        *AdvisePage(desk).routes(),
        *LintPage(desk).routes(),
    ]
