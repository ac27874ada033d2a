"""The Bicep linter finds nothing in the files, and each mistake that is put into them. No compiler can be had here."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict

import pytest

from tests.infra.bicep_files import FOLDER, Seed, lint, seeded
from tests.infra.bicep_seeds import SEEDS
from tests.infra.templates import needs_infra

pytestmark = needs_infra


AS_WRITTEN = "as-written"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Findings in the files as written and in each seeded copy, from one run of the linter: it starts slowly."""
    folder = tmp_path_factory.mktemp("seeds")
    shutil.copytree(FOLDER, folder / AS_WRITTEN)
    lines = defaultdict(list)
    for line in lint(folder / AS_WRITTEN, *seeded(SEEDS, folder)):
        name, _, rest = line.removeprefix(f"{folder}/").partition("/")
        lines[name].append(rest)
    return lines


def test_both_readers_and_the_linter_find_nothing_in_the_files(found: dict[str, list[str]]) -> None:
    assert found[AS_WRITTEN] == []


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_the_linter_finds_a_seeded_mistake_and_nothing_else(seed: Seed, found: dict[str, list[str]]) -> None:
    """A mistake in the syntax may bring others about; every other one is named by its check alone."""
    checks = {line.split(": ")[1] for line in found[seed.name]}
    assert seed.check in checks, found[seed.name]
    assert seed.check == "syntax" or checks <= {seed.check, "unused", "unknown"}, found[seed.name]
    assert any(f": {seed.check}: " in line and seed.says in line for line in found[seed.name]), found[seed.name]


def test_every_check_of_the_linter_has_a_seeded_mistake() -> None:
    written = (FOLDER / "lint.py").read_text(encoding="utf-8")
    checks = set(re.findall(r'(?:Finding\(file\.path, [^"]*|_at\(file, one, )"([a-z]+)"', written))
    assert checks == {seed.check for seed in SEEDS}
