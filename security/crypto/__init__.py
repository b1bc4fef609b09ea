"""Ciphers, signatures, the keyring, and the payload codec."""
