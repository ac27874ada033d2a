"""What is known before a rule speaks up: building it from history, and how noisy rules are over a history."""
