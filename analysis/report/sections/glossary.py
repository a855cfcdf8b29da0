"""The words that a report uses."""

from __future__ import annotations

from analysis.figures.sweep_data import SweepData
from analysis.report.blocks import Column, Section, Table

_WORDS = (
    ("arm", "a configuration without its seed"),
    ("trial", "one arm with one seed; replicates are trials of one arm"),
    ("n", "how many independent trials, pairs or images a number rests on"),
    ("IoU", "overlap of predicted and annotated pixels over their union, mean over images; empty on empty is 1"),
    ("selection set", "real images of people held out of training; it ranks arms and chooses the best epoch"),
    ("test set", "real images of other people, measured once per finished trial; it never ranks an arm"),
    (
        "interval",
        "95 %: over trials (Student) for selection scores, over subjects and trials (bootstrap) for test scores",
    ),
    ("decided", "the difference is no chance at 5 %, adjusted for the number of questions asked (Holm)"),
    ("detectable", "the smallest effect that would have been found with 80 % power"),
    ("rung", "an epoch at which trials are compared; the best go on"),
    ("exempt", "never pruned, so that pruned trials can be judged fairly"),
    ("stage", "a pretraining whose result several trials use"),
    ("confirmation", "leading arms trained again with fresh seeds"),
    ("shrinkage", "how much of a searched score was luck"),
)


def glossary(data: SweepData) -> Section:
    """Return the section."""
    del data
    columns = (Column(name="word"), Column(name="meaning"))
    table = Table(caption="Words", columns=columns, rows=_WORDS)
    return Section(name="glossary", title="Words", blocks=(table,))
