"""Routing of what history brings: everything is learnt, nobody is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from firstseen.findings.finding import Finding
from firstseen.findings.routing import Routed, Router


class History(Router):
    """Stands in for the router while a baseline is built.

    The findings are kept, for whoever asks what the rules would have said about the time before they were there: an
    attack that is part of the history would otherwise vanish in the baseline. They take no slot of a limit, arm no
    digest, and are not part of a learning summary that was made before.
    """

    def route(self, findings: Sequence[Routed], *, now_us: int) -> list[Finding]:
        """The findings in the same order, all ``learning``."""
        del now_us
        return [replace(one, routing="learning", baseline="learning") for one, _ in findings]
