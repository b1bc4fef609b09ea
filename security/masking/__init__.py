"""Secrets and personal data, hidden wherever something is shown."""
