"""Starting a command: it imports what it needs, collects nothing meanwhile, and lays its help out as argparse would."""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from firstseen.cli.main import _columns, _parsed, _parser
from firstseen.language.pack import Pack, dump
from firstseen.language.predicates import Leaf
from firstseen.language.rules import Base
from firstseen.sources.registry import SOURCES
from tests.unit.test_cli_match import SHARED, event

SCRIPT = (
    "import json, sys; from firstseen.cli.main import main\n"
    "status = main(['match', '--format', 'jsonl', '--rules', 'rules.pack', 'log.jsonl'])\n"
    "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    "sys.exit(status)"
)


def test_a_match_over_one_log_imports_no_other_log_and_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    """All sources together, envelopes, derived names and archives took a third of what the command takes to start."""
    pack = Pack.of([Base("r", "R", ("aws.cloudtrail",), "raw", Leaf("eventName", "equals", "StopInstances"))], [])
    (tmp_path / "rules.pack").write_bytes(dump(pack))
    (tmp_path / "log.jsonl").write_bytes(b"\n".join([event(1), event(2), b""]))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": str(SHARED)},
    )  # fmt: skip
    imported = set(json.loads(done.stderr))
    assert len(done.stdout.splitlines()) == 2
    assert "firstseen.sources.aws_cloudtrail" in imported
    others = {f"firstseen.sources.{name.replace('.', '_')}" for name in SOURCES if name != "aws.cloudtrail"}
    assert all(map(find_spec, others))
    unwanted = {"bz2", "shutil", "firstseen.sources.envelopes", "firstseen.sources.derived.names"}
    assert not imported & (others | unwanted)


@pytest.mark.parametrize("collecting", [True, False])
def test_collecting_is_as_it_was_once_the_arguments_are_read(*, collecting: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        assert _parsed(["match", "--rules", "r.yml"]).rules == ["r.yml"]
        assert gc.isenabled() is collecting
        with pytest.raises(SystemExit):
            _parsed(["match", "--nonsense"])
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("columns", ["40", "100", "300", "0", "", "x", "-5"])
def test_help_is_laid_out_as_argparse_lays_it_out(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    parser = _parser(["match"])
    assert _columns() == shutil.get_terminal_size().columns
    shown = parser.format_help()
    parser.formatter_class = argparse.HelpFormatter
    assert shown == parser.format_help()
