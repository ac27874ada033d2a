"""What the company has at Google Cloud: its organisation, projects, machines, programs, and what Google runs for it.

Nothing names anything real: ids are made from words, addresses are RFC 5737's. Only the names of Google's own
programs and services are those that everybody sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from demo import company as c

ORGANISATION = "organizations/602214076010"
REGION, ZONE = "europe-north1", "europe-north1-a"

LOGIN_ADDRESS = "192.0.2.203"
KEY_ADDRESS = "192.0.2.217"
SCRIPT_ADDRESS = "192.0.2.225"
"""Other people's servers, in a network that nobody of the company works from."""

INSIDE = "gce-internal-ip"
"""What the log has for the address of a machine that calls from within Google Cloud."""

GCLOUD = (
    "google-cloud-sdk gcloud/538.0.0 command/{command} invocation-id/{invocation} environment/None "
    "environment-version/None client-os/MACOSX client-os-ver/25.0.0 client-pltf-arch/arm interactive/True "
    "from-script/False python/3.13.7 term/xterm-256color (Macintosh; Intel Mac OS X 25.0.0),gzip(gfe)"
)
TERRAFORM = (
    "Terraform/1.13.3 (+https://www.terraform.io) Terraform-Plugin-SDK/2.37.0 terraform-provider-google/7.4.0,gzip(gfe)"
)
PYTHON = "google-api-python-client/2.181.0 gl-python/3.13.7 grpc/1.75.0,gzip(gfe)"
LIBRARY = "gcloud-python/3.36.0 gl-python/3.13.7 grpc/1.75.0 gax/2.25.1 gccl/3.36.0,gzip(gfe)"
ACTIONS = "google-github-actions:auth/3.0.0 gzip(gfe)"
MANAGER = "GCE Managed Instance Group for Compute"
NODES = "GoogleContainerEngine"
CONTROLLER = "kube-controller-manager/v1.33.4 (linux/amd64) kubernetes/8adc0f0/system:serviceaccount"


@dataclass(frozen=True, slots=True)
class Project:
    """One project and what runs in it."""

    id: str
    number: str
    machines: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name the project as policies do."""
        return f"projects/{self.id}"

    def zonal(self, kind: str, name: str) -> str:
        """Name a resource of the zone, as ``instances`` and ``disks``."""
        return f"{self.name}/zones/{ZONE}/{kind}/{name}"

    def wide(self, kind: str, name: str) -> str:
        """Name a resource of the whole project, as ``snapshots`` and ``firewalls``."""
        return f"{self.name}/global/{kind}/{name}"

    def account(self, name: str) -> str:
        """Return the address of a service account of the project."""
        return f"{name}@{self.id}.iam.gserviceaccount.com"


PROD = Project("quillfjord-readers", "314159265358", tuple(f"reader-api-{n:02d}" for n in range(1, 9)))
DEV = Project("quillfjord-readers-dev", "271828182845", tuple(f"reader-dev-{n:02d}" for n in range(1, 4)))
DATA = Project("quillfjord-reports", "161803398874", ("report-runner-01",))
PROJECTS = (PROD, DEV, DATA)
CLUSTER = "readers"
SECRETS = ("reader-database", "payment-token", "search-key")
BUCKETS = ("quillfjord-reader-covers", "quillfjord-report-exports")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where and with which program; the key is named where a service account uses one of its own."""

    email: str
    address: str
    agent: str
    subject: str = ""
    key: str = ""


def person(name: str, address: str, agent: str = c.CHROME) -> Caller:
    """Let somebody who works here call; the command line's user agent is filled in by each call."""
    return Caller(f"{name}@{c.DOMAIN}", address, agent)


def workload(project: Project, name: str, address: str = INSIDE, agent: str = LIBRARY) -> Caller:
    """Let a service account call, with a token that the cloud gave to the machine that it runs on."""
    return Caller(project.account(name), address, agent)


def instance_group(project: Project) -> Caller:
    """Let Google's own account of a project call, as for groups of machines."""
    return Caller(f"{project.number}@cloudservices.gserviceaccount.com", "", MANAGER)


def cluster_robot(project: Project) -> Caller:
    """Let Google's account for clusters call."""
    return Caller(f"service-{project.number}@container-engine-robot.iam.gserviceaccount.com", "private", NODES)


CONTROL_PLANE = Caller("system:serviceaccount:kube-system:deployment-controller", "10.40.0.2", CONTROLLER)
AUTOSCALED = Caller("system:serviceaccount:kube-system:horizontal-pod-autoscaler", "10.40.0.2", CONTROLLER)
GOOGLE = Caller("system@google.com", "", "")
PIPELINE = Caller(
    "",
    c.RUNNER_ADDRESSES[0],
    ACTIONS,
    f"principal://iam.googleapis.com/projects/{PROD.number}/locations/global/workloadIdentityPools/github/subject/"
    "repo:quillfjord/readers:ref:refs/heads/main",
)
"""A build job with its repository's token: it has no address of its own until it becomes a service account."""
