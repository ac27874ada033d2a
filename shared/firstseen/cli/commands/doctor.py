"""``firstseen doctor``: is a deployment sound? It looks, and changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from firstseen.cli.live import live_store
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.stores import LASTING, open_store
from firstseen.errors import SettingsError, StoreError
from firstseen.findings.diagnosis import Check, fail, ok
from firstseen.findings.safe import safe_text

if TYPE_CHECKING:
    from firstseen.language.pack import Pack
    from firstseen.store.store import Store

SUMMARY = "Check a deployment: what comes in, what waits, what rules know, who is told. Changes nothing."

MAX_SAID = 400
STATE_TABLE = "firstseen"
"""As main.bicep names it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """``doctor --stack NAME | --resource-group NAME [--rules PATH…] [--format text|json]``."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", metavar="NAME", help="AWS: the CloudFormation stack, in the region of AWS_REGION")
    where.add_argument("--resource-group", metavar="NAME", help="Azure: the resource group of the deployment")
    parser.add_argument(
        "--subscription", metavar="ID", help="Azure: its subscription (default: $AZURE_SUBSCRIPTION_ID)"
    )
    parser.add_argument(
        "--rules", nargs="+", action="extend", default=[], metavar="PATH", help="compare these with what is in force"
    )
    parser.add_argument("--endpoint-url", metavar="URL", help="Azure: another endpoint of Resource Manager")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--state", metavar="URL", help=f"{LASTING} (default: the deployment's)")


def run(args: argparse.Namespace) -> int:
    """Every check; 1 when one of them fails."""
    now_us = time.time_ns() // 1_000
    checks = []
    for one in _aws(args, now_us) if args.stack else _azure(args, now_us):
        checks.append(one)
        if args.format == "text":
            print(_line(one), flush=True)
    if args.format == "json":
        shown = [{"check": one.name, "health": one.health, "said": one.said, "mend": one.mend} for one in checks]
        print(json.dumps({"checks": shown}, indent=1))
    failed = sum(one.health == "fail" for one in checks)
    warned = sum(one.health == "warn" for one in checks)
    sys.stderr.write(f"{len(checks)} checks: {failed} failed, {warned} to look at\n")
    return EXIT_REJECTED if failed else EXIT_DONE


def _line(one: Check) -> str:
    text = f"{one.health:4}  {one.name:13}  {safe_text(one.said, MAX_SAID)}"
    return f"{text}\n{'':21}→ {safe_text(one.mend, MAX_SAID)}" if one.mend else text


def _aws(args: argparse.Namespace, now_us: int) -> Iterator[Check]:
    try:
        from firstseen.adapters.aws.doctor import deployed, examine
    except ModuleNotFoundError as exc:
        msg = "--stack needs boto3: pip install --require-hashes -r requirements/aws.txt"
        raise SettingsError(msg) from exc
    found = deployed(args.stack)
    yield from examine(found)
    table = found.environment.get("FIRSTSEEN_TABLE") or found.outputs.get("StateTable", "")
    packs = found.environment.get("FIRSTSEEN_PACKS", "")
    yield from _memory(args, packs, lambda: open_store(f"dynamodb:{table}"), now_us)


def _azure(args: argparse.Namespace, now_us: int) -> Iterator[Check]:
    try:
        from firstseen.adapters.azure.activity_log_history import ENDPOINT, activity_log_client
        from firstseen.adapters.azure.clients import credential, table_client
        from firstseen.adapters.azure.doctor import deployed, examine
        from firstseen.adapters.azure.resources import Resources
        from firstseen.adapters.azure.table_store import TableStore
    except ModuleNotFoundError as exc:
        msg = "--resource-group needs Azure's SDK: pip install --require-hashes -r requirements/azure.txt"
        raise SettingsError(msg) from exc
    subscription = args.subscription or os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    if not subscription:
        msg = "--resource-group: of which subscription? Name it with --subscription, or set AZURE_SUBSCRIPTION_ID"
        raise SettingsError(msg)
    url = args.endpoint_url or ENDPOINT
    client = activity_log_client(credential() if url.startswith("https:") else None, endpoint_url=url)
    emulator = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    found = deployed(Resources(client, url), subscription, args.resource_group, connection_string=emulator)
    yield from examine(found)
    account = found.state_account

    def store() -> Store:
        if emulator or not account:
            return open_store(f"tables:{STATE_TABLE}")
        return TableStore(
            table_client(f"https://{account}.table.core.windows.net", STATE_TABLE, credential=credential())
        )

    packs = f"https://{account}.blob.core.windows.net/packs/rules" if account and not emulator else ""
    yield from _memory(args, packs, store, now_us)


def _memory(args: argparse.Namespace, packs: str, store: Callable[[], Store], now_us: int) -> Iterator[Check]:
    """What both clouds have: published rules, and a state."""
    from firstseen.cli.diagnosing import published_checks, state_checks
    from firstseen.cli.shelves import open_shelf

    pack: Pack | None = None
    if packs and packs != "none":
        checks, pack = published_checks(open_shelf(packs), args.rules, now_us)
        yield from checks
    else:
        yield ok("rules", "the package's own run")
    try:
        with live_store(args) if args.state else closing(store()) as opened:
            yield from state_checks(opened, pack, now_us)
    except (SettingsError, StoreError) as exc:
        yield fail("state", str(exc), "name it with --state; the functions may have the same trouble")
