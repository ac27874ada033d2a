"""Calls about who may do what, and what watches over it: sign-in, roles, keys, secrets, audit."""

from __future__ import annotations

from random import Random

from demo.calls.faults import DENIED, DENIED_JSON, NO_ENTITY, THROTTLED
from demo.cloudtrail import Call, Exchange, Json, access_key, read, write
from demo.company import FUNCTIONS, SECRETS, Account, ident, unique_id

_ROLES = ("shop-instance", "eks-shop-node", "metrics-exporter", "reporting-batch", "terraform-apply")


def _key_resource(account: Account, key: str) -> Json:
    return {"resources": [{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": key}]}


def _decrypt(rng: Random, account: Account) -> Exchange:
    key = rng.choice(account.keys)
    function = account.arn("lambda", f"function:{rng.choice(FUNCTIONS)}")
    request: Json = {
        "encryptionContext": {"aws:lambda:FunctionArn": function},
        "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }
    return Exchange(request, None, _key_resource(account, key))


def _data_key(rng: Random, account: Account) -> Exchange:
    key, bucket = rng.choice(account.keys), rng.choice(account.buckets)
    context = {"aws:s3:arn": f"arn:aws:s3:::{bucket}"}
    return Exchange(
        {"keyId": key, "keySpec": "AES_256", "encryptionContext": context}, None, _key_resource(account, key)
    )


def _secret(rng: Random, account: Account) -> Exchange:
    name = rng.choice(SECRETS)
    return Exchange({"secretId": account.arn("secretsmanager", f"secret:{name}-{ident('', name, length=6)}")})


def _evaluations(rng: Random, account: Account) -> Exchange:
    evaluation: Json = {
        "complianceResourceType": "AWS::EC2::Volume",
        "complianceResourceId": rng.choice(account.volumes),
        "complianceType": "COMPLIANT",
        "orderingTimestamp": "Oct 1, 2026, 3:00:00 AM",
    }
    return Exchange({"evaluations": [evaluation], "testMode": False}, {"failedEvaluations": []})


def _tagged_role(rng: Random, account: Account) -> Exchange:
    name = rng.choice(_ROLES)
    tags = [{"key": "owner", "value": "platform"}, {"key": "account", "value": account.name}]
    return Exchange({"roleName": name, "tags": tags})


def _rotation(rng: Random, account: Account) -> Exchange:
    key = rng.choice(account.keys)
    details: Json = {"keyId": key.rpartition("/")[2], "rotationType": "AUTOMATIC"}
    return Exchange(None, None, {**_key_resource(account, key), "serviceEventDetails": details})


def assumed(rng: Random, account: Account, arn: str, session_name: str) -> Exchange:
    """Describe how somebody was given a role: the answer names the session, without its secret."""
    role = arn.rpartition("/")[2]
    request: Json = {"roleArn": arn, "roleSessionName": session_name, "durationSeconds": 3600}
    response: Json = {
        "credentials": {
            "accessKeyId": access_key(rng),
            "sessionToken": f"EXAMPLE{rng.getrandbits(320):080x}",
            "expiration": "Oct 15, 2026, 12:00:00 AM",
        },
        "assumedRoleUser": {
            "assumedRoleId": f"{unique_id('AROA', account.id, role)}:{session_name}",
            "arn": f"arn:aws:sts::{account.id}:assumed-role/{role}/{session_name}",
        },
    }
    resources = [{"accountId": account.id, "type": "AWS::IAM::Role", "ARN": arn}]
    return Exchange(request, response, {"resources": resources})


def _any_assumed(rng: Random, account: Account) -> Exchange:
    return assumed(
        rng, account, f"arn:aws:iam::{account.id}:role/{rng.choice(_ROLES)}", f"session-{rng.getrandbits(32)}"
    )


def _nothing(_rng: Random, _account: Account) -> None:
    return None


def _no_exchange(_rng: Random, _account: Account) -> Exchange:
    return Exchange(None)


CALLS = (
    Call("signin", "ConsoleLogin", read_only=False, detail=_no_exchange, event_type="AwsConsoleSignIn"),
    Call("signin", "SwitchRole", read_only=False, detail=_no_exchange, event_type="AwsConsoleSignIn"),
    Call("sso", "Federate", read_only=False, detail=_no_exchange, event_type="AwsServiceEvent"),
    Call("kms", "RotateKey", read_only=False, detail=_rotation, event_type="AwsServiceEvent"),
    read("sts", "GetCallerIdentity", _nothing),
    Call("sts", "AssumeRole", read_only=True, detail=_any_assumed),
    Call("sts", "AssumeRoleWithWebIdentity", read_only=True, detail=_any_assumed),
    read("iam", "ListRoles", lambda _r, _a: {"maxItems": 100}),
    read("iam", "GetRole", lambda r, _a: {"roleName": r.choice(_ROLES)}),
    read(
        "iam",
        "GetRolePolicy",
        lambda r, _a: {"roleName": r.choice(_ROLES), "policyName": "inline"},
        NO_ENTITY,
        0.1,
    ),
    read("iam", "ListAttachedRolePolicies", lambda r, _a: {"roleName": r.choice(_ROLES)}, DENIED),
    read("iam", "GetAccountSummary", _nothing),
    write("iam", "TagRole", _tagged_role),
    Call("kms", "Decrypt", read_only=True, detail=_decrypt),
    Call("kms", "GenerateDataKey", read_only=True, detail=_data_key),
    read("kms", "DescribeKey", lambda r, a: {"keyId": r.choice(a.keys)}),
    read("kms", "ListAliases", lambda _r, _a: {"limit": 100}),
    Call(
        "secretsmanager",
        "GetSecretValue",
        read_only=True,
        detail=_secret,
        fault=DENIED_JSON,
        fault_rate=0.01,
    ),
    read("secretsmanager", "ListSecrets", lambda _r, _a: {"maxResults": 100}),
    write("config", "PutEvaluations", _evaluations),
    read("cloudtrail", "LookupEvents", lambda _r, _a: {"maxResults": 50}, THROTTLED),
    read("cloudtrail", "DescribeTrails", lambda _r, _a: {"includeShadowTrails": True}),
    read("organizations", "ListAccounts", _nothing, DENIED_JSON, 0.1),
)
