# Pin it for good by its digest: --build-arg PYTHON=python:3.12.12-slim-bookworm@sha256:...
ARG PYTHON=python:3.12.12-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv --without-pip /opt/causal
# What does not change with every commit comes first. The lock file has a hash for every package.
COPY requirements.lock /tmp/
RUN pip --python /opt/causal install --require-hashes --no-deps --requirement /tmp/requirements.lock
# What dowhy names for parts of it that nothing here calls, 40% of all; and the tests of libraries.
ARG UNUSED="cvxpy scs sparsediffpy clarabel osqp qdldl highspy cython numba llvmlite"
RUN pip --python /opt/causal uninstall --yes ${UNUSED} \
  && find /opt/causal/lib -type d -name tests -path '*/site-packages/*' -prune -exec rm -r {} +
COPY pyproject.toml README.md /src/
COPY datasource /src/datasource
COPY dashboards /src/dashboards
COPY provisioning /src/provisioning
RUN pip --python /opt/causal install --no-deps /src

FROM ${PYTHON}
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp \
    PATH=/opt/causal/bin:$PATH
COPY --from=build /opt/causal /opt/causal
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/causal-datasource causal
USER 10001
WORKDIR /var/lib/causal-datasource
# Where incidents are kept; a volume that is mounted here takes its owner.
RUN mkdir causal-data

EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8321/healthz', timeout=4)"]
# For econml's estimators, in an image of yours: USER root, RUN pip --python /opt/causal install econml, USER 10001
ENTRYPOINT ["causal-datasource"]
CMD ["serve", "--config", "/etc/causal-datasource/causal.yaml", "--listen", "0.0.0.0:8321"]
