"""The template as CloudFormation gets it from SAM, as JSON on standard output: linters see more in it.

Run by the interpreter of .venv-infra: ``transform.py TEMPLATE s3://BUCKET/PACKAGE``.
"""
# ruff: noqa: INP001 - a script, no part of a package

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names none."""

    def load(self) -> dict[str, str]:
        """Policy name to ARN."""
        return {}


def main(file: str, package: str) -> None:
    """Transform ``file``, its functions' code lying at ``package``."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")  # SAM asks for one
    template = yaml_parse(Path(file).read_text(encoding="utf-8"))
    template["Globals"]["Function"]["CodeUri"] = package
    json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
