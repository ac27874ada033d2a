"""The overlay ``rules.yaml``: what it may say, what it changes, and what it must not change."""

from __future__ import annotations

import pytest

from firstseen.cli.ruleset import RuleSet, rule_set
from firstseen.language.pack import dump, load
from firstseen.language.rules import Correlation

RULES = """
title: Asked
id: 55555555-0000-4000-8000-000000000001
name: asked
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: Ask}, who: {userIdentity.arn|expand: '%administrators%'}, condition: s and not who}
level: low
tags: [attack.t1078.004]
---
title: Newly asked
id: 55555555-0000-4000-8000-000000000002
name: newly_asked
correlation: {type: new_terms, rules: [asked], fields: [userIdentity.arn], timespan: 7d}
level: medium
tags: [attack.t1078.004, attack.persistence]
firstseen: {suppress: {fields: [actor], for: 1h}}
---
title: Told
id: 55555555-0000-4000-8000-000000000003
name: told
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: Tell}, condition: s}
level: high
firstseen: {risk_score: 80}
"""
LISTS = "lists: {administrators: ['arn:aws:iam::111122223333:role/admin*']}\n"


def _tuned(overlay: str, *more: str) -> RuleSet:
    tuning = {"rules.yaml": (LISTS + overlay).encode()} | {f"{n}.yaml": text.encode() for n, text in enumerate(more)}
    return rule_set({"rules.yml": RULES.encode()}, tuning)


def _rule(found: RuleSet, name: str) -> Correlation:
    assert not found.faults, [str(fault) for fault in found.faults]
    rule = found.find(name)[1]
    assert rule is not None
    return rule


def test_rules_are_tuned_by_id_name_and_tag_and_the_particular_word_is_the_last() -> None:
    found = _tuned("""
rules:
    newly_asked: {level: high, learning: 14d}
    55555555-0000-4000-8000-000000000003: {enabled: false}
tags:
    attack.t1078*: {level: low, limit: 5}
""")
    newly = _rule(found, "newly_asked")
    assert (newly.card.level, newly.limit, newly.learning_us) == ("high", 5, 14 * 86_400_000_000)
    assert not _rule(found, "told").enabled


def test_the_risk_score_follows_the_level_unless_the_rule_states_its_own() -> None:
    found = _tuned("rules: {newly_asked: {level: critical}, told: {level: low}}")
    assert _rule(found, "newly_asked").card.risk_score == 99
    assert _rule(found, "told").card.risk_score == 80


def test_suppression_is_replaced_or_taken_away() -> None:
    replaced = _tuned("rules: {newly_asked: {suppress: {fields: [region], for: 6h, missing: separate}}}")
    suppression = _rule(replaced, "newly_asked").suppression
    assert suppression is not None
    assert (suppression.fields, suppression.duration_us) == (("region",), 6 * 3_600_000_000)
    assert _rule(_tuned("rules: {newly_asked: {suppress: false}}"), "newly_asked").suppression is None


def test_an_overlay_keeps_what_is_asked_and_says_what_it_changed() -> None:
    """The fingerprint, to which states belong, stays; the hash, which says what reported, does not."""
    plain, tuned = _tuned(""), _tuned("rules: {newly_asked: {level: high}}")
    before, after = _rule(plain, "newly_asked"), _rule(tuned, "newly_asked")
    assert after.fingerprint == before.fingerprint
    assert after.card.hash != before.card.hash
    changes = [(one.what, one.before, one.after) for one in tuned.changes[after.card.id]]
    assert changes == [("level", "medium", "high"), ("risk score", "47", "73")]
    assert plain.changes == {}


def test_it_is_compiled_into_the_pack() -> None:
    pack = load(dump(_tuned("rules: {told: {limit: 7}}").pack()))
    assert [one.limit for one in pack.correlations if one.card.name == "told"] == [7]


def test_a_later_overlay_has_the_last_word() -> None:
    found = _tuned("rules: {told: {limit: 7, level: low}}", "rules: {told: {limit: 8}}")
    assert (_rule(found, "told").limit, _rule(found, "told").card.level) == (8, "low")


@pytest.mark.parametrize(
    ("overlay", "line", "words"),
    [
        ("rules: {newly_askd: {limit: 1}}", 2, "did you mean 'newly_asked'?"),
        ("rules: {asked: {limit: 1}}", 2, "did you mean"),
        ("rules: {55555555-0000-4000-8000-000000000001: {limit: 1}}", 2, "tune the correlations over it"),
        ("tags:\n    attack.t9*: {limit: 1}", 3, "no rule has a tag like"),
        ("rules: {told: {levle: low}}", 2, "did you mean 'level'?"),
        ("rules: {told: {level: huge}}", 2, "level is one of"),
        ("rules: {told: {limit: -1}}", 2, "whole number"),
        ("rules: {told: {}}", 2, "says nothing"),
        ("rule: {told: {limit: 1}}", 2, "an overlay knows no 'rule'"),
        ("rules: [told]", 2, "mapping"),
        ("rules: {told: {suppress: {fields: [a]}}}", 2, "needs 'for'"),
    ],
)
def test_a_fault_has_its_place_and_a_mend(overlay: str, line: int, words: str) -> None:
    faults = _tuned(overlay).faults
    assert len(faults) == 1
    assert words in faults[0].message
    assert faults[0].place is not None
    assert (faults[0].place.file, faults[0].place.line) == ("rules.yaml", line)


def test_all_faults_of_an_overlay_come_at_once() -> None:
    assert len(_tuned("rules: {told: {limit: -1}, newly_asked: {level: huge}}\ntags: {x: {enabled: 3}}").faults) == 3


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("attack.*", True), ("*t1078*", True), ("ATTACK.T1078.004", True), ("attack.t1078", False), ("a*k*8*4*04", False)],
)
def test_a_star_in_a_tag_stands_for_any_text(pattern: str, fits: bool) -> None:  # noqa: FBT001 - a row of the table
    assert (not _tuned(f"tags: {{'{pattern}': {{limit: 1}}}}").faults) is fits
