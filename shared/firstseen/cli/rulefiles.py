"""Finding and reading rule files, packs and value lists on disk."""

from __future__ import annotations

from pathlib import Path

from firstseen.errors import SettingsError

RULE_ENDINGS = (".yml", ".yaml", ".toml", ".pack", ".json")
LOG_ENDINGS = (".gz", ".jsonl", ".ndjson", ".log")
"""A folder with such files is an input, whatever else it holds."""

PACK_START = b'{"bases":['
MAX_RULE_FILES = 100_000
RULES_FOLDER, LISTS_FOLDER = "rules", "value_lists"


def is_rules(name: str) -> bool:
    """Whether a path looks like rules: a rule file, a pack, or a folder that holds some."""
    path = Path(name)
    if path.is_dir():
        endings = {one.suffix for one in path.rglob("*")}
        return not endings.isdisjoint(RULE_ENDINGS[:-1]) and endings.isdisjoint(LOG_ENDINGS)
    if path.suffix == ".json":
        try:
            with path.open("rb") as stream:
                return stream.read(len(PACK_START)) == PACK_START
        except OSError:
            return False
    return path.suffix in RULE_ENDINGS


def read_rule_files(names: list[str]) -> dict[str, bytes]:
    """Path → content of every rule file that the arguments name; folders are walked. Raises SettingsError."""
    files: dict[str, bytes] = {}
    for name in names:
        path = Path(name)
        found = sorted(p for p in path.rglob("*") if p.suffix in RULE_ENDINGS) if path.is_dir() else [path]
        if not found:
            msg = f"{name}: no rule files ({', '.join(RULE_ENDINGS)}) in this folder"
            raise SettingsError(msg)
        for one in found[:MAX_RULE_FILES]:
            try:
                files[str(one)] = one.read_bytes()
            except OSError as exc:
                msg = f"{one}: cannot be read: {exc.strerror or exc}"
                raise SettingsError(msg) from exc
    return files


def read_list_files(names: list[str]) -> dict[str, bytes]:
    """Path → content of the value lists that lie by the rules without being named. Raises SettingsError.

    They are in a folder ``value_lists`` beside what an argument names, or beside the folder ``rules`` that it lies in.
    """
    folders: dict[Path, None] = {}
    for name in names:
        path = Path(name).absolute()
        above = next((one for one in (path, *path.parents) if one.name == RULES_FOLDER), path)
        for beside in (path.parent, above.parent):
            folders[beside / LISTS_FOLDER] = None
    here = Path.cwd()
    found = [str(one.relative_to(here) if one.is_relative_to(here) else one) for one in folders if one.is_dir()]
    return read_rule_files(found)
