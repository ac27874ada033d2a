"""The invented company: its accounts, people, roles, machines and networks.

Quillfjord sells books. Nothing here names a real person, company, account or address: account ids
are the ones that AWS uses in its documentation, addresses come from the ranges of RFC 5737.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

FIRST_DAY = 1_790_812_800
"""The demo's first midnight, a Thursday: 2026-10-01T00:00:00Z."""

DOMAIN = "quillfjord.example.com"
MAIN_REGION = "eu-west-1"
GLOBAL_REGION = "us-east-1"

BUCKET_USES = ("covers", "exports", "invoices", "logs", "site")

OFFICE_ADDRESSES = ("203.0.113.17", "203.0.113.18")
CLOUD_ADDRESSES = ("192.0.2.21", "192.0.2.22", "192.0.2.37")
RUNNER_ADDRESSES = tuple(f"192.0.2.{n}" for n in range(130, 190, 7))
OUTSIDE_ADDRESS = "198.51.100.203"
"""A rented server that nobody at the company uses: the attack comes from here."""

NIGHT_ADDRESS = "198.51.100.214"
DISK_ADDRESS = "198.51.100.219"
SHARING_ADDRESS = "198.51.100.233"
"""Other people's servers, for the other break-ins."""

TAKE_OVER_ADDRESS = "192.0.2.236"
"""One more, in a network that only programs of the company use."""

OTHER_ACCOUNT = "777788889999"
"""An AWS account that is not the company's."""

SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Safari/605.1.15"
)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
CLI_MAC = (
    "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/macos#25.0.0 md/arch#arm64 lang/python#3.13.7 "
    "md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off"
)
CLI_LINUX = (
    "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0-84-generic md/arch#x86_64 "
    "lang/python#3.13.7 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off"
)
BOTO = (
    "Boto3/1.40.45 md/Botocore#1.40.45 ua/2.1 os/linux#6.12.46 md/arch#aarch64 lang/python#3.13.7 "
    "md/pyimpl#CPython m/Z,b cfg/retry-mode#legacy Botocore/1.40.45"
)
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 (+https://www.terraform.io) terraform-provider-aws/6.14.1 "
    "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.39.2 ua/2.1 os/linux "
    "lang/go#1.24.6 md/GOARCH#amd64 md/GOOS#linux"
)
ACTIONS = (
    "aws-sdk-js/3.894.0 ua/2.1 os/linux#6.11.0-1018-azure lang/js md/nodejs#20.19.5 "
    "api/sts#3.894.0 configure-aws-credentials-for-github-actions"
)
SSM_AGENT = "aws-sdk-go/1.55.5 (go1.24.6; linux; arm64) amazon-ssm-agent/3.3.2299.0"
KUBERNETES = "aws-sdk-go-v2/1.39.0 ua/2.1 os/linux lang/go#1.24.6 md/GOARCH#arm64 karpenter.sh-1.7.1"


@lru_cache(maxsize=4096)
def ident(prefix: str, *words: str, length: int = 17) -> str:
    """Make an identifier that looks random and is always the same for the same words."""
    digest = hashlib.blake2b("/".join((prefix, *words)).encode(), digest_size=20).hexdigest()
    return prefix + digest[:length]


@lru_cache(maxsize=1024)
def unique_id(prefix: str, *words: str, length: int = 10) -> str:
    """Make an IAM unique id (AIDA…, AROA…) that is plainly an example."""
    return prefix + ident("", prefix, *words, length=length).upper() + "EXAMPLE"


@dataclass(frozen=True, slots=True)
class Account:
    """One AWS account and what runs in it."""

    id: str
    name: str
    instances: tuple[str, ...]
    windows: tuple[str, ...]
    volumes: tuple[str, ...]
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    images: tuple[str, ...]
    keys: tuple[str, ...]
    buckets: tuple[str, ...]

    @property
    def vpc(self) -> str:
        """Return the id of the account's one network."""
        return ident("vpc-0", self.name, length=16)

    def arn(self, service: str, resource: str, region: str = MAIN_REGION) -> str:
        """Name a resource of this account."""
        return f"arn:aws:{service}:{region}:{self.id}:{resource}"


def _account(number: str, name: str, machines: int, windows: int) -> Account:
    """Fill an account with resources whose ids follow from its name."""

    def many(prefix: str, count: int, use: str = "") -> tuple[str, ...]:
        return tuple(ident(prefix, name, use, str(n), length=16) for n in range(count))

    return Account(
        id=number,
        name=name,
        instances=many("i-0", machines),
        windows=many("i-0", windows, "windows"),
        volumes=many("vol-0", machines + windows),
        subnets=many("subnet-0", 6),
        groups=many("sg-0", 8),
        images=many("ami-0", 4),
        keys=tuple(f"arn:aws:kms:{MAIN_REGION}:{number}:key/{_key_id(name, n)}" for n in range(5)),
        buckets=tuple(f"quillfjord-{name}-{use}" for use in BUCKET_USES),
    )


def _key_id(name: str, number: int) -> str:
    """Make a KMS key id, which is a UUID."""
    text = ident("", "key", name, str(number), length=32)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


PROD = _account("111122223333", "prod", machines=14, windows=6)
DEV = _account("444455556666", "dev", machines=6, windows=1)
ACCOUNTS = (PROD, DEV)

FUNCTIONS = ("orders-export", "cover-resize", "search-index", "newsletter-send", "stock-sync", "tax-rates")
SERVICES = ("storefront", "checkout", "catalogue", "recommendations")
TABLES = ("carts", "orders", "sessions", "stock-levels")
SECRETS = ("checkout/payment-gateway", "catalogue/database", "newsletter/smtp", "stock-sync/supplier-api")
CLUSTERS = ("shop", "workers")


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role; the path is part of its own ARN, not of its sessions' ARNs."""

    name: str
    path: str = "/"

    def arn(self, account: Account) -> str:
        """Name the role in an account."""
        return f"arn:aws:iam::{account.id}:role{self.path}{self.name}"


def _linked(service: str, name: str) -> Role:
    return Role(name, f"/aws-service-role/{service}.amazonaws.com/")


def _permission_set(name: str) -> Role:
    path = f"/aws-reserved/sso.amazonaws.com/{MAIN_REGION}/"
    return Role(f"AWSReservedSSO_{name}_{ident('', 'sso', name, length=16)}", path)


ADMIN = _permission_set("Administrator")
DEVELOPER = _permission_set("Developer")
ANALYST = _permission_set("Analyst")
BILLING = _permission_set("Billing")
WINDOWS_ADMINS = Role("windows-admins")
HELPDESK = Role("helpdesk")
REPORTING_BATCH = Role("reporting-batch")
GITHUB_DEPLOY = Role("github-actions-deploy")
TERRAFORM_APPLY = Role("terraform-apply")
NODE = Role("eks-shop-node")
INSTANCE = Role("shop-instance")
FUNCTION = Role("shop-functions", "/service-role/")
METRICS = Role("metrics-exporter")
BACKUP = Role("AWSBackupDefaultServiceRole", "/service-role/")
AUTO_SCALING = _linked("autoscaling", "AWSServiceRoleForAutoScaling")
ECS = _linked("ecs", "AWSServiceRoleForECS")
EKS = _linked("eks", "AWSServiceRoleForAmazonEKS")
CONFIG = _linked("config", "AWSServiceRoleForConfig")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here: how they sign in, when (hours in UTC) and from where."""

    name: str
    job: str
    way: str
    hours: tuple[int, int]
    home: str
    agent: str
    role: Role | None = None
    office_share: float = 0.7

    @property
    def email(self) -> str:
        """Return the address that names this person's role sessions."""
        return f"{self.name}@{DOMAIN}"

    def long_lived_key(self, account: Account) -> str:
        """Return the id of this person's own access key in an account."""
        return unique_id("AKIA", account.id, self.name, length=9)


PEOPLE = (
    Person("marit", "platform", "sso", (7, 15), "198.51.100.11", SAFARI, ADMIN),
    Person("tomas", "platform", "keys", (8, 17), "198.51.100.24", CLI_LINUX),
    Person("ines", "platform", "sso-cli", (7, 16), "198.51.100.31", CLI_MAC, ADMIN, 0.4),
    Person("bram", "developer", "sso", (8, 16), "198.51.100.42", CHROME, DEVELOPER),
    Person("yuki", "developer", "sso-cli", (10, 19), "198.51.100.47", CLI_MAC, DEVELOPER, 0.2),
    Person("oluchi", "developer", "sso", (8, 17), "198.51.100.58", FIREFOX, DEVELOPER),
    Person("piotr", "developer", "keys", (9, 18), "198.51.100.63", CLI_LINUX),
    Person("lenka", "analyst", "sso", (7, 15), "198.51.100.76", SAFARI, ANALYST),
    Person("rafael", "support", "console", (6, 14), "198.51.100.85", CHROME),
    Person("sunniva", "support", "console", (11, 19), "198.51.100.92", CHROME),
    Person("edda", "finance", "sso", (8, 14), "198.51.100.108", FIREFOX, BILLING, 0.9),
)


def person(name: str) -> Person:
    """Find somebody by name."""
    return next(one for one in PEOPLE if one.name == name)
