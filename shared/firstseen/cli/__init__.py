"""The ``firstseen`` command."""

from firstseen.cli.main import main

__all__ = ["main"]
