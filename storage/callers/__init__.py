"""What is kept about calls to the API rather than about payments: nonces, numbers, sign-outs."""
