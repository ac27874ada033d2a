"""The way in: which log is it, which events are in it, what are their parts called."""
