"""Azure: state in Table Storage, findings to Event Grid."""
