"""The Bicep files as their readers see them. The readers live in .venv-infra, so they run there, once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.emulators import ROOT
from tests.infra.templates import run

FOLDER = ROOT / "infra" / "azure"

Tree = dict[str, Any]
"""What pycep makes of one file: parameters, variables, resources, modules, outputs, each by name."""

_PARSE = """
import json, sys
from pathlib import Path
from pycep import BicepParser
folder, parser = Path(sys.argv[1]), BicepParser()
found = {str(one.relative_to(folder)): parser.parse(text=one.read_text()) for one in folder.rglob("*.bicep")}
json.dump(found, sys.stdout)
"""

_LINT = """
import sys
sys.path.insert(0, sys.argv[1])
from infra.azure.lint import main
sys.exit(main(*sys.argv[2:]))
"""


@cache
def files() -> Mapping[str, Tree]:
    """Each file's tree, by its path below infra/azure."""
    done = run("python", "-c", _PARSE, str(FOLDER))
    assert done.returncode == 0, done.stderr
    found: dict[str, Tree] = json.loads(done.stdout)
    return found


def resources(file: str, kind: str) -> dict[str, Tree]:
    """Resources of a type that a file makes, by symbol: their configuration, under conditions and loops."""
    found = {}
    for symbol, one in files()[file]["resources"].items():
        if one["type"] == kind and not one["existing"]:
            config = one["config"]
            found[symbol] = config.get("config", config)
    return found


def description(decorated: Tree) -> str:
    """What a parameter or output says about itself."""
    (text,) = (one["argument"] for one in decorated["decorators"] if one["type"] == "description")
    return str(text)


@dataclass(frozen=True, slots=True)
class Seed:
    """A mistake put into a copy of the files.

    Attributes:
        check: which check finds it.
        says: stands in the finding.
    """

    name: str
    file: str
    old: str
    new: str
    check: str
    says: str


def lint(*folders: Path) -> list[str]:
    """The linter's lines."""
    done = run("python", "-B", "-c", _LINT, str(ROOT), *map(str, folders))
    assert done.returncode == int(bool(done.stdout)), done.stderr
    return done.stdout.splitlines()


def seeded(seeds: Iterable[Seed], folder: Path) -> Iterator[Path]:
    """A copy of the files for each seed, with its mistake in it."""
    for seed in seeds:
        copy = folder / seed.name
        shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        text = (copy / seed.file).read_text(encoding="utf-8")
        assert seed.old in text, f"{seed.name}: {seed.old!r} no longer stands in {seed.file}"
        (copy / seed.file).write_text(text.replace(seed.old, seed.new, 1), encoding="utf-8")
        yield copy
