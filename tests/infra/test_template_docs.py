"""docs/aws.md says what the template's parameters are."""

from __future__ import annotations

from typing import Any

import yaml

from tests.emulators import ROOT
from tests.infra.templates import TEMPLATE


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms, whose meaning nobody here asks for, as nothing."""


_Loader.add_multi_constructor("!", lambda *_: None)

WRITTEN: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
PARAMETERS: dict[str, dict[str, Any]] = WRITTEN["Parameters"]


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    said = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    section = said.partition(f"{heading}\n")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def shown(default: object) -> str:
    """A parameter's default, as the table shows it."""
    return "none" if default == "" else f"`{default}`"


def test_each_parameter_is_in_the_table_with_its_default_and_its_meaning() -> None:
    expected = [[f"`{name}`", shown(one["Default"]), one["Description"]] for name, one in PARAMETERS.items()]
    assert rows("### Parameters") == expected


def test_each_parameter_is_asked_for_in_one_group() -> None:
    groups = WRITTEN["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    asked = [name for group in groups for name in group["Parameters"]]
    assert sorted(asked) == sorted(PARAMETERS)
