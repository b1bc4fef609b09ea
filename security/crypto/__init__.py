"""Ciphers, signatures, the keyring, and Temporal's payloads."""
