"""Every body in docs/notify.md, and every body that is really sent, is what its receiver documents."""

from __future__ import annotations

import json
import math
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from firstseen.adapters.aws.messages import attributes_of, message
from firstseen.findings.finding import Finding
from firstseen.findings.text import to_text
from firstseen.language.rules import LEVELS
from tests.contracts.sink_contract import KINDS, finding
from tests.contracts.store_samples import HOSTILE
from tests.unit.findings_samples import finding as sample

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "notify.md").read_text()
SCHEMAS = {
    "chat": "amazon_q_custom_notification",
    "pagerduty": "pagerduty_events_v2",
    "filter policy": "sns_filter_policy",
}
SAMPLES = [
    sample(),
    *(finding(kind=kind, level=level) for kind in KINDS for level in LEVELS),
    *(finding(value=value) for value in HOSTILE),
]
IDS = [f"{number}: {one.kind} {one.card.level}" for number, one in enumerate(SAMPLES)]


def blocks(kind: str, name: str) -> list[str]:
    """The fenced blocks behind a comment that names them."""
    found: list[str] = re.findall(rf"<!-- {kind}: {name} -->\n```\w+\n(.*?)```\n", PAGE, re.DOTALL)
    assert found, f"docs/notify.md has no {kind} {name}"
    return found


def check(name: str, body: object) -> None:
    schema = json.loads((ROOT / "tests" / "data" / "receivers" / f"{SCHEMAS[name]}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(body)


def forms(one: Finding) -> dict[str, str]:
    made = message(one, https="chat")
    assert made is not None
    found: dict[str, str] = json.loads(made.body)
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_body_on_the_page_is_what_its_receiver_takes(name: str) -> None:
    for block in blocks("body", name):
        check(name, json.loads(block))


def test_filter_policies_hold_few_enough_combinations() -> None:
    for block in blocks("body", "filter policy"):
        assert math.prod(map(len, json.loads(block).values())) <= 150


def test_filter_policies_name_attributes_and_values_that_are_sent() -> None:
    sent = attributes_of(sample())
    for block in blocks("body", "filter policy"):
        policy = json.loads(block)
        assert set(policy) <= set(sent)
        assert set(policy["severity"]) <= set(LEVELS)


def test_the_attributes_on_the_page_are_those_that_are_sent() -> None:
    table = PAGE[PAGE.index("| attribute | values |") : PAGE.index("<!-- body: filter policy -->")]
    named = {
        name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")
    }
    assert named == set(attributes_of(finding()))


@pytest.mark.parametrize("one", SAMPLES, ids=IDS)
def test_what_chat_gets_is_a_custom_notification(one: Finding) -> None:
    check("chat", json.loads(forms(one)["https"]))


def test_the_chat_body_on_the_page_has_the_fields_that_are_sent() -> None:
    (block,) = blocks("body", "chat")
    body, sent = json.loads(block), json.loads(forms(sample(facts=(("resource", "i-0abc"),)))["https"])
    assert body.keys() == sent.keys()
    assert body["content"].keys() == sent["content"].keys()
    assert body["metadata"].keys() == sent["metadata"].keys()
    assert body["metadata"]["additionalContext"].keys() == sent["metadata"]["additionalContext"].keys()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_an_event_can_format_link_and_mention_nothing_in_chat(value: str) -> None:
    """Of Slack's markup only what we wrote is left."""
    harmless, hostile = (
        json.loads(forms(finding(value=text))["https"])["content"]
        for text in ("x", f"<!channel> @here *b* `c` {value}")
    )
    for name in ("title", "description"):
        assert "@" not in hostile[name]
        for mark in "<>*`_~":
            assert hostile[name].count(mark) == harmless[name].count(mark), mark


def test_mail_begins_as_the_page_shows_it() -> None:
    (block,) = blocks("body", "email")
    shown, sent = block.splitlines(), to_text(finding()).splitlines()
    assert shown[0].split("  ")[0] == sent[0].split("  ")[0] == "HIGH"
    labels = [line.split(":")[0] for line in shown if re.match(r"[A-Z]\w+: ", line)]
    assert labels == [line.split(":")[0] for line in sent if re.match(r"(When|Who): ", line)]


def pagerduty() -> dict[str, Any]:
    (code,) = blocks("code", "pagerduty")
    found: dict[str, Any] = {}
    exec(compile(code, "docs/notify.md", "exec"), found)  # noqa: S102 - the page's own code is what is tested
    return found


@pytest.mark.parametrize("one", SAMPLES, ids=IDS)
def test_what_the_function_sends_is_an_event_of_pagerduty(one: Finding, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the handler, from a message as SNS hands it to a function."""
    sent: list[Any] = []

    class Opened:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    def urlopen(request: urllib.request.Request, timeout: float) -> Opened:
        assert request.full_url == "https://events.pagerduty.com/v2/enqueue"
        assert timeout <= 30
        assert isinstance(request.data, bytes)
        sent.append(json.loads(request.data))
        return Opened()

    monkeypatch.setenv("ROUTING_KEY", "0" * 32)
    code = pagerduty()
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    code["handler"]({"Records": [{"Sns": {"Message": forms(one)["default"]}}]}, None)
    (body,) = sent
    check("pagerduty", body)
    assert body["dedup_key"] == one.uid
    (shown,) = map(json.loads, blocks("body", "pagerduty"))
    assert body.keys() == shown.keys()
    assert body["payload"].keys() == shown["payload"].keys()
    assert body["payload"]["custom_details"].keys() == shown["payload"]["custom_details"].keys()
