"""Derived names: what they give for every kind of event, and that nothing makes them raise."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.cli.zones import posix_rule
from firstseen.errors import RuleError
from firstseen.language.pack import Pack
from firstseen.language.predicates import Leaf
from firstseen.language.rules import Base, Vocabulary
from firstseen.matching.engine import Engine
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.derived.agents import EXAMPLES, example, family
from firstseen.sources.derived.names import LOCATING_NAMES, TIME_NAMES, VALUES
from firstseen.sources.derived.zones import Zone, zone_of
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Derived, Source

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
NAMES = sorted({*TIME_NAMES, *LOCATING_NAMES, "source.ip.network", "user_agent.family", f"time.hour@{BERLIN}"})


class Book:
    """A database of addresses in memory; IPv6 is not in it."""

    def __init__(self, records: Mapping[str, object]) -> None:
        self._records = records

    def get(self, ip_address: str, /) -> object:
        if ":" in ip_address:
            raise ValueError(ip_address)
        return self._records.get(ip_address)


def value(name: str, source: Source = CLOUDTRAIL, vocabulary: Vocabulary = "raw", **parts: object) -> object:
    accessor = source.accessor(name, vocabulary=vocabulary)
    assert isinstance(accessor, Derived)
    return accessor.function({**CLOUDTRAIL.sample, **parts})


@pytest.mark.parametrize("vocabulary", ["raw", "common", "ecs"])
def test_derived_names_are_there_in_every_vocabulary(vocabulary: Vocabulary) -> None:
    assert value("time.hour", vocabulary=vocabulary) == 9
    assert value("time.weekday", vocabulary=vocabulary) == "monday"
    assert value("source.ip.network", vocabulary=vocabulary) == "198.51.100.0/24"
    assert value("user_agent.family", vocabulary=vocabulary) == "aws-cli"


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_every_source_has_all_derived_names(source: Source) -> None:
    """A rule over ``{category: audit}`` may use them on every log."""
    time_us = source.time(source.sample)
    assert time_us is not None
    for name in NAMES:
        for vocabulary in ("raw", "common", "ecs"):
            accessor = source.accessor(name, vocabulary=vocabulary)
            assert isinstance(accessor, Derived), (name, vocabulary)
            read = {key: source.sample[key] for key in accessor.reads if key in source.sample}
            assert accessor.function(read) == accessor.function(source.sample)
    hour = source.accessor("time.hour")
    assert isinstance(hour, Derived)
    assert hour.function(source.sample) == time_us // 3_600_000_000 % 24


def test_what_is_not_quite_a_derived_name_is_a_raw_path() -> None:
    for name in ("time.minute", "time.hour@Europe/Berlin", "time.hour@", "source.ip.network@CET-1", "source.ip.x"):
        assert CLOUDTRAIL.accessor(name) == tuple(name.split("."))


def test_the_same_name_of_the_same_source_is_equal() -> None:
    """Generated code computes it once for all rules."""
    for name in NAMES:
        assert CLOUDTRAIL.accessor(name) == CLOUDTRAIL.accessor(name, vocabulary="common"), name
    assert CLOUDTRAIL.accessor("time.hour") != CLOUDTRAIL.accessor("time.weekday")
    assert CLOUDTRAIL.accessor("time.hour") != CLOUDTRAIL.accessor(f"time.hour@{BERLIN}")
    assert CLOUDTRAIL.accessor("source.as.number") != CLOUDTRAIL.accessor("source.geo.country")


@pytest.mark.parametrize(
    ("time", "hour", "weekday", "berlin"),
    [
        ("2026-03-01T00:00:00Z", 0, "sunday", 1),
        ("2026-03-01T23:59:59.999Z", 23, "sunday", 0),
        ("2026-03-29T00:59:59Z", 0, "sunday", 1),
        ("2026-03-29T01:00:00Z", 1, "sunday", 3),
        ("2026-10-25T00:59:59Z", 0, "sunday", 2),
        ("2026-10-25T01:00:00Z", 1, "sunday", 2),
        ("2026-07-01T12:00:00+05:00", 7, "wednesday", 9),
        ("1971-01-01T00:00:00Z", 0, "friday", 1),
        ("9999-12-31T23:00:00Z", None, None, None),
        ("soon", None, None, None),
        (None, None, None, None),
    ],
)
def test_hours_and_weekdays_are_those_of_the_clocks(
    time: str | None, hour: int | None, weekday: str | None, berlin: int | None
) -> None:
    assert value("time.hour", eventTime=time) == hour
    assert value("time.weekday", eventTime=time) == weekday
    assert value(f"time.hour@{BERLIN}", eventTime=time) == berlin


ZONES = (
    "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago", "Asia/Jerusalem",
    "America/Nuuk", "Europe/Dublin", "Pacific/Chatham", "Africa/Cairo", "Asia/Tokyo",
)  # fmt: skip


@given(st.sampled_from(ZONES), st.integers(1_767_225_600, 2_082_758_400))
def test_a_rule_says_what_the_zone_s_files_say(name: str, seconds: int) -> None:
    """From 2026 to 2035; the rule is the last line of the zone's file."""
    zone = zone_of(posix_rule(name))
    assert zone is not None
    offset = datetime.fromtimestamp(seconds, UTC).astimezone(zoneinfo.ZoneInfo(name)).utcoffset()
    assert offset is not None
    assert zone.local_seconds(seconds) == seconds + offset.total_seconds()


@pytest.mark.parametrize(
    "text",
    ["", "UTC", "Europe/Berlin", "CET-1CEST", "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
     "CET-1CEST,J60,J300", "CET-1CEST,M3.5.7,M10.5.0", "CET-1\n", "A" * 500],
)  # fmt: skip
def test_what_is_no_rule_is_no_zone(text: str) -> None:
    assert zone_of(text) is None


def test_rules_are_read_as_posix_writes_them() -> None:
    assert zone_of("UTC0") == Zone()
    assert zone_of("<+0545>-5:45") == Zone(20_700, 20_700)
    lord_howe = zone_of("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")
    assert lord_howe is not None
    assert (lord_howe.standard_seconds, lord_howe.daylight_seconds) == (37_800, 39_600)


def test_unknown_zones_are_refused_with_the_mend() -> None:
    for name in ("Europe/Atlantis", "../../etc/passwd", "Europe", "Africa/Casablanca/x"):
        with pytest.raises(RuleError, match="no time zone"):
            posix_rule(name)
    assert posix_rule(BERLIN) == BERLIN


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.24", "198.51.100.0/24"),
        ("2001:db8:7:1:2:3:4:5", "2001:db8:7::/48"),
        ("2001:DB8:0007::1", "2001:db8:7::/48"),
        ("::ffff:198.51.100.24", "198.51.100.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("198.051.100.24", None),
        ("ec2.amazonaws.com", None),
        ("AWS Internal", None),
        ("", None),
        (None, None),
        (3_325_256_728, None),
        (["198.51.100.24", "198.51.100.9", "203.0.113.1"], ["198.51.100.0/24", "203.0.113.0/24"]),
    ],
)
def test_networks_are_24_or_48_bits_of_an_address(address: object, network: object) -> None:
    assert value("source.ip.network", sourceIPAddress=address) == network


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        *((agent, name) for name, agent in EXAMPLES.items()),
        ("[aws-cli/1.16 Python/3.6]", "aws-cli"),
        ("Botocore/1.31.0 Python/3.11", "boto3"),
        ("aws-sdk-go-v2/1.39.0 ua/2.1 os/linux karpenter.sh-1.7.1", "aws-sdk-go"),
        ("aws-sdk-nodejs/2.1 linux/v18", "aws-sdk-js"),
        ("aws-sdk-java/1.12 Linux", "aws-sdk-java"),
        ("aws-sdk-ruby3/3.190", "aws-sdk-ruby"),
        ("aws-sdk-dotnet-coreclr/3.7", "aws-sdk-dotnet"),
        ("azsdk-python-azure-mgmt-resource/23.1 Python/3.11", "azure-sdk-python"),
        ("azsdk-net-Identity/1.10", "azure-sdk-dotnet"),
        ("HashiCorp Terraform/1.9.0 terraform-provider-azurerm/4.1 azsdk-go-x", "terraform"),
        ("signin.amazonaws.com", "console"),
        ("autoscaling.amazonaws.com", "aws-service"),
        ("kubectl/v1.30.1 (linux/amd64) kubernetes/6911225", "kubectl"),
        ("Go-http-client/2.0", "go-http-client"),
        ("curl/8.5.0", "curl"),
        ("ſtrange/1", "strange"),
        ("", None),
        ("12/ ?!", None),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_programs_are_told_by_their_user_agents(agent: object, name: str | None) -> None:
    assert value("user_agent.family", userAgent=agent) == name


@given(st.from_regex(r"[a-z]{2,8}(-[a-z]{2,8})?", fullmatch=True))
def test_a_family_that_no_table_has_is_its_own_example(name: str) -> None:
    found = family(example(name))
    assert found == name or found in {*EXAMPLES, "terraform", "opentofu", "pulumi", "ansible"}


def test_a_user_agent_of_a_megabyte_costs_no_more_than_its_beginning() -> None:
    assert family("x" * 1_000_000 + " terraform") == "x" * 40


def test_whose_an_address_is_comes_from_the_databases_in_their_order() -> None:
    network = Book({"198.51.100.24": {"autonomous_system_number": 64_500, "autonomous_system_organization": "x"}})
    land = Book({"198.51.100.24": {"country": {"iso_code": "NO"}, "autonomous_system_number": 1}})
    both = replace(CLOUDTRAIL, readers=(network, land))
    assert value("source.as.number", both) == 64_500
    assert value("source.geo.country", both) == "NO"
    assert value("source.geo.country_iso_code", both, "ecs") == "NO"
    lite = replace(CLOUDTRAIL, readers=(Book({"198.51.100.24": {"asn": "AS64501", "country_code": "se"}}),))
    assert (value("source.as.number", lite), value("source.geo.country", lite)) == (64_501, "SE")


def test_what_no_database_has_is_no_value() -> None:
    odd = {"198.51.100.24": {"country": 7, "asn": "x" * 9, "autonomous_system_number": True}, "192.0.2.1": "?"}
    source = replace(CLOUDTRAIL, readers=(Book(odd),))
    for address in ("198.51.100.24", "192.0.2.1", "192.0.2.2", "2001:db8::1", "ec2.amazonaws.com", None):
        assert value("source.as.number", source, sourceIPAddress=address) is None
        assert value("source.geo.country", source, sourceIPAddress=address) is None
    assert value("source.as.number") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values, json_values)
def test_nothing_in_an_event_makes_them_raise(time: object, address: object, agent: object) -> None:
    source = replace(CLOUDTRAIL, readers=(Book({}),))
    for name in NAMES:
        made = value(name, source, eventTime=time, sourceIPAddress=address, userAgent=agent)
        assert made is None or isinstance(made, (int, str, list)), name
        listed = VALUES.get(name)
        assert listed is None or made is None or str(made) in listed, name


@given(
    st.sampled_from(NAMES),
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")),  # noqa: DTZ001
    st.sampled_from(["198.51.100.24", "2001:db8::1", "ec2.amazonaws.com", ["192.0.2.1"], None]),
    st.sampled_from([*EXAMPLES.values(), "", None]),
)
def test_the_fast_way_gives_what_the_view_gives(name: str, time: str, address: object, agent: object) -> None:
    book = Book({"198.51.100.24": {"autonomous_system_number": 9, "country_code": "9"}})
    source = replace(CLOUDTRAIL, readers=(book,))
    asked = [Leaf(name, "equals", 9), Leaf(name, "present"), Leaf(name, "like", "*a*"), Leaf(name, "gte", 12)]
    bases = [Base(str(row), str(row), ("aws.cloudtrail",), "raw", leaf) for row, leaf in enumerate(asked)]
    engine = Engine(Pack.of(bases, []), {"aws.cloudtrail": source})
    view = {**CLOUDTRAIL.sample, "eventTime": time, "sourceIPAddress": address, "userAgent": agent}
    fast = engine.matcher(source)(orjson.dumps(view))
    assert fast is None or fast == engine.match_view(source, view)
    made = value(name, source, eventTime=time, sourceIPAddress=address, userAgent=agent)
    assert (1 in engine.match_view(source, view)) == (made is not None)


@pytest.mark.parametrize("digits", ["", ".000001", ".9999999", ".999999999"])
@pytest.mark.parametrize("clock", ["00:59:59", "01:00:00", "01:00:01", "23:59:59"])
def test_digits_of_a_second_do_not_move_an_event_into_the_next_hour(clock: str, digits: str) -> None:
    """The fast decoder rounds times up; the readers cut them."""
    bases = [
        Base(str(hour), str(hour), ("aws.cloudtrail",), "raw", Leaf("time.hour", "equals", hour)) for hour in range(3)
    ]
    engine = Engine(Pack.of(bases, []))
    view = {**CLOUDTRAIL.sample, "eventTime": f"2026-03-02T{clock}{digits}Z"}
    expected = tuple(hour for hour in range(3) if hour == int(clock[:2]))
    assert engine.match_view(CLOUDTRAIL, view) == expected
    assert engine.matcher(CLOUDTRAIL)(orjson.dumps(view)) in {expected, None}


def test_most_events_take_the_fast_way_when_a_rule_asks_for_the_hour() -> None:
    base = Base("a", "a", ("aws.cloudtrail",), "raw", Leaf("time.hour", "equals", 9))
    assert Engine(Pack.of([base], [])).matcher(CLOUDTRAIL)(orjson.dumps(CLOUDTRAIL.sample)) == (0,)


@pytest.mark.parametrize("name", ["time.hour", f"time.hour@{BERLIN}", "time.weekday"])
def test_every_hour_and_day_can_be_shown_by_an_example(name: str) -> None:
    accessor = CLOUDTRAIL.accessor(name)
    assert isinstance(accessor, Derived)
    for wanted in VALUES[name.partition("@")[0]]:
        texts = list(accessor.suggests(wanted))
        assert texts
        assert {str(value(name, eventTime=text)) for text in texts} == {wanted}
    assert not list(accessor.suggests("24"))
