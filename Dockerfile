# Ripplewatch as one image: `ripplewatch run` by default, and every other command (docker-compose.yml uses them).
#   docker build -t ripplewatch .
#   docker run -p 127.0.0.1:8000:8000 -v ripplewatch:/data ripplewatch ripplewatch run --sample

FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv --without-pip .venv
COPY requirements.lock ./
RUN pip --python .venv/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements.lock
COPY LICENSE NOTICE README.md pyproject.toml ./
COPY core core
COPY listener listener
COPY sentiment sentiment
COPY responder responder
COPY web web
# transformers brings some 400 models of which none is used: their byte code would be a sixth of the image.
RUN pip --python .venv/bin/python install --no-cache-dir --no-compile --no-deps . \
 && .venv/bin/python -m compileall -q -j 0 -x 'transformers/models|/tests?/' .venv/lib

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --no-create-home ripplewatch \
 && install -d -o ripplewatch -g ripplewatch -m 700 /data
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH RIPPLEWATCH_HOME=/data HOST=0.0.0.0 PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME /data
EXPOSE 8000
USER ripplewatch
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.getenv(\"PORT\") or 8000}/healthz', timeout=4)"]
CMD ["ripplewatch", "run"]
