"""Which log lies below which prefix: what may be said, and which prefix counts."""

from __future__ import annotations

import pytest

from firstseen.settings.prefixes import MAX_PREFIXES, prefixes, source_at
from firstseen.sources.registry import SOURCES


def test_none_says_nothing_and_nothing_is_forced() -> None:
    assert prefixes("none") == ()
    assert source_at("logs/okta/a.json", ()) is None


def test_the_longest_prefix_counts_in_whatever_order_they_are_said() -> None:
    for text in ("b/=gcp.audit, b/okta/=okta.system", "b/okta/=okta.system,b/=gcp.audit"):
        found = prefixes(text)
        assert found is not None
        told = [source_at(place, found) for place in ("b/okta/a.json", "b/a.json", "c/okta/a.json")]
        assert [one and one.name for one in told] == ["okta.system", "gcp.audit", None]


def test_a_bucket_or_container_alone_leaves_nothing_in_it_to_be_recognised() -> None:
    found = prefixes("audit-logs/=okta.system")
    assert found is not None
    for place in ("audit-logs/a.json", "audit-logs/a/b.json", "audit-logs//a.json"):
        source = source_at(place, found)
        assert source is not None
        assert source.name == "okta.system"


def test_a_prefix_may_hold_an_equals_sign_as_folders_of_days_do() -> None:
    found = prefixes("logs/vk/year=2026/=vk.audit")
    assert found is not None
    assert [one.start for one in found] == ["logs/vk/year=2026/"]


def test_every_log_that_is_known_can_be_said() -> None:
    assert all(prefixes(f"a/={name}") for name in SOURCES)


@pytest.mark.parametrize(
    "text",
    [
        "", "a/", "=okta.system", "a/=okta", "a/=okta.system,", "a/=okta.system,a/=vk.audit", "a b/=okta.system",
        "a/=Okta.System", "a/=okta.system;b/=vk.audit", "x" * 201 + "=okta.system",
        ",".join(f"{number}/=okta.system" for number in range(MAX_PREFIXES + 1)),
        ",".join(f"{number}{'x' * 190}/=okta.system" for number in range(5)),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    assert prefixes(text) is None
