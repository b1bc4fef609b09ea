# One image for every process of medpay: api, worker, simulator, one-shot jobs. `docker run IMAGE medpay --help`.
FROM python:3.11.14-slim-bookworm AS dependencies
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /opt/medpay \
    && /opt/medpay/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
    # The embedded stack's server is a download of 150 MB that no container runs.
    && rm -f /opt/medpay/bin/temporal

FROM python:3.11.14-slim-bookworm
ENV PATH=/opt/medpay/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --home-dir /data --create-home medpay
COPY deploy/medpay.sh /usr/local/bin/medpay
COPY --from=dependencies /opt/medpay /opt/medpay
COPY activities /app/activities
COPY api /app/api
COPY cli /app/cli
COPY domain /app/domain
COPY gateways /app/gateways
COPY hospitals /app/hospitals
COPY security /app/security
COPY simulator /app/simulator
COPY storage /app/storage
COPY workflows /app/workflows
COPY settings.py worker.py /app/
RUN python -m compileall -q /app
USER medpay
WORKDIR /data
ENTRYPOINT ["medpay"]
