"""What is kept of how credentials are used: counts, origins, alerts. One file a table, for SQL and for memory."""
