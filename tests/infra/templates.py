"""The template as it is written, and as CloudFormation gets it from SAM."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.emulators import ROOT, environment

TEMPLATE = ROOT / "template.yaml"

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
    """What SAM makes of it, with the package uploaded."""
    done = run("python", str(ROOT / "infra" / "aws" / "transform.py"), str(TEMPLATE), package)
    assert done.returncode == 0, done.stderr
    template: Template = json.loads(done.stdout)
    return template
