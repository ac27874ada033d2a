"""What the values of some fields look like, where a wrong one is a usual mistake.

A table, not a guess: a field that is not in it may have any value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from firstseen.language.rules import Vocabulary
from firstseen.sources.derived.names import VALUES, stem
from firstseen.sources.source import Derived, Source


@dataclass(frozen=True, slots=True)
class Shape:
    """The values of one field.

    Attributes:
        says: what a value is, for people.
        values: all there are, when they can be listed; else empty.
        fits: whether a text can be a value, when they cannot.
        better: what was perhaps meant.
    """

    says: str
    values: tuple[str, ...] = ()
    fits: Callable[[str], bool] = lambda _text: True
    better: Callable[[str], str] = lambda _text: ""

    def takes(self, text: str, *, cased: bool) -> bool:
        """Whether a value may equal ``text``."""
        if not self.values:
            return self.fits(text)
        return text in self.values if cased else text.casefold() in {value.casefold() for value in self.values}

    def mend(self, text: str) -> str:
        """What to write instead, as far as it can be told."""
        if self.values:
            lower = {value.casefold(): value for value in self.values}
            near = get_close_matches(text.casefold(), lower, n=1, cutoff=0.5)
            return f"write {lower[near[0]]!r}" if near else f"there are: {', '.join(self.values)}"
        better = self.better(text)
        return f"write {better!r}" if better else ""


_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]{1,12}){1,3}-\d{1,2}", re.ASCII | re.IGNORECASE)
_CALL = re.compile(r"[A-Za-z0-9_.\-]+", re.ASCII)

_TRUTH = Shape("true or false", ("true", "false"))
_ACCOUNT = Shape(
    "an account id of 12 digits, in quotes",
    fits=lambda text: not text.isdecimal() or len(text) == 12,  # noqa: PLR2004 - says it
    better=lambda text: text.zfill(12) if len(text) < 12 else "",  # noqa: PLR2004
)
_IDENTITY = Shape(
    "a kind of identity",
    (
        "Root", "IAMUser", "AssumedRole", "Role", "FederatedUser", "Directory", "AWSAccount", "AWSService",
        "IdentityCenterUser", "SAMLUser", "WebIdentityUser", "Unknown",
    ),
)  # fmt: skip
_ARN = Shape(
    "an ARN, which begins with arn: (AIDA…, AROA… and names stand in other fields)",
    fits=lambda text: text.casefold().startswith("arn:"),
)
_COUNTRY = Shape("a country as two letters, such as NO", fits=lambda text: len(text) == 2)  # noqa: PLR2004 - says it

CLOUDTRAIL: Mapping[str, Shape] = MappingProxyType({
    "eventSource": Shape(
        "a service's host name, such as ec2.amazonaws.com",
        fits=lambda text: text.casefold().endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.com")),
        better=lambda text: f"{text.removesuffix('.')}.amazonaws.com" if "." not in text.rstrip(".") else "",
    ),
    "eventName": Shape(
        "a call's name alone, such as GetPasswordData",
        fits=lambda text: _CALL.fullmatch(text) is not None,
        better=lambda text: text.rsplit(":", 1)[-1] if ":" in text else "",
    ),
    "awsRegion": Shape("a region, such as eu-central-1", fits=lambda text: _REGION.fullmatch(text) is not None),
    "sourceIPAddress": Shape(
        "one address or a service's name; networks are asked for with |cidr", fits=lambda text: "/" not in text
    ),
    "userIdentity.type": _IDENTITY,
    "userIdentity.arn": _ARN,
    "userIdentity.accountId": _ACCOUNT,
    "userIdentity.sessionContext.sessionIssuer.type": Shape(
        "a kind of issuer", ("Root", "IAMUser", "Role", "FederatedUser", "Directory", "AssumedRole")
    ),
    "userIdentity.sessionContext.sessionIssuer.arn": _ARN,
    "userIdentity.sessionContext.sessionIssuer.accountId": _ACCOUNT,
    "userIdentity.sessionContext.attributes.mfaAuthenticated": _TRUTH,
    "recipientAccountId": _ACCOUNT,
    "readOnly": _TRUTH,
    "managementEvent": _TRUTH,
    "eventType": Shape(
        "a kind of event",
        ("AwsApiCall", "AwsServiceEvent", "AwsConsoleAction", "AwsConsoleSignIn", "AwsVpceEvent", "AwsVpceEvents",
         "AwsCloudTrailInsight"),
    ),
    "eventCategory": Shape("a category", ("Management", "Data", "NetworkActivity", "Insight")),
})  # fmt: skip

BY_SOURCE: Mapping[str, Mapping[str, Shape]] = MappingProxyType({"aws.cloudtrail": CLOUDTRAIL})

COMMON: Mapping[str, Shape] = MappingProxyType({
    "outcome": Shape("success or failure", ("success", "failure")),
    "event.outcome": Shape("success, failure or unknown", ("success", "failure", "unknown")),
    "time.hour": Shape("an hour, 0 to 23", VALUES["time.hour"]),
    "time.weekday": Shape("a day of the week in English, such as sunday", VALUES["time.weekday"]),
    "source.ip.network": Shape(
        "a network: /24 of IPv4, /48 of IPv6", fits=lambda text: text.endswith(("/24", "/48"))
    ),
    "source.geo.country": _COUNTRY,
    "source.geo.country_iso_code": _COUNTRY,
})  # fmt: skip
"""For computed names, in every source."""


def shape_of(source: Source, vocabulary: Vocabulary, field: str) -> Shape | None:
    """What the field's values look like, by whichever name it is asked for; None when nothing is known."""
    accessor = source.accessor(field, vocabulary=vocabulary)
    if isinstance(accessor, Derived):
        return COMMON.get(stem(field))
    return BY_SOURCE.get(source.name, {}).get(".".join(accessor))
