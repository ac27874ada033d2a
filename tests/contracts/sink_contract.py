"""The obligations of :class:`firstseen.findings.sink.Sink` as one suite, for every adapter.

An adapter's tests give a fixture ``harness`` (:class:`SinkHarness`: a receiver with nothing in it for each test) and a
class that inherits from :class:`SinkContract`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pytest

from firstseen.findings.finding import MAX_RAW_BYTES, Finding, Kind, Related, finding_uid, key_hash
from firstseen.findings.sink import Sink
from firstseen.findings.text import minimal
from firstseen.language.rules import LEVELS, Card, Level
from tests.contracts.store_samples import HOSTILE, MENDED, NOW_US

KINDS: tuple[Kind, ...] = ("finding", "digest", "summary", "test", "operational")


class SinkHarness(Protocol):
    """What a sink's tests bring."""

    def sink(self) -> Sink:
        """A sink object of the one receiver."""
        ...

    def received(self) -> list[str]:
        """Uids of what has arrived since the last call, in order as far as the receiver keeps one."""
        ...

    def down(self, *, down: bool) -> None:
        """Whether the receiver takes nothing from now on."""
        ...


def finding(number: int = 0, *, kind: Kind = "finding", level: Level = "high", value: str = "ada") -> Finding:
    """A finding with ``value`` wherever an event's values go."""
    key = key_hash("rule", "f", (), (f"role-{number}",))
    card = Card(
        id="6f1c8a52-3a0e-4b6a-9f60-2f8f3f1a7c11",
        title="A role that never did so asks for a password",
        level=level,
        tags=("attack.credential-access", "attack.t1552.005"),
        triage=("Ask the owner.",),
    )
    names = ("actor", "action", "account", "region", "resource", "source.ip", "user_agent", "error", "outcome")
    return Finding(
        uid=finding_uid(key, 0),
        card=card,
        type="new_terms",
        kind=kind,
        time_us=NOW_US,
        received_us=NOW_US,
        reason="Never seen before.",
        terms=(("userIdentity.arn", value),),
        related=(Related(value, NOW_US, "base"),),
        facts=tuple((name, value) for name in names),
        source="aws.cloudtrail",
        provider="AWS",
        raw=value,
        raw_bytes=len(value.encode()),
        pointer="s3://bucket/AWSLogs/key.json.gz",
        details=(("findings", "3"),) if kind != "finding" else (),
    )


class SinkContract:
    """Every obligation that can be seen from outside."""

    def test_nothing_is_published_for_nothing(self, harness: SinkHarness) -> None:
        assert list(harness.sink().publish([])) == []
        assert harness.received() == []

    def test_every_finding_is_answered_for_and_arrives(self, harness: SinkHarness) -> None:
        findings = [finding(number) for number in range(25)]
        assert list(harness.sink().publish(findings)) == ["sent"] * 25
        assert sorted(harness.received()) == sorted(one.uid for one in findings)

    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_and_level_is_taken(self, harness: SinkHarness, kind: Kind, level: Level) -> None:
        one = finding(kind=kind, level=level)
        assert list(harness.sink().publish([one])) == ["sent"]
        assert harness.received() == [one.uid]

    @pytest.mark.parametrize(
        "value", [*HOSTILE, MENDED, "\ufffe\uffff", "@here <!channel>"], ids=lambda value: repr(value[:12])
    )
    def test_values_that_attackers_choose_stop_nothing(self, harness: SinkHarness, value: str) -> None:
        findings = [finding(0), finding(1, value=value), finding(2)]
        assert list(harness.sink().publish(findings)) == ["sent"] * 3
        assert sorted(harness.received()) == sorted(one.uid for one in findings)

    @pytest.mark.parametrize("char", ["a", '"', "\\", "\x01", "\u0430", "\U0001f525"], ids=repr)
    def test_the_largest_raw_event_is_taken(self, harness: SinkHarness, char: str) -> None:
        raw = char * (MAX_RAW_BYTES // len(char.encode()))
        one = replace(finding(), raw=raw, raw_bytes=2 * MAX_RAW_BYTES)
        assert list(harness.sink().publish([one])) == ["sent"]
        assert harness.received() == [one.uid]

    def test_the_short_form_is_taken(self, harness: SinkHarness) -> None:
        one = minimal(finding(value=HOSTILE[-1]))
        assert list(harness.sink().publish([one])) == ["sent"]
        assert harness.received() == [one.uid]

    def test_publishing_twice_is_harmless(self, harness: SinkHarness) -> None:
        one = finding()
        assert list(harness.sink().publish([one])) == ["sent"]
        assert list(harness.sink().publish([one])) == ["sent"]
        assert set(harness.received()) == {one.uid}

    def test_an_outage_is_an_answer_and_what_is_published_after_it_arrives(self, harness: SinkHarness) -> None:
        sink, findings = harness.sink(), [finding(number) for number in range(12)]
        harness.down(down=True)
        assert list(sink.publish(findings)) == ["unavailable"] * 12
        assert harness.received() == []
        harness.down(down=False)
        assert list(sink.publish(findings)) == ["sent"] * 12
        assert sorted(harness.received()) == sorted(one.uid for one in findings)
