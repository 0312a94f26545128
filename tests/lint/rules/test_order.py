"""Rules about routes that stand in each other's way: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example

OPEN = '[[route]]\npath = "/{rest:path}"\naccept = "public"\n'
FILES = '[[route]]\npath = "/files/{rest:path}"\nmethods = ["GET"]\naccept = "public"\n'
ORDERS = '[[route]]\npath = "/orders/{id}"\naccept = "jwt"\n'
FOUND = '[[route]]\npath = "/orders/{id}" #!\naccept = "jwt"\n'

EXAMPLES = [
    Example("WW105", OPEN + FOUND, ORDERS + OPEN),
    Example(
        "WW105",
        FILES + '[[route]]\npath = "/files/private/{name}" #!\naccept = "jwt"\n',
        '[[route]]\npath = "/files/private/{name}"\naccept = "jwt"\n' + FILES,
    ),
    Example(
        "WW105",
        '[[route]]\npath = "/orders/{id}"\nmethods = ["GET"]\naccept = "public"\n'
        + FOUND.replace("accept", 'methods = ["GET"]\naccept'),
        '[[route]]\npath = "/orders/{id}"\nmethods = ["GET"]\naccept = "public"\n' + ORDERS,  # who reads, who writes
    ),
    Example("WW106", ORDERS + FOUND.replace("jwt", "mtls"), ORDERS),
    Example(
        "WW106",
        '[[route]]\npath = "/{rest:path}"\naccept = "jwt"\n' + FOUND.replace("jwt", "jwt & mtls"),
        ORDERS.replace("jwt", "jwt & mtls") + '[[route]]\npath = "/{rest:path}"\naccept = "jwt"\n',
    ),
    Example("WW106", '[[route]]\npath = "/a"\naccept = "jwt"\n[[route]]\npath = "/a" #!\naccept = "hmac"\n', ORDERS),
    Example(
        "WW119",
        '[[route]]\npath = "/orders"\nmethods = ["GET"] #!\naccept = "jwt"\n' + OPEN,
        '[[route]]\npath = "/orders"\nmethods = ["GET"]\naccept = "jwt"\n' + FILES,
    ),
    Example(
        "WW119",
        '[[route]]\npath = "/a"\nmethods = ["GET"] #!\naccept = "jwt"\n[[route]]\npath = "/a"\naccept = "public"\n',
        # Reading is public, writing is not: so it may be meant.
        '[[route]]\npath = "/a"\nmethods = ["POST", "PUT", "PATCH", "DELETE"]\naccept = "jwt"\n' + OPEN,
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


def test_the_other_route_is_named_with_its_line(tmp_path: Path) -> None:
    [found] = Example("WW105", OPEN + FOUND).found(tmp_path, bad=True)
    assert found.message == "/orders/{id} is public: /{rest:path} (line 2) is before it"


def test_exact_paths_are_never_behind_templates(tmp_path: Path) -> None:
    assert Example("WW105", OPEN + '[[route]]\npath = "/orders"\naccept = "jwt"\n').found(tmp_path, bad=True) == []
