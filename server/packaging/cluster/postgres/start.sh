#!/bin/sh
# Starts one of the two nodes of a shard. The data directory says whether it is the primary or the
# standby. Without data, the node copies the other one; only the very first start makes a database.
#
#   NODES                 both nodes, as "host:port host:port"
#   INDEX                 which of them this one is: 0 or 1
#   PGDATA                its data directory, in a folder that it may write to
#   CONFIG                the folder with postgresql.conf and pg_hba.conf
#   POSTGRES_PASSWORD, REPLICATION_PASSWORD, DATABASE_PASSWORD
#                         of the superuser, of standbys and of Lamplight. Letters and digits only
#
# Arguments are given to postgres. To make a standby the primary: pg_ctl promote, or pg_promote().
set -eu
umask 077

# shellcheck disable=SC2086
set_other() { [ "$INDEX" = 0 ] && other=$2 || other=$1; }
set_other $NODES
export PGPASSWORD="$REPLICATION_PASSWORD"
other="host=${other%:*} port=${other##*:} user=replicator connect_timeout=3"

other_is_primary() {
  psql --no-psqlrc --quiet "$other dbname=postgres target_session_attrs=read-write" -c 'SELECT' >/dev/null 2>&1
}

# Also while it starts and takes no connections.
other_runs() {
  answer=0
  pg_isready --quiet --dbname="$other" || answer=$?
  [ "$answer" -lt 2 ]
}

# Each promotion begins a timeline, with a file that is named by its number.
timeline() {
  last=$(find "$PGDATA/pg_wal" -name '*.history' | sort | tail -n 1)
  last=$(basename "${last:-00000001}" .history)
  echo $((0x$last))
}

timeline_of_other() {
  psql --no-psqlrc --no-align --tuples-only "$other replication=true" -c 'IDENTIFY_SYSTEM' | cut -d '|' -f 2
}

say() { echo "start.sh: $*" >&2; }

# The directory gets its name when everything is in it and on the disk.
finish() {
  sync
  mv "$PGDATA.new" "$PGDATA"
  sync
}

# The copy must not count as a standby: what only an unfinished copy has is lost with it.
copy() {
  say 'copying the primary'
  rm -rf "$PGDATA.new"
  pg_basebackup --pgdata="$PGDATA.new" --wal-method=stream --checkpoint=fast --dbname="$other application_name=copy"
  touch "$PGDATA.new/standby.signal"
  finish
}

create() {
  say 'making the database'
  rm -rf "$PGDATA.new"
  echo "$POSTGRES_PASSWORD" >"$PGDATA.password"
  initdb --pgdata="$PGDATA.new" --username=postgres --pwfile="$PGDATA.password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --data-checksums >/dev/null
  rm "$PGDATA.password"
  postgres --single -D "$PGDATA.new" -c exit_on_error=on postgres >/dev/null <<SQL
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '$REPLICATION_PASSWORD'
CREATE ROLE lamplight LOGIN CREATEROLE PASSWORD '$DATABASE_PASSWORD'
CREATE DATABASE lamplight OWNER lamplight
SQL
  finish
}

while [ ! -e "$PGDATA/PG_VERSION" ]; do
  if other_is_primary; then
    copy
  elif other_runs; then
    say 'the other node runs and is no primary. If it does not become one, promote it: this one then copies it'
    sleep 2
  elif [ "$INDEX" = 0 ]; then
    create
  else
    say 'waiting for a primary to copy'
    sleep 2
  fi
done

# Of two nodes that were a primary, the one that was promoted last has everything that was answered.
while [ ! -e "$PGDATA/standby.signal" ] && other_is_primary; do
  if [ "$(timeline_of_other)" -gt "$(timeline)" ]; then
    say "the other node became the primary while this one was down. Remove $PGDATA: this node then copies it"
    exit 1
  fi
  say 'the other node runs with older data. Stop it and remove its data directory: it then copies this node'
  sleep 2
done

exec postgres -D "$PGDATA" -c config_file="$CONFIG/postgresql.conf" -c hba_file="$CONFIG/pg_hba.conf" \
  -c primary_conninfo="$other application_name=node$INDEX" "$@"
