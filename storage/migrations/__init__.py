"""Alembic's migrations: `storage.migrate` runs them, `alembic revision --autogenerate` drafts the next one."""
