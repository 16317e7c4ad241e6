"""What processes share is, to the last bit, what one of them finds alone."""

from pathlib import Path

import torchrun


def test_three_processes_find_what_one_finds(tmp_path: Path) -> None:
    script = Path(__file__).with_name("sharing.py")
    torchrun.run(script, str(tmp_path), processes=3)
    assert {file.name for file in tmp_path.iterdir()} == {"shared.npy", "alone.npy"}
