"""What a cohort's figures are worth: intervals by bootstrap over patients, and paired tests.

Patients are the unit (DESIGN section 5). Every figure of a cohort is a function of sums over its
patients: a mean over defined values, DSCagg and a pooled F1 are all ratios of two sums. So a
patient is a row of terms, a resample says how often each row counts, and one function does all.
Intervals are of the percentile kind (Efron & Tibshirani 1993, section 13.3).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy import stats

RESAMPLES = 10_000
LEVEL = 0.95
_PURPOSE = 0x424F4F54  # of random numbers
_SAME = 1e-12  # a smaller difference is rounding

Statistic = Callable[[Float[np.ndarray, "*n terms"]], Float[np.ndarray, "*n"]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure of a cohort and its 95 % interval; nan where it is undefined.

    Of a single patient there is no interval: both ends are nan.
    """

    value: float
    low: float
    high: float


def ratio(sums: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n"]:
    """The first sum by the second; nan where the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] == 0, np.nan, sums[..., 0] / sums[..., 1])


def defined(values: Sequence[float]) -> Float[np.ndarray, "patients 2"]:
    """Rows whose `ratio` is the mean of the values that aren't nan."""
    given = np.asarray(values, dtype=np.float64)
    there = ~np.isnan(given)
    return np.stack([np.where(there, given, 0.0), there.astype(np.float64)], axis=-1)


def by_patient(
    rows: Float[np.ndarray, "cases terms"], patients: Sequence[Hashable]
) -> Float[np.ndarray, "patients terms"]:
    """A row for each patient, the sum of its cases' rows, in order of first appearance."""
    place = {patient: k for k, patient in enumerate(dict.fromkeys(patients))}
    sums = np.zeros((len(place), rows.shape[1]))
    np.add.at(sums, [place[patient] for patient in patients], rows)
    return sums


def bootstrap(
    rows: Float[np.ndarray, "patients terms"],
    statistic: Statistic = ratio,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """`statistic` of the rows' sum, with its interval over resampled patients.

    `statistic` maps sums (…, terms) to figures (…). Resamples in which it is nan, as those
    without a defined value, are left out. The same number of patients and seed draw the same
    resamples, so figures of one cohort vary together.
    """
    if not len(rows):
        return Interval(np.nan, np.nan, np.nan)
    value = float(statistic(rows.sum(axis=0)))
    if len(rows) < 2 or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    found = statistic(_times_drawn(len(rows), resamples, seed) @ rows)
    found = found[~np.isnan(found)]
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def bootstrap_difference(
    first: Float[np.ndarray, "patients terms"],
    second: Float[np.ndarray, "patients terms"],
    statistic: Statistic = ratio,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """`statistic` of the first rows less that of the second, for the same patients in order."""
    terms = first.shape[1]

    def less(sums: Float[np.ndarray, "*n both"]) -> Float[np.ndarray, "*n"]:
        return statistic(sums[..., :terms]) - statistic(sums[..., terms:])

    both = np.concatenate([first, second], axis=1)
    return bootstrap(both, less, seed=seed, resamples=resamples)


def wilcoxon(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test on pairs; 1 where no pair differs.

    Pairs that don't differ are left out. nan without pairs; ValueError where a value is nan:
    what an undefined value counts as is the caller's to say.
    """
    apart = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if np.isnan(apart).any():
        raise ValueError("a pair with a value that isn't defined")
    if not len(apart):
        return float("nan")
    apart = apart[np.abs(apart) > _SAME]
    return float(stats.wilcoxon(apart).pvalue) if len(apart) else 1.0


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p of a family of tests, in their order; nan stays nan and isn't counted.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    given = np.asarray(p, dtype=np.float64)
    adjusted = np.full(len(given), np.nan)
    tests = np.flatnonzero(~np.isnan(given))
    order = tests[np.argsort(given[tests], kind="stable")]
    left = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * left))
    return tuple(float(v) for v in adjusted)


@lru_cache(maxsize=2)
def _times_drawn(patients: int, resamples: int, seed: int) -> Float[np.ndarray, "resamples n"]:
    """How often each patient is in each resample."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, _PURPOSE])))
    drawn = generator.multinomial(patients, np.full(patients, 1 / patients), size=resamples)
    times = drawn.astype(np.float64)
    times.flags.writeable = False
    return times
