"""The page that draws, served to this machine alone; PyTorch draws what it asks for.

For generators that are too large for a browser.
"""

import socket
from typing import Annotated

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, HTTPException, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pgpipe.drawing import browser
from pgpipe.drawing import seeds as by_seed
from pgpipe.drawing.trained import Trained
from pgpipe.errors import UsageError
from pgpipe.plumbing.terminal import say

HOST = "127.0.0.1"
MOST_NUMBERS = 1 << 16

Numbers = list[Annotated[float, Field(allow_inf_nan=False)]]


class Wish(BaseModel):
    """What the page asks for: a latent, and shares of the classes."""

    z: Numbers = Field(max_length=MOST_NUMBERS)
    shares: Numbers = Field(max_length=MOST_NUMBERS)


def application(trained: Trained, title: str) -> FastAPI:
    """Return the page and what draws for it; other hosts' pages get no answer."""
    generator = trained.generator
    spec = generator.spec
    about = f"{generator.resolution}x{generator.resolution} pixels. Drawn by pgpipe explore."
    served = browser.page(trained, title, about, served=True).decode()
    app = FastAPI(openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return served

    @app.post("/draw")
    def draw(wish: Wish) -> Response:
        if (len(wish.z), len(wish.shares)) != (spec.latent_size, spec.classes):
            raise HTTPException(422, "the numbers are not those of this generator")
        z, shares = torch.tensor([wish.z]), torch.tensor([wish.shares]) if spec.classes else None
        (image,) = next(iter(by_seed.draw(generator, z, shares)))
        rgb = image if spec.channels > 1 else image.repeat(3, axis=2)
        rgba = np.pad(rgb, ((0, 0), (0, 0), (0, 1)), constant_values=255)
        return Response(rgba.tobytes(), media_type="application/octet-stream")

    return app


def listening(port: int) -> socket.socket:
    """Return a socket at a port of this machine.

    Raises:
        UsageError: the port is in use, or may not be had.
    """
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
        opened.listen()  # so that who comes before the server is ready waits for it
    except OSError as error:
        opened.close()
        raise UsageError(f"--port: {port}: {error.strerror}; name another one") from None
    return opened


def serve(app: FastAPI, opened: socket.socket) -> None:
    """Say where the page is, and serve it until Ctrl-C or SIGTERM."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    try:
        say(f"http://{HOST}:{opened.getsockname()[1]}/ (Ctrl-C ends it)")
        server.run(sockets=[opened])
    except KeyboardInterrupt:  # uvicorn has ended, and passes it on
        return
