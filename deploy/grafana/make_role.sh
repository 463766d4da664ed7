#!/bin/sh
# For PostgreSQL's container: makes Grafana's role when the database is made.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --no-psqlrc --set password="$REPORTS_PASSWORD" --file /lendbook/role.sql
