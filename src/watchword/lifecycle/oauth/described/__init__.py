"""Let clients describe themselves: what they say, where they publish it, how they register and manage it."""
