"""Test results as JUnit XML: what build servers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from firstseen.errors import Place
from firstseen.findings.safe import safe_lines


@dataclass(frozen=True, slots=True)
class Result:
    """One test that was run; it passed when there is no reason why not."""

    title: str
    rule_id: str
    name: str
    place: Place
    reasons: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it came out as expected."""
        return not self.reasons


def junit(results: Sequence[Result], untested: Sequence[str]) -> str:
    """One suite a rule file, in order; rules without tests are skipped cases of a suite of their own."""
    files = dict.fromkeys(result.place.file for result in results)
    suites = [_suite(file, [one for one in results if one.place.file == file]) for file in files]
    if untested:
        cases = "".join(
            f'    <testcase classname={_attribute(title)} name="has tests"><skipped message="no tests"/></testcase>\n'
            for title in untested
        )
        suites.append(
            f'  <testsuite name="rules without tests" tests="{len(untested)}" failures="0" errors="0"'
            f' skipped="{len(untested)}">\n{cases}  </testsuite>\n'
        )
    failed = sum(not one.passed for one in results)
    head = f'<testsuites name="firstseen rules" tests="{len(results) + len(untested)}" failures="{failed}" errors="0">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{"".join(suites)}</testsuites>\n'


def _suite(file: str, results: Sequence[Result]) -> str:
    failed = sum(not one.passed for one in results)
    cases = "".join(map(_case, results))
    return (
        f'  <testsuite name={_attribute(file)} tests="{len(results)}" failures="{failed}" errors="0" skipped="0">\n'
        f"{cases}  </testsuite>\n"
    )


def _case(result: Result) -> str:
    head = f"    <testcase classname={_attribute(result.title)} name={_attribute(result.name)}"
    if result.passed:
        return f"{head}/>\n"
    said = escape(_allowed("\n".join([str(result.place), *result.reasons])))
    return f"{head}>\n      <failure message={_attribute(result.reasons[0])}>{said}</failure>\n    </testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """With escapes for what XML 1.0 cannot hold, and for what whoever looks at the file would obey."""
    return safe_lines(text)
