"""The company's other half: subscriptions and a directory, in the shapes of Azure's and Entra ID's logs."""
