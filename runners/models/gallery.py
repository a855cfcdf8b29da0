"""Predictions of the leading arms on test images, for the report and the dashboard."""

from __future__ import annotations

from collections.abc import Callable

from analysis.answers.ranking import Arm, best
from analysis.reading.tables import Source, SweepTables
from analysis.report.blocks import Photograph
from analysis.report.sections.predictions import ArmPictures, PredictionGallery
from runners.sweep_files.folder import SweepFolder
from runners.sweep_files.trial_lookup import find_trial, read_history
from seatbelt.errors import UserError
from seatbelt.records.names import cell_name, number_or_key

ARMS = 3
"""Leading arms with pictures."""


class Galleries:
    """The pictures of sweeps; those of a trial are computed once, so that a live page can be built again and again."""

    def __init__(self, note: Callable[[str], None] = lambda _: None) -> None:
        """Begin without pictures.

        Args:
            note: Called before pictures are computed, which takes seconds.
        """
        self._note = note
        self._of_trial: dict[tuple[str, str], tuple[Photograph, ...]] = {}
        self._reasons: dict[str, str] = {}

    def of(self, source: Source) -> dict[str, PredictionGallery]:
        """Return location of a sweep -> pictures of its leading arms."""
        return {sweep.root: self._gallery(sweep) for _, sweep in source.parts}

    def _gallery(self, sweep: SweepTables) -> PredictionGallery:
        root = sweep.root
        try:
            ranking = best(sweep, top=ARMS)
        except UserError:
            return PredictionGallery()
        if not ranking.complete:
            return PredictionGallery()
        if root in self._reasons:
            return PredictionGallery(reason=self._reasons[root])
        arms = []
        for arm in ranking.arms:
            try:
                photographs = self._photographs(root, arm)
            except UserError as error:
                self._reasons[root] = f"No pictures: {error}."
                return PredictionGallery(reason=self._reasons[root])
            if photographs:
                name = f"{arm.rank}. {cell_name(arm.cell)}, trial {number_or_key(arm.number, arm.trial_key)}"
                arms.append(ArmPictures(name=name, photographs=photographs))
        return PredictionGallery(arms=tuple(arms))

    def _photographs(self, root: str, arm: Arm) -> tuple[Photograph, ...]:
        key = (root, arm.trial_key)
        if key not in self._of_trial:
            self._of_trial[key] = _predict(root, arm.trial_key, self._note)
        return self._of_trial[key]


def _predict(root: str, trial: str, note: Callable[[str], object]) -> tuple[Photograph, ...]:
    # These load torch, which a report without pictures does not need.
    from runners.models.images_at_hand import images_at_hand
    from runners.models.trained_model import trained_model

    folder = SweepFolder(root)
    view = find_trial(read_history(folder), trial, root)
    images = images_at_hand(folder, folder.describe(), view)
    model = trained_model(folder, [view], "cpu")
    note(f"predicting test images by trial [{view.plan.number}]")
    return tuple(Photograph(jpeg=jpeg, caption=caption) for caption, jpeg in images.examples(model))
