# Claros in a container:
#   docker build -t claros .                                       what `claros demo` and `claros label` need, no torch
#   docker build -t claros --build-arg EXTRAS=all .                everything; torch as the package index has it
#   docker build -t claros --build-arg EXTRAS=all --build-arg PIP_EXTRA_INDEX_URL=... .    torch of that index (a CPU build, say)
#   docker run --rm -it -v "$PWD:/data" claros demo
FROM python:3.11-slim

ARG EXTRAS=data,sklearn,report
ARG PIP_EXTRA_INDEX_URL=""

COPY pyproject.toml requirements.lock README.md LICENSE /src/
COPY src /src/src
RUN PIP_EXTRA_INDEX_URL="$PIP_EXTRA_INDEX_URL" pip install --no-cache-dir --root-user-action=ignore \
      --constraint /src/requirements.lock "/src[$EXTRAS]" \
    && rm -rf /src \
    && useradd --create-home claros \
    && install --directory --owner claros /data

USER claros
WORKDIR /data
ENTRYPOINT ["claros"]
CMD ["--help"]
