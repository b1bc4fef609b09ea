"""Database basics without payments: engines, statements, column types, migrations."""
