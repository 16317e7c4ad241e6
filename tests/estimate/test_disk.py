"""What a run writes, against what one has written; and the refusal of what cannot fit."""

import os
import shutil
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tinyparams import with_values
from tinyproject import Project, Run

from pgpipe.config import load_yaml
from pgpipe.data.config import PHOTOS
from pgpipe.data.sources import photos
from pgpipe.data.sources.digits import BUNDLED
from pgpipe.errors import ResourceError
from pgpipe.estimate import disk
from pgpipe.estimate.plan import SCORED, Plan
from pgpipe.gan import networks, weights
from pgpipe.gan.config import KEPT_SNAPSHOT_BYTES
from pgpipe.metrics import inception_v3, patches
from pgpipe.plumbing import tensors
from pgpipe.training import checkpoint, quick_task
from stages import check, init

SMALL = 20_000  # bytes, below which a header is a tenth of a file


class Usage(NamedTuple):
    """As shutil.disk_usage gives it."""

    total: int
    used: int
    free: int


def plan(**values: Any) -> Plan:
    return check.plan_of(check.check(with_values(**values), "params.yaml"))


def size(file: Path) -> int:
    """Of a file, or of all files below a folder."""
    return sum(f.stat().st_size for f in [file, *file.rglob("*")] if f.is_file())


def by_place(parts: list[disk.Part]) -> dict[str, int]:
    """Bytes of the certain parts."""
    found: dict[str, int] = {}
    for part in parts:
        if part.certain:
            found[part.where] = found.get(part.where, 0) + part.bytes
    return found


# Against a run


def test_every_file_of_a_run_has_the_size_that_was_estimated(finished: Project) -> None:
    of_run = check.plan_of(check.check(load_yaml(finished.folder / "params.yaml"), "params.yaml"))
    estimated, real = by_place(disk.parts(of_run)), {}
    for where in estimated:
        root = finished.folder / where
        if where.startswith("data/multires/r") or where == "data/raw":
            real[where] = size(root)
        elif where.startswith("models/layers"):
            real[where] = size(root.with_suffix(".safetensors"))
        elif where.startswith("models/"):
            real[where] = size(root / "last.safetensors")
        elif where.endswith("/snapshots"):
            (folder,) = root.parents[1].glob(f"{root.parent.name}-*")
            real[where] = sum(f.stat().st_size for f in folder.glob("snapshots/*.safetensors"))
        elif where.startswith(".pgpipe/state/"):
            newest = max(root.parent.glob(f"{root.name}-*"), key=lambda f: f.stat().st_mtime)
            real[where] = sum(f.stat().st_size for f in newest.glob("*.safetensors"))
    assert len(real) >= 4 + 1 + 3 * len(of_run.growth.phases) + 1
    for where, found in real.items():
        tolerance = 0.05 if found > SMALL else 0.15
        assert estimated[where] == pytest.approx(found, rel=tolerance), where
    arrays = size(finished.folder / "samples/images.npy") + size(
        finished.folder / "samples/labels.npy"
    )
    assert estimated["samples"] == arrays
    assert sum(real.values()) == pytest.approx(sum(estimated[w] for w in real), rel=0.05)


def test_a_state_of_plain_steps_has_no_moments() -> None:
    of = plan(train__optimiser="sgd")
    named = weights.initial(of.spec, 4, 0)
    averages = {n.replace("generator", "average"): w for n, w in named.items()}
    nets = networks.build(of.spec, 4, named | averages, of.train, 0.1, torch.device("cpu"))
    nets.optimisers["generator"].zero_grad()
    next(nets.generator.parameters()).grad = torch.zeros_like(next(nets.generator.parameters()))
    nets.optimisers["generator"].step()
    found = len(tensors.dump(networks.tensors_of(nets), {}))
    latents, rows = 64 * (4 * 64 + 8), 6 * disk.ROW
    assert disk.state(of, "r4") == pytest.approx(found + latents + rows, rel=0.02)


def test_the_best_tick_s_generator_is_counted_beside_the_last_where_it_is_selected() -> None:
    best, last = (disk.parts(plan(train__select=name)) for name in ("best:swd_avg", "last"))
    more = {part.where: part for part in set(best) - set(last) if part.where != ".dvc/cache"}
    assert more.keys() == {"models/r16", "models/r32"}
    for where, part in more.items():
        assert (part.bytes, part.certain) == (by_place(best)[where], False)


@pytest.mark.parametrize("quick_images", [0, 16])
def test_phases_that_are_scored_as_they_go_keep_a_snapshot(quick_images: int) -> None:
    found = by_place(disk.parts(plan(train__quick_images=quick_images)))
    kept = {where for where in found if where.endswith("snapshots")}
    scored = {f".pgpipe/state/{key}/snapshots" for key in ("r16", "r32") if quick_images}
    assert kept == scored
    growth = plan().growth.phases
    for where in kept:
        one = found[where.replace(".pgpipe/state", "models")[: -len("/snapshots")]]
        key = where.split("/")[2]
        assert found[where] == plan().ticks(growth[key]) * one


def test_snapshots_of_large_generators_are_kept_to_a_bound() -> None:
    large = plan(model__fmap_base=8192, model__fmap_max=512, train__quick_images=16)
    found = by_place(disk.parts(large))
    assert found[".pgpipe/state/r32/snapshots"] <= KEPT_SNAPSHOT_BYTES


def test_a_run_writes_no_less_than_what_is_certain(finished: Project) -> None:
    of_run = check.plan_of(check.check(load_yaml(finished.folder / "params.yaml"), "params.yaml"))
    largest = max(disk.state(of_run, key) for key in of_run.growth.phases)  # is gone by now
    certain = sum(by_place(disk.parts(of_run)).values()) - largest
    assert disk.written(finished.folder) >= 0.97 * certain


# Against the other modules, which this one does not import, for they are heavy


def test_numbers_are_those_of_the_modules_that_write() -> None:
    assert disk.STATES == checkpoint.KEPT
    assert disk.BACKLOG == quick_task.BACKLOG
    assert SCORED == patches.SMALLEST
    assert disk.LATENTS == init.PREVIEWS
    assert len(photos.PHOTOGRAPHS) == PHOTOS
    with torch.device("meta"):
        assert inception_v3.InceptionV3().fc.weight.shape[1] == disk.FEATURES


def test_embedded_data_have_their_size() -> None:
    skimage, sklearn = resources.files("skimage"), resources.files("sklearn")
    files = [photo.file for photo in photos.PHOTOGRAPHS.values()]
    sizes = [len((skimage / "data" / file).read_bytes()) for file in files]
    assert disk.EMBEDDED["photos"] == pytest.approx(sum(sizes), rel=0.01)
    digits = (sklearn / "datasets" / "data" / BUNDLED).read_bytes()
    assert disk.EMBEDDED["digits-1k"] == pytest.approx(len(digits), rel=0.01)


# What follows from the formulas


def test_images_are_counted_at_every_resolution() -> None:
    """Four thirds of the largest, but for the smallest."""
    found = by_place(disk.parts(plan(dataset__images_per_class=600)))
    pixels = 3 * 10 * 600 * sum(r * r for r in (64, 32, 16, 8, 4))
    places = [w for w in found if w.startswith("data/multires/r")]
    assert sum(found[w] for w in places) == pixels + disk.HEADER * len(places)


@pytest.mark.parametrize("count", [None, 1000])
def test_a_users_images_are_counted_but_never_certain(count: int | None) -> None:
    parts = disk.parts(plan(dataset__name="folder"), count, raw=500)
    images = [part for part in parts if part.where == "data/multires/r64"]
    assert [part.bytes for part in images] == ([] if count is None else [1000 * 64**2 * 3 + 128])
    assert not [part for part in parts if part.certain and part.where.startswith("data")]


def test_phase_of_one_tick_keeps_one_state() -> None:
    few, many = (
        by_place(disk.parts(plan(train__tick_kimg=kimg)))[".pgpipe/state/r4"] for kimg in (10, 1)
    )
    assert 1.9 < many / few < 2.1


# The refusal


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / ".dvc").mkdir()
    shutil.copy(Path(__file__).parents[1] / "params.yaml", tmp_path)
    return tmp_path


def only(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with so many bytes free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free))


CERTAIN = sum(by_place(disk.parts(plan())).values())


def test_disk_that_holds_what_is_certain_is_enough(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(CERTAIN, monkeypatch)
    disk.require(plan(), root)
    only(CERTAIN - 1, monkeypatch)
    with pytest.raises(ResourceError, match=rf"^{root}: .* at least [\d.]+ MB more, [\d.]+ MB are"):
        disk.require(plan(), root)


def test_what_an_earlier_run_left_is_not_needed_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "models").mkdir()
    (root / "models/a").write_bytes(bytes(1000))
    (root / ".dvc/cache").mkdir()
    os.link(root / "models/a", root / ".dvc/cache/b")  # the same bytes
    (root / "data/own").mkdir(parents=True)
    (root / "data/own/c").write_bytes(bytes(5000))  # the user's
    assert disk.written(root) == 1000
    only(CERTAIN - 1000, monkeypatch)
    disk.require(plan(), root)
    only(CERTAIN - 1001, monkeypatch)
    with pytest.raises(ResourceError):
        disk.require(plan(), root)


def test_full_disk_is_one_line_and_exit_code_4(
    root: Path, monkeypatch: pytest.MonkeyPatch, command: Run
) -> None:
    only(1_000_000, monkeypatch)
    code, stdout, stderr = command("check")
    assert (code, stdout) == (4, "")
    assert f"pgpipe: error: {root}: the run takes at least " in stderr
    assert "1.0 MB are free" in stderr
    assert not (root / "data").exists()


def test_estimate_is_printed_with_its_sum(root: Path, command: Run) -> None:
    code, stdout, stderr = command("check", "--estimate")
    assert (code, stderr) == (0, "")
    whole = disk.human(sum(part.bytes for part in disk.parts(plan())))
    assert f"{whole}  in all" in stdout
    assert "train r32: minibatches of 8" in stdout
    assert (root / "data/checked").is_file()


def test_estimate_counts_a_users_folder(root: Path, command: Run) -> None:
    text = (root / "params.yaml").read_text().replace("name: photos", "name: folder")
    (root / "params.yaml").write_text(
        text.replace("label_conditioning: acgan", "label_conditioning: false")
    )
    assert "dataset.path: data/own: not found" in command("check", "--estimate")[2]
    (root / "data/own").mkdir(parents=True)
    for number in range(7):
        (root / f"data/own/{number}.png").write_bytes(bytes(100))
    found = command("check", "--estimate")[1]
    assert "data/multires/r64: 7 images" in found
    assert "700 B  data/raw" in found


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (4e15, "4000.0 TB")],
)
def test_bytes_for_people(count: float, text: str) -> None:
    assert disk.human(count) == text
