"""The codec server: payloads opened for Temporal's UI."""
