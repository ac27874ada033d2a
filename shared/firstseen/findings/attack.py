"""MITRE ATT&CK, as Sigma tags write it: ``attack.t1552.005``, ``attack.credential-access``.

Names come from one table; an id that is not in it is still shown: with the name of what took its place, if it was
renumbered, else without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from firstseen.language.attack_table import TACTICS, technique_name

_TECHNIQUE = re.compile(r"attack\.(t\d{4})(\.\d{3})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tactic:
    """``uid`` is "" for a tactic that the table does not have."""

    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class Technique:
    """``T1552`` or ``T1552.005``; ``name`` is "" when the table does not have it."""

    uid: str
    name: str

    @property
    def parent(self) -> Technique | None:
        """The technique that this sub-technique belongs to."""
        above, dot, _ = self.uid.partition(".")
        return Technique(above, technique_name(above)) if dot else None

    def __str__(self) -> str:
        """``T1552.005 Cloud Instance Metadata API``."""
        return f"{self.uid} {self.name}".rstrip()


def techniques(tags: tuple[str, ...]) -> tuple[Technique, ...]:
    """The techniques among a rule's tags, in their order, each once."""
    uids = [(found[1] + (found[2] or "")).upper() for tag in tags if (found := _TECHNIQUE.fullmatch(tag))]
    return tuple(Technique(uid, technique_name(uid)) for uid in dict.fromkeys(uids))


def tactics(tags: tuple[str, ...]) -> tuple[Tactic, ...]:
    """The tactics among a rule's tags, in their order; groups and software (``attack.g0016``) are none."""
    slugs = [tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags if tag.lower().startswith("attack.")]
    found = []
    for slug in dict.fromkeys(slugs):
        if slug in TACTICS:
            found.append(Tactic(*TACTICS[slug]))
        elif not any(letter.isdigit() for letter in slug):
            found.append(Tactic("", slug.replace("-", " ").title()))
    return tuple(found)
