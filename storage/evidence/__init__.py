"""What is kept of what was done: steps and their results, calls, who looked at what; and how to read it."""
