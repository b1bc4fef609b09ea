"""Alembic's migrations: `storage.sql.migrate` runs them, `alembic revision --autogenerate` drafts the next one."""
