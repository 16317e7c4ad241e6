"""check: refuse bad parameters in under a second, before DVC removes any output."""

import shlex
from collections.abc import Sequence
from typing import Any

from pydantic import model_validator

from pgpipe.config import PARAMS_FILE, Section, load_yaml, validate
from pgpipe.data.config import MADE, PHOTOS, DatasetSection
from pgpipe.data.reading import tables
from pgpipe.data.sources import catalogue
from pgpipe.errors import UsageError
from pgpipe.estimate import allowed, disk, rates
from pgpipe.estimate.plan import Plan
from pgpipe.gan import micro_batches
from pgpipe.gan.config import (
    ModelSection,
    SampleSection,
    TrainSection,
    a,
    require_decided,
    require_whole_groups,
)
from pgpipe.gan.schedule import GrowthSection, kimg
from pgpipe.gan.systems import SYSTEMS
from pgpipe.metrics import inception_file
from pgpipe.metrics.config import ReferenceSection, ScoreSection
from pgpipe.plumbing import startfile
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.project import fault_of_place, overlap, project_root
from pgpipe.plumbing.terminal import counted, say, warn
from pgpipe.plumbing.timer import in_words
from pgpipe.tracking.config import TrackingSection
from stages.paths import CHECKED, WRITTEN

MOST_TICKS = 100_000  # of a run: each leaves a picture, and a row in all states that follow


class Params(Section):
    """All of params.yaml."""

    dataset: DatasetSection
    growth: GrowthSection
    model: ModelSection
    train: TrainSection
    sample: SampleSection
    reference: ReferenceSection
    score: ScoreSection
    tracking: TrackingSection

    @model_validator(mode="after")
    def data_reach_every_phase(self) -> "Params":
        """A phase needs images of its resolution, and a minibatch of whole groups."""
        for key, phase in self.growth.phases.items():
            if phase.res > self.dataset.resolution:
                raise ValueError(
                    f"growth.phases.{key}.res: {phase.res} is not <= dataset.resolution "
                    f"({self.dataset.resolution})"
                )
            minibatch = phase.minibatch or self.train.minibatch
            try:
                require_whole_groups(self.train.minibatch_stddev, minibatch)
                micro_batches.count(self.model, self.train, minibatch)
            except ValueError as error:
                raise ValueError(f"growth.phases.{key}: {error}") from None
        return self

    @model_validator(mode="after")
    def ticks_are_few_enough(self) -> "Params":
        """A tick of one image in a phase of a billion would fill disk and memory."""
        plan = plan_of(self)
        ticks = sum(plan.ticks(phase) for phase in self.growth.phases.values())
        if ticks > MOST_TICKS:
            raise ValueError(
                f"train.tick_kimg: {self.train.tick_kimg} makes {ticks} ticks of all phases, which "
                f"is not <= {MOST_TICKS}; make it larger"
            )
        return self

    @model_validator(mode="after")
    def system_has_every_phase(self) -> "Params":
        """Each phase is a stage of its own, also one that does not lead to the final one."""
        name, system = self.model.name, SYSTEMS[self.model.name]
        for key, phase in self.growth.phases.items():
            origins = system.origins(phase.res)
            if system.chain and not origins:
                raise ValueError(
                    f"growth.phases.{key}: the phases of a {name} are "
                    f"{' and '.join(f'r{res}' for res in system.chain)}"
                )
            if phase.origin not in origins:
                raise ValueError(
                    f"growth.phases.{key}.from: must be {' or '.join(origins)} for {a(name)}, not "
                    f"{phase.origin}"
                )
            if system.chain and phase.fade_kimg:
                raise ValueError(
                    f"growth.phases.{key}.fade_kimg: must be 0, as nothing fades in a {name}"
                )
            if not system.smallest <= phase.res <= system.largest:
                raise ValueError(
                    f"model.name: {name} is for {system.smallest} to {system.largest} pixels, not "
                    f"for growth.phases.{key}"
                )
        return self

    @model_validator(mode="after")
    def system_can_be_trained(self) -> "Params":
        """What a system asks of the final resolution and of training."""
        name, system = self.model.name, SYSTEMS[self.model.name]
        try:
            require_decided(self.train, name, system.decided_of_train)
        except ValueError as error:
            raise ValueError(f"train.{error}") from None
        if self.train.label_conditioning == "joint" and not system.joint:
            raise ValueError(
                f"train.label_conditioning: joint needs a layer after D's 4x4 features that "
                f"compares them with a label, and {name} has none; set it to matching or projection"
            )
        if system.final not in (None, self.growth.phases[self.growth.final].res):
            raise ValueError(
                f"model.name: {name} ends with {system.final} pixels, growth.final is "
                f"{self.growth.final}"
            )
        return self

    @model_validator(mode="after")
    def probabilities_are_some(self) -> "Params":
        """The Bernoulli likelihood takes pixels as probabilities, where pixels are compared."""
        system = SYSTEMS[self.model.name]
        compared = system.encoder and "discriminator" not in system.networks
        if compared and self.train.reconstruction == "bernoulli" and not self.model.tanh:
            raise ValueError(
                "train.reconstruction: bernoulli needs model.tanh: true, by which pixels are "
                "probabilities"
            )
        return self

    @model_validator(mode="after")
    def minibatch_has_statistics(self) -> "Params":
        """One image has no batch statistics and no others to be compared with."""
        model, phases = self.model, self.growth.phases.values()
        smallest = min(phase.minibatch or self.train.minibatch for phase in phases)
        if model.generator_norm == "batch" and min(smallest, self.sample.minibatch) < 2:
            raise ValueError(
                "model.generator_norm: batch needs minibatches of two images or more, in training "
                "and in sample.minibatch"
            )
        if model.discriminator_norm == "batch" and smallest < 2:
            raise ValueError("model.discriminator_norm: batch needs minibatches of two or more")
        if model.minibatch_discrimination and smallest < 2:
            raise ValueError("model.minibatch_discrimination: needs minibatches of two or more")
        return self

    @model_validator(mode="after")
    def final_phase_can_be_scored(self) -> "Params":
        """Scores need 16 pixels."""
        if self.growth.phases[self.growth.final].res < 16:
            raise ValueError(f"growth.final: {self.growth.final} is below 16 pixels: no scores")
        return self

    @model_validator(mode="after")
    def the_best_tick_has_grown_whole(self) -> "Params":
        """While the newest layers fade in, a generator is not selected."""
        final = self.growth.phases[self.growth.final]
        if self.train.select != "last" and not final.stable_kimg:
            raise ValueError(
                f"train.select: {self.train.select} needs a tick of {self.growth.final} after its "
                "fade, and its stable_kimg is 0"
            )
        return self

    @model_validator(mode="after")
    def full_resolution_is_the_final_one(self) -> "Params":
        """The paper's gradient penalty lives at the resolution that the growth ends with."""
        final = self.growth.phases[self.growth.final].res
        if self.train.gradient_at == "full" and self.train.full_resolution != final:
            raise ValueError(
                f"train.full_resolution: {self.train.full_resolution} is not {final}, the final "
                "resolution, which gradient_at: full means"
            )
        return self


def check(document: dict[str, Any], source: str) -> Params:
    """Validate a whole params.yaml, also by what it tells of the data."""
    params = validate(Params, document, source)
    allowed.require(
        allowed.asked(params.sample, params.score, params.train), data_of(params), source
    )
    return params


def plan_of(params: Params) -> Plan:
    """What decides how much a run takes."""
    return Plan(
        params.dataset, params.growth, params.model, params.train, params.sample, params.score
    )


def data_of(params: Params) -> allowed.Data:
    """What the parameters tell of the data set before anybody has looked at it."""
    dataset = params.dataset
    labels = len(set(dataset.classes)) or None
    if dataset.name == "photos" or dataset.unlabelled:
        labels = PHOTOS if dataset.name == "photos" else 0
    plan = plan_of(params)
    images = None if plan.images is None else plan.trained_on(plan.images)
    return allowed.Data(images, labels, dataset.stacked, None if dataset.captioned else 0)


def require_apart(dataset: DatasetSection) -> None:
    """Refuse a place of the user's files that the pipeline writes to, or that holds one.

    Raises:
        UsageError: with that place.
    """
    if (place := overlap(dataset.location, WRITTEN)) is not None:
        raise UsageError(
            f"{PARAMS_FILE}: dataset.path: {dataset.path}: overlaps {place}, which the pipeline "
            "writes; name a folder of your own, such as data/own"
        )


def require_start(params: Params) -> None:
    """Refuse networks to start from that do not fit, as far as they are here already.

    Raises:
        UsageError: they do not, or there are none, or they lie where the pipeline writes.
        IntegrityError: they are damaged.
    """
    start = params.model.start
    if not start:
        return
    if start.startswith(startfile.RUNS):
        startfile.require_address(start)
        if not startfile.place_of(start).exists():  # `find` fetches it
            return
    elif (place := overlap(startfile.place_of(start), WRITTEN)) is not None:
        raise UsageError(
            f"{PARAMS_FILE}: {startfile.KEY}: {start}: overlaps {place}, which the pipeline "
            f"writes; copy it (mkdir -p starts && cp -rL {shlex.quote(start)} starts/) and name "
            "the copy"
        )
    from pgpipe.gan import started

    plan, phases = plan_of(params), params.growth.phases.values()
    found = started.read(startfile.file_of(start))
    started.require_fit(found, plan.spec, [phase.res for phase in phases])


def notes_of(dataset: DatasetSection) -> Sequence[str]:
    """What somebody should know of the user's images; names and labels are all that is read.

    Raises:
        UsageError: it is not clear what the labels are, or files of names do not fit.
    """
    entry = catalogue.entries()[dataset.name]
    if not entry.by_hand or entry.files or dataset.name in MADE:  # hashes take their time
        return ()
    from pgpipe.data.preparing import census
    from pgpipe.data.reading import apart
    from pgpipe.data.sources.inplace import linked
    from pgpipe.data.sources.source import Source
    from pgpipe.data.sources.table import source as source_of

    source = source_of(dataset.name)
    if not isinstance(source, Source) or source.survey is None:
        return ()
    if source.surveys_all and census.of(dataset)[1] > tables.LOOKED_BYTES:
        return ()
    with linked(dataset, dataset.location) as raw:
        return apart.opened(source, raw, dataset)[0].notes


def run() -> None:
    """Check params.yaml; the output never varies, so that nothing downstream is rerun for it."""
    document = load_yaml(PARAMS_FILE)
    params = check(document, str(PARAMS_FILE))
    require_apart(params.dataset)
    catalogue.require_path(params.dataset.name, params.dataset.location)
    tables.require(params.dataset, params.dataset.location)
    require_start(params)
    for note in notes_of(params.dataset):
        warn(note)
    if params.score.inception or params.train.quick_inception:
        inception_file.read()  # here, and not when hours of training are over
    disk.require(plan_of(params), project_root())
    if fault := fault_of_place():
        warn(fault)
    write_bytes(CHECKED, b"params.yaml is valid\n")
    say(f"{PARAMS_FILE}: {meaning(params, document)}")


def meaning(params: Params, document: dict[str, Any]) -> str:
    """Return in one line what the parameters ask for, and how long that took here before."""
    chain = [phase for _, phase in params.growth.chain()]
    shown, side = kimg(sum(phase.images for phase in chain)), chain[-1].res
    hours = rates.hours(project_root(), document, chain)
    spent = "" if hours is None else in_words(3600 * hours)
    long = spent and f", {spent} of training at the speed of before"
    return (
        f"{params.dataset.name}, {params.model.name}, {counted(len(chain), 'phase')} to "
        f"{side}x{side} pixels, {shown:,g} kimg (thousands of real images shown){long}"
    )
