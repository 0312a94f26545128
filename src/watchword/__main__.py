"""Run ``watchword``, also as ``python -m watchword``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; where its parts are not installed, say how to get them."""
    try:
        from watchword.cli import main as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "watchword":
            raise
        print(f"watchword: the command line needs {error.name}", file=sys.stderr)
        print("hint: pip install 'watchword[server]'", file=sys.stderr)
        return 2
    return run()


if __name__ == "__main__":
    sys.exit(main())
