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
        sys.stderr.write(f"watchword: the command line needs {error.name}\nhint: pip install 'watchword[server]'\n")
        return 2
    return run()


if __name__ == "__main__":
    sys.exit(main())
