"""``watchword user import`` and ``watchword user imported``."""

from __future__ import annotations

import json

import pytest

from tests.cli.desk import Desk

DJANGO = "pbkdf2_sha256$1000$Zbk1yRf0qDXp$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y="
BCRYPT = "$2b$04$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm"


def lines(*rows: object) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def test_json_lines_are_imported_dry_first(desk: Desk) -> None:
    (desk.folder / "users.jsonl").write_text(
        lines(
            {"username": "Ann", "password_hash": DJANGO, "email": "ann@example.com", "display": "Ann Other"},
            "",
            {"username": "bob", "password_hash": BCRYPT},
            {"username": "cy", "password_hash": "!unusable", "email": None},
            {"username": "alice", "password_hash": BCRYPT},
        )
    )
    dry = desk.done("user", "import", "users.jsonl", "--dry-run", "--json").json
    assert (dry["dry_run"], dry["added"], dry["there"], dry["refused"]) == (True, 3, 1, 0)
    assert "user:ann" not in desk.done("user", "list").out
    wet = desk.done("user", "import", "users.jsonl", "--scope", "orders:read", "--json").json
    assert wet == dry | {"dry_run": False}
    assert (wet["hashes"], wet["without_password"]) == ({"bcrypt": 1, "pbkdf2-sha256": 1}, 1)
    again = desk.done("user", "import", "users.jsonl", "--json").json
    assert (again["added"], again["there"]) == (0, 4)
    [held] = desk.done("list", "--subject", "user:ann", "--kind", "password", "--json").lines
    assert held["scopes"] == ["orders:read"]
    assert desk.done("user", "imported", "--json").lines == [
        {"hash": "bcrypt", "passwords": 1},
        {"hash": "pbkdf2-sha256", "passwords": 1},
    ]


def test_csv_is_imported_from_a_file_and_from_standard_input(desk: Desk) -> None:
    text = f'\ufeffusername,password_hash,display\r\nann,{DJANGO},"Other, Ann"\r\n'
    (desk.folder / "users.csv").write_bytes(text.encode())
    said = desk.done("user", "import", "users.csv")
    assert "added               1" in said.out
    assert "pbkdf2-sha256 1" in said.out
    assert "watchword user imported" in said.err
    more = f"username,password_hash\nbob,{BCRYPT}\n"
    assert desk.done("user", "import", "-", "--format", "csv", "--json", stdin=more).json["added"] == 1


def test_each_wrong_line_is_told_with_its_number_and_the_others_are_imported(desk: Desk) -> None:
    (desk.folder / "users.jsonl").write_text(
        lines(
            {"username": "ann", "password_hash": "hunter2"},
            '{"username": "ann", "username": "eve", "password_hash": ""}',
            {"username": "bob", "password_hash": BCRYPT, "email": "bob@example.com"},
            {"username": "cy", "password_hash": BCRYPT, "email": "bob@example.com"},
            {"username": "d d", "password_hash": BCRYPT},
            {"username": "eve", "password_hash": BCRYPT.replace("$04$", "$31$")},
            {"username": "fay", "password_hash": BCRYPT, "mail": "x"},
        )
    )
    said = desk.run("user", "import", "users.jsonl")
    assert said.code == 1
    assert [line.partition(":")[0] for line in said.err.splitlines() if line.startswith("line ")] == [
        "line 1", "line 2", "line 5", "line 6", "line 7", "line 4",
    ]  # fmt: skip
    for part in ("not a password hash", "not a JSON object", "belongs to somebody", "cost 31", "did you mean email?"):
        assert part in said.err
    assert "hunter2" not in said.out + said.err
    value = desk.run("user", "import", "users.jsonl", "--json")
    assert (value.code, value.json["there"], value.json["refused"]) == (1, 1, 6)
    assert value.json["problems"][0]["line"] == 1


def test_of_very_many_problems_some_are_told(desk: Desk) -> None:
    (desk.folder / "users.jsonl").write_text("[]\n" * 150)
    said = desk.run("user", "import", "users.jsonl")
    assert said.err.count("not a JSON object") == 40
    assert "and 110 more" in said.err


@pytest.mark.parametrize(
    ("words", "content", "what", "hint"),
    [
        (("users.txt",), "", "users.txt does not say what it is", "--format jsonl"),
        (("gone.csv",), None, "there is no file gone.csv", "CSV"),
        (("users.txt", "--format", "xml"), "", "--format: 'xml'", "csv"),
        (("users.csv",), "username\nann\n", "names no column password_hash", "known are"),
        (("users.csv",), "username,password_hash,mail\n", "there is no column 'mail'", "email"),
        (("users.csv",), "username,password_hash,username\n", "the first line", "known are"),
        (("users.csv",), 'username,password_hash\n"ann,\n', "not CSV", ""),
        (("users.csv",), b"username,password_hash\n\xff\xfe,x\n", "not UTF-8", "convert"),
        (("users.jsonl",), "x" * 20_000, "more than 16,384 bytes", "a line"),
        (("users.jsonl", "--scope", 'a"'), "", "--scope: bad character", "orders:read"),
    ],
)
def test_what_cannot_be_read_stops_with_a_hint(
    desk: Desk, words: tuple[str, ...], content: str | bytes | None, what: str, hint: str
) -> None:
    if content is not None:
        (desk.folder / words[0]).write_bytes(content.encode() if isinstance(content, str) else content)
    said = desk.wrong("user", "import", *words)
    assert what in said
    assert hint in said


def test_a_csv_line_of_another_length_is_refused(desk: Desk) -> None:
    (desk.folder / "users.csv").write_text(f"username,password_hash\nann\nbob,{BCRYPT}\ncy,{BCRYPT},more\n")
    value = desk.run("user", "import", "users.csv", "--json")
    assert (value.code, value.json["added"], value.json["refused"]) == (1, 1, 2)
    assert [each["line"] for each in value.json["problems"]] == [2, 4]


def test_on_a_terminal_it_says_how_far_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cli.desk._Stream.isatty", lambda self: True)
    (desk.folder / "users.jsonl").write_text(lines(*({"username": f"u{n}", "password_hash": ""} for n in range(250))))
    err = desk.done("user", "import", "users.jsonl").err
    assert [part for part in err.split("\r") if part.endswith("lines")] == ["100 lines", "200 lines", "250 lines"]


def test_nothing_left_is_said(desk: Desk) -> None:
    assert "every password is hashed as the settings say" in desk.done("user", "imported").err
