"""The rule pack: compiled rules as plain data, versioned and hashed.

A pack is one JSON document: ``{"firstseen_pack": FORMAT, "version": …, "bases": […], "correlations": […]}``
with sorted keys, so that the same rules give the same bytes. Its hash is the SHA-256 of those bytes.
Functions load packs; neither pySigma nor a YAML parser is needed for that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from firstseen.errors import RuleError
from firstseen.language.predicates import from_data, to_data
from firstseen.language.rules import Base, Correlation, Vocabulary

FORMAT = 1
MAX_PACK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pack:
    """The rules that a pipeline runs.

    Attributes:
        bases: base rules, ordered by id.
        correlations: rules that make findings, ordered by id.
        version: hex, the first 12 digits of the hash; in every finding.
    """

    bases: tuple[Base, ...]
    correlations: tuple[Correlation, ...]
    version: str = ""

    @staticmethod
    def of(bases: list[Base], correlations: list[Correlation]) -> Pack:
        """A pack of these rules, ordered, with its version. Raises RuleError on ids that are not unique."""
        for kind, ids in (("base rule", [b.id for b in bases]), ("rule", [c.card.id for c in correlations])):
            seen: set[str] = set()
            for one in ids:
                if one in seen:
                    msg = f"two {kind}s have the id {one!r}: give one of them an id of its own"
                    raise RuleError(msg)
                seen.add(one)
        known = {base.id for base in bases}
        for correlation in correlations:
            for member in correlation.members:
                if member.base_id not in known:
                    msg = (
                        f"rule {correlation.card.id!r} refers to the base rule {member.base_id!r}, "
                        "which is not in the pack"
                    )
                    raise RuleError(msg)
        draft = Pack(
            tuple(sorted(bases, key=lambda base: base.id)),
            tuple(sorted(correlations, key=lambda correlation: correlation.card.id)),
        )
        return Pack(draft.bases, draft.correlations, hashlib.sha256(_body(draft)).hexdigest()[:12])


def _body(pack: Pack) -> bytes:
    bases = [
        _BaseRow(base.id, base.title, base.sources, base.vocabulary, to_data(base.predicate), base.listed)
        for base in pack.bases
    ]
    body = {"bases": bases, "correlations": pack.correlations, "firstseen_pack": FORMAT}
    return msgspec.json.encode(body, order="sorted")


def dump(pack: Pack) -> bytes:
    """The pack's bytes: deterministic for the same rules."""
    return _body(pack)


def load(data: bytes) -> Pack:
    """The pack in ``data``. Raises RuleError on anything but a whole pack of this version's format."""
    if len(data) > MAX_PACK_BYTES:
        msg = f"a rule pack of {len(data)} bytes is larger than {MAX_PACK_BYTES}: split the rules"
        raise RuleError(msg)
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        msg = f"not a rule pack: {exc}; build one with 'firstseen rules build'"
        raise RuleError(msg) from exc
    found = body.get("firstseen_pack") if isinstance(body, dict) else None
    if found != FORMAT:
        msg = (
            f"not a rule pack of format {FORMAT} (found {str(found)[:40]!r}): "
            "build it again with this version of firstseen"
        )
        raise RuleError(msg)
    try:
        bases = [_base(one) for one in body["bases"]]
        correlations = [msgspec.convert(one, Correlation) for one in body["correlations"]]
    except (msgspec.ValidationError, KeyError, TypeError, ValueError) as exc:
        msg = f"a damaged rule pack: {exc}; build it again"
        raise RuleError(msg) from exc
    return Pack.of(bases, correlations)


class _BaseRow(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    title: str
    sources: tuple[str, ...]
    vocabulary: Vocabulary
    predicate: Any
    listed: bool


def _base(data: object) -> Base:
    row = msgspec.convert(data, _BaseRow)
    return Base(row.id, row.title, row.sources, row.vocabulary, from_data(row.predicate), row.listed)
