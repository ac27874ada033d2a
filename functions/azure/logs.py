"""Lines of the log that queries and alerts read: ``firstseen KIND {…}``.

The worker hands the host nothing but a text, a level and the call's id, so what a line says stands in it as JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from firstseen.findings.finding import Finding
from firstseen.findings.safe import safe_json
from firstseen.findings.sink import Publication, Sink
from firstseen.findings.times import iso

PREFIX = "firstseen"
"""How each such line begins."""

LOGGER = "functions.azure"
"""The name of the logger that writes them."""

MAX_CHARACTERS = 2_000
"""Of one value."""

Kind = Literal[
    "finding",
    "batch",
    "sweep",
    "reject",
    "baseline",
    "baseline built",
    "put aside",
    "dead letter",
    "refused",
    "packs refused",
    "packs taken",
    "packs switched",
    "wide rule",
    "canaries",
    "canary spoilt",
    "silent rule",
    "fault",
]

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Log:
    """Writes such lines. ``service``: the deployment's name, in each of them."""

    service: str

    def say(self, kind: Kind, values: Mapping[str, Value], *, level: int = logging.INFO) -> None:
        """One line. There is none that may be left out: alarms read those of level INFO, mails are made from them."""
        told = {"service": self.service} | {name: _short(value) for name, value in values.items()}
        logging.getLogger(LOGGER).log(level, "%s %s %s", PREFIX, kind, safe_json(orjson.dumps(told).decode()))


def _short(value: Value) -> Value:
    return value[:MAX_CHARACTERS].encode("utf-8", "replace").decode() if isinstance(value, str) else value


class LoggedSink:
    """A sink that also writes a line for each finding that was sent: what an alert by e-mail is made from.

    The line is written before the finding is marked as sent: it may come twice, with the same uid, but not never. It
    holds nothing of the raw event.
    """

    def __init__(self, sink: Sink, log: Log) -> None:
        self._sink = sink
        self._log = log

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """See the protocol."""
        answers = self._sink.publish(findings, deadline_us=deadline_us)
        for finding, answer in zip(findings, answers, strict=True):
            if answer == "sent":
                self._log.say("finding", _told(finding))
        return answers


def _told(finding: Finding) -> dict[str, Value]:
    return {
        "uid": finding.uid,
        "level": finding.card.level,
        "rule": finding.card.id,
        "title": finding.card.title,
        "kind": finding.kind,
        "routing": finding.routing,
        "time": iso(finding.time_us),
        "source": finding.source,
        "account": finding.fact("account"),
        "region": finding.fact("region"),
    }
