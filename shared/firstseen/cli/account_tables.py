"""The tables of accounts that overlays name, read from beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from firstseen.errors import Place, RuleError
from firstseen.language.accounts import Account
from firstseen.language.frontends.accounts import AccountsSaid, Read, read_table


def named_accounts(said: Iterable[AccountsSaid], faults: list[RuleError]) -> dict[str, Account]:
    """Folded id → account, of all overlays, later ones over earlier ones; what is wrong is added to ``faults``."""
    found: dict[str, Account] = {}
    for one in said:
        here: Read = dict(one.named)
        for name, place in one.tables.items():
            for uid, account in _table(name, place, faults).items():
                other = here.setdefault(uid, account)
                if other is not account:
                    msg = f"{name} names {account.id}, which another of these tables names {other.name!r}: keep one"
                    faults.append(RuleError(msg, place))
        found.update(here)
    return found


def _table(name: str, place: Place, faults: list[RuleError]) -> Read:
    path = Path(place.file).parent / name
    try:
        data = path.read_bytes()
    except OSError as exc:
        faults.append(RuleError(f"{path}: cannot be read: {exc.strerror or exc}", place))
        return {}
    found, wrong = read_table(str(path), data)
    faults.extend(wrong)
    return found
