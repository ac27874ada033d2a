"""The outside: one folder for each place that firstseen runs in or keeps state in."""
