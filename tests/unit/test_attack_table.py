"""ATT&CK's ids and names: whole in themselves, and shared by findings and checks."""

from __future__ import annotations

import re

from firstseen.findings.attack import techniques
from firstseen.language.attack_table import RENAMED_TACTICS, RENUMBERED, TACTICS, TECHNIQUES


def test_every_sub_technique_stands_with_its_technique() -> None:
    assert [uid for uid in TECHNIQUES if "." in uid and uid.partition(".")[0] not in TECHNIQUES] == []


def test_ids_are_well_formed_and_named() -> None:
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", uid) and name.strip() for uid, name in TECHNIQUES.items())


def test_what_was_renumbered_is_gone_and_what_took_its_place_is_there() -> None:
    assert not RENUMBERED.keys() & TECHNIQUES.keys()
    assert set(RENUMBERED.values()) <= TECHNIQUES.keys()


def test_tactics_that_took_the_place_of_others_exist() -> None:
    assert len(TACTICS) == 15
    for slug, tags in RENAMED_TACTICS.items():
        assert slug not in TACTICS
        assert all(tag.removeprefix("attack.") in TACTICS for tag in tags)


def test_a_finding_names_an_older_id_by_what_took_its_place() -> None:
    assert str(techniques(("attack.t1562.008",))[0]) == "T1562.008 Disable or Modify Cloud Log"
