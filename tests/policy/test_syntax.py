"""Text to tree, and what is said about text that is none."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.policy.syntax import parse, unknown
from watchword.policy.tree import Both, Either, Leaf, Policy, PolicyError, Public, Via

A, B, C = Leaf("a"), Leaf("b"), Leaf("c")
KNOWN = ("api-key", "basic", "jwt", "mtls", "oauth2", "session", "hmac")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("a|b|c", Either((A, B, C))),
        ("a | b & c", Either((A, Both((B, C))))),
        ("a & b via c", Both((A, Via(B, C)))),
        ("(a & b) via c", Via(Both((A, B)), C)),
        ("(a | b) & c", Both((Either((A, B)), C))),
        (" \n( ( a ) )\t", A),
        ("a\n| b\r\n| public", Either((A, B, Public()))),
        ("(a | public) | public", Either((A, Public()))),
        ("public | public", Public()),
        ("a | a", A),
        ("viable | publican", Either((Leaf("viable"), Leaf("publican")))),
    ],
)
def test_text_reads_as(text: str, tree: Policy) -> None:
    assert parse(text) == tree


def test_the_message_points_at_the_place() -> None:
    with pytest.raises(PolicyError) as caught:
        parse("api-key | jwtt", KNOWN)
    assert str(caught.value).splitlines() == [
        'column 11: found "jwtt", expected a scheme (api-key, basic, hmac, jwt, mtls, oauth2, public, session);'
        ' did you mean "jwt"?',
        "  api-key | jwtt",
        "            ^",
    ]
    assert (caught.value.line, caught.value.column, caught.value.found) == (1, 11, '"jwtt"')


def test_the_message_names_the_line_of_a_long_text() -> None:
    with pytest.raises(PolicyError) as caught:
        parse("api-key\n | jwt\n | basik", KNOWN)
    assert (caught.value.line, caught.value.column) == (3, 4)
    assert str(caught.value).startswith('line 3, column 4: found "basik"')
    assert str(caught.value).endswith('did you mean "basic"?\n   | basik\n     ^')


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "found the end, expected a scheme"),
        ("a |", 4, "found the end, expected a scheme"),
        ("| a", 1, 'found "|", expected a scheme'),
        ("a || b", 4, 'found "|", expected a scheme'),
        ("a & | b", 5, 'found "|", expected a scheme'),
        ("a b", 3, 'found "b", expected "|", "&", "via" or the end; schemes are joined by an operator'),
        ("a or b", 3, 'write "|"'),
        ("a and b", 3, 'write "&"'),
        ("(a and b)", 4, 'write "&"'),
        ("a, b", 2, 'write "|"'),
        ("a )", 3, "this parenthesis was never opened"),
        ("(a | b", 7, 'found the end, expected .* for the "\\(" in column 1'),
        ("()", 2, 'found "\\)", expected a scheme'),
        ("via a", 1, 'found "via", expected a scheme'),
        ("a via", 6, "found the end"),
        ("Jwt", 1, "lower case"),
        ("a | \x1b[31m", 5, 'found "\\?", expected a scheme name'),
        ("a | \u0430", 5, "expected a scheme name"),
        ("public & a", 1, 'found "public" under "&"'),
        ("a & b & public", 9, 'found "public" under "&"'),
        ("a & (b | public)", 10, 'found "public" under "&"'),
        ("a via public", 7, 'found "public" under "via"'),
        ("public | a", 1, 'found "public" before another alternative'),
        ("(a | public) | b", 6, 'found "public" before another alternative'),
        ("a via b via c", 9, 'found "via" within "via"'),
        ("(a via b) via c", 11, 'found "via" within "via"'),
        ("a via (b via c)", 3, 'found "via" within "via"'),
        ("jwt via jwt", 5, 'found "jwt" on both sides of "via"'),
    ],
)
def test_what_is_no_policy(text: str, column: int, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (1, column)


@pytest.mark.parametrize(
    ("name", "near"), [("JWT", "jwt"), ("Api-Key", "api-key"), ("sesion", "session"), ("pubic", "public")]
)
def test_the_nearest_name_is_offered(name: str, near: str) -> None:
    with pytest.raises(PolicyError, match=f'did you mean "{near}"'):
        parse(name, KNOWN)
    assert unknown("nothing-like-it", KNOWN).hint == ""


def test_hostile_text_is_bounded() -> None:
    with pytest.raises(PolicyError, match="at most 1000"):
        parse("a" * 1001)
    with pytest.raises(PolicyError, match="at most 32 open parentheses") as caught:
        parse("(" * 499 + "a" + ")" * 499)
    assert caught.value.column == 33
    with pytest.raises(PolicyError, match="at most 32 schemes") as caught:
        parse(" | ".join("a" * 33))
    assert caught.value.column == 32 * 4 + 1
    assert parse("(" * 32 + "a" + ")" * 32) == A
    assert parse("&".join(["(a|b)"] * 16)) == Either((A, B))


def test_a_caret_stays_on_the_screen_and_control_characters_off_it() -> None:
    with pytest.raises(PolicyError) as caught:
        parse("a | " * 200 + "\x1b[2J")
    excerpt, caret = str(caught.value).splitlines()[1:]
    assert len(excerpt) <= 62
    assert len(caret) <= 62
    assert "\x1b" not in str(caught.value)


@given(st.text(alphabet="ab(|&) \npublicviaZ\x00é-1", max_size=80))
@example("((a)|(public))")
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    try:
        tree = parse(text)
    except PolicyError as error:
        column, message = error.column, str(error)
    else:
        column, message = 1, "a policy"
        assert parse(str(tree)) == tree
    assert column >= 1
    assert message
