"""The distribution of the test IoU over images, for the leading arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures.chart import Axis, Chart, Figure, NotApplicableError, Points, numbers, shortened
from analysis.figures.sweep_data import SweepData
from seatbelt.records.columns import Column
from seatbelt.records.tables import Status
from seatbelt.text.wording import counted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    Column("arm", "string", "levels of the arm, best mean selection IoU first"),
    Column("p05", "float64", "5 % of the images have at most this test IoU"),
    Column("p25", "float64", "a quarter have at most this"),
    Column("median", "float64", "half have at most this"),
    Column("p75", "float64", "three quarters have at most this"),
    Column("p95", "float64", "95 % have at most this"),
    Column("mean", "float64", "mean over images"),
    Column("missed", "float64", "share of the images with an IoU below 0.01"),
    Column("images", "int64", "test images; the IoU of an image is its mean over replicates"),
    Column("subjects", "int64", "persons on them"),
    Column("replicates", "int64", "complete trials of the arm"),
]

_ARMS = 6
_QUANTILES = {"p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
_MISSED = 0.01


def distribution(data: SweepData) -> Figure:
    """Return quantiles of the test IoU over images.

    Raises:
        NotApplicableError: No test images are recorded.
    """
    table = distribution_table(data)
    first = table.iloc[0]
    subjects = int(table["subjects"].max())
    return Figure(
        name="distribution",
        title="Test IoU of single images",
        caption=(
            f"The {len(table)} best arms by the selection set. Marker: the median over {first['images']} test images "
            f"of {counted(int(subjects), 'subject')}; thick bar: the middle half of the images; thin bar: the middle "
            f"90 %. The value of an image is its mean over the {counted(first['replicates'], 'trial')} of the arm. "
            "The bars show the spread of images, not intervals of a mean."
        ),
        alt=(
            f"Best arm: half of the images have at least {first['median']:.3f}, a quarter at most {first['p25']:.3f}, "
            f"{first['missed']:.0%} are missed."
        ),
        columns=COLUMNS,
        table=table,
        chart=_chart(table),
    )


def distribution_table(data: SweepData) -> pd.DataFrame:
    """Return one row per leading arm (columns: COLUMNS).

    Raises:
        NotApplicableError: No test images are recorded.
    """
    import pandas as pd

    keys = data.arms["arm_key"].head(_ARMS).tolist()
    trials = data.searched
    trials = trials[trials["arm_key"].isin(keys) & (trials["status"] == Status.COMPLETE)]
    images = data.images_of(trials["trial_key"].tolist())
    if images.empty:
        raise NotApplicableError("needs test images of a complete trial")
    arm_images = images.merge(trials[["trial_key", "arm_key"]], on="trial_key")
    rows = []
    for key, name in zip(keys, data.arm_names(keys), strict=True):
        images_of_arm = arm_images[arm_images["arm_key"] == key]
        if len(images_of_arm):
            rows.append({"arm": name, **_row(images_of_arm)})
    return pd.DataFrame(rows, columns=[column.name for column in COLUMNS])


def _row(images: pd.DataFrame) -> dict[str, float]:
    values = images.groupby(["dataset", "image"], dropna=False)["iou"].mean()
    quantiles = values.quantile(list(_QUANTILES.values()))
    return {
        **dict(zip(_QUANTILES, quantiles, strict=True)),
        "mean": values.mean(),
        "missed": (values < _MISSED).mean(),
        "images": len(values),
        "subjects": images["subject"].nunique(),
        "replicates": images["trial_key"].nunique(),
    }


def _chart(table: pd.DataFrame) -> Chart:
    places = tuple(float(i) for i in range(len(table)))
    hover = tuple(
        f"{row.arm}: median {row.median:.3f}, middle half {row.p25:.3f} to {row.p75:.3f}, {row.missed:.0%} missed"
        for row in table.itertuples()
    )
    x, look = numbers(table["median"]), 0
    wide = Points(name="", x=x, y=places, low=numbers(table["p05"]), high=numbers(table["p95"]), along="x", series=look)
    half = Points(
        name="",
        x=x,
        y=places,
        low=numbers(table["p25"]),
        high=numbers(table["p75"]),
        along="x",
        series=look,
        thick=True,
        hover=hover,
    )
    ticks = tuple((float(i), f"{i + 1}. {shortened(name)}") for i, name in enumerate(table["arm"]))
    return Chart(
        x=Axis(title="test IoU of an image", low=-0.02, high=1.02),
        y=Axis(title="", ticks=ticks, low=len(table) - 0.4, high=-0.6),
        layers=(wide, half),
        height=0.2 + 0.06 * len(table),
    )
