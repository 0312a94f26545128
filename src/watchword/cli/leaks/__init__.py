"""``scan`` and ``leaked``: find secrets that lie in the open, and answer it."""
