"""A folder that appears whole or not at all, in place of what was there under its name."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from hnuiseg.errors import OutputFailed


@contextmanager
def whole_folder(folder: Path, what: str) -> Iterator[Path]:
    """An empty folder beside `folder` to fill; it takes that name when the block ends well.

    Unlike `export.output_directory` it replaces only what a data set made itself, case by case.
    OutputFailed where the disk refuses, naming `what`; then `folder` is as it was.
    """
    partial = folder.with_name(f".{folder.name}.{token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except OSError as error:
        raise OutputFailed(
            f"{what} can't be written ({error.strerror})",
            "a folder that can be written to, on a disk with room",
            "free some space, then go on with --resume; what is finished stays",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
