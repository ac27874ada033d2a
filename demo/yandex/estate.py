"""What the company has at Yandex Cloud: its organization, folders, machines, clusters, secrets and programs.

Nothing names anything real: ids are made from words in the form that the cloud gives them, addresses are RFC 5737's.
"""

from __future__ import annotations

from dataclasses import dataclass

from demo import company as c

CLOUD_ITSELF = "cloud.yandex"
"""What the log has for the address of a service of the cloud."""

PERSON_ADDRESS = "192.0.2.208"
KEY_ADDRESS = "192.0.2.212"
LAPTOP_ADDRESS = "192.0.2.221"
"""Other people's servers, in a network that nobody of the company works from."""

YC = "yc/0.171.0 darwin/arm64"
YC_LINUX = "yc/0.171.0 linux/amd64"
TERRAFORM = "Terraform/1.13.3 (https://www.terraform.io) terraform-provider-yandex/0.162.0 grpc-go/1.75.0"
SDK = "yandex-cloud-python-sdk/0.348.0 grpc-python/1.75.0 grpc-c/48.0.0 (linux; chttp2)"
S3 = "Boto3/1.40.45 md/Botocore#1.40.45 ua/2.1 os/linux#6.12.46 lang/python#3.13.7"
KUBECTL = "kubectl/v1.33.4 (linux/amd64) kubernetes/8adc0f0"
CONTROLLER = "kube-controller-manager/v1.33.4 (linux/amd64) kubernetes/8adc0f0/system:serviceaccount"


def ident(prefix: str, *words: str) -> str:
    """Make an id of twenty letters that is always the same for the same words."""
    return c.ident(prefix, "yandex", *words, length=20 - len(prefix))


ORGANIZATION, CLOUD = ident("bpf", "organization"), ident("b1g", "cloud")
FEDERATION = ident("bpf", "federation")
REGION, ZONE = "ru-central1", "ru-central1-a"


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder and what runs in it."""

    name: str
    machines: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return the folder's id."""
        return ident("b1g", "folder", self.name)

    def machine(self, name: str) -> str:
        """Return the id of a machine."""
        return ident("fhm", self.name, name)


PROD = Folder("press-prod", tuple(f"press-{n:02d}" for n in range(1, 9)))
DEV = Folder("press-dev", ("press-dev-01", "press-dev-02"))
TOOLS = Folder("press-tools", ("runner-01",))

DATABASE, BASES = ident("c9q", "orders"), ("orders", "proofs")
KUBERNETES, NODES = ident("cat", "press"), ident("cat", "press", "nodes")
GROUP = ident("cl1", "render", "group")
SECRETS = tuple(ident("e6q", name) for name in ("press-database", "printer-key", "mail"))
PUBLIC_GROUPS = ("sg-web", "sg-press", "sg-admin")
IMAGE = ident("fd8", "ubuntu-2404-lts")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where and with which program."""

    id: str
    name: str
    kind: str
    address: str
    agent: str


def person(name: str, address: str, agent: str = c.CHROME) -> Caller:
    """Let somebody who works here call, who signs in through the company's federation."""
    return Caller(ident("aje", "user", name), f"{name}@{c.DOMAIN}", "FEDERATED_USER_ACCOUNT", address, agent)


def account(name: str, address: str, agent: str = SDK) -> Caller:
    """Let a service account call."""
    return Caller(account_id(name), name, "SERVICE_ACCOUNT", address, agent)


def account_id(name: str) -> str:
    """Return the id of a service account."""
    return ident("aje", "account", name)


INSTANCE_GROUP = account("render-group", CLOUD_ITSELF, "Yandex Cloud")
NODE_GROUP = account("kubernetes-nodes", CLOUD_ITSELF, "Yandex Cloud")
SCHEDULE = account("snapshot-schedule", CLOUD_ITSELF, "Yandex Cloud")
API = account("press-api", "10.128.0.21")
RENDER = account("render", "10.128.0.34", S3)
PRINTER = account("printer-sync", c.OFFICE_ADDRESSES[1], S3)
"""The server in the office's cellar, which fetches what is to be printed, with a key of its own."""
