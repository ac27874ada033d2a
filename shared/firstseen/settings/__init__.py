"""What a deployment is told by its environment."""
