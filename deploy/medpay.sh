#!/bin/sh
# The `medpay` command of the image. It has no use for root, whom a hole in it would make the host's.
set -eu

if [ "$(id -u)" -eq 0 ]; then
    echo "MEDPAY_UID: must not be 0 (root): name the user id that owns MEDPAY_CONFIG_DIR, as printed by id -u" >&2
    exit 2
fi
exec python -P -m cli "$@"
