"""Experiments in DVC's own workspaces, which hold what git tracks, on images that it does not."""

import os
from pathlib import Path

import numpy as np
import pytest
from publishedsets import encoded
from specs import network_spec
from test_pipeline import stages_run
from tinyproject import Project

from pgpipe.data.feeding import multires
from pgpipe.gan import started, weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.started import Started
from pgpipe.plumbing import tensors

OWN = ("-S", "dataset.name=folder", "-S", "model.start=starts/given", "init")
COUNT = 128  # as many as tiny parameters score


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with images in the folder that dataset.path names by default."""
    made = Project(tmp_path_factory.mktemp("project")).create()
    for number in range(COUNT):
        file = made.folder / f"data/own/{'ab'[number % 2]}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        file.write_bytes(encoded(pixels, "PNG"))
    spec = network_spec(fmap_base=64, fmap_max=16, latent_size=16, fused_downsampling=True)
    named = {**weights.initial(spec, 8, 5), **averaged(spec)}
    (made.folder / "starts/given").mkdir(parents=True)
    given = Started(Path("given"), spec, 8, (), named)
    given.save(made.folder / "starts/given/networks.safetensors")
    assert made.git("status", "--short") == "", "git ignores what is the user's"
    return made


def averaged(spec: NetworkSpec) -> weights.Weights:
    """An average of G's, which is another than G."""
    drawn = weights.initial(spec, 8, 6).items()
    return {n.replace("generator", "average", 1): v for n, v in drawn if n.startswith("generator")}


def users_files(project: Project) -> dict[str, tuple[object, ...]]:
    """All that is known of the user's files: inode, number of names, mode, owner, time, content."""
    found: dict[str, tuple[object, ...]] = {}
    for file in sorted((project.folder / "data/own").rglob("*.png")):
        s = file.stat()
        state = (s.st_ino, s.st_nlink, s.st_mode, s.st_uid, s.st_mtime_ns, file.read_bytes())
        found[file.name] = state
        assert os.access(file, os.W_OK)
    return found


def made_by(project: Project, experiment: str, out: str = "data/multires") -> str:
    """The hash of what an experiment has made, such as its prepared images."""
    (ref,) = project.git(
        "for-each-ref", "--format=%(refname)", f"refs/exps/*/*/{experiment}"
    ).split()
    lock = project.git("show", f"{ref}:dvc.lock")
    return lock.partition(f"path: {out}\n")[2].partition("md5: ")[2].split()[0]


@pytest.fixture(scope="module")
def ran(project: Project) -> Project:
    """The same after experiments in the queue, in a temporary workspace, and in its own."""
    before = users_files(project)
    project.run("dvc", "exp", "run", "--queue", "-n", "queued", *OWN)
    project.run("dvc", "exp", "run", "--queue", "-n", "lost", "-S", "dataset.path=away", *OWN)
    waiting = project.run("pgpipe", "queue")
    assert waiting.splitlines() == ["queued: queued", "lost: queued"]
    project.run("dvc", "exp", "run", "--run-all")  # ends well, though one of them fails
    project.run("dvc", "exp", "run", "--temp", "-n", "temporary", "-C", "data/own", *OWN)
    project.run("dvc", "exp", "run", "-n", "here", *OWN)
    assert users_files(project) == before
    return project


@pytest.mark.slow
def test_all_find_the_same_images(ran: Project) -> None:
    for out in "data/multires", "models/layers":
        assert len({made_by(ran, name, out) for name in ("queued", "temporary", "here")}) == 1
    manifest = multires.read_manifest(ran.folder / "data/multires")
    assert (manifest["count"], manifest["labels"]) == (COUNT, ["a", "b"])


@pytest.mark.slow
def test_all_start_from_the_same_networks(ran: Project) -> None:
    given = started.read(ran.folder / "starts/given/networks.safetensors").named
    layers = [
        tensors.read(ran.folder / f"models/layers/{key}.safetensors")[0] for key in ("r4", "r8")
    ]
    first = layers[0] | layers[1]
    changed = {name for name, value in given.items() if not first[name].equal(value)}
    assert changed == {
        f"{network}.blocks.4.{layer}"  # which get rows of the data's two classes
        for network, layer in (
            ("generator", "seed.weight"), ("average", "seed.weight"),
            ("discriminator", "score.weight"), ("discriminator", "score.bias"),
        )
    }  # fmt: skip


@pytest.mark.slow
def test_what_failed_in_the_queue_is_said(ran: Project) -> None:
    done, failed, advice = ran.run("pgpipe", "queue", code=1).splitlines()
    assert done == "queued: done"
    place = f"{ran.folder}/away"
    assert failed == f"lost: failed: dataset.path: {place}: not found; put there the folder or .zip"
    assert advice.startswith("dvc queue logs lost shows all that it said; ")


@pytest.mark.slow
def test_only_a_changed_image_is_taken_again(ran: Project) -> None:
    assert stages_run(ran.run("dvc", "repro", "prepare")) == {"find"}
    assert "always changed" in ran.run("dvc", "status", "prepare", "find")
    before = users_files(ran)
    (ran.folder / "data/own/a/0.png").rename(ran.folder / "data/own/b/0.png")
    assert stages_run(ran.run("dvc", "repro", "prepare")) == {"find", "download", "prepare"}
    assert users_files(ran) == before


@pytest.mark.slow
def test_rows_are_not_queued_without_their_data(project: Project) -> None:
    message = project.run("pgpipe", "ablation", "queue", "--data", "celeba", code=2)
    wanted = "pgpipe: error: dataset.path: data/celeba: not found; put there img_align_celeba.zip"
    assert message.startswith(wanted)
    assert len(message.splitlines()) == 1
