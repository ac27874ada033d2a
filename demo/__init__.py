"""Writes the audit log of a small invented company, with attacks inside, and says what must be found."""
