"""From a user's request to the description of a sweep, which is checked and printed before the first trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runners.new_sweep.describe import describe
from runners.new_sweep.request import Request
from runners.sweep_files.description import SweepDescription
from search_spaces.catalogue import find_study
from seatbelt.errors import UserError, WeightsNotFoundError
from tests.conftest import MakeData

SMALL = ("encoder=resnet18",)
NO_WEIGHTS = ("weights=none",)


@pytest.fixture
def real(make_data: MakeData) -> Path:
    return make_data(subjects=5, images=1, test_subjects=1)


@pytest.fixture
def drawn(make_data: MakeData) -> Path:
    return make_data("drawn", subjects=4, images=1, test_subjects=1, generations={"3": 4, "4": 4, "5": 4}, first=102)


def ask(*data: Path, **changes: Any) -> tuple[SweepDescription, list[str]]:
    """Return the description and the notes; by default one encoder with random weights."""
    notes: list[str] = []
    fields = {"study": find_study("architecture"), "vary": SMALL, "fix": NO_WEIGHTS, **changes}
    return describe(Request(data=data, **fields), notes.append), notes


def rename(root: Path, **changes: Any) -> None:
    path = root / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_sweep_on_synthetic_and_real_images(drawn: Path) -> None:
    sweep, notes = ask(drawn)
    assert notes == [
        "training resolution: 32x64, the size of the images (--size HEIGHTxWIDTH changes it)",
        "decoding 16 images at 32x64 (once per machine)",
        "warning: seat_belt appears in only 1 of 1 selection images: single images determine the score",
        "warning: seat_belt appears in only 1 of 1 test images: single images determine the score",
        "warning: 2 real training images are not used by any arm (data.real = False, from the study); --fix real=true "
        "trains on them too",
    ]
    assert (sweep.study, sweep.propose, sweep.prune, sweep.rungs) == (
        "architecture",
        "exhaustive",
        "none",
        (50,),
    )
    assert sweep.space().size == 6
    assert sweep.base.data.generations == ("3", "4", "5")
    assert (sweep.base.data.height, sweep.base.data.width) == (32, 64)
    assert sweep.weights == {"resnet18 none": None}
    (source,) = sweep.data
    assert (source.path, source.name, len(source.fingerprint)) == (str(drawn), "drawn", 64)
    # One of the three training persons, with one image, is the selection set.
    assert len(sweep.selection) == 1
    assert sweep.selection[0][1] in (1, 2, 3)
    assert list(sweep.baselines) == [
        "all background",
        "mean training mask",
        "mean training mask, with target",
    ]
    assert all(0 <= value <= 1 for value in sweep.baselines.values())


def test_without_synthetic_images_the_real_ones_are_trained_on(real: Path) -> None:
    sweep, notes = ask(real)
    assert notes[0] == "the data hold no synthetic images: trials train on the 5 real ones, less the held-out"
    assert (sweep.base.data.real, sweep.base.data.generations) == (True, ())


def test_real_images_at_the_users_request(real: Path, drawn: Path) -> None:
    sweep, notes = ask(real, fix=(*NO_WEIGHTS, "real=true"))
    assert notes[0].startswith("the data hold no synthetic images")
    assert (sweep.base.data.real, sweep.base.data.generations) == (True, ())
    sweep, _ = ask(drawn, fix=(*NO_WEIGHTS, "real=true"))
    assert (sweep.base.data.real, sweep.base.data.generations) == (True, ("3", "4", "5"))


def test_the_target_and_the_size_come_from_the_data(real: Path) -> None:
    rename(real, target="hair")
    sweep, notes = ask(real)
    assert "target: hair (from dataset.json)" in notes
    assert sweep.base.data.target == "hair"
    sweep, notes = ask(real, fix=(*NO_WEIGHTS, "target=seat_belt"), size=(48, 40))
    assert not [note for note in notes if note.startswith(("target", "training resolution"))]
    assert (sweep.base.data.target, sweep.base.data.height, sweep.base.data.width) == ("seat_belt", 48, 40)


def test_what_is_set_and_what_is_fixed(drawn: Path) -> None:
    sweep, _ = ask(
        drawn,
        vary=("encoder=resnet18,ResNet-34", "generations=3,4-5"),
        fix=(*NO_WEIGHTS, "decoder=Unet++", "batch_size=2"),
        max_epochs=9,
        prune="asha",
        seed=4,
    )
    assert [(f.name, list(f.levels)) for f in sweep.factors] == [
        ("encoder", ["resnet18", "resnet34"]),
        ("decoder", ["unetplusplus"]),
        ("generations", ["3", "4-5"]),
    ]
    assert sweep.space().size == 4
    assert (sweep.base.optimisation.batch_size, sweep.base.epochs, sweep.base.seed) == (2, 9, 4)
    assert sweep.rungs == (3, 9)


def test_the_description_survives_its_file(drawn: Path) -> None:
    sweep, _ = ask(drawn, vary=(*SMALL, "generations=3,4-5", "real=false,true", "context=none,hair"))
    again = SweepDescription.model_validate_json(sweep.model_dump_json())
    space, other = sweep.space(), again.space()
    configs = [space.config(sweep.base, cell, seed=0) for cell in space.cells()]
    assert configs == [other.config(again.base, cell, seed=0) for cell in other.cells()]
    assert len(set(configs)) == 6 * 8


@pytest.mark.slow
def test_the_same_request_again_is_no_other_sweep(drawn: Path) -> None:
    request = {"study": find_study("augmentation"), "vary": (), "fix": ("weights=none", "generations=3")}
    there, _ = ask(drawn, **request)
    now, _ = ask(drawn, **request)
    assert SweepDescription.model_validate_json(there.model_dump_json()).differences(now) == []
    assert set(there.arms) == {"none", "all_ten", "randaugment", "trivialaugment"}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"vary": ("encoder",)}, "--set takes NAME=VALUE, but got 'encoder'"),
        ({"vary": ("encoder=",)}, "--set takes NAME=VALUE, but got 'encoder='"),
        ({"fix": ("=none",)}, "--fix takes NAME=VALUE, but got '=none'"),
        ({"vary": ("colour=red",)}, "there is no axis 'colour'; choose one of encoder, decoder, architecture, weights"),
        ({"fix": ("colour=red",)}, "there is no axis 'colour'; choose one of encoder"),
        ({"vary": ("encoder=vgg",)}, r"model\.encoder: there is no encoder 'vgg'; did you mean vgg1"),
        ({"vary": ("encoder=resnet18,",)}, "axis 'encoder' has an empty level"),
        (
            {"fix": (*NO_WEIGHTS, "encoder=resnet34")},
            r"--fix encoder=resnet34 contradicts --set encoder=\.\.\.; use one of them",
        ),
        ({"vary": (*SMALL, *SMALL)}, r"--set encoder=\.\.\. is given twice; use one of them"),
        ({"fix": (*NO_WEIGHTS, *NO_WEIGHTS)}, r"--fix weights=\.\.\. is given twice; use one of them"),
        (
            {"size": (32, 32), "fix": (*NO_WEIGHTS, "height=64")},
            "--size contradicts --set or --fix of height or width; use one of them",
        ),
        ({"size": (16, 64)}, r"data\.height: input should be greater than or equal to 32 \(got 16\)"),
        (
            {"vary": ("encoder=resnet18@none", "weights=none,imagenet"), "fix": ()},
            r"the factors 'encoder' and 'weights' both set model\.weights",
        ),
        (
            {"fix": (*NO_WEIGHTS, "real=false", "generations=none")},
            "data must hold real images or at least one generation, but both are switched off",
        ),
        (
            {"fix": (*NO_WEIGHTS, "generations=6")},
            r"hold no training images of generation 6 \(they hold: 3, 4, 5\); add them with --data",
        ),
        (
            {"vary": (*SMALL, "context=none,tie")},
            r"has no class tie \(it has: seat_belt, hair\); choose another",
        ),
        (
            {"fix": (*NO_WEIGHTS, "target=bag")},
            r"has no class bag \(it has: seat_belt, hair\); choose another",
        ),
        (
            {"fix": (*NO_WEIGHTS, "context=seat_belt")},
            "context must not repeat the target, but holds 'seat_belt'",
        ),
        (
            {"fix": (*NO_WEIGHTS, "real=true", "synthetic_share=0.9")},
            "a synthetic share of 0.9 beside 3 real images needs 27 synthetic images, but there are 12",
        ),
        (
            {"fix": (*NO_WEIGHTS, "context=all+hair")},
            r"context=all stands alone, but got all\+hair",
        ),
        (
            {"vary": (*SMALL, "target=hair,seat_belt")},
            r"the factor target varies the target, but another target is another task: its scores do not compare",
        ),
        (
            {"vary": (*SMALL, "height=32,64")},
            r"the factor height varies the height, but IoU at another resolution is another number",
        ),
        (
            {"vary": ("encoder=resnet18", "decoder=deeplabv3plus"), "fix": (*NO_WEIGHTS, "batch_size=1")},
            r"decoder=deeplabv3plus at 32x64 cannot train with batch_size=1: its batch norm needs two images",
        ),
        (
            {"vary": ("encoder=resnet18", "decoder=unet", "batch_size=4,1"), "size": (32, 32)},
            r"decoder=unet at 32x32 cannot train with batch_size=1",
        ),
        (
            {"vary": (*SMALL, "context=all,hair")},
            "factor 'context' has two levels that mean the same: 'all' and 'hair'",
        ),
        (
            {"fix": (*NO_WEIGHTS, "context=upper=hair|tie")},
            r"has no class tie \(it has: seat_belt, hair\); choose another",
        ),
        (
            {"fix": (*NO_WEIGHTS, "sources=lab")},
            r"no data set is called lab \(there are: drawn\); choose with --fix sources=\.\.\.",
        ),
        (
            {"vary": (*SMALL, "transform.HorizontalFlop=off,on")},
            r"transform.HorizontalFlop: albumentations has no .* 'HorizontalFlop' .*; did you mean HorizontalFlip",
        ),
        (
            {"fix": (*NO_WEIGHTS, "transform.Blur=blur_limits:7")},
            r"transform.Blur has no parameter 'blur_limits'; did you mean blur_limit\?",
        ),
        (
            {"fix": (*NO_WEIGHTS, "transform.RandomCrop=height:64+width:64")},
            r"transform.RandomCrop does not work on an image of 32x64: ",
        ),
        (
            {"vary": (*SMALL, "clothes_colour=off,on")},
            r"clothes_colour needs a class of clothes \(clothes, .*\), but it has: seat_belt, hair; leave it off",
        ),
        ({"rungs": (3,)}, "--rungs only makes sense with --prune asha"),
        ({"rungs": (9, 3), "prune": "asha"}, "--rungs must rise from 1 to at most 50 .*, but got 9,3"),
        ({"max_epochs": 0}, r"epochs: input should be greater than or equal to 1 \(got 0\)"),
        ({"seed": -1}, r"seed: input should be greater than or equal to 0 \(got -1\)"),
    ],
)
def test_requests_that_cannot_work(drawn: Path, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what) as caught:
        ask(drawn, **changes)
    assert "\n" not in str(caught.value)


def test_transforms_of_the_library_and_further_ones_are_factors(drawn: Path) -> None:
    vary = (*SMALL, "transform.Blur=off,on,blur_limit:3..7+p:0.5", "horizontal_flip=off,on", "sun_glare_strength=1,2")
    sweep, _ = ask(drawn, vary=vary)
    space = sweep.space()
    configs = [space.config(sweep.base, cell, seed=0).augmentation for cell in space.cells()]
    assert len(set(configs)) == 12
    assert {item.parameters for config in configs for item in config.library} == {
        "{}",
        '{"blur_limit":[3,7],"p":0.5}',
    }
    assert ["horizontal_flip" in config.transforms for config in set(configs)].count(True) == 6


def test_pasting_needs_training_images_without_the_target(drawn: Path) -> None:
    belts = (drawn / "masks" / "g3-0.png").read_bytes()
    for path in (drawn / "masks").glob("g[34]-*.png"):
        path.write_bytes(belts)
    vary, fix = (*SMALL, "generations=3,4,5"), (*NO_WEIGHTS, "augmentation=all+copy_paste")
    text = "copy_paste pastes seat_belt onto training images without it, but all {} of {} show it; leave copy_paste off"
    notes = ask(drawn, vary=vary, fix=fix)[1]
    assert [note.split(",")[0] for note in notes if "copy_paste" in note] == [
        "warning: copy_paste pastes seat_belt onto training images without it"
    ] * 2
    with pytest.raises(UserError, match=text.format(r"\d", "3")):
        ask(drawn, vary=(*SMALL, "generations=3,4"), fix=fix)
    # Where it is off, nobody needs to know.
    assert not [note for note in ask(drawn, vary=(*SMALL, "generations=3,4"))[1] if "copy_paste" in note]


def test_a_space_too_large_to_try_each_cell(drawn: Path) -> None:
    many = ",".join(str(i / 100) for i in range(1, 100))
    patience = ",".join(str(i) for i in range(200))
    vary = ("encoder_learning_rate=" + many, "plateau_patience=" + patience)
    what = "the space has 594,000 cells, too many to try each one; choose --propose factorial, optuna or random, or"
    with pytest.raises(UserError, match=what):
        ask(drawn, vary=vary)
    sweep, _ = ask(drawn, vary=vary, propose="random")
    assert sweep.space().size == 594_000


def test_all_labels_are_those_of_the_data_that_are_trained_on(drawn: Path, make_data: MakeData) -> None:
    classes = {"background": 0, "seat_belt": 1, "shirt": 2, "hair": 3}
    rename(drawn, classes=classes)
    real = make_data("real", subjects=5, images=2, test_subjects=1)
    sweep, notes = ask(drawn, real, fix=(*NO_WEIGHTS, "context=all"))
    assert sweep.base.data.context == ("hair", "shirt")
    assert "context all: hair, shirt (the classes of the data that are trained on)" in notes
    assert '"all"' not in sweep.model_dump_json()

    sweep, _ = ask(drawn, fix=(*NO_WEIGHTS, "target=trunk=seat_belt|shirt"), vary=(*SMALL, "context=none,all"))
    assert sweep.base.data.target == "seat_belt|shirt"
    space = sweep.space()
    contexts = {cell["context"]: space.config(sweep.base, cell, seed=0).data.context for cell in space.cells()}
    assert contexts == {"none": (), "all": ("hair",)}

    # If real images train too, their data set must have the labels.
    with pytest.raises(UserError, match=r"real: has no class shirt \(it has: seat_belt, hair\); choose another"):
        ask(drawn, real, fix=(*NO_WEIGHTS, "context=all", "real=true"))


def test_all_labels_of_data_with_a_target_alone(drawn: Path) -> None:
    rename(drawn, classes={"background": 0, "seat_belt": 1})
    sweep, notes = ask(drawn, fix=(*NO_WEIGHTS, "context=all"))
    assert sweep.base.data.context == ()
    assert "context all: none (the classes of the data that are trained on)" in notes


def test_mixtures_of_all_kinds(drawn: Path, make_data: MakeData) -> None:
    more = make_data("more", subjects=0, images=0, test_subjects=0, generations={"5": 9}, first=200)
    sweep, _ = ask(
        drawn,
        more,
        vary=(*SMALL, "synthetic_share=0,0.5,0.8", "generations=5,4:0.5+5:0.5"),
        fix=(*NO_WEIGHTS, "real=true", "replacement=true", "sources=all", "decoder=fpn"),
    )
    assert sweep.space().size == 6
    what = r"beside 3 real images needs 6 images of generation 4, but there are 4; add images or lower"
    with pytest.raises(UserError, match=what):
        ask(
            drawn,
            more,
            fix=(*NO_WEIGHTS, "real=true", "synthetic_share=0.8", "generations=4:0.5+5:0.5"),
        )
    with pytest.raises(UserError, match=r"data sets more hold no real training images, but the trial trains on"):
        ask(drawn, more, fix=(*NO_WEIGHTS, "real=true", "generations=5", "sources=more"))


@pytest.mark.slow
def test_combinations_of_a_large_space_are_checked_before_it_starts(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = "plateau_patience=" + ",".join(str(i) for i in range(3000))
    vary = ("encoder=resnet18,resnet34", patience, "real=true,false", "synthetic_share=0.5,0.7")
    what = "synthetic_share needs real images and generations to mix, but got real=False"
    with pytest.raises(UserError, match=what):
        ask(drawn, vary=vary, propose="random")
    for name in ("one.pth", "two.pth"):
        (tmp_path / name).write_bytes(name.encode())
    # (No file fits two encoders.)
    monkeypatch.setattr("runners.new_sweep.refusals.check_file", lambda encoder, resolved: None)
    files = f"weights=file:{tmp_path}/one.pth,file:{tmp_path}/two.pth"
    sweep, _ = ask(drawn, vary=("encoder=resnet18,resnet34", patience, files), fix=(), propose="random")
    # The description holds the hash of each pair that may be proposed.
    assert len(sweep.weights) == 4


def test_missing_weights_stop_a_sweep_before_it_begins(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    what = r"no ImageNet weights for resnet18: .* or start from random weights by --fix weights=none"
    with pytest.raises(WeightsNotFoundError, match=what):
        ask(drawn, fix=())
    with pytest.raises(WeightsNotFoundError, match=r"weights file:/no\.pth: /no\.pth is not a file"):
        ask(drawn, fix=("weights=file:/no.pth",))
    with pytest.raises(WeightsNotFoundError, match=r"the weights folder .*/nowhere does not exist"):
        ask(drawn, fix=(), weights_folder=tmp_path / "nowhere")


def test_missing_weights_are_reported_with_those_that_are_here(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    with pytest.raises(WeightsNotFoundError) as refused:
        ask(drawn, vary=("encoder=resnet18,resnet50,lite0", "decoder=fpn"), fix=())
    assert str(refused.value) == (
        f"no ImageNet weights for resnet18, resnet50: looked in {tmp_path}/empty/hub/checkpoints (torch hub cache); "
        "`seatbelt weights fetch resnet18 resnet50 --out weights`, then --weights-folder weights; use encoders whose "
        "weights are here: --set encoder=lite0@imagenet,lite1@imagenet,lite2@imagenet; or start from random weights by "
        "--fix weights=none"
    )


def test_weights_and_comparability_are_checked_before_images_are_read(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runners.new_sweep.describe.fingerprint", lambda dataset: pytest.fail("images were read"))
    for changes, what in (
        ({"fix": (f"weights=file:{tmp_path}/no.pth",)}, "is not a file; correct the path"),
        ({"fix": NO_WEIGHTS, "vary": (*SMALL, "target=hair,seat_belt")}, "another target is another task"),
    ):
        with pytest.raises(UserError, match=what):
            ask(drawn, **{"vary": SMALL, **changes})


def test_weights_files_are_compared_with_their_encoder(drawn: Path, tmp_path: Path) -> None:
    import torch

    whole, wrapped, text = tmp_path / "whole.pth", tmp_path / "wrapped.pth", tmp_path / "text.pth"
    torch.save({"encoder.conv1.weight": torch.zeros(64, 3, 7, 7)}, whole)
    torch.save({"state_dict": {"conv1.weight": torch.zeros(64, 3, 7, 7)}}, wrapped)
    text.write_text("no weights at all")
    for path, what in (
        (whole, "do not fit the encoder resnet18"),
        (wrapped, "hold no plain state dict"),
        (text, "cannot be loaded as tensors only"),
    ):
        with pytest.raises(UserError, match=f"weights {path} {what}"):
            ask(drawn, vary=("encoder=resnet18", "decoder=fpn"), fix=(f"weights=file:{path}",))


def test_weights_that_fit_are_taken(drawn: Path, tmp_path: Path) -> None:
    import torch

    from seatbelt.models.encoders import encoder_on_meta

    state = {name: torch.zeros(value.shape) for name, value in encoder_on_meta("resnet18").state_dict().items()}
    torch.save({**state, "fc.weight": torch.zeros(1000, 512)}, tmp_path / "fits.pth")
    sweep, _ = ask(drawn, vary=("encoder=resnet18", "decoder=fpn"), fix=(f"weights=file:{tmp_path}/fits.pth",))
    assert len(str(sweep.weights[f"resnet18 file:{tmp_path}/fits.pth"])) == 64


def test_data_sets_that_do_not_go_together(drawn: Path, real: Path) -> None:
    with pytest.raises(UserError, match=r"there are no data; name at least one data-set folder with --data"):
        ask()
    with pytest.raises(UserError, match=r"two data sets are called 'drawn'; change the name in one dataset\.js"):
        ask(drawn, drawn)
    rename(real, target="hair")
    with pytest.raises(
        UserError, match=r"have different targets \(hair, seat_belt\); choose one, such as by --fix target=hair"
    ):
        ask(drawn, real)
    sweep, _ = ask(drawn, real, fix=(*NO_WEIGHTS, "target=hair"))
    assert [source.name for source in sweep.data] == ["drawn", "stripes"]


def test_the_selection_set_needs_two_persons_of_its_domain(make_data: MakeData) -> None:
    only = make_data("only", subjects=1, images=4, test_subjects=0, generations={"3": 4, "4": 4, "5": 4})
    what = "hold 1 training subjects of the real domain, but .* name another target domain with --select-on"
    with pytest.raises(UserError, match=what):
        ask(only)
    sweep, _ = ask(only, select_on="synthetic")
    assert sweep.select_on == "synthetic"
    assert len(sweep.selection) == 4


def test_a_damaged_data_set_is_named(drawn: Path) -> None:
    (drawn / "masks" / "g3-0.png").write_bytes(b"no mask")
    with pytest.raises(UserError, match=r"masks/g3-0\.png: the image cannot be decoded as PNG; see `seatbelt da"):
        ask(drawn)


def tag_seats(root: Path, *, empty: int) -> None:
    """Tag the synthetic images: so many of them show an empty seat."""
    lines = (root / "manifest.csv").read_text().splitlines()
    synthetic = [line for line in lines if ",synthetic," in line]
    seats = {line: "empty" if i < empty else "belted" for i, line in enumerate(synthetic)}
    text = [f"{line},{'seat' if i == 0 else seats.get(line, '')}" for i, line in enumerate(lines)]
    (root / "manifest.csv").write_text("\n".join(text) + "\n")


SEATS = "share.seat.empty=as_is,0,0.25,0.5"
ONE_DECODER = (*NO_WEIGHTS, "decoder=fpn")


def test_arms_of_a_varied_composition_have_equally_many_images(drawn: Path) -> None:
    tag_seats(drawn, empty=4)
    sweep, notes = ask(drawn, vary=(*SMALL, SEATS), fix=ONE_DECODER)
    # 12 images, 4 of them with empty seats: half of them empty makes 8.
    assert sweep.base.data.synthetic_images == 8
    assert any(
        note.startswith("synthetic images: 8 in each arm, the most that every composition can") for note in notes
    )
    assert sweep.baseline["share.seat.empty"] == "as_is"
    assert SweepDescription.model_validate_json(sweep.model_dump_json()) == sweep
    # One factor at a time, and the ends of a range.
    assert ask(drawn, vary=(*SMALL, "share.seat.empty=0,0.25"), fix=ONE_DECODER)[0].base.data.synthetic_images == 8
    ranged = (*SMALL, "share.seat.empty=0..0.8")
    assert ask(drawn, vary=ranged, fix=ONE_DECODER, propose="random")[0].base.data.synthetic_images == 5


def test_the_number_of_synthetic_images_may_be_set(drawn: Path) -> None:
    tag_seats(drawn, empty=4)
    description, notes = ask(drawn, vary=(*SMALL, SEATS), fix=(*ONE_DECODER, "synthetic_images=6"))
    assert description.base.data.synthetic_images == 6
    assert not [note for note in notes if note.startswith("synthetic images")]
    what = r"^synthetic_images=9 with seat=empty:0 needs 9 synthetic images with seat not empty, but there are 8; add"
    with pytest.raises(UserError, match=what):
        ask(drawn, vary=(*SMALL, SEATS), fix=(*ONE_DECODER, "synthetic_images=9"))
    # With real images, a synthetic share says how many there are.
    mixed = (*ONE_DECODER, "real=true", "synthetic_share=0.5")
    assert ask(drawn, vary=(*SMALL, SEATS), fix=mixed)[0].base.data.synthetic_images is None
    with pytest.raises(
        UserError, match=r"no synthetic image of the data sets is tagged light=dim \(columns of tags: seat"
    ):
        ask(drawn, vary=(*SMALL, "share.light.dim=0,0.5"), fix=ONE_DECODER)


def test_architectures_that_cannot_be_built_are_excluded(drawn: Path) -> None:
    vary = ("encoder=resnet18,mit_b0", "decoder=unet,linknet")
    sweep, notes = ask(drawn, vary=vary)
    assert [exclusion.labels for exclusion in sweep.exclusions] == [{"encoder": ("mit_b0",), "decoder": ("linknet",)}]
    assert "checking which of 2 architectures can be built" in notes
    assert len(list(sweep.space().cells())) == 3
    assert sweep.weights == {"resnet18 none": None, "mit_b0 none": None}


def test_further_levels_bring_their_own_exclusions(drawn: Path) -> None:
    first, _ = ask(drawn, vary=("encoder=resnet18,mit_b0", "decoder=unet,linknet"))
    second, _ = ask(drawn, vary=("encoder=resnet18,mit_b0,mit_b1", "decoder=unet,linknet"))
    extended = first.extended(second)
    assert extended is not None and extended.exclusions == second.exclusions
    assert second.extended(first) is None
    assert first.extended(first.model_copy(update={"exclusions": ()})) is None
