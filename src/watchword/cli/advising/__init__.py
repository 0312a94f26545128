"""Advise a scheme: ask, rank, tell, write."""
