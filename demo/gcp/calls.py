"""The calls that the company makes at Google Cloud: what each asks for, and which of them are made how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.gcp.entries import DATA_ACCESS, SYSTEM_EVENT, Call
from demo.gcp.estate import BUCKETS, CLUSTER, DATA, SECRETS, ZONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from demo.cloudtrail import Json
    from demo.gcp.estate import Project

_COMPUTE = "compute.googleapis.com"
_IAM = "iam.googleapis.com"
_AUDIT = "type.googleapis.com/google.iam.v1.logging.AuditData"
_IMAGE = "projects/debian-cloud/global/images/family/debian-12"


def _instance(where: Project, verb: str, name: str, took: int = 12) -> Call:
    """Do something to a machine."""
    resource = where.zonal("instances", name)
    return Call(_COMPUTE, f"v1.compute.instances.{verb}", resource, "gce_instance", f"compute.instances.{verb}", took)


def _on_machine(verb: str, took: int = 12) -> Callable[[Random, Project], Call]:
    return lambda rng, where: _instance(where, verb, rng.choice(where.machines), took)


def machine_made(where: Project, name: str, size: str = "e2-standard-2", disk: str = "") -> Call:
    """Create a machine of the usual image, or of a disk that is there."""
    boot: Json = {"boot": True, "initializeParams": {"sourceImage": _IMAGE}}
    more: list[Json] = [{"boot": False, "source": where.zonal("disks", disk)}] if disk else []
    request: Json = {
        "name": name,
        "machineType": f"{where.name}/zones/{ZONE}/machineTypes/{size}",
        "disks": [boot, *more],
        "networkInterfaces": [{"network": where.wide("networks", "default")}],
        "serviceAccounts": [{"email": f"{where.number}-compute@developer.gserviceaccount.com"}],
    }
    resource = where.zonal("instances", name)
    method = "v1.compute.instances.insert"
    return Call(_COMPUTE, method, resource, "gce_instance", "compute.instances.create", 14, request=request)


def machine_deleted(where: Project, name: str) -> Call:
    """Delete a machine."""
    return _instance(where, "delete", name, 40)


def metadata_set(where: Project, name: str, *keys: str) -> Call:
    """Put something into a machine's metadata; the log names the keys and leaves out what they hold."""
    delta: Json = {"instanceMetadataDelta": {"modifiedMetadataKeys": list(keys)}}
    metadata: Json = {"@type": "type.googleapis.com/google.cloud.audit.GceInstanceAuditMetadata", **delta}
    resource = where.zonal("instances", name)
    method, permission = "v1.compute.instances.setMetadata", "compute.instances.setMetadata"
    request: Json = {"Metadata Keys Modified": list(keys)}
    return Call(_COMPUTE, method, resource, "gce_instance", permission, 5, request=request, metadata=metadata)


def project_key_added(where: Project) -> Call:
    """Let a key into all machines of a project."""
    delta: Json = {"projectMetadataDelta": {"addedMetadataKeys": ["ssh-keys"]}}
    metadata: Json = {"@type": "type.googleapis.com/google.cloud.audit.GceProjectAuditMetadata", **delta}
    method = "v1.compute.projects.setCommonInstanceMetadata"
    permission = "compute.projects.setCommonInstanceMetadata"
    return Call(_COMPUTE, method, where.name, "gce_project", permission, 6, metadata=metadata)


def snapshot(where: Project, name: str, disk: str) -> Call:
    """Copy a disk."""
    resource = where.zonal("disks", disk)
    request: Json = {"name": name, "storageLocations": ["eu"]}
    method = "v1.compute.disks.createSnapshot"
    return Call(_COMPUTE, method, resource, "gce_disk", "compute.disks.createSnapshot", 35, request=request)


def disk_of(where: Project, name: str, copied: str) -> Call:
    """Make a disk of a snapshot."""
    request: Json = {"name": name, "sourceSnapshot": where.wide("snapshots", copied), "sizeGb": "200"}
    resource = where.zonal("disks", name)
    return Call(_COMPUTE, "v1.compute.disks.insert", resource, "gce_disk", "compute.disks.create", 8, request=request)


def patched(where: Project, job: str) -> Call:
    """Let VM Manager bring machines up to date."""
    method, permission = "google.cloud.osconfig.v1.OsConfigService.ExecutePatchJob", "osconfig.patchJobs.exec"
    request: Json = {"parent": where.name, "instanceFilter": {"all": True}}
    resource = f"{where.name}/patchJobs/{job}"
    return Call("osconfig.googleapis.com", method, resource, "audited_resource", permission, request=request)


def disk_attached(where: Project, machine: str, disk: str) -> Call:
    """Attach a disk to a machine."""
    request: Json = {"source": where.zonal("disks", disk), "mode": "READ_WRITE"}
    resource = where.zonal("instances", machine)
    method = "v1.compute.instances.attachDisk"
    return Call(_COMPUTE, method, resource, "gce_instance", "compute.instances.attachDisk", 6, request=request)


def firewall(where: Project, name: str, source: str, port: str, verb: str = "patch") -> Call:
    """Let addresses reach a port."""
    request: Json = {
        "name": name,
        "direction": "INGRESS",
        "sourceRanges": [source],
        "alloweds": [{"IPProtocol": "tcp", "ports": [port]}],
    }
    resource = where.wide("firewalls", name)
    method, permission = f"v1.compute.firewalls.{verb}", f"compute.firewalls.{verb}"
    return Call(_COMPUTE, method, resource, "gce_firewall_rule", permission, 4, request=request)


def granted(where: Project, member: str, role: str, action: str = "ADD") -> Call:
    """Give a role in the whole project, or take it away."""
    deltas: list[Json] = [{"action": action, "role": role, "member": member}]
    data: Json = {"@type": _AUDIT, "policyDelta": {"bindingDeltas": deltas}}
    service, permission = "cloudresourcemanager.googleapis.com", "resourcemanager.projects.setIamPolicy"
    return Call(service, "SetIamPolicy", where.name, "project", permission, service_data=data)


def key_made(where: Project, account: str, key: str) -> Call:
    """Make a key for a service account, which works from anywhere."""
    name = f"{where.name}/serviceAccounts/{where.account(account)}"
    method, permission = "google.iam.admin.v1.CreateServiceAccountKey", "iam.serviceAccountKeys.create"
    response: Json = {"name": f"{name}/keys/{key}", "key_origin": 2, "key_type": 1}
    labels: Json = {"email_id": where.account(account)}
    return Call(_IAM, method, name, "service_account", permission, labels=labels, response=response)


def account_made(where: Project, account: str) -> Call:
    """Make a service account."""
    method, permission = "google.iam.admin.v1.CreateServiceAccount", "iam.serviceAccounts.create"
    response: Json = {"email": where.account(account), "project_id": where.id}
    request: Json = {"account_id": account, "name": where.name}
    return Call(_IAM, method, where.name, "service_account", permission, request=request, response=response)


def sink_deleted(where: Project, sink: str) -> Call:
    """Stop a log from going where it goes."""
    method, permission = "google.logging.v2.ConfigServiceV2.DeleteSink", "logging.sinks.delete"
    resource = f"{where.name}/sinks/{sink}"
    return Call("logging.googleapis.com", method, resource, "logging_sink", permission)


def secret_read(where: Project, secret: str) -> Call:
    """Read a secret."""
    resource = f"projects/{where.number}/secrets/{secret}/versions/latest"
    service, permission = "secretmanager.googleapis.com", "secretmanager.versions.access"
    method = "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion"
    return Call(service, method, resource, "audited_resource", permission, log=DATA_ACCESS)


def token_made(where: Project, account: str) -> Call:
    """Become a service account for an hour."""
    resource = f"projects/-/serviceAccounts/{where.account(account)}"
    service, permission = "iamcredentials.googleapis.com", "iam.serviceAccounts.getAccessToken"
    labels: Json = {"email_id": where.account(account)}
    return Call(service, "GenerateAccessToken", resource, "service_account", permission, log=DATA_ACCESS, labels=labels)


def objects(verb: str, bucket: str, name: str = "") -> Call:
    """Read, write or list what is in a bucket."""
    resource = f"projects/_/buckets/{bucket}" + (f"/objects/{name}" if name else "")
    service, method = "storage.googleapis.com", f"storage.objects.{verb}"
    return Call(service, method, resource, "gcs_bucket", method, log=DATA_ACCESS, labels={"bucket_name": bucket})


def listed(where: Project, what: str, *, refused: bool = False) -> Call:
    """List what is there; such reading is logged as well where data access is."""
    service, method, permission = {
        "accounts": (_IAM, "google.iam.admin.v1.ListServiceAccounts", "iam.serviceAccounts.list"),
        "machines": (_COMPUTE, "v1.compute.instances.list", "compute.instances.list"),
        "buckets": ("storage.googleapis.com", "storage.buckets.list", "storage.buckets.list"),
    }[what]
    return Call(service, method, where.name, "audited_resource", permission, log=DATA_ACCESS, refused=refused)


def _object(rng: Random, _where: Project) -> Call:
    name = f"covers/{rng.randrange(10**5):05d}.avif"
    return objects(rng.choice(("get", "get", "create")), BUCKETS[0], name)


def _export(rng: Random, _where: Project) -> Call:
    return objects("create", BUCKETS[1], f"daily/{rng.randrange(10**6):06d}.parquet")


def _query(_rng: Random, _where: Project) -> Call:
    service, method = "bigquery.googleapis.com", "google.cloud.bigquery.v2.JobService.InsertJob"
    metadata: Json = {
        "@type": "type.googleapis.com/google.cloud.audit.BigQueryAuditMetadata",
        "jobInsertion": {"reason": "JOB_INSERT_REQUEST", "job": {"jobConfig": {"type": "QUERY"}}},
    }
    permission = "bigquery.jobs.create"
    return Call(service, method, DATA.name, "bigquery_project", permission, log=DATA_ACCESS, metadata=metadata)


def _release(rng: Random, where: Project) -> Call:
    name = f"namespaces/{where.id}/services/{rng.choice(('reader-web', 'reader-api'))}"
    method, permission = "google.cloud.run.v1.Services.ReplaceService", "run.services.update"
    return Call("run.googleapis.com", method, name, "cloud_run_revision", permission, 9)


def _build(rng: Random, where: Project) -> Call:
    method, permission = "google.devtools.cloudbuild.v1.CloudBuild.CreateBuild", "cloudbuild.builds.create"
    response: Json = {"id": f"{rng.getrandbits(48):012x}"}
    return Call("cloudbuild.googleapis.com", method, f"{where.name}/builds", "build", permission, 90, response=response)


def _nodes(rng: Random, where: Project) -> Call:
    resource = f"{where.name}/locations/europe-north1/clusters/{CLUSTER}/nodePools/general"
    method, permission = "google.container.v1.ClusterManager.SetNodePoolSize", "container.clusters.update"
    request: Json = {"nodeCount": rng.randint(3, 9)}
    return Call("container.googleapis.com", method, resource, "gke_cluster", permission, 60, request=request)


def cluster_call(method: str, resource: str) -> Call:
    """Call the cluster's own interface: ``io.k8s.apps.v1.deployments.patch``."""
    return Call("k8s.io", method, resource, "k8s_cluster", method, labels={"cluster_name": CLUSTER})


def _patched(rng: Random, _where: Project) -> Call:
    name = f"apps/v1/namespaces/shop/deployments/reader-{rng.choice(('web', 'api', 'jobs'))}"
    return cluster_call("io.k8s.apps.v1.deployments.patch", name)


def _scaled(rng: Random, _where: Project) -> Call:
    name = f"apps/v1/namespaces/shop/deployments/reader-{rng.choice(('web', 'api'))}/scale"
    return cluster_call("io.k8s.apps.v1.deployments.scale.update", name)


def _migrated(rng: Random, where: Project) -> Call:
    name = rng.choice(where.machines)
    method = "compute.instances.migrateOnHostMaintenance"
    return Call(_COMPUTE, method, where.zonal("instances", name), "gce_instance", method, log=SYSTEM_EVENT)


def _nightly_snapshot(rng: Random, where: Project) -> Call:
    disk = where.zonal("disks", rng.choice(where.machines))
    return Call(_COMPUTE, "ScheduledSnapshots", disk, "gce_disk", "ScheduledSnapshots", log=SYSTEM_EVENT)


def _reader(rng: Random, where: Project) -> Call:
    member = f"user:{rng.choice(('lenka', 'oluchi', 'edda'))}@quillfjord.example.com"
    return granted(where, member, rng.choice(("roles/viewer", "roles/bigquery.dataViewer", "roles/run.viewer")))


def _dev_machine(rng: Random, where: Project) -> Call:
    name = f"try-{rng.randrange(40):02d}"
    return machine_deleted(where, name) if rng.randrange(2) else machine_made(where, name)


def _template(rng: Random, where: Project) -> Call:
    resource = where.wide("instanceTemplates", f"reader-{rng.randrange(900)}")
    method, permission = "v1.compute.instanceTemplates.insert", "compute.instanceTemplates.create"
    return Call(_COMPUTE, method, resource, "gce_instance_template", permission, 5)


def _labels(rng: Random, where: Project) -> Call:
    return _instance(where, "setLabels", rng.choice(where.machines), 3)


def _setting(rng: Random, where: Project) -> Call:
    service, method, permission = "cloudsql.googleapis.com", "cloudsql.instances.update", "cloudsql.instances.update"
    resource = f"{where.name}/instances/reader-database"
    request: Json = {"maxConnections": rng.choice((200, 300))}
    return Call(service, method, resource, "cloudsql_database", permission, 30, request=request)


CALLS: dict[str, Callable[[Random, Project], Call]] = {
    "start": _on_machine("start", 18),
    "stop": _on_machine("stop", 40),
    "reset": _on_machine("reset", 8),
    "labels": _labels,
    "key": lambda rng, where: metadata_set(where, rng.choice(where.machines), "ssh-keys"),
    "script": lambda rng, where: metadata_set(where, rng.choice(where.machines), "startup-script"),
    "patch job": lambda rng, where: patched(where, f"{rng.getrandbits(48):012x}"),
    "template": _template,
    "inner rule": lambda rng, where: firewall(where, f"allow-app-{rng.randrange(1, 6)}", "10.40.0.0/16", "8443"),
    "reader": _reader,
    "database": _setting,
    "release": _release,
    "build": _build,
    "dev machine": _dev_machine,
    "machine made": lambda rng, where: machine_made(where, f"reader-{rng.getrandbits(16):04x}"),
    "machine deleted": lambda rng, where: machine_deleted(where, f"reader-{rng.getrandbits(16):04x}"),
    "nodes": _nodes,
    "patched": _patched,
    "scaled": _scaled,
    "migrated": _migrated,
    "nightly snapshot": _nightly_snapshot,
    "secret": lambda rng, where: secret_read(where, rng.choice(SECRETS)),
    "object": _object,
    "export": _export,
    "query": _query,
    "accounts": lambda _rng, where: listed(where, "accounts"),
}
"""What ordinary days draw from, by a word of ours."""

MIXES: dict[str, dict[str, int]] = {
    "platform": {"reset": 4, "start": 2, "stop": 2, "labels": 3, "key": 3, "inner rule": 3, "database": 2, "reader": 2,
                 "accounts": 2, "patch job": 1},
    "developer": {"release": 5, "build": 5, "patched": 4, "start": 2, "stop": 1},
    "developer, dev": {"release": 4, "build": 4, "dev machine": 5, "start": 3, "stop": 3},
    "analyst": {"query": 12, "export": 2},
    "terraform-apply": {"labels": 4, "inner rule": 3, "template": 2, "script": 2, "reader": 2, "database": 2,
                        "nodes": 1},
    "github-deploy": {"release": 5, "patched": 4, "build": 3},
    "group": {"machine made": 1, "machine deleted": 1},
    "robot": {"nodes": 1},
    "google": {"migrated": 2, "nightly snapshot": 5},
    "cluster": {"patched": 1},
    "scaler": {"scaled": 1},
    "service": {"secret": 2, "object": 5},
    "loads": {"query": 3, "export": 2},
    "ledger": {"export": 1},
}  # fmt: skip
"""Which of them somebody does, and how often: by job for people, by task for programs."""
