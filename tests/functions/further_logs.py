"""The six logs that come as files: a rule for each, and a file of each in the form in which it is delivered."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from firstseen.sources.registry import SOURCES
from firstseen.sources.source import View

ASKED: Mapping[str, tuple[str, str]] = {
    "gcp.audit": ("{product: gcp, service: gcp.audit}", "protoPayload.methodName|endswith: instances.insert"),
    "okta.system": ("{product: okta, service: okta}", "eventType: user.session.start"),
    "m365.audit": ("{product: m365, service: exchange}", "Operation: Set-Mailbox"),
    "yandex.audit": ("{product: yandex, service: audit}", "event_type|endswith: .UpdateInstance"),
    "vk.audit": ("{product: vk, service: audit}", "action: vm-action"),
    "windows.process_creation": ("{product: windows, category: process_creation}", r"Image|endswith: '\cmd.exe'"),
}
"""By source: Sigma's logsource, and what the rule asks."""

NAMES = tuple(ASKED)

RULES = "\n---\n".join(
    f"""
title: Seen in {name}
id: 22222222-0000-4000-8000-00000000000{number}
logsource: {logsource}
detection:
    selection: {{{asked}}}
    condition: selection
level: medium
"""
    for number, (name, (logsource, asked)) in enumerate(ASKED.items())
)


def sample(name: str) -> View:
    """The source's own, which its rule matches."""
    return (
        {**SOURCES[name].sample, "eventType": "user.session.start"} if name == "okta.system" else SOURCES[name].sample
    )


def line(name: str) -> bytes:
    """Its event alone."""
    return orjson.dumps(sample(name))


def _lines(event: View) -> bytes:
    return orjson.dumps(event) + b"\n"


FORMS: Mapping[str, Callable[[View], bytes]] = {
    "gcp.audit": _lines,
    "okta.system": lambda event: orjson.dumps([event]),
    "m365.audit": lambda event: orjson.dumps([event], option=orjson.OPT_INDENT_2),
    "yandex.audit": lambda event: orjson.dumps([event]),
    "vk.audit": lambda event: orjson.dumps({"logs": [event]}),
    "windows.process_creation": _lines,
}


def file(name: str) -> bytes:
    """A file of its log, as it is delivered."""
    return FORMS[name](sample(name))


def packed(name: str) -> bytes:
    """The same under gzip."""
    return gzip.compress(file(name), mtime=0)


def mixed() -> bytes:
    """One file with an event of each."""
    return b"\n".join(map(line, NAMES))


OKTA_ON_THE_BUS: dict[str, Any] = {
    "version": "0",
    "id": "5d0d9d3a-6f0e-4c7e-9c1f-2f4f1f6f2a10",
    "detail-type": "SystemLog",
    "source": "aws.partner/okta.com/contoso.example/system-log",
    "account": "111122223333",
    "time": "2026-03-02T09:15:03Z",
    "region": "eu-central-1",
    "resources": [],
    "detail": sample("okta.system"),
}
"""As EventBridge hands over what Okta's log streaming puts on its partner bus."""
