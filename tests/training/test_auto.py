"""What `auto` means: by what torch says of the device, asked once per machine."""

import json
from pathlib import Path

import pytest
from specs import train_section

from pgpipe.training import auto
from pgpipe.training.auto import Asked, Facts, Machine, settle

PLAIN, NATIVE = Facts("avx2", bf16=False), Facts("amx", bf16=True)
CUDA, OLD_CUDA = Facts("cuda", bf16=True), Facts("cuda", bf16=False)


def asked(precision: str) -> Asked:
    return Asked.model_validate({"train.precision": precision, "train.device": "auto"})


@pytest.mark.parametrize(
    ("precision", "facts", "settled"),
    [
        ("auto", PLAIN, "fp32"),
        ("auto", NATIVE, "bf16"),
        ("auto", CUDA, "bf16"),
        ("auto", OLD_CUDA, "fp32"),
        ("fp32", NATIVE, "fp32"),
        ("bf16", PLAIN, "bf16"),
        ("tf32", CUDA, "tf32"),
        ("tf32", NATIVE, "fp32"),  # a CPU has none
    ],
)
def test_auto_is_bf16_where_the_device_multiplies_it(
    precision: str, facts: Facts, settled: str
) -> None:
    assert settle(asked(precision), facts).precision == settled


def test_a_settled_section_has_no_auto() -> None:
    settled = Machine(precision="bf16").settled(train_section(precision="auto"))
    assert settled == train_section(precision="bf16")


def test_torch_is_asked_once_and_again_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, answers = tmp_path / "machine.json", list[str]()

    def ask(device: str) -> Facts:
        answers.append(device)
        return NATIVE

    monkeypatch.setattr(auto, "ask", ask)
    assert [auto.facts("auto", memory) for _ in range(2)] == [NATIVE, NATIVE]
    assert answers == ["auto"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    auto.facts("auto", memory)
    memory.write_text(json.dumps({"damaged": 1}))
    assert auto.facts("auto", memory) == NATIVE
    assert len(answers) == 3


def test_facts_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for amx, native, found in (
        (True, True, Facts("amx", bf16=True)),
        (False, True, Facts("avx512_bf16", bf16=True)),
        (False, False, Facts("avx512", bf16=False)),
    ):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda amx=amx: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        assert auto.ask("auto") == found
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for capability, bf16 in (((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda found=capability: found)
        assert auto.ask("auto") == Facts("cuda", bf16)
