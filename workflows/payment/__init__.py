"""A payment: its workflow and its steps."""
