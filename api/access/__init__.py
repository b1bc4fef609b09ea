"""Access control: keys, rights, request signatures, rate limits, and the access log."""
