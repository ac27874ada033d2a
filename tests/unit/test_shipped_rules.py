"""What every shipped detection must have, and that the pages about them say what they are now."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from firstseen.cli import main
from firstseen.cli.commands import rules_test
from firstseen.cli.commands.rules_check import check_rules
from firstseen.cli.commands.rules_doc import CLOUDS
from firstseen.cli.coverage_pages import markdown
from firstseen.cli.covering import Coverage, coverage_of, read_named_folder
from firstseen.cli.detections import Detection, detections_of
from firstseen.cli.exampling import examples_of
from firstseen.cli.rule_pages import index, page
from firstseen.cli.ruleset import RuleSet
from firstseen.findings.attack import techniques
from firstseen.language.attack_table import TECHNIQUES
from firstseen.language.frontends.extras import Extras, RuleTest, extras_of
from tests.emulators import ROOT
from tests.shipped import RULES, shipped_rules

NAMED = "shared/coverage"
TRIAGE_STEPS, RESPONSE_STEPS = 3, 2


@pytest.fixture(scope="module", autouse=True)
def _at_the_root() -> Iterable[None]:
    """Paths on the pages, and in faults, are as somebody at the root writes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return shipped_rules()


@pytest.fixture(scope="module")
def detections(rules: RuleSet) -> list[Detection]:
    return detections_of(rules)


@pytest.fixture(scope="module")
def coverage(detections: list[Detection]) -> Coverage:
    return coverage_of(detections, read_named_folder(NAMED))


def _extras(rules: RuleSet, one: Detection) -> Extras:
    return extras_of(rules.documents[one.rule.card.id])


def _tests(rules: RuleSet) -> dict[str, list[RuleTest]]:
    found = defaultdict(list)
    for test in rules.tests:
        found[test.rule_id].append(test)
    return found


def test_there_are_rules_and_none_is_at_fault(rules: RuleSet, detections: list[Detection]) -> None:
    assert rules.faults == []
    assert rules.refusals == []
    assert len(detections) > 90


def test_every_rule_has_a_uuid_of_its_own(rules: RuleSet) -> None:
    ids = [str(document.data.get("id")) for document in rules.documents.values()]
    assert [one for one in ids if str(uuid.UUID(one)) != one] == []
    assert [one for one, number in Counter(ids).items() if number > 1] == []


def test_every_rule_has_a_name_of_its_own(rules: RuleSet) -> None:
    names = [document.data.get("name") for document in rules.documents.values()]
    assert [document.file for document in rules.documents.values() if not document.data.get("name")] == []
    assert [one for one, number in Counter(names).items() if number > 1] == []


def test_every_document_says_what_it_is_who_wrote_it_and_where_to_read_on(rules: RuleSet) -> None:
    for key in ("title", "description", "author", "references", "status", "level", "date", "falsepositives"):
        lacking = [str(one.place()) for one in rules.documents.values() if not one.data.get(key)]
        assert (key, lacking) == (key, [])
    assert {one.data["author"] for one in rules.documents.values()} == {"firstseen"}


def test_a_file_has_the_name_of_a_rule_in_it_that_reports_or_its_beginning(detections: list[Detection]) -> None:
    names = defaultdict(set)
    for one in detections:
        names[one.file].add(one.rule.card.name)
    assert [file for file, found in names.items() if not any(name.startswith(Path(file).stem) for name in found)] == []


def test_every_file_holds_a_rule_that_reports(detections: list[Detection]) -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / RULES).rglob("*.yml")}
    assert files - {one.file for one in detections} == set()


def test_every_detection_names_techniques_that_exist(detections: list[Detection]) -> None:
    assert [one.name for one in detections if not one.techniques] == []
    strange = [(one.name, str(each)) for one in detections for each in one.techniques if each.uid not in TECHNIQUES]
    assert strange == []


def test_base_rules_name_techniques_too(rules: RuleSet) -> None:
    tags = [(document.file, tuple(map(str, document.data.get("tags") or ()))) for document in rules.documents.values()]
    assert [file for file, found in tags if not techniques(found)] == []


def test_every_detection_states_its_risk_and_why(rules: RuleSet, detections: list[Detection]) -> None:
    found = [(one.name, _extras(rules, one)) for one in detections]
    assert [name for name, extras in found if extras.risk_score is None or len(extras.level_reason) < 20] == []


def test_every_detection_says_what_to_check_and_what_to_do(rules: RuleSet, detections: list[Detection]) -> None:
    found = [(one.name, _extras(rules, one)) for one in detections]
    assert [name for name, extras in found if len(extras.triage) < TRIAGE_STEPS] == []
    assert [name for name, extras in found if len(extras.response) < RESPONSE_STEPS] == []


def test_every_detection_has_queries_for_the_tools_of_its_clouds(rules: RuleSet, detections: list[Detection]) -> None:
    asked = {
        "aws.cloudtrail": {"athena", "cloudtrail_lake", "cli"},
        "azure.activitylogs": {"log_analytics", "cli"},
        "azure.auditlogs": {"log_analytics"},  # no command of the command line reads Entra ID's logs
        "azure.signinlogs": {"log_analytics"},
        "gcp.audit": {"log_query", "cli"},
        "m365.audit": {"log_analytics", "powershell"},
        "okta.system": {"system_log", "log_analytics", "cli"},
        "vk.audit": {"cli"},
        "windows.process_creation": {"log_analytics", "powershell"},
        "yandex.audit": {"log_query", "cli"},
    }
    lacking = [
        (one.name, sorted(missing))
        for one in detections
        for source in one.sources
        if (missing := asked[source] - set(_extras(rules, one).queries))
    ]
    assert lacking == []


def test_every_detection_has_a_test_that_fires_it_and_one_that_just_does_not(
    rules: RuleSet, detections: list[Detection]
) -> None:
    """What just does not fire may stand with the base rule: an event beside those that match, and does not."""
    tests = _tests(rules)
    for one in detections:
        own = tests[one.rule.card.id]
        assert any(test.expected for test in own), one.name
        bases = [test for member in one.rule.members for test in tests[member.base_id]]
        assert _has_near_miss(own, bases), one.name


def _has_near_miss(own: Sequence[RuleTest], bases: Sequence[RuleTest]) -> bool:
    return any(not test.expected for test in own) or any(test.expected < len(test.events) for test in bases)


def test_all_tests_pass_with_the_lists_that_they_state(
    rules: RuleSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the command line runs them, with the rules that it would read again."""
    monkeypatch.setattr(rules_test, "read_rule_set", lambda *_: rules)
    status = main(["rules", "test", RULES])
    said = capsys.readouterr().out
    assert (status, said) == (0, f"{len(rules.tests)} passed, 0 failed; 0 rules carry no tests\n")


def test_rules_check_finds_nothing_but_empty_lists(rules: RuleSet) -> None:
    issues = check_rules(rules)
    assert [
        f"{one.place}: {one.message}" for one in issues if one.severity != "note" and one.check != "needs-list"
    ] == []


def test_every_base_rule_has_an_example_and_a_near_miss(rules: RuleSet) -> None:
    """The engine confirms both before they are returned; nothing is supposed of the source."""
    bases = rules.standing_in()
    failed = []
    for base in bases.values():
        found = examples_of(base, None, bases)
        if not isinstance(found, list) or "supposing" in found[0].says or [one.expected for one in found[:2]] != [1, 0]:
            failed.append(base.title)
    assert failed == []


def test_every_correlation_has_a_sequence_that_fires_it(rules: RuleSet) -> None:
    bases = rules.standing_in()
    failed = []
    for one in rules.correlations:
        found = examples_of(None, one, bases) if one.type != "match" else []
        if not isinstance(found, list) or (found and found[0].expected < 1):
            failed.append(one.card.name)
    assert failed == []


def test_every_named_row_is_seen_or_said_not_to_be_observable(coverage: Coverage) -> None:
    assert [str(fault) for fault in coverage.faults] == []


def test_rules_and_rows_name_each_other(rules: RuleSet, coverage: Coverage, detections: list[Detection]) -> None:
    """What a rule observes, each of its clouds' files says too; and the other way round."""
    rows = {
        (one.name, row.id, cloud)
        for _, listed in coverage.named
        for row, cells in listed
        for cloud, cell in cells.items()
        for one in cell.rules
    }
    observed = {(one.name, row) for one in detections for row in _extras(rules, one).observes}
    assert {(name, row) for name, row, _ in rows} == observed


def test_every_row_that_a_rule_observes_is_in_the_table(
    rules: RuleSet, coverage: Coverage, detections: list[Detection]
) -> None:
    known = {row.id for _, listed in coverage.named for row, _ in listed}
    assert {row for one in detections for row in _extras(rules, one).observes} <= known


def test_the_generated_pages_are_current(rules: RuleSet, coverage: Coverage) -> None:
    """``make docs`` writes them anew."""
    pages = {
        "detections.md": index(rules),
        **{f"detections-{cloud}.md": page(rules, cloud, "docs") for cloud in CLOUDS},
        "coverage.md": markdown(coverage, "docs"),
    }
    old = [name for name, text in pages.items() if (ROOT / "docs" / name).read_bytes() != text.encode()]
    assert old == [], "run 'make docs'"
