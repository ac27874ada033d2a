"""What the Lambda functions are told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firstseen.settings.prefixes import FORM as PREFIXES_FORM
from firstseen.settings.prefixes import VARIABLE as SOURCES
from firstseen.settings.prefixes import Prefix, prefixes
from firstseen.settings.variables import (
    LOG_LEVELS,
    NONE,
    LogLevel,
    Reader,
    Variable,
    log_level,
    matching,
    name,
    number,
)

HttpsForm = Literal["ocsf", "chat"]

HTTPS_FORMS: tuple[HttpsForm, ...] = ("ocsf", "chat")

MAX_DATABASES = 8
"""Files of addresses."""

OWN = "own"
"""The value that says: the function's own region."""

_TABLE = re.compile(r"(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/)?[A-Za-z0-9_.-]{3,255}")
_TOPIC = re.compile(r"arn:aws[a-z-]{0,12}:sns:[a-z0-9-]{1,32}:\d{12}:[A-Za-z0-9_-]{1,251}(\.fifo)?")
_QUEUE = re.compile(r"https?://[^/\s]+/[^\s]+")
_PACKS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]{0,900})?")
_BUS = re.compile(r"[A-Za-z0-9._/-]{1,256}")
_FILE = re.compile(r"/[A-Za-z0-9_./-]{1,250}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,16}){1,3}-\d{1,2}")


def _form(text: str) -> HttpsForm | None:
    return next((form for form in HTTPS_FORMS if form == text), None)


def _address(text: str) -> str | None:
    return "" if text == NONE else text if _PACKS.fullmatch(text) else None


def _bus(text: str) -> str | None:
    return "" if text == NONE else text if _BUS.fullmatch(text) else None


def _regions(text: str) -> tuple[str, ...] | None:
    names = tuple(dict.fromkeys(one.strip() for one in text.split(",")))
    return () if text == OWN else names if all(map(_REGION.fullmatch, names)) else None


def files(text: str) -> tuple[str, ...] | None:
    """Full paths divided by colons, MAX_DATABASES at most; ``none``: no file."""
    named = tuple(text.split(":"))
    return () if text == NONE else named if len(named) <= MAX_DATABASES and all(map(_FILE.fullmatch, named)) else None


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """What the Lambda functions are told.

    Attributes:
        table: name or ARN of the state's table.
        topic_arn: where findings go.
        https: what the topic's subscribers by HTTPS get.
        rejects_url: the queue of what could not be read.
        pack: the rule pack's file, relative to the package's root.
        service: the deployment's name: the dimension of its metrics.
        namespace: of its metrics.
        log_level: what is logged; values of events never are.
        packs: where rule packs are published; "": nowhere, the package's own is run.
        packs_seconds: how often that place is looked at, by each container that has work.
        baseline_days: how much of CloudTrail's history a rule learns from before it speaks; 0: none.
        baseline_regions: whose history; empty: the function's own region.
        addresses: files of databases in MaxMind's format, for rules that ask whose an address is.
        canary_hours: how often canaries are sent; 0: never.
        canary_bus: the event bus that they are put on; "": none.
        sources: which log lies below which prefix of ``BUCKET/KEY``; the rest is recognised.
    """

    table: str
    topic_arn: str
    https: HttpsForm
    rejects_url: str
    pack: str
    service: str
    namespace: str
    log_level: LogLevel
    packs: str
    packs_seconds: int
    baseline_days: int
    baseline_regions: tuple[str, ...]
    addresses: tuple[str, ...]
    canary_hours: int
    canary_bus: str
    sources: tuple[Prefix, ...]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> AwsSettings:
        """Raises SettingsError with every fault."""
        reader = Reader(environment)
        found = cls(
            reader.read(TABLE, matching(_TABLE), "a table's name or ARN", ""),
            reader.read(TOPIC_ARN, matching(_TOPIC), "arn:aws:sns:REGION:ACCOUNT:NAME", ""),
            reader.read(HTTPS, _form, "ocsf or chat", "ocsf"),
            reader.read(REJECTS_URL, matching(_QUEUE), "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME", ""),
            reader.read(PACK, lambda text: text, "a file's path", ""),
            reader.read(SERVICE, name, "letters, digits and -_./", ""),
            reader.read(NAMESPACE, name, "letters, digits and -_./", ""),
            reader.read(LOG_LEVEL, log_level, f"one of {', '.join(LOG_LEVELS)}", "INFO"),
            reader.read(PACKS, _address, "s3://BUCKET/PREFIX or none", ""),
            reader.read(PACKS_SECONDS, number(10, 86_400), "10 to 86400", 0),
            reader.read(BASELINE_DAYS, number(0, 90), "0 to 90", 0),
            reader.read(BASELINE_REGIONS, _regions, "own, or names divided by commas", ()),
            reader.read(ADDRESSES, files, f"full paths of 1 to {MAX_DATABASES} files, divided by colons, or none", ()),
            reader.read(CANARY_HOURS, number(0, 168), "0 to 168", 0),
            reader.read(CANARY_BUS, _bus, "an event bus's name or none", ""),
            reader.read(SOURCES, prefixes, PREFIXES_FORM, ()),
        )
        reader.finish()
        return found


TABLE = Variable("FIRSTSEEN_TABLE", "the DynamoDB table of the state")
TOPIC_ARN = Variable("FIRSTSEEN_TOPIC_ARN", "the SNS topic of the findings")
HTTPS = Variable("FIRSTSEEN_HTTPS_FORM", "what subscribers by HTTPS get", "ocsf")
REJECTS_URL = Variable("FIRSTSEEN_REJECTS_URL", "the SQS queue of what could not be read")
PACK = Variable("FIRSTSEEN_PACK", "the rule pack in the function's package", "rules.pack")
SERVICE = Variable("FIRSTSEEN_SERVICE", "the name of this deployment", "firstseen")
NAMESPACE = Variable("FIRSTSEEN_METRICS_NAMESPACE", "the namespace of its metrics", "firstseen")
LOG_LEVEL = Variable("FIRSTSEEN_LOG_LEVEL", "what is logged", "INFO")
PACKS = Variable("FIRSTSEEN_PACKS", "where rule packs are published", NONE)
PACKS_SECONDS = Variable("FIRSTSEEN_PACKS_SECONDS", "seconds between two looks at that place", "120")
BASELINE_DAYS = Variable("FIRSTSEEN_BASELINE_DAYS", "days of CloudTrail's history that baselines are built from", "0")
BASELINE_REGIONS = Variable("FIRSTSEEN_BASELINE_REGIONS", "regions of that history", OWN)
ADDRESSES = Variable("FIRSTSEEN_ADDRESS_DATABASES", "databases of addresses in MaxMind's format", NONE)
CANARY_HOURS = Variable("FIRSTSEEN_CANARY_HOURS", "hours between two rounds of canaries", "0")
CANARY_BUS = Variable("FIRSTSEEN_CANARY_BUS", "the event bus that canaries are put on", NONE)

AWS_VARIABLES = (
    *(TABLE, TOPIC_ARN, HTTPS, REJECTS_URL, PACK, SERVICE, NAMESPACE, LOG_LEVEL),
    *(PACKS, PACKS_SECONDS, BASELINE_DAYS, BASELINE_REGIONS, ADDRESSES, SOURCES),
    *(CANARY_HOURS, CANARY_BUS),
)
"""Every variable that the Lambda functions read."""
