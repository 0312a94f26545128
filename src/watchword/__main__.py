"""Run ``python -m watchword``."""

import sys

from watchword.cli import main

if __name__ == "__main__":
    sys.exit(main())
