#!/bin/sh
# The namespace that payments run in. Closed payments stay readable for 30 days; our own records keep them.
set -eu

namespace=${MEDPAY_TEMPORAL_NAMESPACE:-default}
if temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1; then
    temporal operator namespace update --namespace "$namespace" --retention 720h
else
    temporal operator namespace create --namespace "$namespace" --retention 720h
fi
