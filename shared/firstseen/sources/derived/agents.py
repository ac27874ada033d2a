"""Which program called: the family of a user agent, from a table of the programs that call cloud APIs.

The table knows those by the words that they put into their user agents. A browser gets its name; any other program
its first word (``kubectl/v1.30 (linux)`` is ``kubectl``). Rejected: ua-parser, which takes 60 ms to import and 100 ms
for its first answer, matches with backtracking expressions on text that attackers choose, and does not know Azure's
command line, its SDKs or kubectl, while it knows thousands of phones.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_READ_CHARACTERS = 1_024
"""Of a user agent; what follows is not looked at."""

MAX_FAMILY_CHARACTERS = 40

MAX_REMEMBERED = 4_096
"""User agents whose family is kept: at most 16 MB, mostly one."""

PROGRAMS = (
    # Tools come before the SDKs that they are made with, which they name as well.
    ("terraform", "terraform"), ("opentofu", "opentofu"), ("pulumi", "pulumi"), ("ansible", "ansible"),
    ("aws-cdk", "aws-cdk"), ("crossplane", "crossplane"),
    ("aws-cli/", "aws-cli"), ("awspowershell", "aws-powershell"), ("aws.tools", "aws-powershell"),
    ("azurecli", "azure-cli"), ("azure-cli", "azure-cli"),
    ("azurepowershell", "azure-powershell"), ("az.accounts", "azure-powershell"),
    ("boto3/", "boto3"), ("botocore/", "boto3"),
    ("console.amazonaws.com", "console"), ("signin.amazonaws.com", "console"), ("s3console", "console"),
    ("aws-console", "console"), ("awsconsole", "console"),
    ("gcloud/", "gcloud"), ("google-cloud-sdk", "gcloud"),
    ("aws internal", "aws-service"),
)  # fmt: skip
"""(words in a user agent, in lower case; its family), the first that is found counts."""

BROWSERS = (
    ("edg/", "edge"), ("edge/", "edge"), ("opr/", "opera"), ("firefox/", "firefox"), ("fxios/", "firefox"),
    ("chrome/", "chrome"), ("crios/", "chrome"), ("safari/", "safari"),
)  # fmt: skip
"""As above, of user agents that begin with ``Mozilla/``: what names two is the first."""

_SDK = re.compile(r"(aws-sdk|azsdk)-(dotnet|nodejs|[a-z]{2,12})", re.ASCII)
_SDK_NAMES = {"aws-sdk": "aws-sdk", "azsdk": "azure-sdk"}
_LANGUAGES = {"nodejs": "js", "net": "dotnet"}
_WORD = re.compile(r"[a-z][a-z0-9_.+-]*", re.ASCII)
_SERVICE = ".amazonaws.com"

EXAMPLES = {
    "aws-cli": "aws-cli/2.22.7 md/awscrt#0.23.4 ua/2.0 os/linux#6.8.0 lang/python#3.12.6",
    "boto3": "Boto3/1.40.45 md/Botocore#1.40.45 ua/2.1 os/linux#6.12.46 lang/python#3.13.7",
    "terraform": "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 (+https://www.terraform.io) aws-sdk-go-v2/1.39.2",
    "console": "console.amazonaws.com",
    "azure-cli": "python/3.11.8 (Linux-6.8.0) AZURECLI/2.66.0 (DEB)",
    "azure-powershell": "AzurePowershell/v12.4.0 PSVersion/v7.4.5 Az.Accounts/3.0.4",
    "aws-powershell": "AWSPowerShell.Common/4.1.600 .NET_Core/8.0 PowerShellCore/7.4",
    "aws-service": "AWS Internal",
    "gcloud": "google-cloud-sdk gcloud/480.0.0 command/gcloud.projects.list",
    "edge": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
    "chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36",
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "safari": "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "opera": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0",
    "browser": "Mozilla/5.0 (compatible)",
}
"""A user agent of each family that words do not tell by themselves."""


def family(text: str) -> str | None:
    """The family in lower case; None of a text without a word. AWS's own services are all ``aws-service``."""
    return _family(text[:MAX_READ_CHARACTERS])


@lru_cache(maxsize=MAX_REMEMBERED)
def _family(text: str) -> str | None:
    lower = text.strip("[] \t").casefold()
    for words, name in PROGRAMS:
        if words in lower:
            return name
    sdk = _SDK.search(lower)
    if sdk is not None:
        language = sdk[2].rstrip("0123456789")
        return f"{_SDK_NAMES[sdk[1]]}-{_LANGUAGES.get(language, language)}"
    if lower.startswith("mozilla/"):
        return next((name for words, name in BROWSERS if words in lower), "browser")
    if lower.endswith(_SERVICE) and " " not in lower:
        return "aws-service"
    word = _WORD.search(lower)
    return None if word is None else word[0][:MAX_FAMILY_CHARACTERS]


def example(name: str) -> str:
    """A user agent of a family, for examples of rules."""
    lower = name.casefold()
    if lower.startswith("azure-sdk-"):
        return f"azsdk-{lower.removeprefix('azure-sdk-')}-core/1.0"
    return EXAMPLES.get(lower, f"{lower}/1.0")
