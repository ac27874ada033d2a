"""Examples: from a rule to a real-shaped event that satisfies it, and to near misses that do not.

Nothing here decides whether a rule holds: the caller hands in the matcher (:data:`~.asking.Ask`), and every event that
leaves this room was confirmed by it. What is here only proposes.
"""
