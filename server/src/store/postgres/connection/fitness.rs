//! Whether a database is one that Lamplight can use, and what it risks.

use tokio_postgres::Client;

use super::database::Database;
use super::failure::Failure;
use super::open_error::OpenError;
use super::transaction_pool;
use crate::store::Opening;
use crate::store::postgres::columns::get;

/// The versions that are tested.
const VERSIONS: (i32, i32) = (15, 18);
/// With fewer connections, a server could not work: writers, the watch, and what the pool needs for
/// one thing at a time.
pub(super) const CONNECTIONS_LEAST: i64 = 8;
/// How many connections a server uses at most: those of the pool, two writers of payloads, the
/// watch, the notifier and the leader.
const CONNECTIONS_FULL: i64 = 21;
/// What to do about a host that takes no writes.
pub(super) const NO_WRITES: &str = "It is a standby, or was set read-only: name the host of the primary in the URL. With several \
     hosts, add target_session_attrs=read-write, which finds it";

const FACTS: &str = "SELECT current_setting('server_version_num')::integer, current_setting('server_version'), \
       current_setting('server_encoding'), current_setting('transaction_read_only') = 'on', \
       current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', \
       (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'), \
       current_setting('synchronous_standby_names') <> '', \
       least(current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint, \
         (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user AND NOT rolsuper), \
         (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))";

/// The settings of a database that matter.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
struct Facts {
    version: i32,
    version_text: String,
    encoding: String,
    is_read_only: bool,
    has_fsync: bool,
    has_full_page_writes: bool,
    synchronous_commit: String,
    has_standby: bool,
    connections: i64,
}

/// Refuses a database that cannot be used for a purpose, and warns of what is at risk.
///
/// # Errors
/// [`OpenError::Unfit`].
pub(crate) async fn check(database: &Database, opening: &Opening) -> Result<(), OpenError> {
    let prepare = |failure: Failure| OpenError::preparing(database.url(), failure);
    let client = database.dedicated().await.map_err(prepare)?;
    // First, because prepared statements do not work with such a pooler.
    if transaction_pool::is_between(&client, database).await.map_err(prepare)? {
        return Err(OpenError::Unfit(
            "use the database: a pooler between lamplight and it gives each transaction another \
             connection, as pgbouncer does with pool_mode = transaction. Set pool_mode = session for this \
             database, or write the host and the port of PostgreSQL itself in the URL"
                .into(),
        ));
    }
    let mut facts = read(&client).await.map_err(prepare)?;
    // A standby can be read.
    facts.is_read_only &= !opening.only_reads();
    let config = database.url().config();
    let (name, role) =
        (config.get_dbname().unwrap_or_default(), config.get_user().unwrap_or_default());
    let risks = facts.judge(name, role).map_err(OpenError::Unfit)?;
    if matches!(opening, Opening::Serve(_)) {
        for risk in risks {
            tracing::warn!("{risk}");
        }
    }
    Ok(())
}

/// How to make a database.
pub(super) fn make_database(name: &str, role: &str) -> String {
    format!("CREATE DATABASE \"{name}\" OWNER \"{role}\" ENCODING 'UTF8' TEMPLATE template0")
}

async fn read(client: &Client) -> Result<Facts, Failure> {
    let row = client.query_one(FACTS, &[]).await?;
    Ok(Facts {
        version: get::<i32>(&row, 0)? / 10_000,
        version_text: get(&row, 1)?,
        encoding: get(&row, 2)?,
        is_read_only: get(&row, 3)?,
        has_fsync: get(&row, 4)?,
        has_full_page_writes: get(&row, 5)?,
        synchronous_commit: get(&row, 6)?,
        has_standby: get(&row, 7)?,
        connections: get(&row, 8)?,
    })
}

impl Facts {
    /// What is at risk, or why the database cannot be used.
    fn judge(&self, name: &str, role: &str) -> Result<Vec<String>, String> {
        let (oldest, _) = VERSIONS;
        if self.version < oldest {
            return Err(format!(
                "use the database: it is PostgreSQL {}, and lamplight needs {oldest} or later: upgrade it",
                self.version_text
            ));
        }
        if self.encoding != "UTF8" {
            return Err(format!(
                "use the database: its encoding is {}, and lamplight needs UTF8. As a superuser, make \
                 another one: {}",
                self.encoding,
                make_database(&format!("{name}_utf8"), role)
            ));
        }
        if self.is_read_only {
            return Err(format!("use the database: it takes no writes. {NO_WRITES}"));
        }
        if self.connections < CONNECTIONS_LEAST {
            return Err(format!(
                "use the database: it has {} connections for the role {role}, and a server needs at least \
                 {CONNECTIONS_LEAST}: raise max_connections in postgresql.conf, or the CONNECTION LIMIT of \
                 the role or the database",
                self.connections
            ));
        }
        Ok(self.risks(role))
    }

    fn risks(&self, role: &str) -> Vec<String> {
        let (_, newest) = VERSIONS;
        let mut risks = Vec::new();
        if self.version > newest {
            risks.push(format!(
                "the database is PostgreSQL {}, and this version of lamplight is tested with versions up to \
                 {newest}",
                self.version_text
            ));
        }
        for (is_on, name) in
            [(self.has_fsync, "fsync"), (self.has_full_page_writes, "full_page_writes")]
        {
            if !is_on {
                risks.push(format!(
                    "the database has {name} = off: when its machine loses power, events that were accepted \
                     can be lost and the whole database can be damaged. Set {name} = on in postgresql.conf"
                ));
            }
        }
        match (self.synchronous_commit.as_str(), self.has_standby) {
            ("off", _) => risks.push(
                "the database has synchronous_commit = off, which can lose what was accepted: lamplight turns \
                 it on for its own connections, which costs the time of a write to the disk for each group of payloads"
                    .into(),
            ),
            ("local", true) => risks.push(
                "the database has synchronous_commit = local although it has a synchronous standby: events \
                 that were accepted can be lost when the standby takes over. Set synchronous_commit = on"
                    .into(),
            ),
            ("remote_write", true) => risks.push(
                "the database has synchronous_commit = remote_write: events that were accepted can be lost when \
                 the machine of the standby fails at the same time as that of the primary. Set \
                 synchronous_commit = on"
                    .into(),
            ),
            _ => {}
        }
        if self.connections < CONNECTIONS_FULL {
            risks.push(format!(
                "the database has {} connections for the role {role}, and a server uses up to \
                 {CONNECTIONS_FULL} of them: with more, reads wait less",
                self.connections
            ));
        }
        risks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            version: 15,
            version_text: "15.3".into(),
            encoding: "UTF8".into(),
            is_read_only: false,
            has_fsync: true,
            has_full_page_writes: true,
            synchronous_commit: "on".into(),
            has_standby: true,
            connections: 97,
        }
    }

    fn judged(facts: &Facts) -> Result<String, String> {
        facts.judge("lamp", "lamplight").map(|risks| risks.join("\n"))
    }

    #[test]
    fn a_database_that_cannot_be_used_is_refused_with_what_to_do() {
        for (unfit, said) in [
            (Facts { version: 14, version_text: "14.9".into(), ..facts() }, "is PostgreSQL 14.9"),
            (
                Facts { encoding: "SQL_ASCII".into(), ..facts() },
                "CREATE DATABASE \"lamp_utf8\" OWNER",
            ),
            (Facts { is_read_only: true, ..facts() }, "target_session_attrs=read-write"),
            (Facts { connections: 7, ..facts() }, "has 7 connections for the role lamplight"),
        ] {
            let why = judged(&unfit).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }

    #[test]
    fn what_is_at_risk_is_said_and_nothing_else() {
        assert_eq!(judged(&facts()), Ok(String::new()));
        for (risky, said) in [
            (Facts { version: 19, version_text: "19beta1".into(), ..facts() }, "up to 18"),
            (Facts { has_fsync: false, ..facts() }, "fsync = off"),
            (Facts { has_full_page_writes: false, ..facts() }, "full_page_writes = off"),
            (Facts { synchronous_commit: "off".into(), ..facts() }, "turns it on"),
            (Facts { synchronous_commit: "local".into(), ..facts() }, "the standby takes over"),
            (Facts { synchronous_commit: "remote_write".into(), ..facts() }, "at the same time"),
            (Facts { connections: 20, ..facts() }, "uses up to 21"),
        ] {
            let risks = judged(&risky).unwrap();
            assert!(risks.contains(said) && risks.lines().count() == 1, "{risks}");
        }
        let alone = Facts { synchronous_commit: "local".into(), has_standby: false, ..facts() };
        assert_eq!(judged(&alone), Ok(String::new()));
    }
}
