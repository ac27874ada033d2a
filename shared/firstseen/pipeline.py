"""The pipeline: the only place that knows the order of the steps.

read → match → step → route → commit → send → acknowledge. Everything outside the core comes in as an argument: the
store, the sink, the clock, the owner's name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from firstseen.correlations.keys import Key, Keys
from firstseen.correlations.step import Hit, Opening, Stepped, step
from firstseen.deliveries import Delivery, Keep, Match, Rejected, Report, raised
from firstseen.errors import InputError, StoreUnavailable
from firstseen.findings import canaries, digests
from firstseen.findings.build import build
from firstseen.findings.canaries import Tag
from firstseen.findings.finding import Finding, key_of
from firstseen.findings.history import History
from firstseen.findings.operational import Undecided, report_undecided
from firstseen.findings.routing import Router
from firstseen.findings.sink import Publication, Sink
from firstseen.findings.text import minimal
from firstseen.language.accounts import by_id
from firstseen.language.derived_names import need_readers
from firstseen.language.pack import Pack
from firstseen.language.rules import Correlation
from firstseen.matching.engine import Engine, Found
from firstseen.sources.event import Reject
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source
from firstseen.sources.splitting import blocks
from firstseen.store.state import MAX_PENDING
from firstseen.store.store import Change, Store, StoredState

Clock = Callable[[], int]
"""The wall clock in microseconds since 1970; it decides leases and deadlines, never what a finding is."""

MAX_ATTEMPTS = 5
"""Of one commit against conflicts, before its deliveries are given back."""

BATCH_MATCHES = 500
"""Matches that are settled together: what one pass holds in memory."""

MAX_HELD_REJECTS = 200
"""Rejects of one batch that are held, where somebody takes them in slices: 12.5 MiB at most."""

LEASE_US = 60_000_000
"""How long one worker may take to publish a finding. Shorter than every visibility timeout."""

MATCH_EXPIRY_US = 30 * 86_400_000_000
"""Keys of rules without memory may be dropped after this: longer than any redelivery."""


@dataclass(slots=True)
class _Work:
    """One key in one batch: what was seen of it, and whose deliveries wait for it."""

    correlation: Correlation
    key: Key
    hits: list[Hit] = field(default_factory=list)
    handles: set[str] = field(default_factory=set)
    pending: tuple[str, ...] = ()
    canary: bool = False

    def expires_at_us(self, now_us: int) -> int | None:
        """When the key's row may be dropped, after it is written now."""
        if self.canary:
            return now_us + canaries.EXPIRY_US
        return now_us + MATCH_EXPIRY_US if self.correlation.type == "match" else None


class Pipeline:
    """One pack, one store, one sink. One call at a time on one object.

    ``sink`` None: the input is history. Findings are kept as learnt, and nobody is notified, not even of what was
    pending before. ``sources`` are those of the registry, or the same with databases of addresses.

    Raises RuleError when a rule needs such a database and there is none.
    """

    def __init__(  # noqa: PLR0913 - what the core is handed from outside
        self,
        pack: Pack,
        store: Store,
        sink: Sink | None,
        *,
        owner: str,
        clock: Clock,
        sources: Mapping[str, Source] = SOURCES,
    ) -> None:
        need_readers(pack, sources.values())
        self._pack = pack
        self._store = store
        self._sink = sink
        self._owner = owner
        self._clock = clock
        self._deadline_us: int | None = None
        self._keep: Keep | None = None
        self._undecided: list[tuple[str, Undecided]] = []
        self._sources = sources
        self.engine = Engine(pack, sources)
        self._keys = Keys(pack)
        self._accounts = by_id(pack.accounts)
        self._titles = {base.id: base.title for base in pack.bases}
        self._router = Router(store) if sink is not None else History(store)
        self._correlations = [one for one in pack.correlations if one.enabled]

    def activate(self, at_us: int) -> None:
        """Stamp each rule's activation, once for its life: learning counts from there."""
        self._router.activate(self._correlations, at_us)

    def process(
        self, deliveries: Sequence[Delivery], *, deadline_us: int | None = None, keep: Keep | None = None
    ) -> Report:
        """Take deliveries through every step. Those in ``retry`` must come again; the others are done.

        ``keep`` is handed rejects in slices: a delivery of nothing else needs no more memory than another. Those
        of a delivery that has to come again afterwards are handed over again then. Without it all are in the report.
        """
        report = Report()
        self._deadline_us = deadline_us
        self._keep = keep
        held: list[Match] = []
        for delivery in deliveries:
            if self._late():
                report.give_back([delivery.handle], "out of time")
                continue
            try:
                for match in self._matches(delivery, report):
                    held.append(match)
                    if len(held) >= BATCH_MATCHES:
                        self.settle(held, report)
                        held.clear()
                        if self._late():
                            report.give_back([delivery.handle], "out of time")
                            break
            except InputError as exc:
                report.give_back([delivery.handle], str(exc))
        self.settle(held, report)
        self._tell_undecided(report)
        return report

    def _tell_undecided(self, report: Report) -> None:
        """A rule that raised is told once an hour; its events are rejects, which hold no delivery."""
        undecided, self._undecided = self._undecided, []
        if not undecided:
            return
        handles = {handle for handle, _ in undecided}
        try:
            uids = report_undecided(
                self._store, [one for _, one in undecided], pack_version=self._pack.version, now_us=self._clock()
            )
            self._publish(dict.fromkeys(uids, handles), report)
        except StoreUnavailable as exc:
            report.give_back(handles, f"the store is unavailable: {exc}")

    def _late(self) -> bool:
        return self._deadline_us is not None and self._clock() >= self._deadline_us

    def settle(self, matches: Sequence[Match], report: Report) -> None:
        """Step, commit and send what these matches bring about; deliveries that cannot be finished are given back."""
        if not matches:
            return
        if self._sources is not SOURCES:
            matches = [self._resolved(one) for one in matches]
        work = self._sort(matches)
        for rule_id, number in self._keys.left_out.items():
            report.left_out[rule_id] = report.left_out.get(rule_id, 0) + number
        self._keys.left_out.clear()
        try:
            self._commit(work, matches, report)
            self._send(work, report)
        except StoreUnavailable as exc:
            report.give_back({one.handle for one in matches}, f"the store is unavailable: {exc}")

    def _resolved(self, match: Match) -> Match:
        """The match with its event under this pipeline's own source: names mean what they meant to the rules."""
        source = self._sources.get(match.event.source.name, match.event.source)
        return replace(match, event=replace(match.event, source=source))

    def sweep(self, *, ended_us: int | None = None, limit: int = 1_000, deadline_us: int | None = None) -> Report:
        """Send what is left over: pending findings, digests, learning summaries; drop what has expired.

        ``ended_us`` is the time that learning is measured against: the clock, or the end of an input over files. After
        ``deadline_us`` nothing more is begun; the next sweep goes on. Raises StoreUnavailable; nothing is lost by that.
        """
        report = Report()
        self._deadline_us = deadline_us
        now_us = self._clock()
        learnt_us = now_us if ended_us is None else ended_us
        digests.prepare(self._store, self._correlations, now_us=now_us, learnt_us=learnt_us)
        for _ in range(limit):
            if self._late():
                return report
            uids = self._store.due(now_us=self._clock(), limit=BATCH_MATCHES)
            if not uids:
                break
            sent_before = report.counts.get("sent", 0) + len(report.refused)
            self._publish(dict.fromkeys(uids, frozenset()), report)
            if report.counts.get("sent", 0) + len(report.refused) == sent_before:
                break  # the sink takes nothing now: the next sweep tries again
        if self._late():
            return report
        report.add("expired", self._store.expire(now_us=now_us))
        return report

    def _matches(self, delivery: Delivery, report: Report) -> Iterator[Match]:
        """Read and match one delivery."""
        scan = self.engine.scan(blocks(delivery.chunks), received_us=delivery.received_us, source=delivery.source)
        for item in scan:
            if delivery.canary is not None:
                yield from _canary(item, delivery, delivery.canary, report)
                continue
            if isinstance(item, Reject):
                self._reject((delivery.handle, delivery.pointer, item), report)
                continue
            for one in raised(item):
                self._reject((delivery.handle, delivery.pointer, one), report)
            self._undecided.extend((delivery.handle, one) for one in self._failures(item))
            if len(self._undecided) >= MAX_HELD_REJECTS:
                self._tell_undecided(report)
            for base in item.bases:
                base_id = self._pack.bases[base].id
                report.matched[base_id] = report.matched.get(base_id, 0) + 1
            if item.bases:
                report.add("matches", len(item.bases))
                yield Match(item.event, item.bases, delivery.handle, delivery.pointer)
        report.add("events" if delivery.canary is None else "canary_events", scan.events)

    def _reject(self, rejected: Rejected, report: Report) -> None:
        """Remember a reject; hand them over when there are many. What comes again is rejected again then."""
        report.rejects.append(rejected)
        if self._keep is None or len(report.rejects) < MAX_HELD_REJECTS:
            return
        final = [one for one in report.rejects if one[0] not in report.retry]
        report.rejects.clear()
        for handle, reason in self._keep(final).items() if final else ():
            report.give_back([handle], reason)

    def _failures(self, found: Found) -> Iterator[Undecided]:
        for base_id, error in found.failed:
            yield Undecided(base_id, self._titles[base_id], error, found.event)

    def _sort(self, matches: Sequence[Match]) -> dict[str, _Work]:
        """Matches by key, each key's hits in event-time order."""
        work: dict[str, _Work] = {}
        for ref, match in enumerate(matches):
            for correlation, own, member, value in self._keys.of(match.event, match.bases):
                if match.canary is not None and match.canary.rule_id != correlation.card.id:
                    continue
                key = own if match.canary is None else _key_of_canary(own, match.canary)
                entry = work.get(key.hash)
                if entry is None:
                    entry = work[key.hash] = _Work(correlation, key, canary=match.canary is not None)
                entry.hits.append(Hit(match.event.time_us, match.event.id, member, value, ref))
                entry.handles.add(match.handle)
        for entry in work.values():
            entry.hits.sort(key=lambda hit: (hit.time_us, hit.event_id))
        return work

    def _commit(self, work: Mapping[str, _Work], matches: Sequence[Match], report: Report) -> None:
        """Step and write every key. On a conflict: read again, strongly consistent, and step again."""
        waiting = dict(work)
        for attempt in range(MAX_ATTEMPTS):
            stored = self._store.read(list(waiting), consistent=attempt > 0)
            changes, opened = self._changes(waiting, stored, matches, report)
            outcomes = self._store.commit(changes) if changes else ()
            pairs = zip(changes, outcomes, strict=True)
            committed = {change.key for change, outcome in pairs if outcome == "committed"}
            report.findings.extend(one for one in opened if key_of(one.uid) in committed)
            conflicts = [change.key for change in changes if change.key not in committed]
            report.add("commits", len(committed))
            report.add("conflicts", len(conflicts))
            if not conflicts:
                return
            waiting = {key: waiting[key] for key in conflicts}
        for entry in waiting.values():
            entry.pending = ()
            report.give_back(entry.handles, f"a key changed under {MAX_ATTEMPTS} attempts to write it")

    def _changes(
        self, waiting: Mapping[str, _Work], stored: Mapping[str, StoredState], matches: Sequence[Match], report: Report
    ) -> tuple[list[Change], list[Finding]]:
        """What to write for these keys, and the findings in it, routed."""
        stepped: list[tuple[str, StoredState | None, Stepped]] = []
        drafts: list[tuple[Finding, Correlation]] = []
        decided: list[Finding] = []
        for key, entry in waiting.items():
            before = stored.get(key)
            after = step(entry.correlation, key, entry.key.blank, before.state if before else None, entry.hits)
            entry.pending = after.state.pending
            if after.changed:
                stepped.append((key, before, after))
                made = [self._draft(entry, one, matches) for one in after.openings]
                if entry.canary:
                    decided.extend(map(canaries.routed, made))
                else:
                    drafts.extend((one, entry.correlation) for one in made)
        decided.extend(self._router.route(drafts, now_us=self._clock()) if drafts else ())
        by_key: dict[str, list[Finding]] = {}
        for finding in decided:
            by_key.setdefault(key_of(finding.uid), []).append(finding)
        changes = []
        for key, before, after in stepped:
            entry, findings = waiting[key], tuple(by_key.get(key, ()))
            entry.pending = (*after.state.pending, *(one.uid for one in findings if one.routing == "send"))
            if len(entry.pending) > MAX_PENDING:
                entry.pending = after.state.pending
                report.give_back(entry.handles, f"{MAX_PENDING} findings of one key are not sent yet")
                continue
            changes.append(
                Change(
                    key,
                    before.version if before else None,
                    replace(after.state, pending=entry.pending),
                    findings,
                    entry.expires_at_us(self._clock()),
                )
            )
        return changes, decided

    def _draft(self, entry: _Work, opening: Opening, matches: Sequence[Match]) -> Finding:
        match = matches[opening.hit.ref]
        blank = entry.key.blank
        return build(
            opening,
            entry.correlation,
            match.event,
            group=blank.group,
            terms=blank.terms,
            pack_version=self._pack.version,
            pointer=match.pointer,
            accounts=self._accounts,
            titles=self._titles,
        )

    def _send(self, work: Mapping[str, _Work], report: Report) -> None:
        """Publish every finding that these deliveries wait for."""
        waiting: dict[str, set[str]] = {}
        for entry in work.values():
            for uid in entry.pending:
                waiting.setdefault(uid, set()).update(entry.handles)
        if waiting:
            self._publish(waiting, report)

    def _publish(self, waiting: Mapping[str, Collection[str]], report: Report) -> None:
        """Claim, publish, mark. What somebody else is sending, or the sink did not take, holds its deliveries."""
        sink = self._sink
        mine = [] if sink is None else self._claim(waiting, report)
        if sink is None or not mine:
            return
        final: dict[str, Publication] = dict(
            zip((one.uid for one in mine), sink.publish(mine, deadline_us=self._deadline_us), strict=True)
        )
        refused = [one for one in mine if final[one.uid] == "refused"]
        if refused:
            again = sink.publish([minimal(one) for one in refused], deadline_us=self._deadline_us)
            final.update(zip((one.uid for one in refused), again, strict=True))
        sent = [uid for uid, answer in final.items() if answer == "sent"]
        given_up = [one for one in refused if final[one.uid] == "refused"]
        if sent:
            self._store.mark(sent, "sent")
            report.add("sent", len(sent))
        if given_up:
            self._store.mark([one.uid for one in given_up], "refused")
            report.refused.extend(given_up)
        for uid, answer in final.items():
            if answer == "unavailable":
                report.add("unavailable")
                report.give_back(waiting[uid], f"finding {uid} could not be sent")

    def _claim(self, waiting: Mapping[str, Collection[str]], report: Report) -> list[Finding]:
        """The findings that are this worker's to publish, oldest first."""
        uids = list(waiting)
        claims = self._store.claim(uids, owner=self._owner, now_us=self._clock(), lease_us=LEASE_US)
        mine: list[Finding] = []
        for uid, claimed in zip(uids, claims, strict=True):
            if claimed.finding is not None and claimed.claim == "claimed":
                mine.append(claimed.finding)
            elif claimed.claim == "held":
                report.add("held")
                report.give_back(waiting[uid], f"finding {uid} is being sent by another worker")
            elif claimed.claim == "missing":
                report.add("missing")
                self._store.mark([uid], "refused")  # its row has gone: nothing is left to wait for
        return sorted(mine, key=lambda one: (one.time_us, one.uid))


def _canary(item: Found | Reject, delivery: Delivery, tag: Tag, report: Report) -> Iterator[Match]:
    """What an event of a canary matches. It counts for no rule and no way in, so that it hides no silence of theirs."""
    if isinstance(item, Reject):
        report.spoilt.setdefault(tag, item.reason)
        return
    for base_id, error in item.failed:
        report.spoilt.setdefault(tag, f"rule {base_id} could not be decided: {error}")
    if item.bases:
        yield Match(item.event, item.bases, delivery.handle, delivery.pointer, tag)


def _key_of_canary(own: Key, tag: Tag) -> Key:
    """The key in the namespace of the canary's round: no state of a real key is read or written."""
    return Key(canaries.canary_key(tag.run, own.hash), canaries.canary_state(tag.run, own.blank))
