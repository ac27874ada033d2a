"""Sink URLs: ``terminal:``, ``jsonl:``, ``sns:TOPIC-ARN``, ``eventgrid:ENDPOINT``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from firstseen.cli import console
from firstseen.errors import SettingsError

if TYPE_CHECKING:
    from firstseen.findings.sink import Sink

MAX_SHOWN = 100

FORMS = "terminal:, jsonl:, sns:TOPIC-ARN or eventgrid:ENDPOINT"


def open_sink(url: str, *, endpoint_url: str | None = None) -> Sink:
    """The sink that the URL names. Raises SettingsError for one that cannot be used."""
    scheme, _, rest = url.partition(":")
    match scheme:
        case "terminal" if not rest:
            from firstseen.adapters.local.terminal import TerminalSink

            return TerminalSink(sys.stdout, colour=console.colour_wanted(sys.stdout))
        case "jsonl" if not rest:
            from firstseen.adapters.local.jsonl import JsonLinesSink

            return JsonLinesSink(sys.stdout.buffer)
        case "sns" if rest:
            return _sns(rest, endpoint_url)
        case "eventgrid" if rest:
            return _eventgrid(rest)
    msg = f"--sink {url[:MAX_SHOWN]!r}: use {FORMS}"
    raise SettingsError(msg)


def _sns(topic_arn: str, endpoint_url: str | None) -> Sink:
    try:
        from firstseen.adapters.aws.clients import sns_client
        from firstseen.adapters.aws.sns import SNSSink
    except ImportError as exc:
        msg = f"an SNS sink needs boto3, which is missing ({exc.name}): install firstseen[aws]"
        raise SettingsError(msg) from exc
    parts = topic_arn.split(":")
    region = parts[3] if len(parts) > 3 else None  # noqa: PLR2004 - arn:partition:sns:REGION:account:name
    return SNSSink(topic_arn, client=sns_client(region=region or None, endpoint_url=endpoint_url))


def _eventgrid(endpoint: str) -> Sink:
    try:
        from firstseen.adapters.azure.topics import topic_sink
    except ModuleNotFoundError as exc:
        msg = "an Event Grid sink needs Azure's SDK: pip install --require-hashes -r requirements/azure.txt"
        raise SettingsError(msg) from exc
    return topic_sink(endpoint, os.environ)
