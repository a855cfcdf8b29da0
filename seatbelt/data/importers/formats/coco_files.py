"""Locations of annotation files and images in COCO data sets of COCO, CVAT, Roboflow, FiftyOne and labelme."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seatbelt.data.importers.assignment import last_part
from seatbelt.data.importers.frames import BadFileError
from seatbelt.data.importers.split_names import split_of
from seatbelt.data.importers.walking import IMAGE_SUFFIXES, walk
from seatbelt.errors import UserError

_ROBOFLOW = "_annotations.coco.json"
_KIND = "instances_"
"""Prefix of the COCO files with masks; other files hold captions, key points or no annotations."""
_OTHER_KINDS = ("captions_", "person_keypoints_", "image_info_", "panoptic_", "stuff_")
_IMAGE_FOLDERS = ("images", "", "data", "JPEGImages")


@dataclass(frozen=True, kw_only=True)
class AnnotationFile:
    """A JSON file and the folders of its images."""

    path: Path
    word: str
    """Word for its images from its name or its folder's: `train2017`, `valid`, `default`."""
    image_roots: tuple[Path, ...]

    @property
    def split(self) -> str:
        """The word if it names a split, else empty."""
        return self.word if split_of(self.word) else ""


def find_annotations(source: Path) -> list[AnnotationFile]:
    """Return the annotation files of a source: the named file, or the files of all splits.

    Raises:
        UserError: There is none, or the names of several files do not state their splits.
    """
    if source.is_file():
        root = source.parent
        return [_annotation_file(root.parent if root.name == "annotations" else root, source)]
    paths = sorted([*source.glob("*.json"), *source.glob("annotations/*.json"), *source.glob("*/" + _ROBOFLOW)])
    masks = [path for path in paths if path.name.startswith(_KIND)]
    if masks:
        paths = [path for path in paths if not path.name.startswith(_OTHER_KINDS)]
    files = [_annotation_file(source, path) for path in paths]
    words = {file.word for file in files}
    if len(files) == 1 or (len(files) > 1 and len(words) == len(files) and all(_tells(file) for file in files)):
        return files
    names = ", ".join(str(path.relative_to(source)) for path in paths[:5])
    raise UserError(f"{source} holds {len(files)} JSON files{f' ({names})' if names else ''}; name the one to import")


def files_by_name(roots: list[Path]) -> dict[str, list[tuple[Path, str]]]:
    """Return the images below some folders: last part of the name -> (file, name below its folder)."""
    by_name: dict[str, list[tuple[Path, str]]] = {}
    seen: set[Path] = set()
    for root in roots:
        for name in walk(root) if root.is_dir() else ():
            if isinstance(name, str) and name.lower().endswith(IMAGE_SUFFIXES) and (root / name) not in seen:
                seen.add(root / name)
                by_name.setdefault(last_part(name), []).append((root / name, name))
    return by_name


def find_by_name(by_name: dict[str, list[tuple[Path, str]]], listed: str) -> tuple[Path, str]:
    """Return the file and name of an image with a foreign path.

    Raises:
        BadFileError: No image or several images have this name.
    """
    name = last_part(listed)
    places = by_name.get(name, [])
    if not places:
        raise BadFileError(name, "no image has this name; name the folder of the images by --images")
    if len(places) > 1:
        raise BadFileError(name, f"{len(places)} images have this name, such as {places[0][1]} and {places[1][1]}")
    return places[0]


def _annotation_file(root: Path, path: Path) -> AnnotationFile:
    word = path.parent.name if path.name == _ROBOFLOW else path.stem.removeprefix(_KIND)
    below = (root / folder if folder else root for folder in _IMAGE_FOLDERS)
    places = [root / "images" / word, root / word, *below, path.parent, path.parent / "images"]
    present = [place for place in dict.fromkeys(places) if place.is_dir()]
    return AnnotationFile(path=path, word=word, image_roots=tuple(present))


def _tells(file: AnnotationFile) -> bool:
    return bool(file.split) or file.word.casefold() == "default" or file.path.name.startswith(_KIND)
