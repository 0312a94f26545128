"""Hold the parts of the admin API: one file an area, with its operations and what they take and answer."""
