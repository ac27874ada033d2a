"""Correlation documents: what is read from them, and what is refused with which reason."""

from __future__ import annotations

import pytest

from firstseen.language.frontends.loading import Loaded, load_rules
from firstseen.language.rules import DAY_US, HOUR_US, Correlation, Member

BASES = """\
title: One
name: one
logsource: {product: aws, service: cloudtrail}
detection: {sel: {eventName: One}, condition: sel}
---
title: Two
id: 3f1b1c52-9c0e-4b5b-8f6c-7a5a3f9d2e10
name: two
logsource: {product: aws, service: cloudtrail}
detection: {sel: {eventName: Two}, condition: sel}
---
"""


def load(correlation: str, *, extras: str = "") -> Loaded:
    body = "".join(f"    {line}\n" for line in correlation.splitlines())
    text = f"{BASES}title: Both\nname: both\ncorrelation:\n{body}{extras}"
    return load_rules({"rules.yml": text.encode()})


def read(correlation: str, *, extras: str = "") -> Correlation:
    loaded = load(correlation, extras=extras)
    assert not loaded.faults, loaded.faults[0]
    return next(one for one in loaded.correlations if one.card.name == "both")


def test_new_terms_with_everything() -> None:
    found = read("type: new_terms\nrules: [one]\nfields: [a.b, c]\ngroup-by: [d]\ntimespan: 7d")
    assert (found.type, found.timespan_us, found.count, found.when) == ("new_terms", 7 * DAY_US, 1, "any")
    assert found.members == (Member("one", ("d",), ("a.b", "c")),)
    assert (found.group_by, found.fields) == (("d",), ("a.b", "c"))


def test_a_rule_is_named_by_its_id_as_well() -> None:
    found = read("type: new_terms\nrules: 3f1b1c52-9c0e-4b5b-8f6c-7a5a3f9d2e10\nfields: a\ntimespan: 1h")
    assert found.members == (Member("3f1b1c52-9c0e-4b5b-8f6c-7a5a3f9d2e10", (), ("a",)),)


@pytest.mark.parametrize(
    ("timespan", "hours"), [("3600s", 1), ("60m", 1), ("2h", 2), ("1d", 24), ("2w", 336), ("1M", 730.485)]
)
def test_timespans(timespan: str, hours: float) -> None:
    found = read(f"type: new_terms\nrules: [one]\nfields: [a]\ntimespan: {timespan}")
    assert found.timespan_us == pytest.approx(hours * HOUR_US, abs=1_000_000)


def test_gt_is_one_more_than_gte() -> None:
    for condition, count in (("{gte: 5}", 5), ("{gt: 5}", 6)):
        found = read(f"type: event_count\nrules: [one]\ngroup-by: [a]\ntimespan: 1h\ncondition: {condition}")
        assert (found.type, found.count, found.fields) == ("event_count", count, ())


def test_value_count_counts_a_field() -> None:
    found = read("type: value_count\nrules: [one]\ntimespan: 1h\ncondition: {gte: 3, field: x.y}")
    assert (found.count, found.fields, found.members[0].fields) == (3, ("x.y",), ("x.y",))


def test_aliases_are_resolved_for_each_rule() -> None:
    found = read(
        "type: temporal_ordered\nrules: [one, two]\ntimespan: 1h\ngroup-by: [user, region]\n"
        "aliases: {user: {one: made.name, two: caller.name}}"
    )
    assert found.members == (
        Member("one", ("made.name", "region")),
        Member("3f1b1c52-9c0e-4b5b-8f6c-7a5a3f9d2e10", ("caller.name", "region")),
    )
    assert (found.group_by, found.count) == (("user", "region"), 2)


NEW = "type: new_terms\nrules: [one]\nfields: [a]\ntimespan: 7d"
COUNT = "rules: [one]\ntimespan: 1h\ncondition: {gte: 5}"


@pytest.mark.parametrize(
    ("correlation", "words"),
    [
        ("rules: [one]", "with a type"),
        ("type: newterms\nrules: [one]", "is unknown; there are: new_terms"),
        ("type: [new_terms]", "with a type"),
        (f"{NEW}\nwindow: 5d", "knows no 'window'"),
        (f"{NEW}\ngroup_by: [x]", "did you mean 'group-by'?"),
        (f"{NEW}\ncondition: {{gte: 1}}", "knows no 'condition'"),
        ("type: new_terms\nrules: [one]\ntimespan: 7d", "needs 'fields'"),
        ("type: new_terms\nrules: [one]\nfields: [a, b, c, d]\ntimespan: 7d", "a list of 1 to 3"),
        ("type: new_terms\nrules: [one]\nfields: [a, a]\ntimespan: 7d", "twice"),
        ("type: new_terms\nrules: [one]\nfields: [7]\ntimespan: 7d", "not text"),
        ("type: new_terms\nrules: []\nfields: [a]\ntimespan: 7d", "a list of 1 to"),
        ("type: new_terms\nrules: [one]\nfields: [a]", "needs 'timespan'"),
        ("type: new_terms\nrules: [one]\nfields: [a]\ntimespan: 7 days", "a number with a unit"),
        (
            "type: new_terms\nrules: [one]\nfields: [a]\ntimespan: 0d",
            "at least one second and at most ten years, not 0d",
        ),
        ("type: new_terms\nrules: [one]\nfields: [a]\ntimespan: d", "a number with a unit"),
        ("type: new_terms\nrules: [one]\nfields: [a]\ntimespan: 20y", "at most ten years"),
        (
            "type: new_terms\nrules: [onne]\nfields: [a]\ntimespan: 7d",
            "no rule 'onne' among the files given; did",
        ),
        ("type: new_terms\nrules: [both]\nfields: [a]\ntimespan: 7d", "correlations over correlations"),
        (f"type: value_sum\n{COUNT}", "a sum can fall"),
        (f"type: value_avg\n{COUNT}", "an average can fall"),
        (f"type: value_percentile\n{COUNT}", "a percentile can fall"),
        (f"type: value_median\n{COUNT}", "a median can fall"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {lt: 5}", "cannot be taken back"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {lte: 5}", "cannot be taken back"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {eq: 5}", "cannot be taken back"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {neq: 5}", "cannot be taken back"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {gte: 2, lte: 5}", "exactly one"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {gte: 0}", "at least 1"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {gte: 2.5}", "a whole number"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {gte: many}", "no valid"),
        ("type: event_count\nrules: [one]\ntimespan: 1h\ncondition: {gte: 2, field: a}", "takes no field"),
        ("type: event_count\nrules: [one]\ntimespan: 1h", "needs a condition, for instance {gte: 5}"),
        ("type: value_count\nrules: [one]\ntimespan: 1h", "{gte: 5, field: NAME}"),
        ("type: value_count\nrules: [one]\ntimespan: 1h\ncondition: {gte: 2}", "without field"),
        ("type: temporal\nrules: [one]\ntimespan: 1h", "two rules or more"),
        ("type: temporal\nrules: [one, two]\ntimespan: 1h\ncondition: one and not two", "in words"),
        ("type: temporal\nrules: [one, two]\ntimespan: 1h\ncondition: {gte: 1}", "leave the condition out"),
        ("type: temporal\nrules: [one, one]\ntimespan: 1h", "twice"),
        (
            "type: temporal\nrules: [one, two]\ntimespan: 1h\ngroup-by: [u]\naliases: {u: {one: a}}",
            "says nothing",
        ),
        ("type: temporal\nrules: [one, two]\ntimespan: 1h\naliases: {u: {three: a}}", "not among"),
        ("type: temporal\nrules: [one, two]\ntimespan: 1h\naliases: {u: a}", "a mapping of rules"),
        (f"{NEW}\ngenerate: perhaps", "true or false"),
    ],
)
def test_a_correlation_that_cannot_be_kept_is_refused_with_the_reason(correlation: str, words: str) -> None:
    loaded = load(correlation)
    assert [words in one.message for one in loaded.faults] == [True], loaded.faults
    assert loaded.faults[0].place is not None
    assert loaded.faults[0].place.line >= 12
    assert not any(one.card.name == "both" for one in loaded.correlations)


def reported(*documents: str) -> set[str]:
    loaded = load_rules({"rules.yml": (BASES + "---\n".join(documents)).encode()})
    assert not loaded.faults, loaded.faults[0]
    return {one.card.name for one in loaded.correlations}


def correlation(name: str, rules: str, more: str = "") -> str:
    return f"title: {name}\nname: {name}\ncorrelation:\n  {{type: temporal, rules: {rules}, timespan: 1h{more}}}\n"


def test_base_rules_of_a_correlation_report_nothing_unless_it_says_so() -> None:
    assert reported() == {"one", "two"}
    assert reported(correlation("c", "[one, two]")) == {"c"}
    assert reported(correlation("c", "[one, two]", ", generate: true")) == {"c", "one", "two"}


def test_one_correlation_that_generates_suffices() -> None:
    silent = correlation("c", "[one, two]")
    loud = correlation("d", "[one, two]", ", generate: true")
    assert reported(silent, loud) == reported(loud, silent) == {"c", "d", "one", "two"}


def fingerprint(text: str, **lists: list[str]) -> str:
    loaded = load_rules({"rules.yml": text.encode()}, lists)
    assert not loaded.faults, loaded.faults[0]
    return next(one.fingerprint for one in loaded.correlations if one.type == "new_terms")


RULE = """\
title: Base
name: base
logsource: {product: aws, service: cloudtrail}
detection:
    sel: {eventName: [A, B], eventSource: x}
    known: {user|expand: '%admins%'}
    condition: sel and not known
---
title: New
name: new
correlation: {type: new_terms, rules: [base], fields: [actor], timespan: 7d}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: New", "title: Newer\nlevel: high\nfirstseen: {learning: 3d, limit: 5}"),
        ("name: new", "name: newer"),
        ("sel: {eventName: [A, B], eventSource: x}", "sel: {eventSource: x, eventName: [B, A]}"),
        ("sel", "selection"),
        (
            "---\n",
            (
                "---\ntitle: F\nname: f\nlogsource: {product: aws}\n"
                "filter: {rules: any, out: {a: b}, condition: not out}\n---\n"
            ),
        ),
    ],
)
def test_a_fingerprint_stays_when_the_question_stays(old: str, new: str) -> None:
    assert old in RULE
    assert fingerprint(RULE.replace(old, new), admins=["ada"]) == fingerprint(RULE, admins=["ada"])


def test_a_fingerprint_stays_when_a_list_grows() -> None:
    assert fingerprint(RULE, admins=["ada"]) == fingerprint(RULE, admins=["ada", "grace"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[A, B]", "[A, C]"),
        ("fields: [actor]", "fields: [action]"),
        ("timespan: 7d", "timespan: 8d"),
        ("timespan: 7d", "timespan: 7d, group-by: [account]"),
        ("and not known", "and known"),
        ("%admins%", "%other%"),
        ("logsource: {product: aws, service: cloudtrail}", "logsource: {category: audit}"),
    ],
)
def test_a_fingerprint_changes_with_the_question(old: str, new: str) -> None:
    lists = {"admins": ["ada"], "other": ["ada"]}
    assert old in RULE
    assert fingerprint(RULE.replace(old, new), **lists) != fingerprint(RULE, **lists)
