#!/bin/sh
# Creates Temporal's two databases, or upgrades them to this server's schema. Safe to repeat: each step checks first.
set -eu

migrate() {
    database=$1 schema=$2
    temporal-sql-tool --plugin postgres12 --db "$database" create
    temporal-sql-tool --plugin postgres12 --db "$database" setup-schema -v 0.0
    temporal-sql-tool --plugin postgres12 --db "$database" update-schema --schema-name "postgresql/v12/$schema"
}

migrate temporal temporal
migrate temporal_visibility visibility
