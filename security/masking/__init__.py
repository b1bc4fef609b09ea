"""Masks secrets and personal data in whatever is shown or logged."""
