"""The ways in for rules: each front end turns one rule language into bases and correlations.

Imported by the command line and by builds only. Functions load packs and need none of this, nor pySigma or
YAML.
"""
