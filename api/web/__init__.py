"""HTTP itself: bodies, the envelope, errors, documents; no payment is known here."""
