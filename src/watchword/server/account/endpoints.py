"""Put the pages of people together."""

from __future__ import annotations

from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.server.account.factors import FactorPages
from watchword.server.account.keys import KeyPages
from watchword.server.account.leaving import LeavingPages
from watchword.server.account.overview import Overview
from watchword.server.account.own import Own
from watchword.server.account.password import PasswordPages
from watchword.server.account.post import Post
from watchword.server.account.profile import ProfilePages
from watchword.server.account.reset import ResetPages
from watchword.server.account.sessions import SessionPages
from watchword.server.account.sign_up import SignUp
from watchword.server.account.visit import Visits
from watchword.server.config.settings import Settings
from watchword.server.login.attempts import Attempts
from watchword.server.oauth.apps import AppPages
from watchword.server.oauth.devices.page import DevicePage
from watchword.server.pages.rendering import Pages

__all__ = ["account_endpoints"]


def account_endpoints(
    watchword: Watchword, settings: Settings, attempts: Attempts, pages: Pages, post: Post
) -> list[Endpoint]:
    """Return every endpoint of accounts; ``post`` sends their letters."""
    visits = Visits(watchword, settings, pages)
    own = Own(watchword, visits)
    return [
        *SignUp(watchword, settings, visits, post).routes(),
        *ResetPages(watchword, visits, post).routes(),
        *PasswordPages(watchword, attempts, visits, own, post).routes(),
        *ProfilePages(watchword, visits, own, post).routes(),
        *LeavingPages(watchword, visits, own, post).routes(),
        *Overview(watchword, visits, own).routes(),
        *SessionPages(watchword, visits, own).routes(),
        *FactorPages(watchword, visits, own).routes(),
        *AppPages(watchword, visits, own).routes(),
        *KeyPages(watchword, visits, own).routes(),
        *DevicePage(watchword, visits, own).routes(),
    ]
