//! The role that runs statements of users, and what it may read.

use std::fmt::Write as _;

use deadpool_postgres::Transaction;
use tokio_postgres::Config;

use super::views;
use crate::store::postgres::columns::{get, hash};
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::{Failure, described};
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::postgres::locks::Lock;

/// What the name of the role begins with. Roles are those of the whole cluster, so the name of the
/// database follows, as a hash.
pub(crate) const ROLE_PREFIX: &str = "lamplight_sql";
/// How many statements of users run at a time, on all servers.
const CONNECTIONS_MAX: u32 = 16;
/// The most bytes of temporary files of one statement.
const TEMPORARIES_MAX: &str = "1GB";

const FACTS: &str = "SELECT current_database(), current_user::text, rolsuper, rolsuper OR rolcreaterole, \
     has_database_privilege(current_database(), 'CREATE'), \
     (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'lamplight_sql'), \
     obj_description(to_regnamespace('lamplight_sql')::oid, 'pg_namespace') \
     FROM pg_roles WHERE rolname = current_user";

/// How statements are run.
#[derive(Debug)]
pub(super) enum Access {
    /// By connections with these settings.
    Ready(Box<Config>),
    /// Not before an operator has done something, which this says.
    Missing(String),
}

/// What a process says that does not serve.
pub(super) fn not_prepared() -> String {
    "statements are run by a server, and this process is none".to_owned()
}

/// What the role of this server may do, and what is there.
struct Facts {
    database: String,
    user: String,
    is_superuser: bool,
    makes_roles: bool,
    makes_schemas: bool,
    /// Whether the schema of the views is ours, if there is one.
    owns_schema: Option<bool>,
    /// The version of the views.
    version: Option<String>,
}

/// Prepares the role and its views. With a URL, the role is the one that it names.
pub(super) async fn prepare(
    database: &Database,
    url: Option<&DatabaseUrl>,
) -> Result<Access, Failure> {
    let named = url.map(|url| url.config().get_user().unwrap_or_default().to_owned());
    let prepared = database
        .transaction(move |transaction| {
            let named = named.clone();
            Box::pin(async move { prepare_in(transaction, named.as_deref()).await })
        })
        .await;
    match prepared {
        Ok(Ok(role)) => {
            let url = match role {
                Some((name, password)) => database.url().with_role(&name, &password),
                None => url.unwrap_or(database.url()).clone(),
            };
            let mut config = url.config().clone();
            config.application_name("lamplight sql");
            Ok(Access::Ready(Box::new(config)))
        }
        Ok(Err(missing)) => Ok(Access::Missing(missing)),
        Err(failure) if failure.is_outage() => Err(failure),
        Err(failure) => {
            let reason = described(&failure);
            tracing::warn!(error = %reason, "statements of users cannot be run");
            Ok(Access::Missing(format!(
                "statements cannot be run: {reason}. {}",
                advice("the role of the server")
            )))
        }
    }
}

/// What the owner of the database does once.
fn advice(user: &str) -> String {
    format!(
        "As the owner of the database, run once: CREATE ROLE lamplight_sql LOGIN PASSWORD '…' CONNECTION LIMIT \
         {CONNECTIONS_MAX}; CREATE SCHEMA lamplight_sql AUTHORIZATION \"{user}\"; then start the server with \
         --sql-database-url and the URL of that role"
    )
}

/// A role and its password, if this server made it, or what is missing.
type Prepared = Result<Option<(String, String)>, String>;

async fn prepare_in(
    transaction: &Transaction<'_>,
    named: Option<&str>,
) -> Result<Prepared, Failure> {
    Lock::SqlRole.take(transaction).await?;
    let facts = facts(transaction).await?;
    let has_role = named.is_some() || facts.makes_roles;
    let has_schema = facts.owns_schema.unwrap_or(facts.makes_schemas);
    if !has_role || !has_schema {
        let advice = advice(&facts.user);
        return Ok(Err(format!("statements need a role that can only read. {advice}")));
    }
    make_views(transaction, &facts).await?;
    let made = match named {
        Some(_) => None,
        None => Some(make_role(transaction, &facts).await?),
    };
    let name = made.as_ref().map_or(named.unwrap_or_default(), |(name, _)| name.as_str());
    grant(transaction, &facts, name).await?;
    Ok(Ok(made))
}

async fn facts(transaction: &Transaction<'_>) -> Result<Facts, Failure> {
    let row = transaction.query_one(FACTS, &[]).await?;
    Ok(Facts {
        database: get(&row, 0)?,
        user: get(&row, 1)?,
        is_superuser: get(&row, 2)?,
        makes_roles: get(&row, 3)?,
        makes_schemas: get(&row, 4)?,
        owns_schema: get(&row, 5)?,
        version: get(&row, 6)?,
    })
}

async fn make_views(transaction: &Transaction<'_>, facts: &Facts) -> Result<(), Failure> {
    let version = format!("Views of Lamplight, version {}", hash(views::SQL));
    if facts.version.as_ref() == Some(&version) {
        return Ok(());
    }
    let mut sql = String::new();
    if facts.owns_schema.is_none() {
        sql.push_str("CREATE SCHEMA lamplight_sql;");
    }
    sql.push_str(views::SQL);
    let _ = write!(sql, "COMMENT ON SCHEMA lamplight_sql IS '{version}'");
    Ok(transaction.batch_execute(&sql).await?)
}

/// Makes the role, or gives it the password that every server of this database uses.
async fn make_role(
    transaction: &Transaction<'_>,
    facts: &Facts,
) -> Result<(String, String), Failure> {
    let hash = hash(&facts.database).simple().to_string();
    let name = format!("{ROLE_PREFIX}_{}", hash.get(..16).unwrap_or(&hash));
    let kept = transaction.query_opt("SELECT name, password FROM sql_role", &[]).await?;
    let kept = kept.map(|row| Ok::<_, Failure>((get::<String>(&row, 0)?, get::<String>(&row, 1)?)));
    let kept = kept.transpose()?.filter(|(kept, _)| *kept == name);
    let password = match kept {
        Some((_, password)) => password,
        None => new_password()?,
    };
    let save = "INSERT INTO sql_role (id, name, password) VALUES (1, $1, $2) \
                ON CONFLICT (id) DO UPDATE SET name = excluded.name, password = excluded.password";
    transaction.execute(save, &[&name, &password]).await?;
    let exists = transaction.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&name]).await?;
    let verb = if exists.is_some() { "ALTER" } else { "CREATE" };
    // Neither has a quotation mark: both are hexadecimal digits but for the prefix.
    transaction
        .batch_execute(&format!(
            "{verb} ROLE {name} LOGIN NOINHERIT CONNECTION LIMIT {CONNECTIONS_MAX} PASSWORD '{password}'; \
             ALTER ROLE {name} SET default_transaction_read_only = on; \
             ALTER ROLE {name} SET statement_timeout = '1min'; \
             ALTER ROLE {name} SET idle_in_transaction_session_timeout = '30s'"
        ))
        .await?;
    Ok((name, password))
}

fn new_password() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::NoConnection(error.to_string()))?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// Lets the role read the views, and use up no more than it has to.
async fn grant(transaction: &Transaction<'_>, facts: &Facts, name: &str) -> Result<(), Failure> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (role, database) = (quoted(name), quoted(&facts.database));
    let mut sql = format!(
        "GRANT USAGE ON SCHEMA lamplight_sql TO {role}; \
         GRANT SELECT ON lamplight_sql.events, lamplight_sql.numbered TO {role}; \
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lamplight_sql TO {role}"
    );
    for right in ["CONNECT", "TEMPORARY"] {
        let has = "SELECT has_database_privilege($1::text, current_database(), $2)";
        if !transaction.query_one(has, &[&name, &right]).await?.try_get::<_, bool>(0)? {
            let _ = write!(sql, "; GRANT {right} ON DATABASE {database} TO {role}");
        }
    }
    if facts.is_superuser {
        let _ = write!(sql, "; ALTER ROLE {role} SET temp_file_limit = '{TEMPORARIES_MAX}'");
    }
    Ok(transaction.batch_execute(&sql).await?)
}
