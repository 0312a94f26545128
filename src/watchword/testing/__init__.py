"""Offer the suites and fixtures that third parties import to test what they add."""
