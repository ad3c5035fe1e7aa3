"""Edits as JSON, for session files and for `hnuiseg refine`.

`{"edit": "click", "class": "GTVn", "position_mm": [x, y, z], "positive": true}`: the kind, and the
fields of its dataclass; a field called `region` in Python is `class` here. What has a default may
be left out. docs/reference/edits.schema.json has the schema.
"""

import math
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, get_args

from hnuiseg.errors import WrongCall
from hnuiseg.interaction.clicks import TUMOURS
from hnuiseg.interaction.edits import (
    BRUSH_MM,
    EDITS,
    LEAST_MM,
    MOST_MM,
    MOST_POINTS,
    VALUE,
    Edit,
    check_edit,
    kind_of,
)
from hnuiseg.volume import Triple

EDITS_FORMAT = 1
_RENAMED = {"region": "class", "other_region": "other_class", "regions": "classes"}


def edit_to_json(edit: Edit) -> dict[str, Any]:
    """An edit as what JSON can hold; what has its default is left out."""
    described: dict[str, Any] = {"edit": kind_of(edit)}
    for field in fields(edit):
        value = getattr(edit, field.name)
        if field.default is not MISSING and value == field.default:
            continue
        described[_RENAMED.get(field.name, field.name)] = _plain(value)
    return described


def edit_from_json(described: object) -> Edit:
    """The edit that JSON describes; WrongCall for anything else, with what is allowed."""
    name = described.get("edit") if isinstance(described, dict) else described
    if not isinstance(described, dict) or not isinstance(name, str) or name not in EDITS:
        raise WrongCall(f"an edit called {name!r:.40}", ", ".join(EDITS), "name one of these")
    kind = EDITS[name]
    known = {_RENAMED.get(f.name, f.name): f for f in fields(kind)}
    unknown = [key for key in described if key != "edit" and key not in known]
    if unknown:
        raise WrongCall(f"{name} with {unknown[0]!r:.40}", ", ".join(known), "mend its name")
    found: dict[str, Any] = {}
    for key, field in known.items():
        if key in described:
            found[field.name] = _READERS[field.name](described[key], key)
        elif field.default is MISSING:
            raise WrongCall(f"{name} without {key!r}", ", ".join(known), f"add {key!r}")
    edit = kind(**found)
    check_edit(edit)
    return edit


def edits_schema() -> dict[str, Any]:
    """JSON Schema of a file of edits, as `hnuiseg refine` reads it (docs/reference/)."""
    kinds = []
    for name, kind in EDITS.items():
        keys = {_RENAMED.get(f.name, f.name): f for f in fields(kind)}
        required = ["edit", *(key for key, f in keys.items() if f.default is MISSING)]
        properties = {"edit": {"const": name}, **{k: _schema_of(f) for k, f in keys.items()}}
        kinds.append(
            {
                "title": name,
                "description": (kind.__doc__ or "").split("\n")[0],
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": False,
            }
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Edits of hnuiseg refine",
        "type": "object",
        "properties": {
            "format": {"const": EDITS_FORMAT},
            "edits": {"type": "array", "items": {"oneOf": kinds}},
        },
        "required": ["format", "edits"],
    }


def _schema_of(field: Field[Any]) -> dict[str, Any]:
    """Of one field; null where it stands for both classes and has to be said."""
    schema = _SCHEMAS[field.name]
    if field.default is MISSING and type(None) in get_args(field.type):
        return {**schema, "enum": [*schema["enum"], None]}
    return dict(schema)


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _text(value: object, key: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _wrong(key, value, "a name")
    return value


def _truth(value: object, key: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def _number(value: object, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(key, value, "a finite number")
    try:
        number = float(value)
    except OverflowError:  # JSON's integers have no end
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(key, value, "a finite number")
    return number


def _triple(value: object, key: str) -> Triple | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3:
        raise _wrong(key, value, "three numbers [x, y, z] in mm")
    x, y, z = (_number(v, key) for v in value)
    if x is None or y is None or z is None:
        raise _wrong(key, value, "three numbers [x, y, z] in mm")
    return x, y, z


def _triples(value: object, key: str) -> tuple[Triple | None, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_POINTS or None in value:
        raise _wrong(key, value, f"1 to {MOST_POINTS} positions [[x, y, z], …] in mm")
    return tuple(_triple(v, key) for v in value)


def _texts(value: object, key: str) -> tuple[str | None, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_POINTS:
        raise _wrong(key, value, "a list of classes")
    return tuple(_text(v, key) for v in value)


_READERS: dict[str, Callable[[object, str], Any]] = {
    "region": _text,
    "other_region": _text,
    "to": _text,
    "regions": _texts,
    "positive": _truth,
    "position_mm": _triple,
    "other_position_mm": _triple,
    "corner_mm": _triple,
    "opposite_mm": _triple,
    "positions_mm": _triples,
    "radius_mm": _number,
    "brush_mm": _number,
    "value": _number,
}


_CLASS = {"enum": list(TUMOURS)}
_POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_POSITIONS = {"type": "array", "items": _POSITION, "minItems": 1, "maxItems": MOST_POINTS}
_SCHEMAS: dict[str, Any] = {
    "region": _CLASS,
    "other_region": _CLASS,
    "to": _CLASS,
    "regions": {"type": "array", "items": _CLASS, "minItems": 1},
    "positive": {"type": "boolean", "default": True},
    "position_mm": _POSITION,
    "other_position_mm": _POSITION,
    "corner_mm": _POSITION,
    "opposite_mm": _POSITION,
    "positions_mm": _POSITIONS,
    "radius_mm": {"type": "number", "minimum": LEAST_MM, "maximum": MOST_MM},
    "brush_mm": {"type": "number", "minimum": BRUSH_MM[0], "maximum": BRUSH_MM[1]},
    "value": {"type": "number", "minimum": VALUE[0], "maximum": VALUE[1]},
}


def _wrong(key: str, value: object, allowed: str) -> WrongCall:
    return WrongCall(f"{key} of {value!r:.60}", allowed, "mend it")
