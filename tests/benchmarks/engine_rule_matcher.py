"""As ``engines.py``, with sigma-rule-matcher: ``engine_rule_matcher.py RULES EVENTS MATCHES COUNT``.

It runs in .venv-bench, because it wants pySigma 1, and reads only the first COUNT lines: it is slow.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import yaml
from sigma.rule import SigmaRule
from sigma_rule_matcher import RuleMatcher  # type: ignore[import-not-found]  # it is not in .venv


def load(folder: Path) -> tuple[list[tuple[str, RuleMatcher]], dict[str, str]]:
    matchers, refused = [], {}
    for path in sorted(folder.rglob("*.yml")):
        for document in yaml.safe_load_all(path.read_bytes()):
            if "detection" not in document:
                continue
            rule_id = str(document["id"])
            try:
                matchers.append((rule_id, RuleMatcher(SigmaRule.from_dict(document))))
            except Exception as exc:  # noqa: BLE001 - another engine's; each rule that it refuses is reported
                refused[rule_id] = f"{type(exc).__name__}: {exc}"
    return matchers, refused


def main() -> None:
    rules, events, matches, count = sys.argv[1:]
    matchers, refused = load(Path(rules))
    raised: Counter[str] = Counter()
    found = []
    gc.freeze()
    start = time.process_time()
    with Path(events).open("rb") as file:
        for line, raw in enumerate(islice(file, int(count)), 1):
            event = json.loads(raw)
            for rule_id, matcher in matchers:
                try:
                    if matcher.match(event):
                        found.append((rule_id, line))
                except Exception:  # noqa: BLE001 - whatever it does not foresee: the rule is undecided
                    raised[rule_id] += 1
    seconds = time.process_time() - start
    refused.update((rule_id, f"raised on {number} events") for rule_id, number in raised.items())
    Path(matches).write_text("".join(f"{rule_id} {line}\n" for rule_id, line in found), encoding="ascii")
    sys.stdout.write(json.dumps({"cpu_seconds": seconds, "refused": refused}) + "\n")


if __name__ == "__main__":
    main()
