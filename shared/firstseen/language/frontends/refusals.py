"""Rules that are in order but that firstseen does not run."""

from __future__ import annotations

from firstseen.errors import RuleError


class Refused(RuleError):  # noqa: N818 - a decision about a rule, not a fault of it
    """A rule that firstseen does not run; the message says why.

    It is no fault: the rest of the folder is loaded and run, and whoever loads says what was left out.
    """
