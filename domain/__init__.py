"""The pure rules of a payment: no I/O, no clock, no randomness."""
