"""Names of regions in the wild, mapped to GTVp and GTVn by patterns that a user may edit.

Nothing is mapped in silence: a name that doesn't say what it is, a region that holds primary
and nodes in one, and a name that no pattern fits all stand in the report.
"""

import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from itertools import zip_longest
from pathlib import Path

from hnuiseg.errors import InputRefused
from hnuiseg.limits import MOST_TEXT_BYTES

REGIONS = ("GTVp", "GTVn")
_BOTH = "both"
_ALIKE = re.compile(r"[\s.\-_]+")
_LONGEST_NAME = 64  # what (3006,0026) and (0062,0005) may have
_LONGEST_PATTERN = 1024
_MOST_WAYS = 2**20  # of a pattern through a name; ours have up to half
_ENDLESS = (RecursionError, OverflowError)  # brackets within brackets; a number without end
_SHIPPED = "roi_names.toml"
_TOKEN = re.compile(
    r"\\."  # an escape
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"  # a set of characters
    r"|\((?:\?(?:P<\w+>|<?[=!]|:))?"  # a bracket, also of what is only looked at
    r"|(?:[*+?]|\{(?!\})[0-9]*(?:,[0-9]*)?\})\??"  # a repetition, lazy or not
    r"|.",
    re.DOTALL,
)
_Ways = tuple[int, ...]  # coefficients by the number of repetitions without end, from none up
_NONE: _Ways = (0,)
_ONE: _Ways = (1,)
_ENDLESSLY: _Ways = (0, 1)


@dataclass(frozen=True, slots=True)
class NameRule:
    """What a region is whose whole name fits one of the patterns."""

    region: str  # GTVp, GTVn, or both
    certain: bool  # False: the name doesn't say which
    patterns: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class RoiNames:
    """Which names mean what; every name is in exactly one field."""

    certain: dict[str, str]  # ROI name: GTVp or GTVn
    doubtful: dict[str, str]  # mapped, though the name doesn't say which
    both: tuple[str, ...]  # primary and nodes in one: can't be told apart, left out
    unmatched: tuple[str, ...]  # left out

    def region(self, name: str) -> str | None:
        """GTVp, GTVn, or None for what is left out."""
        return self.certain.get(name) or self.doubtful.get(name)

    @property
    def notes(self) -> tuple[str, ...]:
        """The report: what was taken on doubt, and what was left out."""
        return (
            *(f"{n}: read as {r}, which its name doesn't say" for n, r in self.doubtful.items()),
            *(f"{n}: primary tumour and nodes in one region, left out" for n in self.both),
            *(f"{n}: no name of a GTVp or GTVn that is known, left out" for n in self.unmatched),
        )


def roi_name_rules(path: Path | None = None) -> tuple[NameRule, ...]:
    """The rules of a pattern file, or those that are shipped (`roi_names.toml`, to copy from).

    Raises InputRefused where the file can't be read or a rule is not one.
    """
    name = _SHIPPED if path is None else path.name
    file = resources.files("hnuiseg.dicom").joinpath(_SHIPPED) if path is None else path
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_TEXT_BYTES + 1)
        if len(content) > MOST_TEXT_BYTES:
            raise ValueError(f"more than {MOST_TEXT_BYTES} bytes")
        rules = tomllib.loads(content.decode())["rule"]
        return tuple(_rule(rule) for rule in rules)
    except (OSError, LookupError, TypeError, ValueError, re.error, *_ENDLESS) as fault:
        raise InputRefused(
            f"ROI name patterns in {name} can't be used ({type(fault).__name__}: {fault})",
            "[[rule]] tables with region (GTVp, GTVn or both), certain and patterns",
            "start from a copy of the shipped roi_names.toml",
        ) from fault


def map_roi_names(names: Iterable[str], rules: tuple[NameRule, ...]) -> RoiNames:
    """What each name means by the first rule that fits it.

    A name that lists several ("GTV langue,GTVlarynx") means what all of its parts mean.
    """
    certain, doubtful = dict[str, str](), dict[str, str]()
    both, unmatched = list[str](), list[str]()
    for name in dict.fromkeys(names):
        found = [_first(part, rules) for part in name.split(",")]
        regions = {None if rule is None else rule.region for rule in found}
        if regions in ({"GTVp"}, {"GTVn"}):
            (region,) = regions
            sure = all(rule is not None and rule.certain for rule in found)
            (certain if sure else doubtful)[name] = str(region)
        elif regions <= {*REGIONS, _BOTH}:
            both.append(name)
        else:
            unmatched.append(name)
    return RoiNames(certain, doubtful, tuple(both), tuple(unmatched))


def _first(name: str, rules: tuple[NameRule, ...]) -> NameRule | None:
    plain = _ALIKE.sub("_", name.strip()).casefold()
    if len(plain) > _LONGEST_NAME:
        return None
    for rule in rules:
        if any(pattern.fullmatch(plain) for pattern in rule.patterns):
            return rule
    return None


def _rule(table: dict[str, object]) -> NameRule:
    region, certain, patterns = table["region"], table["certain"], table["patterns"]
    if region not in (*REGIONS, _BOTH):
        raise ValueError(f"no region is called {region!r}")
    if not isinstance(certain, bool) or not isinstance(patterns, list):
        raise TypeError("certain is true or false, patterns is a list")
    return NameRule(str(region), certain, tuple(_pattern(p) for p in patterns))


def _pattern(pattern: str) -> re.Pattern[str]:
    """A pattern that no name can keep busy for longer than a blink."""
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"a pattern of {len(pattern)} characters, {_LONGEST_PATTERN} at most")
    compiled = re.compile(pattern, re.IGNORECASE)
    ways = _ways(pattern)
    if ways > _MOST_WAYS:
        raise ValueError(f"{pattern!r} may have to try more than {_MOST_WAYS} ways")
    return compiled


def _ways(pattern: str) -> int:
    """How many ways through a name `re` may have to try, at most, for a pattern that compiles.

    Those of what stands in a row multiply, those of alternatives add up. k repetitions without
    end share the name's n characters in (n + k) over k ways. ValueError for what isn't counted:
    a repeated bracket, a repeated repetition, references back, conditions, and flags.
    """
    around: list[tuple[_Ways, _Ways]] = []  # every open bracket: other alternatives, this one
    others, row, last = _NONE, _ONE, _ONE  # `last` joins the row when nothing repeats it any more
    repeats = ""  # what may follow `last`
    for token in _TOKEN.findall(pattern):
        if token[0] in "*+?{":
            if token[0] not in repeats:
                raise ValueError(f"{token!r} in {pattern!r} repeats what may not be repeated")
            last, repeats = _repeated(last, token), ""
        elif token in ("|", ")"):
            others, row, last, repeats = _sum(others, _product(row, last)), _ONE, _ONE, ""
            if token == ")":
                last, repeats = others, "?"
                others, row = around.pop()
        elif re.match(r"\\[0-9]", token):
            raise ValueError(f"{token!r} in {pattern!r} refers back")
        else:
            row, last, repeats = _product(row, last), _ONE, "*+?{"
            if token[0] == "(":
                around.append((others, row))
                others, row, repeats = _NONE, _ONE, ""
    ways = _sum(others, _product(row, last))
    return sum(many * math.comb(_LONGEST_NAME + k, k) for k, many in enumerate(ways))


def _repeated(ways: _Ways, token: str) -> _Ways:
    if token[0] == "?":
        return _sum(ways, _ONE)
    least, comma, most = token.rstrip("?").strip("{}").partition(",")
    if token[0] in "*+" or (comma and not most):
        return _ENDLESSLY
    start, end = (min(int(number or 0), _LONGEST_NAME) for number in (least, most or least))
    return (end - start + 1,)


def _sum(some: _Ways, others: _Ways) -> _Ways:
    return tuple(a + b for a, b in zip_longest(some, others, fillvalue=0))


def _product(some: _Ways, others: _Ways) -> _Ways:
    found = [0] * (len(some) + len(others) - 1)
    for i, a in enumerate(some):
        for j, b in enumerate(others):
            found[i + j] += a * b
    return tuple(found)
