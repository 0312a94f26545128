"""``alerts``: what looks like a leak."""
