"""The conformance cases, through the pure steps and through the pipeline over each local store."""

from __future__ import annotations

import random
import re
from itertools import count
from pathlib import Path

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.adapters.local.sqlite import SQLiteStore
from tests.conformance.cases import Case, Run, check, load_cases
from tests.conformance.pipeline import run_over
from tests.conformance.steps import run as run_steps

CASES = load_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(params=["steps", "memory", "sqlite"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Every path from events to findings."""
    numbers = count()
    paths: dict[str, Run] = {
        "steps": run_steps,
        "memory": run_over(MemoryStore),
        "sqlite": run_over(lambda: SQLiteStore(str(tmp_path / f"{next(numbers)}.db"))),
    }
    return paths[request.param]


@each_case
def test_the_findings_are_those_that_the_case_says(run: Run, case: Case) -> None:
    check(case, run(case.rules, case.batches))


@each_case
def test_delivering_everything_again_adds_nothing(run: Run, case: Case) -> None:
    """Each batch twice, and at the end all of them once more."""
    again = [batch for one in case.batches for batch in (one, one)]
    check(case, run(case.rules, [*again, *case.batches]))


@pytest.mark.parametrize("case", [case for case in CASES if case.invariant], ids=lambda case: case.name)
def test_any_order_and_any_batches_give_the_same_ids(run: Run, case: Case) -> None:
    events = [arrival for batch in case.batches for arrival in batch]
    wanted = {one.uid for one in run(case.rules, case.batches)}
    chance = random.Random(case.name)
    for size in (1, 1, 1, 2, 3, len(events)):
        chance.shuffle(events)
        batches = [events[start : start + size] for start in range(0, len(events), size)]
        assert {one.uid for one in run(case.rules, batches)} == wanted


def test_the_specification_names_every_case_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "docs" / "episodes.md").read_text(encoding="utf-8")
    files = "|".join(sorted({case.name.partition("-")[0] for case in CASES}))
    named = set(re.findall(rf"\b(?:{files})-[a-z_]+\b", text))
    assert named == {case.name for case in CASES}
