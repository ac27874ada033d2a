"""Rules as pages about them see them: what each looks at, on which cloud, for which technique, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from firstseen.cli.ruleset import RuleSet
from firstseen.findings.attack import Technique, techniques
from firstseen.language.rules import Correlation
from firstseen.sources.registry import SOURCES

CLOUD_LABELS = {
    "aws": "AWS",
    "azure": "Azure and Entra ID",
    "gcp": "Google Cloud",
    "m365": "Microsoft 365",
    "okta": "Okta",
    "vk": "VK Cloud",
    "windows": "Windows",
    "yandex": "Yandex Cloud",
}
"""What clouds are called in titles; another is called as it is written."""

NO_TECHNIQUE = Technique("", "Without a technique")


@dataclass(frozen=True, slots=True)
class Detection:
    """One rule that makes findings.

    Attributes:
        rule: the rule.
        sources: names of the log sources that it reads, sorted.
        clouds: their providers in small letters, sorted.
        techniques: of its tags, in their order.
        file: where it is written; "" for a rule of a pack.
        needs: empty value lists without which it never fires.
    """

    rule: Correlation
    sources: tuple[str, ...]
    clouds: tuple[str, ...]
    techniques: tuple[Technique, ...]
    file: str
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its machine name, else its title."""
        return self.rule.card.name or self.rule.card.title

    @property
    def technique(self) -> Technique:
        """The first of its techniques: where a page lists it."""
        return self.techniques[0] if self.techniques else NO_TECHNIQUE


def detections_of(rules: RuleSet) -> list[Detection]:
    """Every rule that makes findings, by name."""
    sources = {base.id: base.sources for base in rules.bases}
    found = []
    for rule in rules.correlations:
        read = sorted({name for member in rule.members for name in sources.get(member.base_id, ())})
        document = rules.documents.get(rule.card.id)
        found.append(
            Detection(
                rule=rule,
                sources=tuple(read),
                clouds=tuple(sorted({SOURCES[name].provider.lower() for name in read if name in SOURCES})),
                techniques=techniques(rule.card.tags),
                file=document.file if document is not None else "",
                needs=rules.needed_by(rule),
            )
        )
    return sorted(found, key=lambda one: (one.name.casefold(), one.rule.card.id))


def cloud_label(cloud: str) -> str:
    """``AWS`` for ``aws``."""
    return CLOUD_LABELS.get(cloud, cloud)


def clouds_of(detections: Iterable[Detection]) -> tuple[str, ...]:
    """The clouds that some rule reads, sorted."""
    return tuple(sorted({cloud for one in detections for cloud in one.clouds}))
