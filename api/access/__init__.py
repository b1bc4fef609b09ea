"""Who may call: keys, rights, signatures, limits, and the record of all that."""
