"""Names of regions in the wild, mapped to GTVp and GTVn by patterns that a user may edit.

Nothing is mapped in silence: a name that doesn't say what it is, a region that holds primary
and nodes in one, and a name that no pattern fits all stand in the report.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from hnuiseg.errors import InputRefused
from hnuiseg.limits import MOST_TEXT_BYTES

REGIONS = ("GTVp", "GTVn")
_BOTH = "both"
_ALIKE = re.compile(r"[\s.\-_]+")
_LONGEST_NAME = 256  # (3006,0026) has 64
_MOST_ENDLESS = 3  # each multiplies the steps of a match by the length of the name
_ENDLESS = (RecursionError, OverflowError)  # brackets within brackets; a number without end
_SHIPPED = "roi_names.toml"


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
    if len(name) > _LONGEST_NAME:
        return None
    plain = _ALIKE.sub("_", name.strip()).casefold()
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
    endless = re.findall(r"(?<!\\)(?:[*+]|\{\d*,\})", pattern)
    if len(endless) > _MOST_ENDLESS or re.search(r"(?<!\\)\)[*+{]", pattern):
        raise ValueError(
            f"{pattern!r} repeats a group, or has more than {_MOST_ENDLESS} repetitions without end"
        )
    return re.compile(pattern, re.IGNORECASE)
