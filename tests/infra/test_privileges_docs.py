"""docs/threat-model.md claims nothing that no test and no line of a template holds."""

from __future__ import annotations

import re

import pytest

from tests.emulators import ROOT

PAGE = ROOT / "docs" / "threat-model.md"
CLAIMS = re.findall(r"\[`([A-Za-z_]+)`\]\(\.\./([^)]+)\)", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "file"), CLAIMS, ids=[name for name, _ in CLAIMS])
def test_what_a_claim_of_the_threat_model_names_is_there(name: str, file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    wanted = rf"^def {name}\(" if name.startswith("test_") else rf"\b{name}\b"
    assert (name == (ROOT / file).stem) or re.search(wanted, text, re.MULTILINE)


def test_every_row_of_the_three_attackers_names_what_holds_it() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count(" | ") == 2]
    assert len(rows) > 30
    assert not [row for row in rows if "`](../" not in row and not row.startswith("| they try to")]
