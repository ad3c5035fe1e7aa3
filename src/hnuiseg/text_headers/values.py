"""The values behind a header: as they are, or unpacked as far as they were promised."""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

from hnuiseg.limits import MOST_VOXELS
from hnuiseg.text_headers.description import Damaged, Described

_CHUNK_BYTES = 1 << 22
_PACKED_BYTES = 1 << 14  # read at once: what is left of it is copied with every member of a gzip


def values(image: Described) -> Shaped[np.ndarray, "..."]:
    """The values, last axis first; Damaged where there are fewer than the header says."""
    count = math.prod(image.shape) * image.values_a_voxel
    if count > MOST_VOXELS:
        raise Damaged("more values than any image has")
    content = np.zeros(count * image.dtype.itemsize, dtype=np.uint8)  # taken as it is filled
    try:
        with image.file.open("rb") as file:
            offset = image.offset
            if offset < 0:
                offset = image.file.stat().st_size - len(content)
            if offset < 0:
                raise Damaged
            file.seek(offset)
            done = 0
            for chunk in _UNPACKED[image.packing](file, len(content)):
                content[done : done + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
                done += len(chunk)
    except (EOFError, OSError, zlib.error, ValueError) as error:
        raise Damaged from error
    if done < len(content):
        raise Damaged
    array = content.view(image.dtype)
    if image.values_a_voxel > 1:
        return array.reshape(*image.shape[::-1], image.values_a_voxel)
    return array.reshape(image.shape[::-1])


def _plain(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := file.read(min(size, _CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk


def _gzipped(file: BinaryIO, size: int) -> Iterator[bytes]:
    """As many members as hold `size` bytes, each to its checksum; what follows is left alone."""
    waiting = b""
    while size > 0:
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        for chunk in _inflated(unpacker, waiting, file, size):
            size -= len(chunk)
            yield chunk
        waiting = unpacker.unused_data


def _deflated(file: BinaryIO, size: int) -> Iterator[bytes]:
    return _inflated(zlib.decompressobj(), b"", file, size)


def _inflated(
    unpacker: "zlib._Decompress", waiting: bytes, file: BinaryIO, size: int
) -> Iterator[bytes]:
    """One stream to its end; more than `size` is damage, and found before it is unpacked."""
    while not unpacker.eof:
        waiting = waiting or file.read(_PACKED_BYTES)
        chunk = unpacker.decompress(waiting, _CHUNK_BYTES)
        if len(chunk) > size or not (waiting or chunk):
            raise ValueError
        waiting = unpacker.unconsumed_tail
        size -= len(chunk)
        yield chunk


_UNPACKED: Mapping[str, Callable[[BinaryIO, int], Iterator[bytes]]] = {
    "raw": _plain,
    "gzip": _gzipped,
    "zlib": _deflated,
}
