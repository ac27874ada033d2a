"""Calls about what runs and how it gets there: containers, functions, stacks, names, caches."""

from __future__ import annotations

from random import Random

from demo.calls.faults import DENIED, NO_FUNCTION
from demo.cloudtrail import Exchange, Json, fresh, read, uuid, write
from demo.company import CLUSTERS, FUNCTIONS, SERVICES, Account


def _cluster(rng: Random, account: Account) -> str:
    return account.arn("ecs", f"cluster/{rng.choice(CLUSTERS)}")


def _update_service(rng: Random, account: Account) -> Exchange:
    name, revision = rng.choice(SERVICES), rng.randrange(40, 400)
    task = account.arn("ecs", f"task-definition/{name}:{revision}")
    request: Json = {"cluster": "shop", "service": name, "taskDefinition": task, "forceNewDeployment": False}
    service: Json = {
        "serviceArn": account.arn("ecs", f"service/shop/{name}"),
        "serviceName": name,
        "clusterArn": account.arn("ecs", "cluster/shop"),
        "status": "ACTIVE",
        "desiredCount": 3,
        "runningCount": 3,
        "launchType": "FARGATE",
        "taskDefinition": task,
    }
    return Exchange(request, {"service": service})


def _task_definition(rng: Random, account: Account) -> Exchange:
    name = rng.choice(SERVICES)
    image = f"{account.id}.dkr.ecr.eu-west-1.amazonaws.com/{name}:{rng.getrandbits(28):07x}"
    container: Json = {
        "name": name,
        "image": image,
        "essential": True,
        "portMappings": [{"containerPort": 8080}],
    }
    request: Json = {
        "family": name,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "512",
        "memory": "1024",
        "containerDefinitions": [container],
    }
    made = account.arn("ecs", f"task-definition/{name}:{rng.randrange(40, 400)}")
    return Exchange(request, {"taskDefinition": {"taskDefinitionArn": made, "status": "ACTIVE", **request}})


def _image(rng: Random, account: Account) -> Exchange:
    name, tag = rng.choice(SERVICES), f"{rng.getrandbits(28):07x}"
    request: Json = {"repositoryName": name, "imageTag": tag, "registryId": account.id}
    digest = fresh(rng, "sha256:", 64)
    image: Json = {
        "registryId": account.id,
        "repositoryName": name,
        "imageId": {"imageDigest": digest, "imageTag": tag},
    }
    resources = [{"ARN": account.arn("ecr", f"repository/{name}"), "accountId": account.id}]
    return Exchange(request, {"image": image}, {"resources": resources})


def _layer(rng: Random, account: Account) -> Json:
    digests = [fresh(rng, "sha256:", 64) for _ in range(2)]
    return {"repositoryName": rng.choice(SERVICES), "registryId": account.id, "layerDigests": digests}


def _function_code(rng: Random, account: Account) -> Exchange:
    name = rng.choice(FUNCTIONS)
    request: Json = {
        "functionName": name,
        "s3Bucket": account.buckets[1],
        "s3Key": f"lambda/{name}.zip",
        "publish": True,
    }
    response: Json = {
        "functionName": name,
        "functionArn": account.arn("lambda", f"function:{name}"),
        "runtime": "python3.13",
        "handler": "handler.main",
        "memorySize": 512,
        "timeout": 60,
        "state": "Active",
        "lastUpdateStatus": "InProgress",
        "architectures": ["arm64"],
        "revisionId": uuid(rng),
    }
    return Exchange(request, response)


_STACKS = ("network", "storefront", "checkout", "catalogue", "reporting")


def _change_set(rng: Random, account: Account) -> Exchange:
    stack = rng.choice(_STACKS)
    arn = account.arn("cloudformation", f"stack/{stack}/{uuid(rng)}")
    name = f"deploy-{rng.getrandbits(28):07x}"
    request: Json = {"stackName": stack, "changeSetName": name, "capabilities": ["CAPABILITY_NAMED_IAM"]}
    return Exchange(request, {"id": arn.replace("stack/", "changeSet/"), "stackId": arn})


def _record_set(rng: Random, _account: Account) -> Exchange:
    change: Json = {
        "action": "UPSERT",
        "resourceRecordSet": {
            "name": f"{rng.choice(SERVICES)}.quillfjord.example.com",
            "type": "CNAME",
            "tTL": 60,
        },
    }
    info: Json = {
        "id": f"/change/{fresh(rng, 'C', 20).upper()}",
        "status": "PENDING",
    }
    return Exchange({"hostedZoneId": "Z0EXAMPLE4ZONE", "changeBatch": {"changes": [change]}}, {"changeInfo": info})


def _invalidation(rng: Random, _account: Account) -> Exchange:
    batch: Json = {"callerReference": uuid(rng), "paths": {"quantity": 1, "items": ["/covers/*"]}}
    response: Json = {
        "invalidation": {
            "id": fresh(rng, "I", 13).upper(),
            "status": "InProgress",
        }
    }
    return Exchange({"distributionId": "E0EXAMPLE7SHOP", "invalidationBatch": batch}, response)


CALLS = (
    read("ecs", "DescribeServices", lambda r, a: {"cluster": _cluster(r, a), "services": [r.choice(SERVICES)]}),
    read(
        "ecs",
        "DescribeTasks",
        lambda r, a: {"cluster": _cluster(r, a), "tasks": [f"{r.getrandbits(128):032x}"]},
    ),
    read("ecs", "ListTasks", lambda r, a: {"cluster": _cluster(r, a), "serviceName": r.choice(SERVICES)}),
    write("ecs", "UpdateService", _update_service),
    write("ecs", "RegisterTaskDefinition", _task_definition),
    read("eks", "DescribeCluster", lambda r, _a: {"name": r.choice(CLUSTERS)}),
    read("eks", "ListNodegroups", lambda r, _a: {"name": r.choice(CLUSTERS), "maxResults": 100}),
    read("ecr", "GetAuthorizationToken", lambda _r, _a: None),
    read("ecr", "BatchCheckLayerAvailability", _layer),
    read("ecr", "DescribeRepositories", lambda _r, a: {"registryId": a.id, "maxResults": 100}),
    write("ecr", "PutImage", _image),
    read("lambda", "GetFunction20150331v2", lambda r, _a: {"functionName": r.choice(FUNCTIONS)}, NO_FUNCTION),
    read("lambda", "ListFunctions20150331", lambda _r, _a: {"maxItems": 50}),
    write("lambda", "UpdateFunctionCode20150331v2", _function_code),
    write("cloudformation", "CreateChangeSet", _change_set, DENIED),
    read("cloudformation", "DescribeStacks", lambda r, _a: {"stackName": r.choice(_STACKS)}),
    read(
        "route53",
        "ListResourceRecordSets",
        lambda _r, _a: {"hostedZoneId": "Z0EXAMPLE4ZONE", "maxItems": 300},
    ),
    write("route53", "ChangeResourceRecordSets", _record_set),
    write("cloudfront", "CreateInvalidation", _invalidation),
    read("events", "ListRules", lambda _r, _a: {"eventBusName": "default"}),
)
