"""Arguments that several commands share."""

from __future__ import annotations

import argparse

import pytest

from firstseen.cli import main
from firstseen.cli.arguments import now_of
from firstseen.errors import SettingsError
from firstseen.findings.times import iso


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-10-20", "2026-10-20T00:00:00Z"),
        ("2026-10-20T12:30:00Z", "2026-10-20T12:30:00Z"),
        ("2026-10-20T12:30:00+02:00", "2026-10-20T10:30:00Z"),
    ],
)
def test_the_time_of_a_run_may_be_a_day(written: str, meant: str) -> None:
    assert iso(now_of(argparse.Namespace(now=written))) == meant


@pytest.mark.parametrize("written", ["", "yesterday", "2026-13-01", "2026-10", "7d"])
def test_what_is_no_time_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(SettingsError, match="2026-10-01"):
        now_of(argparse.Namespace(now=written))


@pytest.mark.parametrize("command", [["replay"], ["findings", "list"], ["sweep"], ["baseline", "build"]])
def test_the_help_names_every_form_of_a_state(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(form in shown for form in ("sqlite:PATH", "dynamodb:TABLE", "tables:TABLE"))
