"""The template as it is written, and as CloudFormation gets it from SAM."""
# ruff: noqa: ANN401 - a template is anybody's JSON

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulators import ROOT, environment

TEMPLATE = ROOT / "template.yaml"
CALLS = ROOT / "infra" / "aws" / "event_patterns.yaml"
MEMBER = ROOT / "infra" / "aws" / "member.yaml"

Template = dict[str, Any]


def infra_bin() -> Path | None:
    """Where sam and checkov are; None when they are not installed. FIRSTSEEN_INFRA names another folder."""
    folder = Path(os.environ.get("FIRSTSEEN_INFRA", ROOT / ".venv-infra")) / "bin"
    return folder if (folder / "sam").exists() else None


needs_infra = pytest.mark.skipif(
    infra_bin() is None, reason="sam and checkov are not installed: make .venv-infra/.installed"
)


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of the tools of .venv-infra, far from anybody's account."""
    more = {"SAM_CLI_TELEMETRY": "0", "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [str(infra_bin()) + "/" + tool, *arguments], capture_output=True, text=True, check=False, env=environment(more)
    )


def transformed(package: str = "s3://bucket/package.zip") -> Template:
    """What SAM makes of it, with the package uploaded; whoever asks may change it."""
    template: Template = json.loads(_transformed(package))
    return template


@cache
def _transformed(package: str) -> str:
    done = run("python", str(ROOT / "infra" / "aws" / "transform.py"), str(TEMPLATE), package)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(path: Path) -> Template:
    """A template that needs no transformation."""
    template: Template = yaml.safe_load(path.read_text(encoding="utf-8"))
    return template


def inlined(template: Template, name: str, nested: Template) -> Template:
    """The template with the resources of a nested stack in place of it, as CloudFormation wires them."""
    resources = dict(template["Resources"])
    given = resources.pop(name)["Properties"]["Parameters"]
    inside = _replaced(nested["Resources"], {_key({"Ref": one}): value for one, value in given.items()})
    outputs = {
        _key({"Fn::GetAtt": [name, f"Outputs.{one}"]}): output["Value"] for one, output in nested["Outputs"].items()
    }
    return {**template, "Resources": {**_replaced(resources, outputs), **inside}}


def _key(part: object) -> str:
    return json.dumps(part, sort_keys=True)


def _replaced(part: Any, values: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        if _key(part) in values:
            return values[_key(part)]
        below = {key: _replaced(one, values) for key, one in part.items()}
        match below:  # lists that were joined for an output, split again
            case {"Fn::Split": [str() as mark, {"Fn::Join": [str() as other, parts]}]} if mark == other:
                return parts
        return below
    return [_replaced(one, values) for one in part] if isinstance(part, list) else part
