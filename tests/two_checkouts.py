"""Whether two checkouts of pgpipe compute the same bits: what a change of structure is held to.

    python tests/two_checkouts.py OLD NEW [CASE ...]

Each runs the same tiny chains in a project of its own, side by side on one machine: every loss and
architecture, labels, bfloat16, parts of minibatches, two processes. Images, weights, moments,
samples and scores are compared value by value; the order and names of files may differ.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from tinyproject import Project

from pgpipe.config import load_yaml

ONE_PHASE = "growth: {final: r16, phases: {r4: null, r8: null, r16: {from: init, fade_kimg: 0}}}"
PLAIN = "equalised_lr: false, fused_downsampling: false"
WEAK = "growth: {final: r32, phases: {r4: null, r8: null, r16: null, r32: {from: init, res: 32, "
CASES = {  # what of the tiny chain is otherwise
    "wgan-gp": "train: {gradient_at: full, full_resolution: 16}",
    "minimax": "train: {loss: minimax}",
    "non-saturating": "train: {loss: non-saturating}",
    "lsgan": "train: {loss: lsgan}\nmodel: {discriminator_norm: layer}",
    "hinge": "train: {loss: hinge, discriminator_steps: 2}",
    "r1": "train: {loss: r1, mirror: true}",
    "relativistic": "train: {loss: relativistic, updates: simultaneous}",
    "matching": "train: {label_conditioning: matching}",
    "projection": "train: {label_conditioning: projection}",
    "joint": "train: {label_conditioning: joint, loss: r1}",
    "no labels": "train: {label_conditioning: false, minibatch_stddev: false}",
    "groups": "train: {minibatch_stddev: 4, minibatch_per_device: 4}",
    "bf16": "train: {precision: bf16, ramp_up_kimg: 0.1, adam_reset: never}",
    "discrimination": f"model: {{minibatch_discrimination: 4, {PLAIN}}}\n"
    "train: {minibatch_stddev: false}",
    "batch norm": "model: {generator_norm: batch, discriminator_norm: batch, tanh: true}",
    "gray, joined": "dataset: {color: gray}\nmodel: {latent_norm: joined}",
    "dcgan": f"{ONE_PHASE}\nmodel: {{name: dcgan, latent_norm: none, generator_activation: relu, "
    f"generator_norm: batch, tanh: true, discriminator_norm: batch, {PLAIN}}}\n"
    "train: {minibatch_stddev: false, loss: non-saturating}",
    "weak": f"{WEAK}fade_kimg: 0, stable_kimg: 0.064}}}}}}\n"
    "model: {name: weak, fused_downsampling: false}\n"
    "dataset: {name: digits-1k, stacks: 64}\nscore: {mode_samples: 32, mode_evaluations: 1}",
    **{
        name: f"model: {{name: {name}, latent_norm: none}}\n"
        "train: {label_conditioning: false, minibatch_stddev: false}"
        for name in ("autoencoder", "vae", "vae-gan")
    },
    "two processes": "train: {minibatch_stddev: 4}",
}
OUTPUTS = ("data/multires", "models", "reference", "samples", "reports/metrics.json")


def run(project: Project, case: str, *arguments: str) -> None:
    """Run a command of the project's own code to its end."""
    shared = case == "two processes" and arguments[0] == "train"
    os.environ["PGPIPE_PROCESSES"] = "2" if shared else "1"
    project.run("pgpipe", *arguments)


def values(folder: Path) -> Iterator[tuple[str, str]]:
    """Every array and number of a project's results, by name, as the hash of its bytes."""
    for output in OUTPUTS:
        top = folder / output
        for file in sorted([top] if top.is_file() else top.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.suffix == ".safetensors":
                with safe_open(file, "np") as opened:
                    for key in opened.keys():  # noqa: SIM118 - it is no mapping
                        yield f"{name} {key}", hash_of(opened.get_tensor(key).tobytes())
            elif file.suffix in (".npy", ".csv", ".png"):
                yield name, hash_of(file.read_bytes())
            elif name == "reports/metrics.json":
                yield from ((key, str(v)) for key, v in numbers(json.loads(file.read_text())))


def numbers(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The scores, without what says by which version of pgpipe they were computed."""
    yield from ((k, v) for k, v in document.items() if not isinstance(v, str))


def hash_of(data: bytes) -> str:
    """SHA-256, shortened."""
    return hashlib.sha256(data).hexdigest()[:16]


def results(checkout: Path, case: str) -> dict[str, str]:
    """Run a case's chain with the code of a checkout."""
    with tempfile.TemporaryDirectory() as temporary:
        project = Project(Path(temporary)).create(checkout=checkout)
        (project.folder / "presets/case.yaml").write_text(f"# {case}.\n{CASES[case]}\n")
        run(project, case, "preset", "tiny", "case", "--force")
        stages = ("check", "find", "download", "prepare", "gate", "reference", "init", "machine")
        for stage in stages if (checkout / "stages/machine.py").is_file() else stages[:-1]:
            run(project, case, stage)
        for phase in load_yaml(project.folder / "params.yaml")["growth"]["phases"]:
            run(project, case, "train", phase)
        for stage in ("sample", "score"):
            run(project, case, stage)
        return dict(values(project.folder))


def main(old: str, new: str, *cases: str) -> int:
    """Compare two checkouts; 1 where a value differs."""
    differ = 0
    for case in cases or CASES:
        before, after = (results(Path(checkout).resolve(), case) for checkout in (old, new))
        names = [n for n in {**before, **after} if before.get(n) != after.get(n)]
        differ += bool(names)
        said = f"DIFFERENT: {', '.join(names[:5])} and {len(names)} in all" if names else "equal"
        print(f"{case}: {len(before)} values, {said}", flush=True)  # noqa: T201
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
