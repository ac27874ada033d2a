"""Calls about machines: EC2, scaling, load balancers, Systems Manager, backup."""

from __future__ import annotations

from random import Random

from demo.calls.faults import DENIED_JSON, NO_INSTANCE, UNAUTHORIZED
from demo.cloudtrail import Exchange, Json, fresh, read, uuid, write
from demo.company import SERVICES, SSM_AGENT, Account, ident

_SIZES = ("t4g.medium", "t4g.large", "m7g.large", "c7g.xlarge")


def _items(key: str, *values: str) -> Json:
    """Wrap values as EC2 does."""
    return {"items": [{key: value} for value in values]}


def _filters(name: str, *values: str) -> Json:
    return {"filterSet": {"items": [{"name": name, "valueSet": _items("value", *values)}]}}


def _instance(rng: Random, account: Account) -> str:
    return rng.choice(account.instances)


def _describe_instances(rng: Random, account: Account) -> Json:
    if rng.randrange(2):
        return {"maxResults": 1000, "instancesSet": {}} | _filters("instance-state-name", "running", "pending")
    return {"instancesSet": _items("instanceId", _instance(rng, account)), "filterSet": {}}


def _run_instances(rng: Random, account: Account) -> Exchange:
    made = fresh(rng, "i-0")
    image, size = rng.choice(account.images), rng.choice(_SIZES)
    subnet, group = rng.choice(account.subnets), rng.choice(account.groups)
    token = uuid(rng)
    request: Json = {
        "instancesSet": {"items": [{"minCount": 1, "maxCount": 1}]},
        "instanceType": size,
        "launchTemplate": {"launchTemplateId": ident("lt-0", account.name, length=16), "version": "14"},
        "subnetId": subnet,
        "monitoring": {"enabled": False},
        "disableApiTermination": False,
        "clientToken": f"fleet-{token}-0",
        "tagSpecificationSet": {
            "items": [{"resourceType": "instance", "tags": [{"key": "Name", "value": "shop-worker"}]}],
        },
    }
    instance: Json = {
        "instanceId": made,
        "imageId": image,
        "instanceState": {"code": 0, "name": "pending"},
        "privateDnsName": f"ip-10-0-7-{rng.randrange(4, 250)}.eu-west-1.compute.internal",
        "amiLaunchIndex": 0,
        "instanceType": size,
        "placement": {"availabilityZone": "eu-west-1b", "tenancy": "default"},
        "subnetId": subnet,
        "vpcId": account.vpc,
        "groupSet": {"items": [{"groupId": group, "groupName": "shop-workers"}]},
        "ebsOptimized": True,
        "metadataOptions": {"state": "pending", "httpTokens": "required", "httpEndpoint": "enabled"},
    }
    response: Json = {
        "requestId": token,
        "reservationId": fresh(rng, "r-0"),
        "ownerId": account.id,
        "instancesSet": {"items": [instance]},
    }
    return Exchange(request, response)


def _change_state(rng: Random, account: Account, before: tuple[int, str], after: tuple[int, str]) -> Exchange:
    machine = _instance(rng, account)
    change: Json = {
        "instanceId": machine,
        "currentState": {"code": after[0], "name": after[1]},
        "previousState": {"code": before[0], "name": before[1]},
    }
    return Exchange({"instancesSet": _items("instanceId", machine)}, {"instancesSet": {"items": [change]}})


def _create_snapshot(rng: Random, account: Account) -> Exchange:
    volume = rng.choice(account.volumes)
    made = fresh(rng, "snap-0")
    response: Json = {
        "snapshotId": made,
        "volumeId": volume,
        "status": "pending",
        "ownerId": account.id,
        "volumeSize": "100",
        "encrypted": True,
        "description": "This snapshot is created by the AWS Backup service.",
    }
    return Exchange({"volumeId": volume, "description": response["description"]}, response)


def _create_tags(rng: Random, account: Account) -> Exchange:
    tags: Json = {"items": [{"key": "team", "value": rng.choice(SERVICES)}, {"key": "managed-by", "value": "fleet"}]}
    request: Json = {"resourcesSet": _items("resourceId", _instance(rng, account)), "tagSet": tags}
    return Exchange(request, {"requestId": uuid(rng), "_return": True})


def _network_interface(rng: Random, account: Account) -> Exchange:
    subnet, group = rng.choice(account.subnets), rng.choice(account.groups)
    interface = fresh(rng, "eni-0")
    made: Json = {
        "networkInterfaceId": interface,
        "subnetId": subnet,
        "vpcId": account.vpc,
        "availabilityZone": "eu-west-1a",
        "ownerId": account.id,
        "status": "pending",
        "privateIpAddress": f"10.0.{rng.randrange(1, 255)}.{rng.randrange(4, 250)}",
        "groupSet": {"items": [{"groupId": group, "groupName": "shop-services"}]},
    }
    request: Json = {"subnetId": subnet, "groupSet": _items("groupId", group), "clientToken": uuid(rng)}
    return Exchange(request, {"networkInterface": made})


def _ingress(rng: Random, account: Account) -> Exchange:
    rule: Json = {
        "ipProtocol": "tcp",
        "fromPort": 8443,
        "toPort": 8443,
        "ipRanges": _items("cidrIp", "10.0.0.0/16"),
    }
    request: Json = {"groupId": rng.choice(account.groups), "ipPermissions": {"items": [rule]}}
    return Exchange(request, {"requestId": uuid(rng), "_return": True})


def _target_group(rng: Random, account: Account) -> str:
    return account.arn(
        "elasticloadbalancing", f"targetgroup/{rng.choice(SERVICES)}/{ident('', account.name, length=16)}"
    )


def _targets(rng: Random, account: Account) -> Exchange:
    target: Json = {"id": f"10.0.{rng.randrange(1, 255)}.{rng.randrange(4, 250)}", "port": 8080}
    return Exchange({"targetGroupArn": _target_group(rng, account), "targets": [target]})


def _agent_report(rng: Random, account: Account) -> Exchange:
    request: Json = {
        "instanceId": _instance(rng, account),
        "agentStatus": "Active",
        "agentVersion": SSM_AGENT.rpartition("/")[2],
        "platformType": "Linux",
        "platformName": "Amazon Linux",
        "platformVersion": "2023",
        "agentName": "amazon-ssm-agent",
        "availabilityZone": "eu-west-1a",
    }
    return Exchange(request)


def _backup_job(rng: Random, account: Account) -> Exchange:
    request: Json = {
        "backupVaultName": "nightly",
        "resourceArn": account.arn("ec2", f"volume/{rng.choice(account.volumes)}"),
        "iamRoleArn": f"arn:aws:iam::{account.id}:role/service-role/AWSBackupDefaultServiceRole",
        "lifecycle": {"deleteAfterDays": 35},
    }
    return Exchange(request, {"backupJobId": uuid(rng), "isParent": False})


def _send_command(rng: Random, account: Account) -> Exchange:
    """Run a script on a few machines that are named, or the patches on those of a tag."""
    document = "AWS-RunShellScript"
    request: Json = {"instanceIds": rng.sample(account.instances, rng.randint(1, 3))}
    if rng.randrange(2):
        document = "AWS-RunPatchBaseline"
        request = {"targets": [{"key": "tag:team", "values": [rng.choice(SERVICES)]}]}
    request |= {"documentName": document, "parameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    return Exchange(request, {"command": {"commandId": uuid(rng), "documentName": document, "status": "Pending"}})


def _session(rng: Random, account: Account) -> Exchange:
    session = f"session-{rng.getrandbits(64):016x}"
    return Exchange({"target": _instance(rng, account)}, {"sessionId": session, "tokenValue": "Value hidden"})


_RUNNING, _STOPPING, _ENDING = (16, "running"), (64, "stopping"), (32, "shutting-down")

CALLS = (
    read("ec2", "DescribeInstances", _describe_instances, UNAUTHORIZED, 0.004),
    read(
        "ec2",
        "DescribeInstanceStatus",
        lambda r, a: {"instancesSet": _items("instanceId", _instance(r, a))},
        NO_INSTANCE,
    ),
    read(
        "ec2",
        "DescribeInstanceTypes",
        lambda _r, _a: _filters("processor-info.supported-architecture", "arm64"),
    ),
    read("ec2", "DescribeVolumes", lambda r, a: {"volumeSet": _items("volumeId", r.choice(a.volumes))}),
    read("ec2", "DescribeSnapshots", lambda _r, a: {"ownersSet": _items("owner", a.id), "snapshotSet": {}}),
    read(
        "ec2",
        "DescribeSecurityGroups",
        lambda r, a: {"securityGroupIdSet": _items("groupId", r.choice(a.groups))},
    ),
    read("ec2", "DescribeSubnets", lambda r, a: {"subnetSet": _items("subnetId", r.choice(a.subnets))}),
    read("ec2", "DescribeVpcs", lambda _r, a: {"vpcSet": _items("vpcId", a.vpc), "filterSet": {}}),
    read("ec2", "DescribeImages", lambda r, a: {"imagesSet": _items("imageId", r.choice(a.images))}),
    read(
        "ec2",
        "DescribeLaunchTemplates",
        lambda _r, _a: {"DescribeLaunchTemplatesRequest": {"MaxResults": 200}},
    ),
    read("ec2", "DescribeNetworkInterfaces", lambda _r, a: _filters("vpc-id", a.vpc)),
    read("ec2", "GetPasswordData", lambda r, a: {"instanceId": r.choice(a.windows)}),
    write("ec2", "RunInstances", _run_instances),
    write("ec2", "TerminateInstances", lambda r, a: _change_state(r, a, _RUNNING, _ENDING)),
    write("ec2", "StopInstances", lambda r, a: _change_state(r, a, _RUNNING, _STOPPING), UNAUTHORIZED, 0.05),
    write("ec2", "CreateSnapshot", _create_snapshot),
    write("ec2", "CreateTags", _create_tags),
    write("ec2", "CreateNetworkInterface", _network_interface),
    write("ec2", "AuthorizeSecurityGroupIngress", _ingress, UNAUTHORIZED, 0.1),
    read("autoscaling", "DescribeAutoScalingGroups", lambda _r, _a: {"autoScalingGroupNames": ["shop-workers"]}),
    write(
        "autoscaling",
        "SetDesiredCapacity",
        lambda r, _a: Exchange({"autoScalingGroupName": "shop-workers", "desiredCapacity": r.randrange(3, 12)}),
    ),
    read("elasticloadbalancing", "DescribeTargetHealth", lambda r, a: {"targetGroupArn": _target_group(r, a)}),
    read("elasticloadbalancing", "DescribeLoadBalancers", lambda r, _a: {"names": [r.choice(SERVICES)]}),
    write("elasticloadbalancing", "RegisterTargets", _targets),
    write("elasticloadbalancing", "DeregisterTargets", _targets),
    write("ssm", "UpdateInstanceInformation", _agent_report),
    read("ssm", "ListInstanceAssociations", lambda r, a: {"instanceId": _instance(r, a), "maxResults": 20}),
    write("ssm", "SendCommand", _send_command),
    write("ssm", "StartSession", _session),
    read("ssm", "DescribeInstanceInformation", lambda _r, _a: {"maxResults": 50}),
    read(
        "ssm",
        "GetParameter",
        lambda r, _a: {"name": f"/shop/{r.choice(SERVICES)}/config", "withDecryption": True},
        DENIED_JSON,
    ),
    write("backup", "StartBackupJob", _backup_job),
    read("backup", "DescribeBackupVault", lambda _r, _a: {"backupVaultName": "nightly"}),
)
