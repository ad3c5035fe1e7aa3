"""The HTTP face of sessions, and its security.

Only what needs no web framework is named here: `serve` loads it, or says that it isn't installed.
"""

from hnuiseg.server.audit import Verdict, verify
from hnuiseg.server.binding import DEFAULT_PORT, Binding
from hnuiseg.server.limits import Limits
from hnuiseg.server.run import Served, serve
from hnuiseg.server.sources import answering, drawing, labels_of, study_source
from hnuiseg.server.work_folder import WorkFolder

__all__ = [
    "DEFAULT_PORT",
    "Binding",
    "Limits",
    "Served",
    "Verdict",
    "WorkFolder",
    "answering",
    "drawing",
    "labels_of",
    "serve",
    "study_source",
    "verify",
]
