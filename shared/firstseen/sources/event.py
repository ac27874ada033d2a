"""One entry of an audit log, and what is kept of an input that is none."""

from __future__ import annotations

from dataclasses import dataclass

from firstseen.sources.source import Source, View

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""A larger single event is rejected; CloudTrail's own limit is 256 KB a field group, Azure's 1 MB a
message.
"""


@dataclass(frozen=True, slots=True)
class Event:
    """An event is its bytes plus a view.

    Attributes:
        source: the log source that it was recognised as.
        raw: the event's own JSON object, without its envelope.
        view: ``raw`` as orjson reads it.
        id: equal for copies of one event.
        operation_id: equal for the start and the end of one operation.
        time_us: event time in microseconds since 1970, taken back to ``received_us`` when more than an hour
            later.
        received_us: when the provider enqueued it (for files: the start of the run).
        remarks: what was odd but did not stop it from being read, e.g. ``"no eventID: a hash of its content
            serves"``.
    """

    source: Source
    raw: bytes
    view: View
    id: str
    operation_id: str
    time_us: int
    received_us: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """An input, or a part of one, that could not be read; it is kept with the reason and loses nothing else.

    Attributes:
        reason: what is wrong and how to mend it, in one line.
        raw: the bytes at fault, cut to what a queue message holds (:data:`MAX_REJECT_BYTES`).
        place: line (files) or position (envelopes) from 1; 0 when the whole input is meant.
        rule_id: the rule that raised on the event, when that is the reason.
    """

    reason: str
    raw: bytes
    place: int = 0
    rule_id: str | None = None


MAX_REJECT_BYTES = 64 * 1024
