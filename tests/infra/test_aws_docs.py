"""The documentation of the AWS part says what the code reads."""

from __future__ import annotations

import re

from firstseen.settings.aws import AWS_VARIABLES
from tests.emulators import ROOT


def test_the_documented_settings_are_those_that_are_read_with_their_defaults() -> None:
    text = (ROOT / "docs" / "testing-with-moto.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(FIRSTSEEN_\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == {one.name for one in AWS_VARIABLES}
    for one in AWS_VARIABLES:
        assert ("default" in rows[one.name]) == (one.default is not None)
        assert one.default is None or f"`{one.default}`" in rows[one.name]
