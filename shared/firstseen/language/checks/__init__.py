"""Checks of rules before they run: one class a check, one record an issue, all issues of all rules in one go."""
