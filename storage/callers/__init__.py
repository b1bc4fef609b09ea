"""What is kept about calls to the API rather than about payments: nonces, and the numbers of updates."""
