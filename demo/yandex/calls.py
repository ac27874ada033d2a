"""The calls that the company makes at Yandex Cloud: what each asks for, and which of them are made how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.yandex import estate as e
from demo.yandex.events import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from demo.cloudtrail import Json
    from demo.yandex.estate import Folder


def _machine(where: Folder, name: str) -> Json:
    return {
        "instance_id": where.machine(name),
        "instance_name": name,
        "zone_id": e.ZONE,
        "platform_id": "standard-v3",
        "metadata_options": {
            "gce_http_endpoint": "ENABLED",
            "aws_v1_http_endpoint": "ENABLED",
            "gce_http_token": "ENABLED",
            "aws_v1_http_token": "DISABLED",
        },
        "resources": {"memory": "4294967296", "cores": "2", "core_fraction": "100"},
    }


def _on_machine(verb: str, took: int = 9) -> Callable[[Random, Folder], Call]:
    def call(rng: Random, where: Folder) -> Call:
        return Call("compute", f"{verb}Instance", _machine(where, rng.choice(where.machines)), took=took)

    return call


def machine_made(where: Folder, name: str) -> Call:
    """Create a machine of the usual image."""
    spec: Json = {"disk_spec": {"image_id": e.IMAGE, "size": "21474836480"}}
    details = _machine(where, name) | {"boot_disk_spec": spec}
    return Call("compute", "CreateInstance", details, {"folder_id": where.id, "name": name}, took=32)


def machine_deleted(where: Folder, name: str) -> Call:
    """Delete a machine."""
    return Call("compute", "DeleteInstance", {"instance_id": where.machine(name), "instance_name": name}, took=21)


def machine_runs_as(where: Folder, name: str, account: str) -> Call:
    """Let a machine act as a service account, and give out its token in the older of two ways."""
    options: Json = {
        "gce_http_endpoint": "ENABLED",
        "aws_v1_http_endpoint": "ENABLED",
        "gce_http_token": "ENABLED",
        "aws_v1_http_token": "ENABLED",
    }
    details = _machine(where, name) | {"service_account_id": e.account_id(account), "metadata_options": options}
    asked: Json = {"instance_id": where.machine(name), "update_mask": "service_account_id,metadata_options"}
    return Call("compute", "UpdateInstance", details, asked, took=6)


def metadata_set(where: Folder, name: str, *keys: str) -> Call:
    """Put something into a machine's metadata; the log names the keys."""
    details: Json = {"instance_id": where.machine(name), "instance_name": name, "upsert_keys": list(keys)}
    return Call("compute", "UpdateInstanceMetadata", details, took=5)


def snapshot(name: str, disk: str) -> Call:
    """Copy a disk."""
    details: Json = {"snapshot_id": e.ident("fd8", name), "snapshot_name": name, "source_disk_id": e.ident("fhm", disk)}
    return Call("compute", "CreateSnapshot", details, took=41)


def disk_of(name: str, copied: str) -> Call:
    """Make a disk of a snapshot."""
    details: Json = {"disk_id": e.ident("fhm", name), "disk_name": name, "zone_id": e.ZONE,
                     "source_snapshot_id": e.ident("fd8", copied)}  # fmt: skip
    return Call("compute", "CreateDisk", details, took=12)


def disk_attached(where: Folder, machine: str, disk: str) -> Call:
    """Put a disk on a machine."""
    details = _machine(where, machine) | {"attached_disk_spec": {"disk_id": e.ident("fhm", disk), "auto_delete": False}}
    return Call("compute", "AttachInstanceDisk", details, took=7)


def group_changed(group: str, source: str, port: str) -> Call:
    """Let addresses reach a port."""
    rule: Json = {
        "id": e.ident("enp", group, port),
        "direction": "INGRESS",
        "protocol_name": "TCP",
        "ports": {"from_port": port, "to_port": port},
        "cidr_blocks": {"v4_cidr_blocks": [source]},
    }
    details: Json = {"security_group_id": e.ident("enp", group), "security_group_name": group, "rules": [rule]}
    return Call("network", "UpdateSecurityGroup", details, took=3)


def _bound(subject: str, kind: str, role: str, action: str = "ADD") -> Json:
    binding: Json = {"role_id": role, "subject_id": subject, "subject_type": kind}
    return {"access_binding_deltas": [{"action": action, "access_binding": binding}]}


def granted(where: Folder, subject: str, role: str, kind: str = "SERVICE_ACCOUNT", action: str = "ADD") -> Call:
    """Give a role in a folder, or take it away."""
    details: Json = {"folder_id": where.id, "folder_name": where.name, **_bound(subject, kind, role, action)}
    return Call("resourcemanager", "UpdateFolderAccessBindings", details, took=2)


def secret_opened(secret: str, account: str) -> Call:
    """Let a service account read a secret."""
    bound = _bound(e.account_id(account), "SERVICE_ACCOUNT", "lockbox.payloadViewer")
    return Call("lockbox", "UpdateSecretAccessBindings", {"secret_id": secret, **bound}, took=2)


def secret_read(secret: str) -> Call:
    """Read a secret: an event of the data, which comes where the trail asks for them."""
    return Call("lockbox", "GetPayload", {"secret_id": secret, "version_id": e.ident("e6q", secret, "1")})


def account_made(name: str) -> Call:
    """Make a service account."""
    details: Json = {"service_account_id": e.account_id(name), "service_account_name": name}
    return Call("iam", "CreateServiceAccount", details, took=2)


def key_made(account: str) -> Call:
    """Make a static key for a service account, which works from anywhere."""
    details: Json = {
        "access_key_id": e.ident("aje", "key", account),
        "service_account_id": e.account_id(account),
        "service_account_name": account,
    }
    return Call("iam", "CreateAccessKey", details, took=1)


def database_user(name: str, verb: str = "CreateUser") -> Call:
    """Make a user of a database, or change one."""
    return Call("mdb.postgresql", verb, {"cluster_id": e.DATABASE, "user_name": name}, took=14)


def objects(verb: str, name: str) -> Call:
    """Read or write what is in a bucket: an event of the data."""
    return Call("storage", f"Object{verb}", {"bucket_id": "press-proofs", "object_id": name})


def listed(service: str, name: str, *, refused: bool = False) -> Call:
    """Look at something; reading is logged where it is refused."""
    return Call(service, name, {}, refused=refused)


def _cluster(rng: Random, _where: Folder) -> Call:
    details: Json = {
        "cluster_id": e.KUBERNETES,
        "native_api_server_event": {"verb": "patch", "sourceIPs": ["10.112.0.3"], "responseStatus": {"code": 200}},
    }
    return Call("k8s.apiserver", rng.choice(("UpdateDeployment", "PatchDeployment", "CreatePod")), details)


def _nodes(rng: Random, _where: Folder) -> Call:
    policy: Json = {"fixed_scale": {"size": str(rng.randint(3, 8))}}
    details: Json = {"node_group_id": e.NODES, "cluster_id": e.KUBERNETES, "scale_policy": policy}
    return Call("k8s", "UpdateNodeGroup", details, took=70)


def _proof(rng: Random, _where: Folder) -> Call:
    name = f"{rng.randrange(10**5):05d}.pdf"
    return objects(rng.choice(("Create", "Update", "GetByPresignURL")), f"proofs/{name}")


def _dev_machine(rng: Random, where: Folder) -> Call:
    name = f"try-{rng.randrange(30):02d}"
    return machine_deleted(where, name) if rng.randrange(2) else machine_made(where, name)


def _function(rng: Random, _where: Folder) -> Call:
    name = rng.choice(("covers", "notify", "resize"))
    details: Json = {"function_id": e.ident("d4e", name), "function_name": name, "runtime": "python312"}
    return Call("serverless.functions", "CreateFunctionVersion", details, took=11)


def _container(rng: Random, _where: Folder) -> Call:
    details: Json = {"container_id": e.ident("bba", "press"), "container_name": "press", "revision": rng.randrange(900)}
    return Call("serverless.containers", "DeployContainerRevision", details, took=15)


def _viewer(rng: Random, where: Folder) -> Call:
    subject = e.person(rng.choice(("lenka", "edda", "oluchi", "rafael")), "").id
    return granted(where, subject, rng.choice(("viewer", "monitoring.viewer")), "FEDERATED_USER_ACCOUNT")


def _database(rng: Random, _where: Folder) -> Call:
    details: Json = {"cluster_id": e.DATABASE, "cluster_name": "orders"}
    asked: Json = {"cluster_id": e.DATABASE, "config_spec": {"resources": {"disk_size": str(rng.choice((20, 40)))}}}
    return Call("mdb.postgresql", "UpdateCluster", details, asked, took=95)


def _backup(rng: Random, _where: Folder) -> Call:
    return Call("compute", "CreateSnapshot", {"snapshot_id": e.ident("fd8", "nightly", str(rng.getrandbits(30))),
                "source_disk_id": e.ident("fhm", "press-01")}, took=50)  # fmt: skip


def _record(rng: Random, _where: Folder) -> Call:
    details: Json = {"dns_zone_id": e.ident("dns", "press"), "record": f"job-{rng.randrange(20)}.press.internal."}
    return Call("dns", "UpdateRecordSets", details, took=1)


CALLS: dict[str, Callable[[Random, Folder], Call]] = {
    "start": _on_machine("Start", 14),
    "stop": _on_machine("Stop", 22),
    "restart": _on_machine("Restart", 16),
    "update": _on_machine("Update", 4),
    "key": lambda rng, where: metadata_set(where, rng.choice(where.machines), "ssh-keys"),
    "inner rule": lambda rng, _where: group_changed(rng.choice(e.PUBLIC_GROUPS), "10.128.0.0/16", "8443"),
    "viewer": _viewer,
    "database": _database,
    "database user": lambda rng, _where: database_user(rng.choice(e.BASES), "UpdateUser"),
    "function": _function,
    "container": _container,
    "record": _record,
    "dev machine": _dev_machine,
    "machine made": lambda rng, where: machine_made(where, f"render-{rng.getrandbits(16):04x}"),
    "machine deleted": lambda rng, where: machine_deleted(where, f"render-{rng.getrandbits(16):04x}"),
    "nodes": _nodes,
    "cluster": _cluster,
    "nightly snapshot": _backup,
    "secret": lambda rng, _where: secret_read(rng.choice(e.SECRETS)),
    "proof": _proof,
}
"""What ordinary days draw from, by a word of ours."""

MIXES: dict[str, dict[str, int]] = {
    "platform": {"restart": 4, "start": 2, "update": 3, "key": 3, "inner rule": 3, "viewer": 2, "database": 2,
                 "database user": 2},
    "developer": {"function": 5, "container": 5, "start": 2, "stop": 1, "record": 2},
    "developer, dev": {"function": 4, "container": 4, "dev machine": 5, "start": 3, "stop": 3, "record": 1},
    "support": {"restart": 5, "start": 2},
    "terraform": {"update": 3, "inner rule": 3, "database": 2, "record": 4, "viewer": 2, "nodes": 1},
    "deploy": {"function": 4, "container": 5, "record": 1},
    "group": {"machine made": 1, "machine deleted": 1},
    "node group": {"nodes": 1},
    "schedule": {"nightly snapshot": 1},
    "cluster": {"cluster": 1},
    "service": {"secret": 2, "proof": 5},
    "render": {"proof": 1},
    "printer": {"proof": 1},
}  # fmt: skip
"""Which of them somebody does, and how often: by job for people, by task for programs."""
