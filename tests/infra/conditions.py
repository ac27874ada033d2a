"""A template as CloudFormation takes it for given parameters: conditions answered, choices made, the rest left out."""
# ruff: noqa: ANN401 - a template is anybody's JSON

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.templates import Template

_ABSENT = object()


def chosen(template: Template, given: Mapping[str, str]) -> Template:
    """The template with these parameters, others as they are by default. Raises KeyError for one that it has not."""
    stated: Mapping[str, Any] = template["Parameters"]
    values = {name: str(one.get("Default", "")) for name, one in stated.items()}
    values |= {name: given[name] for name in given if stated[name]}
    holds = {name: _holds(one, template["Conditions"], values) for name, one in template["Conditions"].items()}
    parts = {key: one for key, one in template.items() if key != "Conditions"}
    for kind in ("Resources", "Outputs"):
        there = {name: one for name, one in template[kind].items() if holds.get(one.get("Condition"), True)}
        parts[kind] = {
            name: {key: _made(part, holds) for key, part in one.items() if key != "Condition"}
            for name, one in there.items()
        }
    return parts


def refusals(template: Template, given: Mapping[str, str]) -> list[str]:
    """What CloudFormation says when it refuses these parameters by the template's rules; others are as by default."""
    values = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()} | dict(given)
    asked = [one for one in template["Rules"].values() if _holds(one["RuleCondition"], {}, values)]
    made = [assertion for one in asked for assertion in one["Assertions"]]
    return [one["AssertDescription"] for one in made if not _holds(one["Assert"], {}, values)]


def _holds(condition: Any, conditions: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    match condition:
        case {"Condition": name}:
            return _holds(conditions[name], conditions, values)
        case {"Fn::Not": [one]}:
            return not _holds(one, conditions, values)
        case {"Fn::Or": several}:
            return any(_holds(one, conditions, values) for one in several)
        case {"Fn::And": several}:
            return all(_holds(one, conditions, values) for one in several)
        case {"Fn::Equals": [first, second]}:
            return _value(first, values) == _value(second, values)
    msg = f"{condition}: not understood"
    raise ValueError(msg)


def _value(part: Any, values: Mapping[str, str]) -> str:
    return values[part["Ref"]] if isinstance(part, dict) else str(part)


def _made(part: Any, holds: Mapping[str, bool]) -> Any:
    """A part with its choices made; what has no value is left out of what holds it."""
    match part:
        case {"Fn::If": [name, first, second]}:
            return _made(first if holds[name] else second, holds)
        case {"Ref": "AWS::NoValue"}:
            return _ABSENT
        case dict():
            below = {key: _made(one, holds) for key, one in part.items()}
            return {key: one for key, one in below.items() if one is not _ABSENT}
        case list():
            return [one for one in (_made(one, holds) for one in part) if one is not _ABSENT]
    return part
