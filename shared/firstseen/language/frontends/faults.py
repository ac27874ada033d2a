"""Several faults as one error."""

from __future__ import annotations

from collections.abc import Sequence

from firstseen.errors import RuleError


class RuleFaults(RuleError):  # noqa: N818 - a collection of errors
    """Several faults at once; ``faults`` holds each, with its place; at least one."""

    def __init__(self, faults: Sequence[RuleError]) -> None:
        message = faults[0].message if len(faults) == 1 else f"{len(faults)} faults in the rules"
        super().__init__(message, faults[0].place)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        """Each fault with its place, line and caret."""
        return "\n".join(str(fault) for fault in self.faults)


def each(fault: RuleError) -> tuple[RuleError, ...]:
    """The single faults of ``fault``."""
    return fault.faults if isinstance(fault, RuleFaults) else (fault,)
