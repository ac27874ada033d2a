"""The model of docs/cost.md: its arithmetic, and that it speaks of the rules that are shipped."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from firstseen.adapters.aws.dynamodb import WORKERS
from firstseen.matching.patterns import patterns_for
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from infra.aws.operations import BATCH_MESSAGES, WINDOW_US, Used
from infra.cost import (
    ALARMS,
    AWS,
    METRICS,
    PAGE,
    WAIT_SECONDS,
    bus_cost,
    trail_cost,
    waiting_seconds,
    written,
)
from tests.infra.templates import TEMPLATE
from tests.shipped import shipped_rules

_BATCHING = ("BatchSize", "MaximumBatchingWindowInSeconds")
NOTHING = Used(events=1_000, deliveries=0, batches=0, matches=0, findings=0, sent=0, reads=0, writes=0)


def test_an_event_that_is_not_handed_over_costs_nothing() -> None:
    assert sum(bus_cost(NOTHING, 1_000, 1).values()) == 0


def test_a_message_costs_its_requests_and_its_share_of_a_call() -> None:
    """Alone: it is sent, received and deleted. In full batches of fifty: received and deleted ten at a time."""
    all_of_them = replace(NOTHING, deliveries=1_000)
    alone, full = (bus_cost(all_of_them, 1_000, millions) for millions in (1e-9, 1e9))
    request = AWS["queue, a million requests"]
    assert alone["queue"] == pytest.approx(3 * request)
    assert full["queue"] == pytest.approx(1.2 * request)
    for part in ("function", "log"):
        assert alone[part] == pytest.approx(50 * full[part])


def test_a_call_waits_for_the_table_once_to_read_and_for_its_writes_several_at_a_time() -> None:
    reads = replace(NOTHING, deliveries=1_000, batches=1_000, requests=1_000)
    writes = replace(reads, requests=2_000)
    assert waiting_seconds(NOTHING, 1) == waiting_seconds(reads, 50) == WAIT_SECONDS
    assert waiting_seconds(writes, 1) == 2 * WAIT_SECONDS
    assert waiting_seconds(writes, 8 * WORKERS) == pytest.approx((1 + 1 + 8) * WAIT_SECONDS)
    assert bus_cost(writes, 1_000, 1)["function"] > bus_cost(reads, 1_000, 1)["function"]


def test_batches_are_those_of_the_template() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    said = [re.findall(rf"^ +{name}: (\d+)", text, re.MULTILINE) for name in _BATCHING]
    assert said == [[str(BATCH_MESSAGES)], [str(WINDOW_US // 1_000_000)]]


def test_alarms_and_metrics_are_those_of_the_template() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert text.count("Type: AWS::CloudWatch::Alarm") == ALARMS
    ours = set(re.findall(r"Namespace: firstseen\n +MetricName: (\w+)", text))
    for graph in re.findall(r'"metrics": (\[.*?\n +\])', text, re.DOTALL):
        namespace = ""
        for said, name, *_ in json.loads(graph):
            namespace = namespace if said == "." else said
            ours |= {name} if namespace == "firstseen" else set()
    assert len(ours) == METRICS, sorted(ours)


def test_the_table_costs_what_is_read_and_written_by_either_way() -> None:
    one = replace(NOTHING, reads=1_000, writes=2_000)
    for cost in (bus_cost(one, 1_000, 1), trail_cost(one)):
        assert cost["table, writes"] == pytest.approx(2 * AWS["table, a million writes (on demand, begun KB)"])
        assert cost["table, reads"] == pytest.approx(AWS["table, a million reads (on demand, begun 4 KB)"])


def test_the_page_lists_every_shipped_rule_that_waits_for_the_trail() -> None:
    found = shipped_rules()
    patterns = patterns_for(found.standing_in().values(), CLOUDTRAIL)
    late = {base.id for base in (*patterns.broad, *(base for base, _ in patterns.late))}
    waiting = {one.card.title for one in found.correlations if any(member.base_id in late for member in one.members)}
    said = PAGE.read_text(encoding="utf-8")
    assert {one for one in waiting if one not in said} == set(), "make cost"


def test_the_page_has_a_place_for_each_part() -> None:
    page = "<!-- generated: prices -->\nold\n<!-- end: prices -->"
    assert written(page, {"prices": "new"}) == "<!-- generated: prices -->\n\nnew\n\n<!-- end: prices -->"
    with pytest.raises(ValueError, match="no place for other"):
        written(page, {"other": "new"})
