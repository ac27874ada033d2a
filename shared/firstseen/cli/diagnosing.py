"""What ``doctor`` asks of a state and of published rules, the same in every cloud. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from firstseen.cli.ruleset import read_rule_set
from firstseen.errors import InputError, RuleError, StoreError
from firstseen.findings.canaries import NONE_PUBLISHED, PUBLISH, last_round
from firstseen.findings.diagnosis import Check, fail, ok, warn
from firstseen.findings.learning import RULE, RuleRow, needs_row
from firstseen.findings.rows import read_row
from firstseen.findings.times import DAY_US, HOUR_US, about
from firstseen.language.pack import Pack, dump
from firstseen.language.published import Pointer, Published, believed, digest_of, read_pointer
from firstseen.pipeline import LEASE_US
from firstseen.sources.times import parse_time

if TYPE_CHECKING:
    from firstseen.language.published import Shelf
    from firstseen.store.store import Store

WAITS_US = 600_000_000
"""How long a finding may wait to be sent: as the deployments' alarms have it."""

STAGED_US = 3 * DAY_US
"""How long published rules may wait for their baselines: then a build is given up."""

OLD_ROUND_US = 8 * DAY_US
"""A day more than the longest time between two rounds."""

UNSENT_US = HOUR_US // 4
"""More than a call of the function for canaries takes."""

MAX_NAMED = 5


def published_checks(shelf: Shelf, paths: Sequence[str], now_us: int) -> tuple[list[Check], Pack | None]:
    """Whether what is published can be run, and is what ``paths`` say; the pack in force, if one is published."""
    try:
        found = shelf.read_pointer()
        if found is None:
            return [_own(paths)], None
        pointer = read_pointer(found[0])
        pack = believed(shelf.read_pack(pointer.hash) or b"", pointer.hash)
    except (InputError, RuleError) as exc:
        mend = "'firstseen rules publish --rollback', or publish again"
        return [fail("rules", f"what is published cannot be run: {exc}", mend)], None
    checks = list(_compared(pointer, pack, paths))
    if pointer.next:
        checks.append(_waiting(pointer.next, now_us))
    return checks, pack


def _own(paths: Sequence[str]) -> Check:
    said = "none are published: the package's own run"
    return warn("rules", f"{said}, not compared", "publish them once, and they are") if paths else ok("rules", said)


def _compared(pointer: Pointer, pack: Pack, paths: Sequence[str]) -> Iterator[Check]:
    in_force = f"{pack.version} with {len(pack.correlations):,} rules is in force since {pointer.at}"
    if not paths:
        yield ok("rules", in_force)
        return
    own = read_rule_set(list(paths), [], documents=False).pack()
    if digest_of(dump(own)) == pointer.hash:
        yield ok("rules", f"{in_force}, the same as here")
        return
    here = {one.card.id: one.fingerprint for one in own.correlations if one.enabled}
    there = {one.card.id: one.fingerprint for one in pack.correlations if one.enabled}
    changed = [one for one in here.keys() & there.keys() if here[one] != there[one]]
    said = (
        f"{in_force}; {_named('only here', here.keys() - there.keys())}, "
        f"{_named('only there', there.keys() - here.keys())}, {_named('changed', changed)}"
    )
    yield warn("rules", said, "'firstseen rules publish' puts those here in force")


def _named(what: str, ids: Sequence[str] | set[str]) -> str:
    some = sorted(ids)
    shown = f" ({', '.join(some[:MAX_NAMED])}{', …' if len(some) > MAX_NAMED else ''})" if some else ""
    return f"{len(some):,} {what}{shown}"


def _waiting(one: Published, now_us: int) -> Check:
    said = f"{one.version} waits for its baselines since {one.at}"
    if now_us - (parse_time(one.at) or 0) <= STAGED_US:
        return ok("rules", said)
    return warn("rules", said, "its build was given up: publish it plainly, or build from files")


def state_checks(store: Store, pack: Pack | None, now_us: int) -> Iterator[Check]:
    """What waits to be sent, what each rule knows, what became of canaries. ``pack``: the rules in force, if known."""
    for name, look in (
        ("waiting", _unsent(store, now_us)),
        ("baselines", _baselines(store, pack, now_us)),
        ("canaries", _canaries(store, now_us)),
    ):
        try:
            yield from look
        except StoreError as exc:
            yield fail(name, f"the state cannot be read: {exc}", "the functions have the same trouble, or you may not")


def _unsent(store: Store, now_us: int) -> Iterator[Check]:
    """Asked as if every lease had ended, as the sweep does."""
    rows = store.findings(store.due(now_us=now_us + LEASE_US, limit=1))
    ages_us = [now_us - row.finding.received_us for row in rows.values() if row.status == "pending"]
    if not ages_us:
        yield ok("waiting", "no finding waits to be sent")
    elif max(ages_us) <= WAITS_US:
        yield ok("waiting", f"a finding waits for {about(max(0, *ages_us))}")
    else:
        mend = "does the sweep run, does the topic take it? The runbook: PendingAlarm, Pending"
        yield fail("waiting", f"a finding waits for {about(max(ages_us))} to be sent", mend)


def _canaries(store: Store, now_us: int) -> Iterator[Check]:
    last = last_round(store)
    if last is None:
        yield ok("canaries", "no round was sent: they are switched off, or the first hour is not over")
        return
    ago_us = max(0, now_us - last.sent_us)
    sent = f"{last.sent:,} were sent {about(ago_us)} ago, {last.left_out:,} rules have none"
    if not last.sent and last.left_out:
        mend = "'firstseen rules build --canaries FILE RULES' says why"
        yield warn("canaries", f"none is sent: the {last.left_out:,} rules in force have none", mend)
    elif not last.sent:
        yield warn("canaries", f"none is sent: {NONE_PUBLISHED}", PUBLISH)
    elif last.silent_number:
        said = _named("rules made no finding", last.silent)
        yield fail("canaries", f"{sent}; of {last.silent_number:,}: {said}", "the runbook: CanariesAlarm, Canaries")
    elif not last.given_us and ago_us > UNSENT_US:
        said = f"{last.sent:,} could not all be sent since {about(ago_us)}"
        yield fail("canaries", said, "the runbook: CanaryErrorsAlarm, Failures")
    elif ago_us > OLD_ROUND_US:
        yield warn("canaries", sent, "does their function run? If they were switched off, this is the last round")
    else:
        unsure = "some were sent again, for they were not seen" if last.again else "not looked for yet"
        yield ok("canaries", f"{sent}; {'all came through' if last.judged_us else unsure}")


def _baselines(store: Store, pack: Pack | None, now_us: int) -> Iterator[Check]:
    rows = [row for one in store.scan_records(RULE) if (row := read_row(one, RuleRow)) is not None]
    if pack is None:
        yield from _known(rows, now_us)
        return
    wanted = {(one.card.id, one.fingerprint) for one in pack.correlations if one.enabled and needs_row(one)}
    found = [row for row in rows if (row.rule_id, row.fingerprint) in wanted]
    missing = wanted - {(row.rule_id, row.fingerprint) for row in found}
    if missing:
        said = _named("rules with memory have not begun", {one for one, _ in missing})
        yield warn("baselines", said, "has a function run since they were published? See its log")
    yield from _known(found, now_us)


def _known(rows: Sequence[RuleRow], now_us: int) -> Iterator[Check]:
    building = {row.rule_id for row in rows if now_us < row.building_until_us}
    bare = {row.rule_id for row in rows if row.rule_id not in building and row.baseline(now_us) == "none"}
    learning = {row.rule_id for row in rows if row.rule_id not in building and row.baseline(now_us) == "learning"}
    if bare:
        said = _named("rules with memory have no baseline: what is usual is reported as new", bare)
        yield warn("baselines", said, "'firstseen baseline build' from old logs")
    if not rows:
        yield warn("baselines", "no rule has begun", "has a function run? See its log")
    elif not bare:
        complete = len(rows) - len(building) - len(learning)
        yield ok("baselines", f"{complete} complete, {len(learning)} learning, {len(building)} being built")
