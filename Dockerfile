# An environment for pgpipe on a CPU. Results stay in the folder that is mounted:
#   docker build -t pgpipe .
#   docker run --rm -it -v "$PWD:/work" pgpipe dvc repro
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

# The packages first: they change less often than the sources.
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY pgpipe/__init__.py pgpipe/__init__.py
RUN pip install --no-cache-dir -c constraints.txt -e .

COPY . .

# The sources of the mounted checkout take the place of those of the image.
WORKDIR /work
ENV PYTHONPATH=/work:/src
RUN git config --system --add safe.directory /work
CMD ["bash"]
