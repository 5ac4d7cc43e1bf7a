"""The ports on SQL: tables, repositories, migrations."""
