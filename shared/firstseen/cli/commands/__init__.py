"""One module a command: ``SUMMARY``, ``arguments(parser)``, ``run(args) -> exit status``."""
