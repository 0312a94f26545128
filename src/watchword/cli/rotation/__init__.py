"""``rotate``: a successor for anything, everything that is due, the root key."""
