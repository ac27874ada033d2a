"""The table of log sources: each name gives the source of that name, imported when it is first asked for."""

from __future__ import annotations

import pytest

from firstseen.sources.derived.names import derived
from firstseen.sources.derived.vocabulary import DERIVED_NAMES
from firstseen.sources.registry import SOURCES, recognise
from firstseen.sources.source import Derived


def test_each_name_gives_the_source_of_that_name_and_always_the_same_one() -> None:
    assert len(SOURCES) == len(set(SOURCES)) >= 10
    for name in SOURCES:
        assert SOURCES[name].name == name
        assert SOURCES[name] is SOURCES[name]


def test_a_name_that_is_no_source_is_missing_as_in_any_table() -> None:
    assert "aws.cloudtrial" not in SOURCES
    assert SOURCES.get("aws.cloudtrial") is None
    with pytest.raises(KeyError):
        SOURCES["aws.cloudtrial"]


def test_each_source_recognises_its_own_sample_before_any_other_does() -> None:
    for source in SOURCES.values():
        assert recognise(source.sample) is source


def test_the_derived_names_are_those_that_every_source_resolves_to_something_computed() -> None:
    """A name that were missing from the list would be read as a path, and a rule on it would never fire."""
    for source in SOURCES.values():
        for name in DERIVED_NAMES:
            found = derived(source, name)
            assert isinstance(source.accessor(name), Derived) is (found is not None)
    assert all(any(derived(source, name) for source in SOURCES.values()) for name in DERIVED_NAMES)
