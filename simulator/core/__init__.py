"""What both simulators share: state in SQLite, the log of calls, injected faults, control calls, the server."""
