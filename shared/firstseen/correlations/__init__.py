"""Running rules over time: key extraction, pure steps, episodes."""
