"""The review queue, for payments and refunds."""
