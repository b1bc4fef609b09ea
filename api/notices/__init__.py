"""The centre's settlement notice (6302) and what follows from it."""
