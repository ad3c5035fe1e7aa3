"""Connected components: what this project calls a lesion (DESIGN §5)."""

import numpy as np
from jaxtyping import Bool, Int
from scipy import ndimage


def components(mask: Bool[np.ndarray, "z y x"]) -> tuple[Int[np.ndarray, "z y x"], int]:
    """The 26-connected components, numbered from 1 by falling volume, and how many.

    Equal volumes keep the order of their first voxel, so numbering is reproducible.
    """
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=bool))
    if count == 0:
        return labels.astype(np.int32), 0
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    rank = np.empty(count + 1, dtype=np.int32)
    rank[0] = 0
    rank[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    return rank[labels], int(count)
