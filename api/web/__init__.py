"""HTTP without payments: bodies, the envelope, errors, the interface document, the server."""
