"""AWS: state in DynamoDB, findings to SNS."""
