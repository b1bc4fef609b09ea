"""Shared by both simulators: state in SQLite, the log of calls, injected faults, control calls, the server."""
