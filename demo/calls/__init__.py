"""Every API call that the demo knows, by the name that IAM policies give it."""

from demo.calls import data, deployment, identity, machines

CATALOGUE = {call.key: call for call in (*machines.CALLS, *deployment.CALLS, *identity.CALLS, *data.CALLS)}
