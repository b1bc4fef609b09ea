"""A payment: its workflow, and the steps of its story."""
