"""The laptop: state in memory or SQLite, findings to a terminal or as JSON lines."""
