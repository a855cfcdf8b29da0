"""Conversion of other formats to native data-set folders and back: SOLO, COCO, CVAT/VOC masks, plain folders."""

from seatbelt.data.importers.assignment import Rules
from seatbelt.data.importers.classes import parse_classes
from seatbelt.data.importers.coco_export import export_coco
from seatbelt.data.importers.frames import Places
from seatbelt.data.importers.importing import IMPORTERS, ImportOptions, import_data
from seatbelt.data.importers.report import ImportReport

__all__ = [
    "IMPORTERS",
    "ImportOptions",
    "ImportReport",
    "Places",
    "Rules",
    "export_coco",
    "import_data",
    "parse_classes",
]
