"""Decide about authorization requests: how they come, what a person lets an application do."""
