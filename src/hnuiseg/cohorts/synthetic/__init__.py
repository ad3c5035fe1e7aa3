"""Disease planted in real CTs: semi-synthetic patients to learn and to measure on."""

from hnuiseg.cohorts.synthetic.beside import write_beside
from hnuiseg.cohorts.synthetic.cohort import synthetic
from hnuiseg.cohorts.synthetic.patient import Planted, planning_case, planted, staging_case

__all__ = ["Planted", "planning_case", "planted", "staging_case", "synthetic", "write_beside"]
