"""firstseen: tells a cloud team the first time somebody does something that matters."""

__version__ = "0.1.0"
