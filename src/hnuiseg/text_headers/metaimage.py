"""Headers of MetaImage. Source: MetaIO's documentation, and what ITK reads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hnuiseg.text_headers.description import (
    Damaged,
    Described,
    file_beside,
    once,
    quoted,
    real_numbers,
    sizes_of,
    text_of,
    whole_number,
)

META = (".mha", ".mhd")
_MOST_CHANNELS = 8
_META_TYPE = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # MetaIO's table of sizes, whatever a long is to the machine
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_META_TURN = ("TransformMatrix", "Rotation", "Orientation")
_META_PLACE = ("Offset", "Position", "Origin")
_META_SCALE = {"ElementToIntensityFunctionSlope": 1.0, "ElementToIntensityFunctionOffset": 0.0}
_META_READ = {  # fields that aren't of these may say what they want
    *("ObjectType", "NDims", "DimSize", "ElementType", "ElementNumberOfChannels", "DistanceUnits"),
    *("ElementSpacing", "ElementSize", "ElementDataFile", "HeaderSize", "CompressedData"),
    *("BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB"),
    *_META_TURN,
    *_META_PLACE,
    *_META_SCALE,
}


def metaimage(head: bytes, path: Path) -> Described:
    """What the beginning of a .mha or .mhd file says; Damaged for what is no MetaImage."""
    fields, start = _meta_fields(head)
    if fields.get("ObjectType", "Image") != "Image" or "ElementDataFile" not in fields:
        raise Damaged
    shape = sizes_of(fields.get("DimSize", ""), fields.get("NDims", ""))
    code = _META_TYPE.get(fields.get("ElementType", ""))
    if code is None:
        raise Damaged(f"values of type {quoted(fields.get('ElementType', ''))}")
    if not _true(fields, "BinaryData", "True"):
        raise Damaged("values in text")
    if any(k in fields and real_numbers(fields[k], 1) != [same] for k, same in _META_SCALE.items()):
        raise Damaged("a scale of its values")  # ITK passes over it
    if fields.get("DistanceUnits", "mm") not in ("mm", "?"):
        raise Damaged(f"positions in {quoted(fields['DistanceUnits'])}")
    named = fields["ElementDataFile"]
    local = named.upper() == "LOCAL"
    header_size = whole_number(fields.get("HeaderSize", "0"))
    if header_size < -1 or (local and header_size):
        raise Damaged(f"a header of {header_size} bytes before its values")
    msb = _true(fields, "BinaryDataByteOrderMSB", "False") or _true(
        fields, "ElementByteOrderMSB", "False"
    )
    packed = _true(fields, "CompressedData", "False")
    channels = whole_number(fields.get("ElementNumberOfChannels", "1"))
    if not 1 <= channels <= _MOST_CHANNELS:
        raise Damaged
    if packed and header_size:
        raise Damaged("a header before packed values")
    steps, origin = _meta_place(fields, len(shape))
    return Described(
        shape,
        channels,
        np.dtype((">" if msb else "<") + code),
        steps,
        origin,
        path if local else file_beside(path, named),
        start if local else header_size,
        "zlib" if packed else "raw",
    )


def _meta_fields(head: bytes) -> tuple[dict[str, str], int]:
    """Fields that are read, by name, and how many bytes come before the values."""
    fields: dict[str, str] = {}
    length = 0
    for line in head.split(b"\n"):
        length += len(line) + 1
        name, separator, value = (part.strip() for part in text_of(line).partition("="))
        if name and not separator:
            raise Damaged
        if name in _META_READ and fields.get(name) != value:
            once(fields, name, value)
        if name == "ElementDataFile":
            break
    return fields, length


def _meta_place(
    fields: Mapping[str, str], axes: int
) -> tuple[Float[np.ndarray, "3 3"] | None, Float[np.ndarray, "3"] | None]:
    turns = {fields[k] for k in _META_TURN if k in fields}  # one thing by three names
    places = {fields[k] for k in _META_PLACE if k in fields}
    if not turns or not places:
        return None, None
    if len(turns) > 1 or len(places) > 1:
        raise Damaged("two places")
    spacing = fields.get("ElementSpacing", fields.get("ElementSize"))
    if spacing is None:
        raise Damaged("no spacing: neither ElementSpacing nor ElementSize")
    directions = np.array(real_numbers(turns.pop(), axes * axes)).reshape(axes, axes)
    apart = np.array(real_numbers(spacing, axes))
    if not (apart > 0).all():
        raise Damaged("a spacing that isn't positive")
    return (directions * apart[:, None])[:3, :3], np.array(real_numbers(places.pop(), axes))[:3]


def _true(fields: Mapping[str, str], name: str, usual: str) -> bool:
    value = fields.get(name, usual).lower()
    if value not in ("true", "false", "1", "0"):
        raise Damaged(f"{name} {quoted(value)}")
    return value in ("true", "1")
