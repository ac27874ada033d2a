"""The Sink protocol: where findings go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from firstseen.findings.finding import Finding

Publication = Literal["sent", "unavailable", "refused"]


class Sink(Protocol):
    """Obligations of a sink.

    - ``publish`` answers for each finding, in order, and raises nothing but programming errors.
    - ``sent``: the receiver's service has taken it. ``unavailable``: it did not, or the outcome is unknown;
      the caller will call again with the same finding, later. ``refused``: this finding will never be taken
      as it is; the caller tries once more with :func:`firstseen.findings.text.minimal` and then gives up.
    - Retries within one call are the sink's, bounded by ``deadline_us``; those between calls are the
      caller's.
    - Publishing twice must be harmless: a finding's uid is its identity for whoever receives it.
    - One ``publish`` at a time on one sink object; several objects may publish at once.
    """

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """Send each; the answers are in the same order. ``deadline_us``: wall-clock time to be back by."""
        ...
