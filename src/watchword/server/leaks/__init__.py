"""Hear of leaks from those who look for them."""
