"""A refund of a settled payment."""
