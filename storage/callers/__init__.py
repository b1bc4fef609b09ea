"""What is kept about calls to the API rather than about payments: nonces, numbers of updates and commands, sign-outs."""
