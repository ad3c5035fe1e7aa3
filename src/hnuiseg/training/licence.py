"""Which licence weights have that learnt from several data sets: all of them."""

from collections.abc import Iterable

NO_COMMERCE = "(no commercial use)"
_BETWEEN = "; "


def licence_text(licence: str, *, commercial: bool) -> str:
    """A data set's licence for a card."""
    return licence if commercial else f"{licence} {NO_COMMERCE}"


def all_licences(texts: Iterable[str]) -> str:
    """Each licence once; texts may themselves be of several."""
    each = (one for text in texts for one in text.split(_BETWEEN) if one)
    return _BETWEEN.join(dict.fromkeys(each))


def commercial_too(text: str) -> bool:
    """Whether every licence lets weights be used commercially."""
    return NO_COMMERCE not in text
