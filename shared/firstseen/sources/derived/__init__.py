"""Derived names: values that no log writes, computed from those that every log has. Usable in every rule."""
