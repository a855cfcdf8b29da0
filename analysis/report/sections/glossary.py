"""The terms used in a report."""

from __future__ import annotations

from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Column, Section, Table

_WORDS = (
    ("arm", "a configuration without its seed"),
    ("trial", "one arm with one seed; replicates are trials of one arm"),
    ("n", "number of independent trials, pairs or images behind a value"),
    ("IoU", "intersection of predicted and annotated pixels over their union, mean over images; 1 if both are empty"),
    ("selection set", "real images of people held out of training; used to rank arms and choose the best epoch"),
    ("test set", "real images of other people, measured once per finished trial; never used for ranking"),
    (
        "interval",
        "95 %: over trials (Student) for selection scores, over subjects and trials (bootstrap) for test scores",
    ),
    ("decided", "significant at 5 %, adjusted for the number of comparisons (Holm)"),
    ("detectable", "the smallest effect that would be found with 80 % power"),
    ("rung", "an epoch at which trials are compared; the best continue"),
    ("exempt", "never pruned, so that the effect of pruning can be judged"),
    ("stage", "a pretraining shared by several trials"),
    ("confirmation", "leading arms trained again with fresh seeds"),
    ("shrinkage", "the part of a score in the search that was luck"),
)


def glossary(data: SweepData) -> Section:
    """Return the section."""
    del data
    columns = (Column(name="word"), Column(name="meaning"))
    table = Table(caption="Words", columns=columns, rows=_WORDS)
    return Section(name="glossary", title="Words", blocks=(table,))
