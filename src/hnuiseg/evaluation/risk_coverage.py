"""Does uncertainty point at errors? The area under the risk-coverage curve (AURC).

Keep the surest share of the voxels (coverage) and ask how many of those are wrong (risk). The
better the ranking, the lower the curve; its mean over all coverages is the area. A ranking that
knows nothing has the error rate itself. The area depends on the error rate, so only rankings of
the same errors may be compared.

Source: Geifman & El-Yaniv, arXiv 1705.08500; Geifman et al., arXiv 1805.08206.
"""

import numpy as np
from jaxtyping import Bool, Float


def risk_coverage(
    uncertainty: Float[np.ndarray, " n"], wrong: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """The share of errors among the k least uncertain voxels, for k from 1 to n.

    Only the order of `uncertainty` counts. Among equals the order is unknown: the share is the
    one expected if they came in random order, so no accident of storage flatters a ranking.
    """
    order = np.argsort(uncertainty, kind="stable")
    ranked, errors = uncertainty[order], np.cumsum(wrong[order])
    count = len(ranked)
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], [True] * bool(count)))
    kept = np.arange(1, count + 1)
    expected = np.interp(kept, np.append(0, last + 1), np.append(0, errors[last]))
    return np.asarray(expected / kept, dtype=np.float64)


def aurc(uncertainty: Float[np.ndarray, " n"], wrong: Bool[np.ndarray, " n"]) -> float:
    """The mean of the risk-coverage curve, 0 to 1, lower is better; nan without voxels."""
    return float(risk_coverage(uncertainty, wrong).mean()) if len(wrong) else float("nan")


def least_aurc(errors: int, count: int) -> float:
    """The area of a ranking in which every error is more uncertain than all that is right."""
    if not count:
        return float("nan")
    wrong = np.arange(1, errors + 1)
    return float((wrong / (count - errors + wrong)).sum() / count)
