"""One case: every user's answers with and without its PET, measured on its CT's own grid."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hnuiseg.cohorts import AnnotatedCase, read_cached
from hnuiseg.errors import InputRefused
from hnuiseg.inference import (
    BACKGROUND,
    CLASSES,
    Field,
    Least,
    PredictOptions,
    drawn,
    likeliest,
)
from hnuiseg.interaction import Robot, Scene
from hnuiseg.models import ModelFile, ModelSettings
from hnuiseg.preprocessing import suv_again
from hnuiseg.training.assess.guided import Guided
from hnuiseg.training.assess.measure import calibration_sums, class_measures, ranking
from hnuiseg.training.assess.options import AssessOptions
from hnuiseg.training.assess.regions import WithinRegions, entropy_of
from hnuiseg.training.assess.users import (
    USERS,
    Answer,
    Ask,
    Network,
    Question,
    User,
    answers_to,
    judging,
)
from hnuiseg.training.calibrate import SCANS
from hnuiseg.training.data import CaseRef
from hnuiseg.training.sample_store import StoredSample
from hnuiseg.training.whole import WholeAnswers
from hnuiseg.volume import Grid, components

_CLICKS = 0x41535345  # purpose of random numbers


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """A model in the ways that it is asked."""

    settings: ModelSettings
    labelling: Network  # what the labels come from
    one_pass: Network
    members: Network | None  # behind calibration and ranking

    @classmethod
    def of(cls, model: ModelFile, options: AssessOptions, device: torch.device) -> "Networks":
        """Loaded; ways that are the same are one."""
        plain = WholeAnswers(model, device)

        def sampled(members: int) -> WholeAnswers:
            asked = PredictOptions(members=members, seed=options.seed)
            return WholeAnswers(model, device, asked)

        several = sampled(options.uncertainty_members) if options.uncertainty_members else None
        labelling = plain
        if options.members:
            same = options.members == options.uncertainty_members
            labelling = several if same and several else sampled(options.members)
        return cls(model.settings, labelling, plain, several)


def assess_case(
    ref: CaseRef,
    networks: Networks,
    options: AssessOptions,
    told: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """A row for each kind of scan, user and measured step; JSON.

    A case with PET is measured with it and, apart, with the PET hidden; one without is measured
    under "CT" alone. Calibration and ranking are of each user's last step; within regions only of
    the automatic answer, as members don't take part in a click there. `told` hears of each row.
    InputRefused where the case is damaged.
    """
    sample = ref.sample(networks.settings)
    found = read_cached(ref.folder, ref.entry.sha256)
    field = Field.of(found.case, networks.settings.working_spacing)
    if sample.shape != tuple(side.stop - side.start for side in field.box):
        raise InputRefused(
            f"the sample of {ref.name} is of another box than the patient's",
            "samples that this version of hnuiseg made",
            f"delete the folder {sample.folder.parent.parent.name} of its data set",
        )
    has_pet = bool(sample.marks(sample.whole)[1].any())
    rows = []
    for scan in options.scans:
        if scan == "CT" or has_pet:
            one = _Scan(sample, found, field, networks, scan)
            for row in one.rows(options, ref.entry.sha256):
                rows.append(row)
                told()
    return rows


def rows_of(scan: str, options: AssessOptions) -> int:
    """How many rows `assess_case` makes of a case whose manifest says that kind of scan."""
    steps = sum(len(USERS[user].measured_after) for user in options.users)
    return steps * sum(kind in ("CT", scan) for kind in options.scans)


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """A case seen with its PET, or without."""

    sample: StoredSample
    found: AnnotatedCase
    field: Field
    networks: Networks
    scan: str

    def rows(self, options: AssessOptions, sha256: str) -> Iterator[dict[str, Any]]:
        truth = self.sample.marks(self.sample.whole)[0]
        scene = Scene(truth, self.sample.spacing)
        nothing = Question()
        least = Least() if options.every_component else Least.of(self.networks.settings)
        automatic = self._answer(self.networks.labelling, nothing, least)
        for name in options.users:
            user = USERS[name]
            generator = self._generator(options.seed, sha256, user)
            ask, robot = self._session(user, automatic, options, least)
            for step, answer in answers_to(user, robot, ask, automatic, scene, generator):
                on_ct = self._on_ct(answer.probabilities)
                kept = answer.labels
                if user.only_confirmed:
                    kept = self._kept(answer, Least(ml=(math.inf, math.inf)))
                shown = likeliest(on_ct)
                if not np.array_equal(kept, likeliest(answer.probabilities)):
                    shown = self._kept_on_ct(kept, shown)
                row = {
                    "scan": self.scan,
                    "user": name,
                    "step": step,
                    "clicks": len(answer.question.clicks),
                    "diagonal_mm": self.found.truth.grid.diagonal_mm,
                    "classes": class_measures(shown, self.found.truth),
                }
                local = options.within_region and bool(user.measured_after[-1])
                if self.networks.members is None or step < user.measured_after[-1] or local:
                    yield row | {"calibration": None, "ranking": None}
                else:
                    yield row | self._doubted(self.networks.members, answer.question, shown, on_ct)

    def _session(
        self, user: User, automatic: Answer, options: AssessOptions, least: Least
    ) -> tuple[Ask, Robot]:
        """What answers one user's clicks, and the robot that makes them."""
        network = self.networks.labelling
        if not options.within_region:
            assert user.robot is not None  # `AssessOptions` refuses others
            return lambda question: self._answer(network, question, least), judging(user.robot)
        with_pet = self.scan == SCANS[0]
        doubt = suv = None
        if user.robot is None and self.networks.members is not None:
            doubt = entropy_of(self._asked(self.networks.members, Question()))
            if with_pet:
                scaled = self.sample.images(self.sample.whole)[1]
                suv = suv_again(scaled, self.networks.settings.pet_scheme)
        session = WithinRegions(
            self.sample,
            network,
            automatic,
            doubt=doubt,
            suv=suv,
            with_pet=with_pet,
            deletes_by=self.sample.marks(self.sample.whole)[0] if user.deletes else None,
        )
        return session, judging(user.robot or Guided(session))

    def _doubted(
        self,
        members: Network,
        question: Question,
        labels: UInt8[np.ndarray, "a b c"],
        on_ct: Float[np.ndarray, "3 a b c"],
    ) -> dict[str, Any]:
        """Calibration and ranking, asked anew where the labels came of another way."""
        ways, truth = self.networks, self.found.truth

        def asked(network: Network) -> Float[np.ndarray, "3 a b c"]:
            same = network is ways.labelling
            return on_ct if same else self._on_ct(self._asked(network, question))

        sampled = asked(members)
        temperature = ways.settings.temperature(self.scan == SCANS[0])
        return {
            "calibration": calibration_sums(sampled, truth, temperature),
            "ranking": ranking(labels, sampled, asked(ways.one_pass), truth),
        }

    def _asked(self, network: Network, question: Question) -> Float[np.ndarray, "3 z y x"]:
        return network.probabilities(
            self.sample, question.clicks, question.before, with_pet=self.scan == SCANS[0]
        )

    def _answer(self, network: Network, question: Question, least: Least) -> Answer:
        answer = Answer.plain(question, self._asked(network, question))
        return replace(answer, labels=self._kept(answer, least))

    def _on_ct(self, working: Float[np.ndarray, "3 z y x"]) -> Float[np.ndarray, "3 a b c"]:
        placed = self.field.placed_each(torch.from_numpy(working), BACKGROUND)
        return self.field.stored_each(placed)

    def _kept(self, answer: Answer, least: Least) -> UInt8[np.ndarray, "z y x"]:
        """The answer's labels without what reaches too little and no click confirmed."""
        grid = Grid.axial(self.sample.shape, self.sample.spacing)
        gtvp, gtvn = (
            grid.to_world(np.array(places, dtype=float).reshape(-1, 3))
            for places in (
                [c.index for c in answer.question.clicks if c.positive and c.region == name]
                for name in CLASSES[1:]
            )
        )
        reach_mm = max(grid.spacing)
        kept = drawn(answer.labels, answer.probabilities, grid, least, (gtvp, gtvn), reach_mm)
        return kept.labels

    def _kept_on_ct(
        self, kept: UInt8[np.ndarray, "z y x"], labels: UInt8[np.ndarray, "a b c"]
    ) -> UInt8[np.ndarray, "a b c"]:
        """Labels on the CT, without components of which nothing was kept on the working grid."""
        there = self.field.stored(self.field.placed(torch.from_numpy(kept), beyond=0, order=0))
        shown = labels.copy()
        for value in range(1, len(CLASSES)):
            numbered, _ = components(labels == value)
            touched = np.unique(numbered[(there == value) & (labels == value)])
            shown[(numbered > 0) & ~np.isin(numbered, touched)] = 0
        return shown

    def _generator(self, seed: int, sha256: str, user: User) -> np.random.Generator:
        """The same clicks in whatever order cases and users are measured, and for one robot."""
        robot = [other.robot for other in USERS.values()].index(user.robot)
        which = [SCANS.index(self.scan), robot, int(sha256[:15], 16)]
        key = np.random.SeedSequence([seed, _CLICKS, *which])
        return np.random.Generator(np.random.Philox(key))
