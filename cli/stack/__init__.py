"""The embedded stack: Temporal's dev server, both simulators, one worker and one API as supervised processes."""
