"""The rules: one file a family. A rule is one small function and what is said of it."""
