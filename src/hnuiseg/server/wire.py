"""What travels as JSON: every request and answer of the API, described for OpenAPI.

Positions are LPS millimetres (x, y, z); voxel indices and shapes are (z, y, x) of the CT as stored.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from hnuiseg.export import DEFAULT_FORMATS
from hnuiseg.inference import NotDrawn
from hnuiseg.interaction import (
    LesionSummary,
    Report,
    Suggestion,
    edit_to_json,
    edits_schema,
)
from hnuiseg.interaction.boxes import Box, shape_of, start_of
from hnuiseg.interaction.outcome import told
from hnuiseg.server.exports import Exported
from hnuiseg.server.history import Approval
from hnuiseg.server.open_session import Done, OpenSession
from hnuiseg.server.queue import JobView
from hnuiseg.server.refusals import body_of
from hnuiseg.server.roll import SessionRow, StudyRow

_EDIT = {"oneOf": edits_schema()["properties"]["edits"]["items"]["oneOf"]}
EditJson = Annotated[dict[str, Any], WithJsonSchema(_EDIT)]
Position = tuple[float, float, float]
Index = tuple[int, int, int]
TumourName = Literal["GTVp", "GTVn"]


class Wire(BaseModel):
    """Unknown fields are refused: a misspelt one would be a wish that nobody hears."""

    model_config = ConfigDict(extra="forbid")


class ErrorParts(Wire):
    """What came, what is allowed, what to do; and a stable word for programs."""

    code: str
    came: str
    allowed: str
    remedy: str


class ErrorBody(Wire):
    """The shape of every error."""

    error: ErrorParts


class JobBody(Wire):
    """Something that waits for the computing thread, or runs there."""

    id: str
    kind: str
    study: str | None
    session: str | None
    state: str
    position: int = Field(description="0: it runs; from 1: its place among what waits")
    progress: float = Field(description="0 to 1")
    eta_s: float | None = Field(description="seconds left; null before there is a pace")


class ApprovalBody(Wire):
    """A person's approval; DICOM objects stay UNAPPROVED."""

    name: str
    time: str
    revision: str
    stands: bool = Field(description="the session wasn't changed since")


class SessionLine(Wire):
    """A session in the list of a study."""

    id: str
    start: str
    begun: str
    open: bool
    approval: ApprovalBody | None


class StudyBody(Wire):
    """A study that was named on the command line."""

    id: str
    label: str
    state: Literal[
        "not-opened", "waiting", "predicting", "ready", "saved", "in-session", "approved", "failed"
    ]
    images: bool = Field(description="its images are in memory and can be fetched")
    job: JobBody | None = Field(description="its latest automatic pass")
    problem: ErrorParts | None
    sessions: list[SessionLine]


class StartBody(Wire):
    """A drawing that a session may begin with."""

    id: str
    label: str


class StudiesBody(Wire):
    """What this server serves."""

    studies: list[StudyBody]
    starts: list[StartBody]


class QueueBody(Wire):
    """What runs and what waits, in order."""

    jobs: list[JobBody]


class NoticeBody(Wire):
    """A warning for the clinician."""

    code: str
    text: str


class ImageBody(Wire):
    """What pictures a study has."""

    shape: Index
    spacing: Position = Field(description="z, y, x; mm")
    body_start: Index = Field(description="first voxel of the box that is sent by default")
    body_shape: Index
    pet: bool
    notices: list[NoticeBody]


class BeginBody(Wire):
    """Begin a session."""

    study: str
    start: str = Field("automatic", description='"automatic", or the id of a drawing')


class LeaseAsked(Wire):
    """Ask for the lease of a session."""

    take_over: bool = Field(False, description="even if another tab holds it")


class LeaseBody(Wire):
    """The lease: send it as header Hnuiseg-Lease, and renew it before it runs out."""

    lease: str
    lasts_s: float


class ReportBody(Wire):
    """What an edit did."""

    changed_ml: float
    moved_ml: float
    forced: bool
    outside_ml: float
    radius_mm: float | None
    zoomed_out: int
    members: int


class BoxBody(Wire):
    """Voxels (z, y, x) of the CT as stored."""

    start: Index
    shape: Index


class EditLine(Wire):
    """An edit that stands."""

    id: int
    edit: EditJson
    told: str = Field(description="one line for people")
    report: ReportBody


class SessionBody(Wire):
    """An open session."""

    id: str
    study: str
    revision: str
    start: str
    begun: str
    can_undo: bool
    can_redo: bool
    asks_network: bool
    held: bool = Field(description="a tab holds the lease")
    held_by_you: bool
    approval: ApprovalBody | None
    notes: list[str] = Field(description="what was noted of the drawing that it began with")
    edits: list[EditLine]


class EditAsked(Wire):
    """Do an edit, as in edits.schema.json."""

    edit: EditJson
    members: int | None = Field(
        None, ge=0, le=100, description="stochastic members behind a click; null: as the server has"
    )


class ChangeBody(Wire):
    """What a change came to."""

    revision: str
    edit_id: int | None = Field(description="of the edit that was added")
    report: ReportBody | None
    changed: BoxBody | None = Field(description="fetch this box anew; null: nothing differs")
    latency_s: float = Field(description="from asking to done, waiting included")
    can_undo: bool
    can_redo: bool


class RegionAsked(Wire):
    """Where would this edit change anything?"""

    edit: EditJson


class ThresholdAsked(Wire):
    """What would labels be at this threshold?"""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    region: TumourName = Field(alias="class")
    value: float
    position_mm: Position | None = None


class LesionBody(Wire):
    """A 26-connected component of a class."""

    region: TumourName = Field(serialization_alias="class")
    number: int
    inside_mm: Position
    location: str
    voxels: int
    volume_ml: float
    mean_probability: float
    peak_probability: float
    mean_entropy: float | None
    mean_disagreement: float | None
    suv_max: float | None
    apart_mm: float
    in_field: bool
    locked: bool
    accepted: bool
    confirmed: bool = Field(
        description="a person's click, stroke or box stands in it, or all is accepted or locked"
    )
    reasons: list[str] = Field(description="why it is flagged; empty: it isn't")


class NotDrawnBody(Wire):
    """A component that is too small or too doubtful for the model to draw."""

    class_name: TumourName = Field(serialization_alias="class")
    volume_ml: float
    peak_probability: float
    inside_mm: Position = Field(description="where it is most probable")


class LesionsBody(Wire):
    """Flagged ones first, then GTVp and GTVn by falling volume."""

    revision: str
    lesions: list[LesionBody]
    not_drawn: list[NotDrawnBody] = Field(description="until an edit says what is there")
    beyond_voxels: int = Field(
        description="labelled voxels outside the box that pictures have by default: say so"
    )


class SuggestionBody(Wire):
    """A place worth a click."""

    position_mm: Position
    score: float
    volume_ml: float
    doubt: float
    suv_max: float | None
    label: int


class SuggestionsBody(Wire):
    """The most promising first."""

    revision: str
    suggestions: list[SuggestionBody]


class ValueBody(Wire):
    """What is known of one voxel."""

    index: Index
    hu: float
    suv: float | None = Field(description="g/ml; null without PET, or beyond its coverage")
    label: int
    probabilities: tuple[float, float, float] = Field(description="background, GTVp, GTVn")
    entropy: float | None = Field(description="nats; null where nothing was sampled")
    mutual_information: float | None
    votes: int
    locked: bool
    revision: str


class ApproveAsked(Wire):
    """Approve the session as it is, under a name that a person types."""

    name: str = Field(max_length=200)


class ExportAsked(Wire):
    """Write outputs."""

    formats: list[str] = Field(default_factory=lambda: list(DEFAULT_FORMATS), max_length=20)


class FileBody(Wire):
    """A file of an export, at /api/exports/{export}/{id}."""

    id: str
    name: str
    bytes: int
    sha256: str


class LeftOut(Wire):
    """What was asked for and has no sense here."""

    name: str
    reason: str


class ExportBody(Wire):
    """What was written of a session at a revision."""

    id: str
    session: str
    revision: str
    created: str
    verdict: str
    files: list[FileBody]
    not_written: list[LeftOut]
    notices: list[str]


class ExportsBody(Wire):
    """Exports of one session, oldest first."""

    exports: list[ExportBody]


class ServerBody(Wire):
    """What the page must know of its server."""

    version: str
    approval: Literal["UNAPPROVED"] = "UNAPPROVED"
    model: str
    formats: list[str]
    lease_s: float
    audit_last: str = Field(description="SHA-256 of the audit file's last line")


def job_body(view: JobView) -> JobBody:
    """A job."""
    return JobBody(**asdict(view))


def approval_body(approval: Approval | None, stands: bool) -> ApprovalBody | None:
    """An approval, where there is one."""
    return None if approval is None else ApprovalBody(**asdict(approval), stands=stands)


def study_body(row: StudyRow) -> StudyBody:
    """A study."""
    return StudyBody(
        id=row.id,
        label=row.label,
        state=row.state,
        images=row.in_memory,
        job=None if row.job is None else job_body(row.job),
        problem=None if row.problem is None else ErrorParts(**body_of(row.problem)["error"]),
        sessions=[_line(session) for session in row.sessions],
    )


def _line(row: SessionRow) -> SessionLine:
    return SessionLine(
        id=row.about.id,
        start=row.about.start,
        begun=row.about.begun,
        open=row.is_open,
        approval=approval_body(row.approval, row.approval_stands),
    )


def session_body(session: OpenSession, lease: str, approval: Approval | None) -> SessionBody:
    """A session; whoever sends its lease is told that it is theirs."""
    revision, value = session.revision, session.interactive.session
    return SessionBody(
        id=session.about.id,
        study=session.about.study,
        revision=revision,
        start=session.about.start,
        begun=session.about.begun,
        can_undo=value.can_undo,
        can_redo=value.can_redo,
        asks_network=session.interactive.asks_network,
        held=session.held,
        held_by_you=session.lease.is_of(lease),
        approval=approval_body(approval, approval is not None and approval.revision == revision),
        notes=list(session.interactive.start.notes),
        edits=[
            EditLine(
                id=layer.edit_id,
                edit=edit_to_json(layer.edit),
                told=told(layer),
                report=report_body(layer.report),
            )
            for layer in value.layers
        ],
    )


def report_body(report: Report) -> ReportBody:
    """A report."""
    return ReportBody(**asdict(report))


def box_body(box: Box) -> BoxBody:
    """A box."""
    return BoxBody(start=start_of(box), shape=shape_of(box))


def change_body(done: Done, session: OpenSession) -> ChangeBody:
    """A change."""
    value = session.interactive.session
    return ChangeBody(
        revision=done.revision,
        edit_id=done.edit_id,
        report=None if done.report is None else report_body(done.report),
        changed=None if done.changed is None else box_body(done.changed),
        latency_s=done.latency_s,
        can_undo=value.can_undo,
        can_redo=value.can_redo,
    )


def lesion_body(
    lesion: LesionSummary, flagged: Mapping[LesionSummary, tuple[str, ...]]
) -> LesionBody:
    """A lesion, with why it is flagged."""
    return LesionBody(**asdict(lesion), reasons=list(flagged.get(lesion, ())))


def not_drawn_body(component: NotDrawn) -> NotDrawnBody:
    """A component that isn't drawn."""
    return NotDrawnBody(**asdict(component))


def suggestion_body(suggestion: Suggestion) -> SuggestionBody:
    """A suggestion."""
    return SuggestionBody(**asdict(suggestion))


def export_body(made: Exported) -> ExportBody:
    """An export."""
    described = asdict(made)
    described["not_written"] = [{"name": n, "reason": why} for n, why in made.not_written]
    return ExportBody(**described)
