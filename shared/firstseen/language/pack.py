"""The rule pack: compiled rules as plain data, versioned and hashed.

A pack is one JSON document: ``{"firstseen_pack": FORMAT, "version": …, "bases": […], "correlations": […]}``
with sorted keys, so that the same rules give the same bytes. Its hash is the SHA-256 of those bytes. Names of accounts
are under ``known_accounts``, where there are any: a program that knows nothing of them reads the rest. Format 2 has
tables besides, ``values`` and ``trees``, for what several rules have in common (:mod:`firstseen.language.rows`); a pack
without long lists stays in format 1, which earlier programs read.
Functions load packs; neither pySigma nor a YAML parser is needed for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from firstseen.errors import RuleError
from firstseen.language.accounts import Account, by_id
from firstseen.language.predicates import Predicate, from_data
from firstseen.language.rows import Reading, Written
from firstseen.language.rules import DAY_US, Base, Correlation, Vocabulary
from firstseen.language.sharing import sharing

FORMAT = 2
"""The newest; :data:`PLAIN_FORMAT` has no tables."""
PLAIN_FORMAT = 1
MAX_PACK_BYTES = 64 * 1024 * 1024
MAX_FIELDS, MAX_GROUPS = 3, 8
"""Of one correlation: terms, and group-by fields."""
MAX_SPAN_US = 100 * 366 * DAY_US


@dataclass(frozen=True, slots=True)
class Pack:
    """The rules that a pipeline runs.

    Attributes:
        bases: base rules, ordered by id.
        correlations: rules that make findings, ordered by id.
        version: hex, the first 12 digits of the hash; in every finding.
        accounts: accounts by name, ordered by id.
    """

    bases: tuple[Base, ...]
    correlations: tuple[Correlation, ...]
    version: str = ""
    accounts: tuple[Account, ...] = ()

    @staticmethod
    def of(bases: list[Base], correlations: list[Correlation], accounts: Iterable[Account] = ()) -> Pack:
        """A pack of these rules, ordered, with its version.

        Raises RuleError on ids that are not unique, and on more than readers take.
        """
        draft = replace(_ordered(sharing(bases), correlations), accounts=_named(accounts))
        return replace(draft, version=hashlib.sha256(_body(draft)).hexdigest()[:12])


def _ordered(bases: list[Base], correlations: list[Correlation]) -> Pack:
    """The rules in the order of their ids, each id once and each reference kept; without a version."""
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
                    f"rule {correlation.card.id!r} refers to the base rule {member.base_id!r}, which is not in the pack"
                )
                raise RuleError(msg)
    return Pack(
        tuple(sorted(bases, key=lambda base: base.id)),
        tuple(sorted(correlations, key=lambda correlation: correlation.card.id)),
    )


def _named(accounts: Iterable[Account]) -> tuple[Account, ...]:
    """The accounts in the order of their ids. Raises RuleError on what no account can be."""
    return tuple(one for _, one in sorted(by_id(accounts).items()))


def _body(pack: Pack) -> bytes:
    written = Written([base.predicate for base in pack.bases])
    bases = [
        _BaseRow(base.id, base.title, base.sources, base.vocabulary, row, base.listed)
        for base, row in zip(pack.bases, written.rows, strict=True)
    ]
    body: dict[str, object] = {"bases": bases, "correlations": pack.correlations, "firstseen_pack": PLAIN_FORMAT}
    if written.values or written.trees:
        body |= {"firstseen_pack": FORMAT, "trees": written.trees, "values": written.values}
    if pack.accounts:
        body["known_accounts"] = pack.accounts
    return msgspec.json.encode(body, order="sorted")


def dump(pack: Pack) -> bytes:
    """The pack's bytes: deterministic for the same rules."""
    return _body(pack)


def load(data: bytes) -> Pack:
    """The pack in ``data``, its version being that of these bytes. Raises RuleError on anything but a whole and sound
    pack of this version's format: it may be anybody's.
    """
    if len(data) > MAX_PACK_BYTES:
        msg = f"a rule pack of {len(data)} bytes is larger than {MAX_PACK_BYTES}: split the rules"
        raise RuleError(msg)
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        msg = f"not a rule pack: {exc}; build one with 'firstseen rules build'"
        raise RuleError(msg) from exc
    found = body.get("firstseen_pack") if isinstance(body, dict) else None
    if type(found) is not int or found not in (PLAIN_FORMAT, FORMAT):
        newer = type(found) is int and found > FORMAT
        mend = "upgrade firstseen, or build it" if newer else "build it again"
        known = f"{PLAIN_FORMAT} or {FORMAT}"
        raise RuleError(f"not a rule pack of format {known} (found {str(found)[:40]!r}): {mend} with this version")
    try:
        tree = from_data if found == PLAIN_FORMAT else Reading(body["values"], body["trees"]).predicate
        bases = [_base(one, tree) for one in body["bases"]]
        correlations = [_sound(msgspec.convert(one, Correlation)) for one in body["correlations"]]
        accounts = msgspec.convert(body.get("known_accounts", []), list[Account])
    except (msgspec.ValidationError, KeyError, TypeError, ValueError, RecursionError) as exc:
        msg = f"a damaged rule pack: {exc}; build it again"
        raise RuleError(msg) from exc
    version = hashlib.sha256(data).hexdigest()[:12]
    return replace(_ordered(bases, correlations), version=version, accounts=_named(accounts))


def _sound(one: Correlation) -> Correlation:
    """Raises ValueError on numbers and lists that no front end makes, before they do harm where rules run."""
    terms = range(1, MAX_FIELDS + 1) if one.type == "new_terms" else range(MAX_GROUPS + 1)
    sound = (
        bool(one.members)
        and len(one.group_by) <= MAX_GROUPS
        and all(len(member.group_by) == len(one.group_by) and len(member.fields) in terms for member in one.members)
        and 0 <= one.timespan_us <= MAX_SPAN_US
        and (one.timespan_us > 0) == (one.type != "match")
        and 0 <= one.learning_us <= MAX_SPAN_US
        and one.count >= 1
        and one.limit >= 0
    )
    if not sound:
        raise ValueError(f"rule {one.card.id[:80]!r} has numbers or fields that no rule can have")
    return one


class _BaseRow(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    title: str
    sources: tuple[str, ...]
    vocabulary: Vocabulary
    predicate: Any
    listed: bool


def _base(data: object, tree: Callable[[Any], Predicate]) -> Base:
    row = msgspec.convert(data, _BaseRow)
    return Base(row.id, row.title, row.sources, row.vocabulary, tree(row.predicate), row.listed)
