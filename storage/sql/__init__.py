"""Databases as such: engines, statements, columns."""
