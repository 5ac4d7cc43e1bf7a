"""The ports on SQL: the same tables and statements on SQLite and on PostgreSQL."""
