"""`cross_validate`, `fit_ensemble`, `Ensemble` and `find_lr`: what takes more than one run, or none.

Each calls the rooms below, and `fit` for each run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image
from torch import nn

from striate.data import Source, open_source
from striate.errors import ConfigError, RunError, bad_argument
from striate.fitting import configured, fit, resume
from striate.run import Run
from striate.ship import Prediction
from striate.ship.ensemble import predict_ensemble
from striate.spec import Network
from striate.train import Event, Finished, RunFolder, TrainConfig
from striate.train.distributed.world import World
from striate.train.folder import FOLDS, MEMBERS
from striate.train.measure import opened
from striate.train.methods import RateRange
from striate.train.ranging import find_lr as find_range
from striate.train.readers import check_readers
from striate.train.recipes import find_with_recipe
from striate.train.several.ensemble import EnsembleEvaluation, evaluate_ensemble
from striate.train.several.folding import CrossValidation, fold_parts, told_folds
from striate.train.several.members import EnsembleFolder, member_parts, told_members
from striate.train.several.scores import Scores
from striate.train.several.series import Part, check_free_for, check_same, next_free, write_series
from striate.train.summary import SeriesSummary, summarize_series

__all__ = ["Ensemble", "cross_validate", "find_lr", "fit_ensemble", "open_runs"]

OnEvent = Callable[[Event], None]


class Ensemble:
    """Several runs of the same classes, which answer by the mean of their probabilities.

    Args:
        path: The folder of the members, as `fit_ensemble` makes it.

    Raises:
        RunError: if it or a member is missing, unfinished, foreign, damaged or of a newer schema.
    """

    def __init__(self, path: str | Path) -> None:
        self._folder = EnsembleFolder.open(path)

    @property
    def path(self) -> Path:
        """The folder of the members."""
        return self._folder.path

    @property
    def members(self) -> list[Run]:
        """The runs."""
        return [Run(member.path) for member in self._folder.members]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the networks' outputs."""
        return self._folder.members[0].record.class_names

    def evaluate(
        self,
        split: str = "test",
        data: str | Path | Source | None = None,
        *,
        device: str = "auto",
        skip_bad_images: bool = False,
        views: str = "center",
    ) -> EnsembleEvaluation:
        """Measure the members, and their mean answer, on a split of their own data, or of another source."""
        source = opened(self._folder.data, self._folder.fingerprint, data)
        members = self._folder.members
        return evaluate_ensemble(
            members, source, split, device=device, skip_bad_images=skip_bad_images, views=views
        )

    def summary(
        self, split: str = "val", data: str | Path | Source | None = None, *, device: str = "auto"
    ) -> SeriesSummary:
        """Return the curves of all members, what each reaches on a split, and what they mistake together, on one page.

        It shows itself in a notebook; ``.save("summary.html")`` or ``.save("summary.png")`` writes a file.
        """
        return summarize_series(self.path, data, split, device=device)

    def predict(
        self,
        images: Iterable[str | Path | Image.Image],
        top: int = 5,
        *,
        device: str = "auto",
        views: str = "center",
        threshold: float | None = None,
    ) -> list[Prediction]:
        """Return the classes of image files, or of open images; arguments as in `Run.predict`."""
        members = self._folder.members
        return predict_ensemble(members, images, top, device=device, views=views, threshold=threshold)

    def __repr__(self) -> str:
        return f"Ensemble({str(self.path)!r}: {self._summary()})"

    def _repr_html_(self) -> str:
        return f"<p><b>Ensemble</b> <code>{escape(str(self.path))}</code><br>{escape(self._summary())}</p>"

    def _summary(self) -> str:
        members = self._folder.members
        names = {member.record.network.name for member in members if member.record.network}
        return f"{len(members)} of {', '.join(sorted(names))} on {self._folder.data}, {len(self.class_names)} classes"


def open_runs(path: str | Path) -> Run | Ensemble:
    """Return what is in a folder: a run, or an ensemble.

    Raises:
        RunError: if it is neither.
    """
    return Ensemble(path) if (Path(path) / MEMBERS).is_file() else Run(path)


def cross_validate(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    k: int = 5,
    *,
    out: str | Path | None = None,
    config: TrainConfig | None = None,
    on_event: OnEvent | None = None,
    log: Iterable[str] = (),
    **options: Any,
) -> CrossValidation:
    """Train ``k`` runs, each on all but one fold of train and val, and measure each on the fold that it lacks.

    Folds are divided anew by the seed of the configuration, each with the classes in proportion; ``test`` takes no
    part. What was interrupted goes on where it ended if it is called again with the same ``out``.

    Args:
        network: As for `fit`; every run begins with the same weights.
        data: As for `fit`.
        k: How many folds.
        out: The folder to make, with a run folder for each fold and the result as ``folds.json``; None means the first
            free ``runs/<network>-folds-<n>``.
        config: Every other choice; or give its fields as ``options``.
        on_event: Called with each event of each run.
        log: As for `fit`: each run is told as one of its own, all in one group.
        **options: Fields of `TrainConfig`.

    Raises:
        ConfigError: if ``k`` is below 2 or larger than the number of images of some class.
        RunError: if ``out`` is something else, or if it is interrupted.
        StriateError: whatever `fit` raises.
    """
    log = check_readers(log)
    network, source, config = _settled(network, data, config, options)
    parts = fold_parts(source, k, config)
    told = told_folds(source.name, k, config.seed)
    path = _free(out, f"{_name(network)}-folds", FOLDS, told)
    measured = [
        run.evaluate("val", part.source, device=config.device, skip_bad_images=config.images.skip_bad_images)
        for part, run in _runs(path, network, parts, FOLDS, told, on_event, log)
    ]
    scores = Scores.of([part.name for part in parts], measured)
    module = network if isinstance(network, nn.Module) else None
    done = CrossValidation(path, source.name, config.seed, scores, module)
    write_series(path / FOLDS, done.to_data())
    return done


def fit_ensemble(
    network: Network | str,
    data: str | Path | Source,
    members: int = 5,
    *,
    bagging: bool = False,
    out: str | Path | None = None,
    config: TrainConfig | None = None,
    on_event: OnEvent | None = None,
    log: Iterable[str] = (),
    **options: Any,
) -> Ensemble:
    """Train several runs that differ in their seeds, and with ``bagging`` in their images, and return them together.

    The first has the seed of the configuration, each next one more. What was interrupted goes on where it ended if it
    is called again with the same ``out``.

    Args:
        network: As for `fit`, but no module of your own.
        data: As for `fit`.
        members: How many.
        bagging: Each draws as many training images as there are, with replacement, by its seed.
        out: The folder to make, with a run folder for each member; None means the first free
            ``runs/<network>-members-<n>``.
        config: Every other choice; or give its fields as ``options``.
        on_event: Called with each event of each run.
        log: As for `fit`: each run is told as one of its own, all in one group.
        **options: Fields of `TrainConfig`.

    Raises:
        ConfigError: if ``members`` is below 1, or ``network`` a module.
        RunError: if ``out`` is something else, or if it is interrupted.
        StriateError: whatever `fit` raises.
    """
    if isinstance(network, nn.Module):
        allowed = "a description or a name, so that every member has weights of its own; see striate.Network"
        raise ConfigError(bad_argument("network", type(network).__name__, allowed))
    log = check_readers(log)
    described, source, config = _settled(network, data, config, options)
    parts = member_parts(source, members, config, bagging=bagging)
    told = told_members(source, parts, config.seed, bagging=bagging)
    path = _free(out, f"{_name(described)}-members", MEMBERS, told)
    for _ in _runs(path, described, parts, MEMBERS, told, on_event, log):
        pass
    return Ensemble(path)


def find_lr(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    config: TrainConfig | None = None,
    **options: Any,
) -> RateRange:
    """Train for a few steps at rates that rise from ``low`` to ``high``, and return what the losses were.

    Nothing is written, and a module of your own stays as it is. Print the answer, or draw it with ``plot()``.

    Args:
        network: As for `fit`.
        data: As for `fit`.
        low: The first rate.
        high: The last rate.
        steps: How many rates, one a step.
        config: The training that is meant; or give its fields as ``options``.
        **options: Fields of `TrainConfig`.

    Raises:
        StriateError: whatever `striate.train.ranging.find_lr` raises.
    """
    network, source, config = _settled(network, data, config, options)
    return find_range(network, source, config, low=low, high=high, steps=steps)


def _settled(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    config: TrainConfig | None,
    options: dict[str, Any],
) -> tuple[Network | nn.Module, Source, TrainConfig]:
    """Return what is meant by names and options."""
    if World.of_environment().size > 1:
        raise ConfigError(
            "several runs are trained one after another, each by one process; start this without torchrun."
        )
    config = configured(network, config, options)
    source = data if isinstance(data, Source) else open_source(data)
    if isinstance(network, str):
        network = find_with_recipe(network, config.recipe, len(source.class_names))
    return network, source, config


def _name(network: Network | nn.Module) -> str:
    return network.name if isinstance(network, Network) else type(network).__name__


def _free(out: str | Path | None, name: str, file: str, told: Mapping[str, Any]) -> Path:
    """Return the folder to make, or to go on with."""
    if out is None:
        return next_free(Path("runs"), name)
    check_free_for(Path(out), file, told)
    return Path(out)


def _runs(
    path: Path,
    network: Network | nn.Module,
    parts: Sequence[Part],
    file: str,
    told: Mapping[str, Any],
    on_event: OnEvent | None,
    log: Iterable[str],
) -> Iterable[tuple[Part, Run]]:
    """Yield each part with its run: as it lies in its folder, or trained now. The first event writes ``file``."""
    reason = ""

    def show(event: Event) -> None:
        nonlocal reason
        if not (path / file).exists():
            write_series(path / file, told)
        if isinstance(event, Finished):
            reason = event.reason
        if on_event:
            on_event(event)

    for part in parts:
        trained = copy.deepcopy(network) if isinstance(network, nn.Module) else network
        folder = path / part.name
        with suppress(OSError):
            folder.rmdir()  # an empty one is what a run leaves that is killed as it begins
        if folder.exists():
            check_same(RunFolder.open(folder), network, part)
            own = trained if isinstance(trained, nn.Module) else None
            run = resume(folder, part.source, module=own, on_event=show, log=log)
        else:
            run = fit(trained, part.source, out=folder, config=part.config, on_event=show, log=log)
        if reason == "interrupted":
            raise RunError(
                f"interrupted in {part.name} of {len(parts)}; the same command with --out {path} (out=…) goes on there."
            )
        yield part, run
