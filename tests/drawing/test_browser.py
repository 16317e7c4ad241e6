"""The exported page draws what PyTorch draws: its JavaScript in node, all of it in Chromium."""

import http.server
import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from specs import DCGAN, MLP, ROW_A, network_spec
from tinynets import generator

from pgpipe.drawing import browser, seeds, walks
from pgpipe.drawing.trained import Trained
from pgpipe.gan.systems import SYSTEMS
from pgpipe.images import Images

SEEDS = [0, 7, (1 << 63) + 5, seeds.LARGEST_SEED]
NAMES = ["cat", "</script><b>", "dog"]
NETWORKS: dict[str, dict[str, Any]] = {
    "pggan": {"classes": 3},
    "gray, tanh": {"channels": 1, "tanh": True, "latent_size": 8},
    "plain": {"generator_norm": "none", "latent_norm": "none", "equalised_lr": False},
    "row a": {**ROW_A, "classes": 3},
    "pixel-bias": {"first_layer": "pixel-bias"},
    "no-norm": {"first_layer": "no-norm"},
    "relu": {"generator_activation": "relu", "latent_norm": "joined", "classes": 3},
    "dcgan": {**DCGAN, "classes": 3},
    "weak": {"name": "weak", "channels": 1},
    "mlp": {**MLP, "fmap_base": 64, "fmap_max": 32},
    "uniform, response": {"latents": "uniform", "generator_norm": "response"},
}
NODE = """
const html = require("fs").readFileSync(0, "utf8");
const part = id => html.match(new RegExp(`<script[^>]* id="${id}">([^]*?)</script>`))[1];
const model = JSON.parse(part("model"));
const asked = JSON.parse(process.argv[1]);
eval(part("network") + `
const net = new Network(model, decoded(part("weights").trim()));
console.log(JSON.stringify(asked.map(text => {
  const seed = BigInt(text), label = model.classes ? labelOf(model, seed) : 0;
  return Array.from(net.draw(latentOf(model, seed), oneHot(model, label)));
})));`);
"""


def net(name: str) -> Trained:
    made = generator(network_spec(**NETWORKS[name]), 32 if name == "weak" else 16)
    return Trained(made.requires_grad_(False), NAMES if made.spec.classes else [])


def page(trained: Trained) -> str:
    return browser.page(trained, "A <title>", "About.").decode()


def by_torch(trained: Trained, z: torch.Tensor, labels: torch.Tensor | None) -> Images:
    images = np.concatenate(list(seeds.draw(trained.generator, z, labels)))
    return images if images.shape[3] == 3 else images.repeat(3, axis=3)


def require_close(rgba: list[list[int]], expected: Images) -> None:
    """At most 1 of 255 apart, and opaque."""
    found = np.array(rgba).reshape(*expected.shape[:3], 4)
    assert (found[..., 3] == 255).all()
    assert abs(found[..., :3] - expected.astype(int)).max() <= 1
    assert expected.std() > 20, "there is something to be seen"


def test_every_system_is_tried() -> None:
    drawn = {SYSTEMS[network_spec(**changes).name].sampled_network for changes in NETWORKS.values()}
    refused = {SYSTEMS["stackgan"].sampled_network}  # in one line: tests/faults/test_relatives.py
    assert drawn == {system.sampled_network for system in SYSTEMS.values()} - refused


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here: JavaScript is not run")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_forward_pass_in_javascript(name: str) -> None:
    trained = net(name)
    done = subprocess.run(
        ["node", "-e", NODE, json.dumps([str(seed) for seed in SEEDS])],
        input=page(trained),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    z, labels = (of(trained.generator, SEEDS) for of in (seeds.latents, seeds.labels))
    assert z is not None
    require_close(json.loads(done.stdout), by_torch(trained, z, labels))


def test_a_page_loads_nothing_and_takes_names_for_text() -> None:
    text = page(net("dcgan"))
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src 'none'" in text
    assert "<b>" not in text
    assert "<title>A &lt;title&gt;</title>" in text


# The page in a browser, as a person has it

DRIVER = """
<script>
const until = async done => { while (!done()) await new Promise(go => setTimeout(go, 20)); };
const drawn = () => Array.from(picture.getContext("2d").getImageData(
  0, 0, picture.width, picture.height).data);
async function enter(values) {  // as a person does: a field's value, and its event
  delete picture.dataset.drawn;
  for (const [id, value] of Object.entries(values)) {
    at(id).value = value;
    at(id).dispatchEvent(new Event("input", {bubbles: true}));
  }
  await until(() => picture.dataset.drawn && !wanted && !drawing);
  return {name: picture.dataset.drawn, pixels: drawn()};
}
async function drive() {
  const found = {errors: [], pictures: []};
  onerror = message => found.errors.push(`${message}`);
  onsecuritypolicyviolation = event => found.errors.push(event.violatedDirective);
  for (const values of ASKED) found.pictures.push(await enter(values));
  at("seed-a").value = "x";
  at("seed-a").dispatchEvent(new Event("input", {bubbles: true}));
  found.refused = at("seed-a").validationMessage;
  at("seed-a").value = "3";
  at("play").click();
  await until(() => at("seed-a").value === "1");  // has arrived where it went to
  at("play").click();
  found.next = at("seed-b").value;
  HTMLAnchorElement.prototype.click = function () { found.saved = this.download; };
  at("save").click();
  await until(() => found.saved);
  at("others").children[5].click();
  found.clicked = at("seed-a").value;
  found.gallery = [...document.querySelectorAll("#others canvas")].map(c => c.dataset.drawn);
  await fetch("ADDRESS", {method: "POST", mode: "no-cors", body: JSON.stringify(found)});
}
drive();
</script></body>
"""


class Told(http.server.BaseHTTPRequestHandler):
    """Keeps what the page tells."""

    server: "Listener"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.server.told = json.loads(body)
        self.server.done.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Listener(http.server.HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.told: dict[str, Any] = {}
        self.done = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


def driven(folder: Path, text: str, asked: list[dict[str, str]]) -> dict[str, Any]:
    """What Chromium shows of a page, opened from the disk, after each of these entries."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium here: the page is not driven")
    listener = Listener()
    address = f"http://127.0.0.1:{listener.server_port}"
    driver = DRIVER.replace("ASKED", json.dumps(asked)).replace("ADDRESS", address)
    text = text.replace("default-src 'none'", f"default-src 'none'; connect-src {address}")
    (folder / "page.html").write_text(text.replace("</body>", driver))
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        browser_process = subprocess.Popen(
            [program, *options, "--remote-debugging-port=0", (folder / "page.html").as_uri()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert listener.done.wait(120), "the page told nothing"
        finally:
            browser_process.terminate()
            browser_process.wait()
            listener.shutdown()
            listener.server_close()
    return listener.told


@pytest.mark.full
@pytest.mark.parametrize("name", ["pggan", "row a"])
def test_the_page_in_chromium(name: str, tmp_path: Path) -> None:
    trained = net(name)
    zeros = {"walk": "0", "classes-walk": "0"}
    asked = [
        *({"seed-a": str(seed), "class-a": "-1", **zeros} for seed in SEEDS),
        *({"seed-a": "7", "class-a": str(number), **zeros} for number in range(3)),
        {"seed-a": "0", "seed-b": "1", "class-a": "2", "class-b": "1", "walk": "0.25"},
    ]
    told = driven(tmp_path, page(trained), asked)
    assert told["errors"] == []
    made = trained.generator
    chosen = [*SEEDS, 7, 7, 7]
    labels = seeds.labels(made, chosen)
    assert labels is not None
    labels[-3:] = torch.arange(3)
    pictures = [picture["pixels"] for picture in told["pictures"]]
    require_close(pictures[:-1], by_torch(trained, seeds.latents(made, chosen), labels))
    assert told["pictures"][4]["name"] == "seed 7, cat"
    assert told["pictures"][5]["name"] == "seed 7, </script><b>"
    z = walks.tour(made.spec, seeds.latents(made, [0, 1]), 4, 1)[1]
    shares = torch.tensor([[0, 0.25, 0.75]])
    require_close(pictures[-1:], by_torch(trained, z, shares))
    assert "whole number" in told["refused"]
    assert (told["next"], told["clicked"]) == ("2", "5")
    assert told["saved"].startswith("seed-")
    assert told["saved"].endswith(".png")
    assert told["gallery"] == [str(n) for n in range(12)]
