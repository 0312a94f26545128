"""Keep records, the audit log, the revocation feed and short-lived values: in memory, SQLite or PostgreSQL.

Each store is one object that implements ``Records``, ``AuditLog``, ``Feed`` and ``Ephemeral`` of ``model.ports``.
"""
