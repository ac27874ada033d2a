"""Where a checker of security is told to look away, the reason stands beside; a new place is a change of this file."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.emulators import ROOT

SHIPPED = ("shared", "functions", "infra", "demo")
FOLDERS = (*SHIPPED, "tests", "examples")

OPEN = {
    "infra/aws/build.py": {"S603"},
    "infra/aws/operations.py": {"S603"},
    "infra/azure/build.py": {"S603"},
    "infra/release/audit.py": {"S310"},
    "infra/release/release.py": {"S603"},
    "shared/firstseen/adapters/local/sqlite.py": {"S608"},
    "shared/firstseen/matching/emit.py": {"S102"},
}
"""Ruff's rules of security that are switched off for a line, outside of tests: scripts that start our own scripts, one
that asks an address it has checked, SQL of constants, and the engine's compiler, whose text holds no word of a rule.
"""

TEMPLATES = (ROOT / "template.yaml", ROOT / "infra/aws/member.yaml", ROOT / "infra/aws/event_patterns.yaml")

_NOQA = re.compile(r"# (?:ruff: )?noqa: ([A-Z0-9, ]+)(.*)")
_SECURITY = re.compile(r"\bS\d{3}\b")


def sources() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def switched_off(path: Path) -> list[tuple[set[str], str]]:
    """Rules of security that a line is excused from, and what follows."""
    found = _NOQA.finditer(path.read_text(encoding="utf-8"))
    return [(rules, one[2]) for one in found if (rules := set(_SECURITY.findall(one[1])))]


def test_each_line_that_ruffs_security_rules_pass_over_says_why() -> None:
    silent = [str(path) for path in sources() for _, rest in switched_off(path) if not re.match(r" ?- \w", rest)]
    assert silent == []


def test_outside_of_tests_they_pass_over_what_is_listed_here_and_nothing_else() -> None:
    found: dict[str, set[str]] = {}
    for path in sources():
        name = str(path.relative_to(ROOT))
        for rules, _ in switched_off(path):
            if name.startswith(SHIPPED):
                found.setdefault(name, set()).update(rules)
    assert found == OPEN
    for path in sources():
        if path != Path(__file__):
            assert not re.findall(r"#\s*nosec|ruff: noqa(?!:)", path.read_text(encoding="utf-8")), path


def test_what_is_switched_off_for_whole_folders_is_for_tests_and_the_demo_and_says_why() -> None:
    written = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = tomllib.loads(written)["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert not [rule for rule in lint["ignore"] if _SECURITY.fullmatch(rule)]
    folders = {
        folder for folder, rules in lint["per-file-ignores"].items() if any(_SECURITY.fullmatch(one) for one in rules)
    }
    assert folders == {"tests/**", "demo/**"}
    assert not re.findall(r'^\s*"S\d{3}",\s*$', written, re.MULTILINE), "no reason beside it"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_each_check_that_a_template_skips_has_its_reason(path: Path) -> None:
    """Of checkov in a comment of its own, of cfn-lint beside it."""
    text = path.read_text(encoding="utf-8")
    for node in re.finditer(r"ignore_checks: \[([^\]]*)\]", text):
        assert "#" in text[: node.start()].rpartition("Metadata:")[2], f"{node[1]}: say why"
    without_tags = re.sub(r"![A-Z]\w+(\.\w+)?", "", text)
    resources = yaml.safe_load(without_tags)["Resources"]
    skips = [one for kept in resources.values() for one in kept.get("Metadata", {}).get("checkov", {}).get("skip", ())]
    assert all(len(one["comment"]) > 20 for one in skips), json.dumps(skips)
    known = (18, 27, 50, 115, 116, 117, 119, 124, 158, 173, 252)
    assert {one["id"] for one in skips} <= {f"CKV_AWS_{number}" for number in known}
