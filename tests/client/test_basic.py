"""Judge the Basic client by RFC 7617 and against a server on loopback."""

import pytest

from tests.client.callers import Caller
from tests.client.server import PASSWORD, USER, Server
from watchword.client import BasicAuth


def test_name_and_password_are_sent_in_utf_8(caller: Caller, server: Server) -> None:
    assert caller.send(BasicAuth(USER, PASSWORD), "GET", f"{server.url}/whoami").json() == {"who": USER}


def test_rfc_7617_section_2_1_vector(caller: Caller, server: Server) -> None:
    caller.send(BasicAuth("test", "123£"), "GET", f"{server.url}/whoami")
    assert server.api.seen[0].fields[b"authorization"] == b"Basic dGVzdDoxMjPCow=="


def test_a_colon_in_the_name_is_refused() -> None:
    with pytest.raises(ValueError, match="colon") as caught:
        BasicAuth("al:ice", PASSWORD)
    assert PASSWORD not in str(caught.value)


def test_the_password_stays_out_of_the_repr() -> None:
    assert PASSWORD not in repr(BasicAuth(USER, PASSWORD))


def test_an_origin_binds_the_password(caller: Caller, server: Server, other: Server) -> None:
    caller.send(BasicAuth(USER, PASSWORD, origin=server.url), "GET", f"{other.url}/whoami")
    assert b"authorization" not in other.api.seen[0].fields
