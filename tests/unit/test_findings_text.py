"""The text form, and what may not come through it."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.adapters.aws.chat import chat_bytes
from firstseen.adapters.local.jsonl import JsonLinesSink
from firstseen.adapters.local.terminal import TerminalSink
from firstseen.findings import tally
from firstseen.findings.build import build
from firstseen.findings.finding import Finding, Kind, Related, dump, load
from firstseen.findings.links import console_link, look_closer
from firstseen.findings.ocsf import ocsf_bytes
from firstseen.findings.safe import safe_text
from firstseen.findings.sink import Sink
from firstseen.findings.text import headline, minimal, others, subject, to_text
from tests.unit.findings_samples import CARD, NOON_US, ROLE, event, finding, opening, rule

GOLDEN = Path(__file__).parent.parent / "data" / "findings"
DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24

hostile = st.text(
    st.characters(codec=None) | st.sampled_from("\x1b\x9b\r\n\t\0\u202e\u2066\u200b\ufeff\u2028\U000e0041\u0301"),
    max_size=60,
)

KINDS: tuple[Kind, ...] = get_args(Kind)


def first_sight() -> Finding:
    found = event(errorCode="Client.UnauthorizedOperation", eventName="GetPasswordData")
    return build(
        opening(found),
        rule(),
        found,
        group=("111122223333",),
        terms=(ROLE,),
        pack_version="ab12cd34ef56",
        baseline="complete",
        pointer="s3://trail/AWSLogs/111122223333/x.json.gz",
    )


def returning() -> Finding:
    found = event()
    seen = opening(found, last_seen_us=NOON_US - 97 * DAY_US)
    return build(seen, rule(), found, group=("111122223333",), terms=(ROLE,), baseline="complete")


def burst() -> Finding:
    found = event(userAgent="ok\x1b]0;owned\x07\r\nHIGH  forged\u202e", sourceIPAddress="007.1.2.3")
    return build(opening(found, 16), rule("event_count", count=10), found, group=("111122223333",))


def chain() -> Finding:
    found = event()
    steps = rule("temporal_ordered", count=2)
    titles = {"base-a": "Machine stopped", "base-b": "Snapshot made\r\nHIGH  forged"}
    return build(opening(found, 5), steps, found, group=("111122223333",), titles=titles)


def digest() -> Finding:
    return replace(
        finding(),
        kind="digest",
        reason="12 findings of this rule in the hour were over its limit of 100.",
        details=(("findings", "12"), ("7 ×", "role-a"), ("5 ×", "role-b")),
        facts=(("account", "111122223333"),),
        terms=(),
    )


@pytest.mark.parametrize("make", [first_sight, returning, burst, chain, digest])
def test_the_text_of_a_finding_reads_as_the_example_does(make: Callable[[], Finding]) -> None:
    expected = (GOLDEN / f"{make.__name__}.txt").read_text(encoding="utf-8")
    assert to_text(make()) == expected


@given(hostile, st.integers(0, 80))
def test_safe_text_is_one_line_of_visible_characters_within_its_limit(text: str, limit: int) -> None:
    shown = safe_text(text, limit)
    assert len(re.sub(r"…\(\+\d+\)$", "", shown)) <= limit or shown == text
    assert all(char == " " or unicodedata.category(char)[0] not in "CZ" for char in shown)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300))
def test_safe_text_leaves_ids_and_ascii_as_they_are(text: str) -> None:
    assert safe_text(text, 300) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nb", r"a\nb"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\u3164", r"\u3164"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("a" + "\u0301" * 4, "a\u0301\u0301" + r"\u0301\u0301"),
        ("Zoë Müller 北京", "Zoë Müller 北京"),
    ],
)
def test_what_a_display_would_obey_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_what_is_cut_is_counted() -> None:
    assert safe_text("x" * 350, 300) == "x" * 300 + "…(+50)"


@given(hostile, hostile, hostile, hostile, st.integers(0, 200))
def test_no_text_of_an_event_makes_a_line_a_control_or_a_wide_form_of_its_own(
    a: str, b: str, c: str, d: str, width: int
) -> None:
    clean = "x"
    calm = finding(
        facts=(("actor", clean), ("user_agent", clean), ("region", clean), ("source.ip", clean)),
        group=(("g", clean),),
        related=(Related(clean, NOON_US),),
        pointer=clean,
        reason=clean,
    )
    bad = replace(
        calm,
        facts=(("actor", a + "x"), ("user_agent", b + "x"), ("region", c + "x"), ("source.ip", d + "x")),
        group=(("g", a + "x"),),
        related=(Related(b + "x", NOON_US),),
        pointer=c + "x",
        reason=d + "x",
    )
    shown = to_text(bad, width=width)
    assert all(char == "\n" or unicodedata.category(char)[0] != "C" for char in shown)
    labels = [line.split(":")[0] for line in to_text(bad, width=10_000).splitlines() if line[:1].strip()]
    assert len(labels) == len([line for line in to_text(calm, width=10_000).splitlines() if line[:1].strip()])


@given(hostile, hostile)
def test_a_subject_is_short_printable_ascii(title: str, actor: str) -> None:
    found = finding(card=replace(CARD, title=title), facts=(("actor", actor),))
    for kind in KINDS:
        line = subject(replace(found, kind=kind))
        assert 0 < len(line) < 100
        assert line.isascii()
        assert line.isprintable()
        assert line[0] != " "


def test_a_subject_says_level_rule_actor_and_account() -> None:
    assert subject(first_sight()) == (
        "HIGH Windows password of an instance refused to a new role: deploy in 111122223333"
    )


@pytest.mark.parametrize(
    ("actor", "account", "tail"),
    [
        ("ana@quillfjord.example.com", "92f59481-dd83-4b5e-a89d-dbace7f9e0b2", ": ana@... in 92f59481..."),
        ("60a34b9d-2dcf-451d-ad28-50d8769b7903", "quillfjord-readers", ": 60a34b9d... in quillfjord-readers"),
        ("arn:aws:iam::1:role/" + "r" * 50, "", ": " + "r" * 21 + "..."),
        ("@b", "", ": @b"),
    ],
)
def test_a_long_title_costs_a_subject_neither_who_nor_where(actor: str, account: str, tail: str) -> None:
    card = replace(CARD, title="Somebody did a thing " * 10)
    found = replace(finding(), card=card, facts=(("actor", actor), ("account", account)))
    line = subject(found)
    assert line.endswith(tail)
    assert re.fullmatch(r"HIGH (Somebody|did|a|thing| )+\.\.\.", line.removesuffix(tail)), line
    assert 85 < len(line) < 100


def test_chat_tells_the_steps_of_a_chain_and_what_weakens_the_reason() -> None:
    """What is in the mail and decides whether somebody gets up is in the channel, too."""
    said = json.loads(chat_bytes(chain()))["content"]["description"]
    assert said.count("*Step:* 2026-03-02 11:59:5") == 5
    assert "2026-03-02 12:00:00 UTC  Machine stopped" in said
    unsure = json.loads(chat_bytes(replace(first_sight(), baseline="none")))["content"]["description"]
    assert "deploy. No baseline was built for this rule" in unsure.partition("\n")[0]


def test_the_step_that_made_a_chain_whole_is_said_however_many_came_before() -> None:
    """Whoever makes the events could push it out by doing the first steps again and again."""
    titles = ("Key made", "Key used")
    many = [Related(f"e{n}", NOON_US - HOUR_US + n, "", titles[n % 2]) for n in range(19)]
    found = replace(chain(), related=(Related("last", NOON_US, "", "Snapshot shared"), *many), related_more=7)
    said = [(label, value.partition("UTC  ")[2] or value) for label, value in others(found)]
    assert [one for label, one in said if label == "Step"] == [*(titles * 6)[:11], "Snapshot shared"]
    assert said[-1] == ("and", "15 more events")


def test_what_is_no_chain_has_no_steps() -> None:
    """A new term over several base rules, and a digest of chains, which has the first event of one of them."""
    found = chain()
    counted = tally.Tally()
    counted.add(replace(found, routing="digest"))
    for one in (replace(found, type="new_terms"), replace(tally.message(found, counted, NOON_US), kind="digest")):
        assert "Step:" not in to_text(one)


@pytest.mark.parametrize("uid", ["x; rm -rf ~", "$(id)", "a b", "`id`", "x\n", "", "-x", "x" * 200, "a'b"])
def test_an_event_id_that_a_shell_would_obey_gets_no_command_and_no_link(uid: str) -> None:
    found = replace(first_sight(), related=(Related(uid, NOON_US),))
    assert len(look_closer(found)) == 1
    assert console_link(found) == ""


def test_a_region_that_is_none_gets_no_link_and_no_option() -> None:
    facts = tuple((name, "eu-west-1 --x" if name == "region" else value) for name, value in first_sight().facts)
    found = replace(first_sight(), facts=facts)
    assert console_link(found) == ""
    assert "--region" not in look_closer(found)[1]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_a_console_link_goes_to_the_partition_of_its_region(region: str, host: str) -> None:
    facts = tuple((name, region if name == "region" else value) for name, value in first_sight().facts)
    found = replace(first_sight(), facts=facts)
    assert console_link(found) == (
        f"https://{host}/cloudtrailv2/home?region={region}#/events/{found.related[0].event_id}"
    )


def test_the_minimal_form_keeps_what_identifies_and_drops_what_is_large() -> None:
    big = "x" * 50_000
    whole = replace(
        first_sight(),
        raw=big,
        terms=(("t", big),),
        facts=(("actor", big), ("region", "eu-west-1")),
        details=tuple((big, big) for _ in range(30)),
        related=tuple(Related(big, n) for n in range(20)),
        pointer=big,
        reason=big,
        card=replace(CARD, title=big, description=big, tags=(big,) * 40, triage=(big,)),
    )
    small = minimal(whole)
    assert (small.uid, small.card.id, small.time_us, small.routing) == (
        whole.uid,
        whole.card.id,
        whole.time_us,
        whole.routing,
    )
    assert small.related_more == 19
    assert len(dump(small)) < 8_000
    assert len(ocsf_bytes(small)) < 16_000
    assert len(to_text(small)) < 8_000


def test_the_headline_comes_first_and_every_kind_has_one() -> None:
    for kind in KINDS:
        found = replace(first_sight(), kind=kind)
        assert to_text(found).startswith(headline(found) + "\n")


def test_a_terminal_gets_colour_only_when_asked() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    found = [first_sight(), burst()]
    assert TerminalSink(plain).publish(found) == ["sent", "sent"]
    assert TerminalSink(coloured, colour=True).publish(found) == ["sent", "sent"]
    assert "\x1b" not in plain.getvalue()
    assert plain.getvalue() == "\n".join(to_text(one) for one in found)
    assert coloured.getvalue().startswith("\x1b[1;31mHIGH")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue()) == plain.getvalue()


def test_a_stream_without_the_letters_gets_their_escapes() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    assert TerminalSink(stream).publish([replace(finding(), reason="Zoë")]) == ["sent"]
    assert b"Zo\\xeb" in raw.getvalue()


class Pipe(io.RawIOBase):
    """Takes ``room`` writes; then whoever read it is gone."""

    encoding = "utf-8"

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.written: list[object] = []

    def write(self, data: object) -> int:
        if len(self.written) == self.room:
            raise BrokenPipeError
        self.written.append(data)
        return 1


@pytest.mark.parametrize("make", [TerminalSink, JsonLinesSink])
def test_a_closed_pipe_makes_the_rest_unavailable(make: Callable[[Any], Sink]) -> None:
    sink = make(Pipe(1))
    assert sink.publish([finding(1), finding(2), finding(3)]) == ["sent", "unavailable", "unavailable"]


@pytest.mark.parametrize("make", [TerminalSink, JsonLinesSink])
def test_a_stream_closed_on_our_side_is_unavailable_too(make: Callable[[Any], Sink]) -> None:
    stream = io.BytesIO() if make is JsonLinesSink else io.StringIO()
    stream.close()
    assert make(stream).publish([finding(1)]) == ["unavailable"]


def test_json_lines_are_one_ocsf_finding_a_line_with_the_same_bytes_each_time() -> None:
    stream = io.BytesIO()
    JsonLinesSink(stream).publish([first_sight(), burst()])
    assert stream.getvalue() == ocsf_bytes(first_sight()) + b"\n" + ocsf_bytes(burst()) + b"\n"


def test_every_field_of_a_finding_survives_its_row() -> None:
    found = replace(first_sight(), suppression="s", details=(("a", "b"),))
    assert load(dump(found)) == found
