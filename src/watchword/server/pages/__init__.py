"""Render the pages: templates, languages, the look."""
