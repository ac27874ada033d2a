"""What is told of ordinary days although nobody did anything wrong, and why: each line is known, and allowed.

A company of eleven people changes: somebody works from home on another day, takes over a task, tries something.
Who answers such a message once has taught firstseen; who lists the known networks is not asked at all.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noise:
    """A detection that may be notified on an ordinary day, for whoever has one of these words in the name."""

    rule: str
    who: tuple[str, ...]
    why: str


_PLATFORM = ("marit@", "ines@", "tomas@", "/tomas", "AWSReservedSSO_Administrator")
_HELP_DESK = ("rafael@", "sunniva@")
_DEVELOPERS = ("bram@", "yuki@", "oluchi@", "piotr@")
_KEYS = "may read a store's keys, and did so for the first time: worth the look that it costs"
_ANYBODY = ("",)
_OTHER_PLACE = "signs in seldom, and was not yet seen from the other of the two places, or with the browser there"
_TRIES = "developers make machines to try things; one of the four had not, or not in this project"
_TOOL = "works in the console mostly, and took the command line for the first time since the logs are read"
_TURN = "one of the three who administer does for the first time what the others do every week"
_FROM_HOME = "administers from the office and from home; the second of the two came after a week of learning"

BACKGROUND: tuple[Noise, ...] = (
    Noise("azure_run_command_new_address", _PLATFORM, _FROM_HOME),
    Noise("azure_snapshot_new_principal", _PLATFORM, _TURN),
    Noise("ec2_snapshot_new_actor", _PLATFORM, _TURN),
    Noise("ssm_run_command_by_target", _PLATFORM, _TURN),
    Noise("ssm_run_command_new_address", _PLATFORM, _FROM_HOME),
    Noise("ssm_run_command_new_document", _PLATFORM, _TURN),
    Noise("ssm_run_command_new_user_agent", _PLATFORM, _TURN),
    Noise("ssm_session_new_actor", _PLATFORM, _TURN),
    Noise(
        "entra_password_reset_new_admin",
        _HELP_DESK,
        "the help desk resets a password now and then; one of the two had not",
    ),
    Noise("azure_sensitive_call_new_principal", (*_PLATFORM, *_DEVELOPERS), _KEYS),
    Noise("entra_sign_in_new_network", _ANYBODY, _OTHER_PLACE),
    Noise("gcp_instance_new_actor", _DEVELOPERS, _TRIES),
    Noise("gcp_machine_access_new_actor", _PLATFORM, _TURN),
    Noise("gcp_machine_command_new_address", _PLATFORM, _FROM_HOME),
    Noise("gcp_program_new_person", (*_PLATFORM, *_DEVELOPERS), _TOOL),
    Noise("gcp_sign_in_new_network", _ANYBODY, _OTHER_PLACE),
    Noise("root_used", ("111122223333",), "the bill, which only root may see here: known beforehand, and told anyway"),
    Noise("sign_in_new_network", _ANYBODY, _OTHER_PLACE),
    Noise("sign_in_new_user_agent", _ANYBODY, _OTHER_PLACE),
    Noise("yandex_api_new_network", _ANYBODY, _OTHER_PLACE),
    Noise("yandex_instance_new_principal", _DEVELOPERS, _TRIES),
    Noise("yandex_program_new_principal", (*_PLATFORM, *_DEVELOPERS), _TOOL),
    Noise("yandex_security_group_changed", _PLATFORM, _TURN),
)
"""Rules that are not here say nothing about ordinary days; another one that does fails the tests until it is mended,
or listed with a reason."""


def excused(rule: str, who: str) -> str:
    """Return why a detection may be notified about somebody on an ordinary day, or ""."""
    return next((one.why for one in BACKGROUND if one.rule == rule and any(word in who for word in one.who)), "")
