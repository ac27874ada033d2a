"""Accounts by name: how they are written, what cannot be one, and where their names are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.adapters.aws.chat import chat_bytes
from firstseen.adapters.local.memory import MemoryStore
from firstseen.cli.ruleset import RuleSet, read_rule_set, rule_set
from firstseen.deliveries import Delivery
from firstseen.errors import RuleError
from firstseen.findings.build import build
from firstseen.findings.finding import Finding
from firstseen.findings.naming import with_names
from firstseen.findings.ocsf import to_ocsf
from firstseen.findings.tally import Tally, message
from firstseen.findings.text import headline, minimal, subject, to_text
from firstseen.language.accounts import MAX_ACCOUNTS, MAX_NAME_CHARACTERS, Account, by_id
from firstseen.language.frontends.accounts import MAX_FAULTS, read_table
from firstseen.language.frontends.documents import MAX_FILE_BYTES
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack, dump, load
from firstseen.pipeline import Pipeline
from tests.unit.findings_samples import event, opening, rule
from tests.unit.test_findings_ocsf import check

RULE = b"""
title: Created
id: 66666666-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: CreateUser}, condition: selection}
level: high
"""
PAYMENTS = Account("111122223333", "payments-prod", (("environment", "production"), ("owner", "payments")))
SUBSCRIPTION = "0B1F6471-1BF0-4DDA-AEC3-111122223333"


def _set(accounts: str, *more: str) -> RuleSet:
    overlays = {
        f"{number or ''}rules.yaml": f"accounts: {one}".encode() for number, one in enumerate((accounts, *more))
    }
    return rule_set({"r.yml": RULE}, overlays)


def _named(*accounts: Account) -> Finding:
    found = event()
    return build(opening(found), rule("match"), found, accounts=by_id(accounts))


def test_accounts_are_named_by_a_text_or_by_a_mapping_with_labels() -> None:
    labelled = f"{{{SUBSCRIPTION}: {{name: payments, owner: 7, environment: production}}, 011122223333: logs}}"
    found = _set(labelled)
    assert not found.faults
    payments = Account(SUBSCRIPTION, "payments", (("environment", "production"), ("owner", "7")))
    assert found.pack().accounts == (Account("011122223333", "logs"), payments)


def test_a_later_overlay_names_an_account_anew() -> None:
    found = _set("{'111122223333': old, '444455556666': stays}", "{'111122223333': new}")
    assert [one.name for one in found.pack().accounts] == ["new", "stays"]


@pytest.mark.parametrize(
    ("accounts", "words", "place"),
    [
        ("7", "a mapping of ids to names", "rules.yaml:1:11"),
        ("['']", "a mapping of ids to names", "rules.yaml:1:12"),
        ("{'111122223333': [a]}", "text on one line", "rules.yaml:1:28"),
        ("{'111122223333': {environment: a}}", "needs a name", "rules.yaml:1:28"),
        ("{'111122223333': {name: a, Owner: b}}", "cannot be a label", "rules.yaml:1:45"),
        ("{'111122223333': {name: a, owner: {}}}", "text on one line", "rules.yaml:1:45"),
        ("{'111122223333': \"a\\u202eb\"}", "text on one line", "rules.yaml:1:28"),
        ("{'111122223333': \"a\\nb\"}", "text on one line", "rules.yaml:1:28"),
        (f"{{'111122223333': {'x' * 101}}}", "101 characters, more than 100", "rules.yaml:1:28"),
        ("{'11112222333': a}", "lost the zeros", "rules.yaml:1:12"),
        ("{'1111 2222': a}", "without spaces", "rules.yaml:1:12"),
        (f"{{{SUBSCRIPTION}: a, {SUBSCRIPTION.lower()}: b}}", "is named above, 'a'", "rules.yaml:1:53"),
        ("{'111122223333': a, '111122223333': b}", "stands here twice", "rules.yaml:1:31"),
        ("nowhere.csv", "cannot be read", "rules.yaml:1:11"),
    ],
)
def test_what_no_account_can_be_shows_its_place_and_the_rest_is_read(accounts: str, words: str, place: str) -> None:
    found = _set(accounts)
    assert [str(fault.place) for fault in found.faults if words in fault.message] == [place]
    assert found.correlations


@pytest.mark.parametrize(
    "table",
    [
        'id\tname\tenvironment\n111122223333\tpay "prod", EU\tproduction\n\n444455556666\tlogs\n',
        '\ufeffName,ID,Environment\r\n"pay ""prod"", EU",111122223333,production\r\nlogs,444455556666,\r\n',
        'id;name;environment\n111122223333;"pay ""prod"", EU";production\n444455556666;logs\n',
    ],
    ids=["tabs", "commas", "semicolons"],
)
def test_a_table_is_divided_as_its_first_line_is(table: str) -> None:
    found, faults = read_table("a.csv", table.encode())
    assert not faults
    payments = Account("111122223333", 'pay "prod", EU', (("environment", "production"),))
    assert list(found.values()) == [payments, Account("444455556666", "logs")]


@pytest.mark.parametrize(
    ("table", "words", "place"),
    [
        ("111122223333,logs\n", "the first line names the columns", "a.csv:1:1"),
        ("", "the first line names the columns", "a.csv:1:1"),
        ("id,name,name\n", "each once", "a.csv:1:1"),
        ("id,name\n111122223333,a,b\n", "3 columns, the first line 2", "a.csv:2:16"),
        ("id,name\n111122223333,\n", "needs a name", "a.csv:2:1"),
        ('id,name\n1,"a\nb"\n', "not a row", "a.csv:2:1"),
        ("id,name\n111122223333,a\n111122223333,b\n", "is named above, 'a'", "a.csv:3:1"),
        ("id,name\n111122223333,a\u2028b\n", "text on one line", "a.csv:2:14"),
        ("id,name,Sub Team\n1,a,x\n", "cannot be a label", "a.csv:1:1"),
    ],
)
def test_what_a_table_cannot_hold_shows_its_line(table: str, words: str, place: str) -> None:
    _, faults = read_table("a.csv", table.encode())
    assert words in faults[0].message
    assert str(faults[0].place) == place


def test_a_table_is_bounded_in_size_in_accounts_and_in_faults() -> None:
    _, (fault,) = read_table("a.csv", b"id,name\n" + b" " * MAX_FILE_BYTES)
    assert "larger than" in fault.message
    many = "".join(f"a{number},n\n" for number in range(MAX_ACCOUNTS + 1))
    _, (fault, *_) = read_table("a.csv", f"id,name\n{many}".encode())
    assert "more than 50,000 accounts" in fault.message
    _, faults = read_table("a.csv", b"id,name\n" + b"1 2,x\n" * 1_000)
    assert len(faults) == MAX_FAULTS
    _, (fault,) = read_table("a.csv", b"id,name\n1,\xff\n")
    assert "UTF-8" in fault.message


@given(st.text(max_size=200))
def test_no_table_raises_and_what_is_read_is_sound(text: str) -> None:
    found, _ = read_table("a.csv", f"id,name,owner\n{text}".encode("utf-8", "replace"))
    assert list(by_id(found.values())) == list(found)
    assert all(one.name.isprintable() for one in found.values())


def test_tables_lie_beside_the_overlay_and_one_id_stands_in_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_bytes(RULE)
    (tmp_path / "rules.yaml").write_text("accounts: [aws.tsv, azure.csv]\n")
    (tmp_path / "aws.tsv").write_text("id\tname\n111122223333\tpayments-prod\n")
    (tmp_path / "azure.csv").write_text(f"id,name\n{SUBSCRIPTION},payments\n")
    assert [one.name for one in read_rule_set([str(tmp_path)]).pack().accounts] == ["payments", "payments-prod"]
    (tmp_path / "azure.csv").write_text("id,name\n111122223333,payments\n")
    (fault,) = read_rule_set([str(tmp_path)]).faults
    assert "another of these tables names 'payments-prod'" in fault.message
    assert fault.place is not None
    assert (fault.place.line, fault.place.column) == (1, 21)


def test_a_pack_carries_the_names_and_its_version_covers_them() -> None:
    plain, named = _set("{}").pack(), _set("{'111122223333': {name: payments-prod, owner: p}}").pack()
    assert load(dump(named)) == named
    assert plain.version != named.version
    assert replace(named, accounts=(), version=plain.version) == plain, "the rules are the same"


def test_a_pack_without_names_is_what_it_was_before_there_were_any() -> None:
    body = json.loads(dump(_set("{}").pack()))
    assert set(body) == {"bases", "correlations", "firstseen_pack"}
    assert load(orjson.dumps(body)).accounts == ()


@pytest.mark.parametrize(
    "accounts",
    [
        {"id": "1", "name": "a"},
        [{"id": "1"}],
        [{"id": "1", "name": 7}],
        [{"id": "", "name": "a"}],
        [{"id": "1", "name": "a" * (MAX_NAME_CHARACTERS + 1)}],
        [{"id": "a", "name": "a"}, {"id": "A", "name": "b"}],
        [{"id": "1", "name": "a", "labels": [["x" * 41, "b"]]}],
        [{"id": "1", "name": "a", "labels": [["x", "b"]] * 11}],
        [{"id": str(number), "name": "a"} for number in range(MAX_ACCOUNTS + 1)],
    ],
)
def test_a_pack_with_names_that_no_front_end_writes_is_refused(accounts: object) -> None:
    body = {**json.loads(dump(Pack.of([], []))), "known_accounts": accounts}
    with pytest.raises(RuleError):
        load(orjson.dumps(body))


def test_the_names_of_a_pack_stay_when_it_is_loaded_with_rules_and_an_overlay_names_anew() -> None:
    named = _set("{'111122223333': old, '444455556666': stays}").pack()
    again = rule_set({"p.pack": dump(named)}, {"rules.yaml": b"accounts: {'111122223333': new}"})
    assert [one.name for one in again.pack().accounts] == ["new", "stays"]
    assert build_pack({"p.pack": dump(named)}).accounts == named.accounts


def test_a_text_says_the_name_first_and_the_id_once() -> None:
    found = _named(PAYMENTS)
    text = to_text(found)
    assert "in payments-prod eu-central-1" in headline(found)
    assert "Where:    AWS payments-prod (111122223333) eu-central-1\n" in text
    assert "Account:  environment production, owner payments\n" in text
    assert subject(found).endswith(" in payments-prod")


def test_the_machine_readable_form_has_id_name_and_labels() -> None:
    read = check(_named(PAYMENTS))
    assert read["cloud"]["account"] == {
        "uid": "111122223333",
        "name": "payments-prod",
        "type_id": 10,
        "type": "AWS Account",
        "tags": [{"name": "environment", "value": "production"}, {"name": "owner", "value": "payments"}],
    }
    assert read["observables"] == check(_named())["observables"], "what is looked up stays the id"


def test_an_account_without_a_name_is_told_as_before() -> None:
    stranger = Account("999988887777", "other")
    assert to_text(_named(stranger)) == to_text(_named())
    assert to_ocsf(_named(stranger)) == to_ocsf(_named())


def test_a_name_changes_no_id_of_a_finding_and_no_suppression() -> None:
    plain, named = _named(), _named(PAYMENTS)
    assert (plain.uid, plain.suppression, plain.group) == (named.uid, named.suppression, named.group)


def test_the_short_form_the_chat_and_digests_keep_the_name() -> None:
    found = _named(PAYMENTS)
    assert minimal(found).fact("account.name") == "payments-prod"
    assert "*Account:* payments-prod (111122223333)" in json.loads(chat_bytes(found))["content"]["description"]
    tally = Tally()
    tally.add(found)
    tally.add(replace(found, uid="b-0", facts=(*found.facts, ("resource", "another"))))
    assert message(found, tally, 0).fact("account.owner") == "payments"
    tally.add(_named())
    assert message(found, tally, 0).fact("account.name") == "", "not all of them have it"


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "\u202egnp", "<b>*x*</b> @here"])
def test_a_name_from_somebody_elses_pack_is_shown_as_harmless_as_an_events_values(name: str) -> None:
    """The front end refuses most of these; a pack may be anybody's."""
    found = _named(Account("111122223333", name))
    assert not {"\x1b", "\u202e"} & set(to_text(found) + headline(found) + subject(found))
    assert "\n" not in headline(found) + subject(found)
    said = json.loads(chat_bytes(found))["content"]["description"]
    assert not {"\x1b", "\u202e", "<b>", "@here"} & {one for one in ("\x1b", "\u202e", "<b>", "@here") if one in said}


def test_a_folder_with_a_name_is_told_beside_the_cloud() -> None:
    found = _named()
    facts = (("account", "b1gcloud"), ("folder", "b1gfolder"))
    accounts = by_id([Account("b1gfolder", "payments")])
    named = replace(found, provider="Yandex Cloud", facts=with_names(facts, accounts))
    assert "Where:    Yandex Cloud b1gcloud payments (b1gfolder)\n" in to_text(named)


def test_a_pipeline_tells_the_names_of_its_pack_whatever_the_case_of_an_id() -> None:
    pipeline = Pipeline(_set("{'111122223333': payments-prod}").pack(), MemoryStore(), None, owner="t", clock=lambda: 0)
    raw = orjson.dumps({**json.loads(event().raw), "eventName": "CreateUser"})
    (found,) = pipeline.process([Delivery("a", [raw], event().received_us)]).findings
    assert found.fact("account.name") == "payments-prod"
    azure = by_id([Account(SUBSCRIPTION, "payments")])
    assert azure[SUBSCRIPTION.lower()].name == "payments"
