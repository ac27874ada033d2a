"""How calls are refused or fail; services word it in ways of their own."""

from __future__ import annotations

from demo.cloudtrail import Fault

UNAUTHORIZED = Fault(
    "Client.UnauthorizedOperation",
    "You are not authorized to perform this operation. User: {arn} is not authorized to perform this "
    "action because no identity-based policy allows it.",
)
DENIED = Fault(
    "AccessDenied",
    "User: {arn} is not authorized to perform this action because no identity-based policy allows it",
)
DENIED_JSON = Fault("AccessDeniedException", DENIED.message)
THROTTLED = Fault("ThrottlingException", "Rate exceeded")
NO_INSTANCE = Fault("Client.InvalidInstanceID.NotFound", "The instance ID does not exist")
NO_FUNCTION = Fault("ResourceNotFoundException", "The resource you requested does not exist.")
NO_POLICY = Fault("NoSuchBucketPolicy", "The bucket policy does not exist")
NO_ENTITY = Fault("NoSuchEntityException", "The role policy cannot be found.")
LOG_GROUP_EXISTS = Fault("ResourceAlreadyExistsException", "The specified log group already exists")
