"""Each alarm of the Azure deployment asks for what the app writes, and says so when something is wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import get_args

import pytest

from functions.azure import logs
from functions.azure.logs import Value
from tests.emulators import ROOT
from tests.infra.bicep_files import files, resources
from tests.infra.bicep_queries import Row, answer
from tests.infra.templates import needs_infra

pytestmark = needs_infra

APP = ROOT / "functions" / "azure"


WORDS = {"and", "count", "extend", "false", "max", "min", "or", "parse_json", "project", "startswith", "strlen"} | {
    *("substring", "sumif", "summarize", "toint", "tolong", "tostring", "where")
}
"""Of the query language, as far as the alarms use it."""


def queries() -> dict[str, str]:
    """Each alarm's query, and the one that findings are mailed by."""
    tree = files()["modules/alerts.bicep"]
    rules = resources("modules/alerts.bicep", "Microsoft.Insights/scheduledQueryRules")
    (mailed,) = rules["findings"]["properties"]["criteria"]["allOf"]
    return {one["name"]: one["query"] for one in tree["variables"]["alarms"]["value"]} | {"Findings": mailed["query"]}


def keys_written(kind: str) -> set[str]:
    """Names that the app may write in a line of that kind."""
    sources = {
        "finding": ("logs.py",),
        "batch": ("batches.py", "ingest.py"),
        "sweep": ("sweep.py", "aside.py"),
    }[kind]
    text = "".join((APP / name).read_text(encoding="utf-8") for name in sources)
    return set(re.findall(r'"([a-z_]+)"', text))


def test_alarms_ask_for_lines_that_the_app_writes_and_for_values_that_stand_in_them() -> None:
    for name, query in queries().items():
        if name == "Failures":
            assert query.split()[0] == "AppRequests"  # the host's own table
            continue
        table, asked, *rest = query.strip().splitlines()
        assert table == "AppTraces"
        match = re.fullmatch(rf'\| where Message startswith "{logs.PREFIX} ([a-z ]+) {{"', asked)
        assert match is not None, f"{name}: {asked}"
        kind = match[1]
        assert kind in get_args(logs.Kind), name
        keys = set(re.findall(r"\bit\.(\w+)", query))
        if keys:
            assert rest[0] == f'| extend it = parse_json(substring(Message, strlen("{logs.PREFIX} {kind} ")))', name
            assert keys <= keys_written(kind), f"{name}: {keys - keys_written(kind)}"


def test_every_query_names_a_column_before_it_compares_it() -> None:
    """A name that nothing defines fails only when the alarm is evaluated, which nobody would see."""
    columns = {"Message", "TimeGenerated", "Success", "AppTraces", "AppRequests", "it"}
    for name, query in queries().items():
        bare = re.sub(r'"[^"]*"|\bit\.\w+', "", query)
        defined = set(re.findall(r"\b([a-z_]+) = ", bare))
        used = set(re.findall(r"\b[A-Za-z_]+\b", bare))
        assert used <= columns | WORDS | defined, f"{name}: {used - columns - WORDS - defined}"


def test_findings_are_mailed_one_by_one() -> None:
    """Each id is a series of its own, which fires once while it stands in the window; a late line still counts."""
    rule = resources("modules/alerts.bicep", "Microsoft.Insights/scheduledQueryRules")["findings"]["properties"]
    (criterion,) = rule["criteria"]["allOf"]
    names = [one["name"] for one in criterion["dimensions"]]
    assert names == ["title", "level", "account", "uid"]
    assert all(re.search(rf"\b{name} = ", criterion["query"]) for name in names)
    assert rule["autoMitigate"] is True
    assert (rule["evaluationFrequency"], rule["windowSize"]) == ("PT5M", "PT15M")


def test_an_alarms_window_is_longer_than_the_time_between_two_looks() -> None:
    """Lines reach the workspace minutes late: one that falls between two windows would be missed."""
    (loop,) = (
        one
        for symbol, one in resources("modules/alerts.bicep", "Microsoft.Insights/scheduledQueryRules").items()
        if symbol == "alarmRules"
    )
    assert loop["properties"]["evaluationFrequency"] == "PT15M"
    windows = {one["window"] for one in files()["modules/alerts.bicep"]["variables"]["alarms"]["value"]}
    assert windows <= {"PT30M", "PT45M", "PT2H", "silenceBeforeAlarm"}
    assert files()["main.bicep"]["parameters"]["silenceBeforeAlarm"]["default"] == "PT1H"


# ---- what they answer ------------------------------------------------------------------------------------------------

Told = Sequence[tuple[logs.Kind, Mapping[str, Value]]]
"""Lines: their kinds and what they say."""

WELL: Mapping[str, Value] = dict.fromkeys(
    ("oldest_pending_seconds", "dead_letters", "rejects_waiting", "put_aside_waiting"), 0
)
SWEPT: Told = [("sweep", WELL)] * 9

QUIET: Told = [*SWEPT, ("batch", {"function": "ingest", "events": 7})]
"""Lines of a while in which all is well."""

FIRED: dict[str, tuple[str, Told]] = {
    "a-reject": ("Rejects", [("reject", {"pointer": "eventhub:h/0@1"})]),
    "a-dead-letter-waits": ("DeadLetters", [("sweep", {**WELL, "dead_letters": 1})]),
    "deliveries-wait-at-each-sweep": ("PutAside", [("sweep", {**WELL, "put_aside_waiting": 3})] * 9),
    "a-finding-waits": ("Pending", [("sweep", {**WELL, "oldest_pending_seconds": 601})]),
    "no-sweep-runs": ("Pending", []),
    "no-batch-comes": ("NoEvents", [("sweep", WELL)]),
    "batches-are-empty": ("NoEvents", [("batch", {"function": "ingest", "events": 0})]),
    "only-old-deliveries-come": ("NoEvents", [("batch", {"function": "again", "events": 4})]),
    "a-refused-finding": ("Refused", [("refused", {"uid": "u", "rule": "r"})]),
    "a-pack-is-refused": ("PackRefused", [("packs refused", {"reason": "damaged", "runs": "1"})]),
    "a-rule-is-silent": ("Canaries", [("silent rule", {"rule": "r", "stuck": "it matched, and made no finding"})]),
    "a-finding": ("Findings", [("finding", {"title": 'a "b" {c}', "level": "high", "account": "s", "uid": "u"})]),
}  # fmt: skip
"""Alarm and lines that make it fire."""


def answered(name: str, told: Told, caplog: pytest.LogCaptureFixture) -> list[Row]:
    """An alarm's rows over lines that the app's own log wrote."""
    caplog.set_level(logging.INFO, logger=logs.LOGGER)
    for kind, values in told:
        logs.Log("firstseen").say(kind, values)
    lines = [{"Message": one.getMessage(), "TimeGenerated": one.created} for one in caplog.records]
    return answer(queries()[name], {"AppTraces": lines, "AppRequests": [{"Success": True}]})


@pytest.mark.parametrize(("name", "told"), FIRED.values(), ids=FIRED)
def test_an_alarm_fires_on_the_lines_that_it_is_for(name: str, told: Told, caplog: pytest.LogCaptureFixture) -> None:
    assert answered(name, told, caplog)


@pytest.mark.parametrize("name", sorted({name for name, _ in FIRED.values()} | {"Failures"}))
def test_no_alarm_fires_while_all_is_well(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert answered(name, QUIET, caplog) == []


def test_a_delivery_that_is_done_at_the_second_try_alarms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    waits: tuple[logs.Kind, Mapping[str, Value]] = ("sweep", {**WELL, "put_aside_waiting": 3})
    assert answered("PutAside", [waits] * 5 + [("sweep", WELL)] + [waits] * 3, caplog) == []


def test_every_alarm_is_shown_to_fire() -> None:
    assert {name for name, _ in FIRED.values()} | {"Failures"} == set(queries())
    assert answer(queries()["Failures"], {"AppRequests": [{"Success": False}]})


def test_a_mailed_finding_says_what_and_where(caplog: pytest.LogCaptureFixture) -> None:
    (row,) = answered("Findings", FIRED["a-finding"][1], caplog)
    assert (row["title"], row["level"], row["account"], row["uid"]) == ('a "b" {c}', "high", "s", "u")
