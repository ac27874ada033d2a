"""The company's part at Google Cloud: an organisation with three projects, in the shapes of Cloud Audit Logs."""
