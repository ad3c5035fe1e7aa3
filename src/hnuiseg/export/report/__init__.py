"""The report: one self-contained HTML page with its figures inside."""

import base64
from importlib import resources

from jinja2 import Environment, StrictUndefined

from hnuiseg.export.colours import COLOURS
from hnuiseg.export.measure import THRESHOLDS
from hnuiseg.export.report.figures import MOST, Figure, figures
from hnuiseg.export.report.mip import mip
from hnuiseg.export.result import APPROVAL, Result, stamp
from hnuiseg.inference import Prediction
from hnuiseg.study.case import Case
from hnuiseg.volume import Triple

__all__ = ["Figure", "figures", "mip", "report_html"]

_ROWS = 40  # of a table; a wrong model can find hundreds of specks


def report_html(case: Case, prediction: Prediction, result: Result) -> str:
    """The page, in the order in which a clinician asks: what, where, how sure, from what."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["stamp"] = stamp
    environment.filters["base64"] = lambda png: base64.b64encode(png).decode("ascii")
    environment.filters["sides"] = _sides
    template = resources.files("hnuiseg.export.report").joinpath("page.html")
    page = environment.from_string(template.read_text(encoding="utf-8"))
    return page.render(
        result=result,
        figures=figures(case, prediction, result),
        mip=mip(case, prediction, result),
        rows=_ROWS,
        thresholds=THRESHOLDS,
        most_figures=MOST,
        colours={name: f"rgb{rgb}" for name, rgb in COLOURS.items()},
        approval=APPROVAL,
        oblique=_oblique(case),
    )


def _sides(centre_mm: Triple) -> str:
    """An LPS position without signs: "18 L · 15 A · 24 H"."""
    names = (("L", "R"), ("P", "A"), ("H", "F"))
    pairs = zip(centre_mm, names, strict=True)
    return " · ".join(
        f"{abs(v):.0f} {positive if v >= 0 else negative}" for v, (positive, negative) in pairs
    )


def _oblique(case: Case) -> bool:
    return any(max(abs(v) for v in step) < 0.9998 for step in case.ct.grid.direction)  # 1°
