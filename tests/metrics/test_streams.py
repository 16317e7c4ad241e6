"""Streams of batches, and the memory of the scores that read them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from imagesets import noise

from pgpipe.data.feeding.multires import Chosen, ImageStore
from pgpipe.metrics.streams import BATCH, chunks, stream
from pgpipe.metrics.swd import MEMORY


def test_a_stream_can_be_read_again_and_ends_after_count() -> None:
    images = noise(3 * BATCH + 5, 16, 1)
    batches = stream(images, 2 * BATCH + 3)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(batches())), images[: 2 * BATCH + 3])


def test_a_mapped_file_reads_the_same_before_and_after_it_is_released(tmp_path: Path) -> None:
    images = noise(2 * BATCH, 16, 1)
    np.save(tmp_path / "images.npy", images)
    for mode in ("r", "c"):
        mapped = np.load(tmp_path / "images.npy", mmap_mode=mode)
        for _ in range(2):
            np.testing.assert_array_equal(np.concatenate(list(stream(mapped)())), images)


def test_chosen_images_of_a_store_are_read_in_their_order(tmp_path: Path) -> None:
    images = noise(20, 16, 1)
    np.save(tmp_path / "00000.npy", images[:12])
    np.save(tmp_path / "00001.npy", images[12:])
    order = np.array([19, 3, 3, 12, 0])
    chosen = Chosen(ImageStore(tmp_path), order)
    assert len(chosen) == 5
    np.testing.assert_array_equal(chosen[1:4], images[order][1:4])
    np.testing.assert_array_equal(np.concatenate(list(stream(chosen)())), images[order])


@pytest.mark.parametrize("size", [16, 128, 1024])
def test_chunks_are_small_and_keep_pairs_together(size: int) -> None:
    images = np.zeros((10, size, size, 1), np.uint8)
    for multiple in (1, 2):
        cut = [len(chunk) for chunk in chunks(stream(images), multiple)]
        assert sum(cut) == 10
        assert all(n % multiple == 0 for n in cut)
        assert size < 1024 or max(cut) == multiple


SCORE = """
import sys
from pathlib import Path

import numpy as np
import torch

from pgpipe.metrics import ms_ssim, swd
from pgpipe.metrics.streams import stream

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])

def score(reals, fakes, memory):
    cpu = torch.device("cpu")
    swd.distances(stream(reals), stream(fakes), 0, cpu, memory, 10)
    ms_ssim.ms_ssim_of_pairs(stream(fakes), cpu)

torch.set_num_threads(1)
sets = [np.load(file, mmap_mode="r") for file in sys.argv[1:3]]
score(*(images[:2] for images in sets), int(sys.argv[3]))  # what the libraries themselves take
before = peak()
score(*sets, int(sys.argv[3]))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory of Linux")
@pytest.mark.parametrize(("size", "count", "bound"), [(128, 256, 3 << 30), (1024, 4, 8 << 30)])
def test_memory_is_bounded(tmp_path: Path, size: int, count: int, bound: int) -> None:
    """3 GiB of 16,384 images at 128x128, 8 GiB at 1024x1024, as many fewer as there are images.

    What does not grow with the images is left out of the scale: the libraries (0.35 GiB, measured
    before), and the chunks that are computed with (0.15 GiB allowed).
    """
    files = [tmp_path / "reals.npy", tmp_path / "fakes.npy"]
    for file in files:
        mapped = np.lib.format.open_memmap(file, "w+", np.uint8, (count, size, size, 3))
        for start in range(count):
            mapped[start] = np.random.default_rng(start).integers(0, 256, (size, size, 3))
    scale = count / 16384
    done = subprocess.run(
        [sys.executable, "-c", SCORE, *map(str, files), str(int(MEMORY * scale))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fixed, libraries = 0.15 * 2**30, 0.35 * 2**30
    assert int(done.stdout) < (bound - libraries - fixed) * scale + fixed
