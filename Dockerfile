FROM python:3.12-slim AS wheel
WORKDIR /src
COPY pyproject.toml README.md ./
COPY datasource datasource
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# What does not change with every commit comes first. The lock file has a hash for every package.
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --require-hashes --no-deps --requirement /tmp/requirements.lock
COPY --from=wheel /wheels /tmp/wheels
RUN pip install --no-cache-dir --no-deps /tmp/wheels/*.whl && rm -r /tmp/wheels

RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/causal-datasource causal
USER 10001
WORKDIR /var/lib/causal-datasource
# Where incidents are kept; a volume that is mounted here takes its owner.
RUN mkdir causal-data

EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8321/healthz', timeout=4)"]
ENTRYPOINT ["causal-datasource"]
CMD ["serve", "--config", "/etc/causal-datasource/causal.yaml", "--listen", "0.0.0.0:8321"]
