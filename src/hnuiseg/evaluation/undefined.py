"""A measure without meaning: nan in numbers, null in JSON, so that the text is no dialect."""

import math
from typing import Any


def without_nan(value: Any) -> Any:
    """The same with None for every nan, within dictionaries, lists and tuples too."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def or_nan(value: float | None) -> float:
    """A number as JSON had it."""
    return math.nan if value is None else value
