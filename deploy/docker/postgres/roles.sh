#!/bin/sh
# A database and a role for each service, when the server starts for the first time. The roles are no superusers, and own
# their tables: row-level security holds them (ARCHITECTURE.md).
set -eu

for service in auth user order file batch; do
    url=$(cat "/run/secrets/$service-database-url")
    password=${url#*://*:}
    password=${password%%@*}
    psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -v name="baton_$service" -v password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
