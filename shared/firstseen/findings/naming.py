"""Accounts by name in findings: facts beside the id, which stays what filters and commands go by."""

from __future__ import annotations

from firstseen.findings.finding import Finding
from firstseen.language.accounts import Accounts

NAME = "account.name"
FOLDER_NAME = "folder.name"
OF_ACCOUNT = "account."
"""What facts about the account begin with: its name, and labels (``account.environment``)."""

Facts = tuple[tuple[str, str], ...]


def with_names(facts: Facts, accounts: Accounts) -> Facts:
    """The facts, with the name and the labels of the account, and the name of the folder, where they are known."""
    if not accounts:
        return facts
    said = dict(facts)
    account = accounts.get(said.get("account", "").casefold())
    folder = accounts.get(said.get("folder", "").casefold())
    more: list[tuple[str, str]] = []
    if account is not None:
        more += [(NAME, account.name), *((OF_ACCOUNT + label, value) for label, value in account.labels)]
    if folder is not None:
        more.append((FOLDER_NAME, folder.name))
    return (*facts, *more)


def labels(finding: Finding) -> Facts:
    """The labels of the account: (name, value)."""
    return tuple(
        (name.removeprefix(OF_ACCOUNT), value)
        for name, value in finding.facts
        if name.startswith(OF_ACCOUNT) and name != NAME
    )


def account_name(finding: Finding) -> str:
    """What people call the account, or its id; "" when the event names none."""
    return finding.fact(NAME) or finding.fact("account")


def whole_account(finding: Finding) -> str:
    """``payments-prod (111122223333)``; the id alone where it has no name."""
    return with_id(finding.fact(NAME), finding.fact("account"))


def with_id(name: str, uid: str) -> str:
    """Both, or the one that there is."""
    return f"{name} ({uid})" if name and uid else name or uid


def whole_folder(finding: Finding) -> str:
    """The folder, only where it has a name: ids of folders say nothing to people."""
    name = finding.fact(FOLDER_NAME)
    return f"{name} ({finding.fact('folder')})" if name else ""
