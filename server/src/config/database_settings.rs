//! The declaration of the settings of PostgreSQL databases.

use std::path::{Path, PathBuf};

use clap::Args;

use super::alert_settings::given;
use crate::store::postgres::{DatabaseUrl, Urls};
use crate::system::secret::Secret;

/// Where everything is stored, if not in the data directory.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Database (without one, SQLite in the data directory)")]
pub struct DatabaseSettings {
    /// URL of a PostgreSQL database, version 15 to 18, such as
    /// postgres://lamplight@db.internal/lamplight; any number of servers may use the same one. Give
    /// it several times, once for each database, to divide everything between them
    #[arg(long, env = "LAMPLIGHT_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Vec<Secret>,
    /// File that holds the URL of the database, or a URL in each line
    #[arg(long, env = "LAMPLIGHT_DATABASE_URL_FILE", hide_env_values = true, value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// URL of the same database with a role that can only read, for SQL statements of users. As
    /// many as there are databases, and in their order [default: a role that the server makes, if
    /// it may make roles]
    #[arg(long, env = "LAMPLIGHT_SQL_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub sql_database_url: Vec<Secret>,
    /// File that holds the URL for SQL statements of users, or a URL in each line
    #[arg(
        long,
        env = "LAMPLIGHT_SQL_DATABASE_URL_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub sql_database_url_file: Option<PathBuf>,
}

impl DatabaseSettings {
    /// Whether there is a PostgreSQL database.
    pub fn is_set(&self) -> bool {
        !self.database_url.is_empty() || self.database_url_file.is_some()
    }

    /// The URLs of each database. None, if there is no PostgreSQL database.
    ///
    /// # Errors
    /// What is wrong with the settings. Never quotes a URL, which may hold a password.
    pub fn urls(&self) -> Result<Vec<Urls>, String> {
        let main = parsed("database_url", &self.database_url, self.database_url_file.as_deref())?;
        let sql = parsed(
            "sql_database_url",
            &self.sql_database_url,
            self.sql_database_url_file.as_deref(),
        )?;
        match (main.len(), sql.len()) {
            (_, 0) => Ok(main.into_iter().map(|main| Urls { main, sql: None }).collect()),
            (0, _) => Err("database_url is missing: set it, or remove sql_database_url".into()),
            (all, some) if all != some => Err(format!(
                "sql_database_url has {some} of the {all} databases: give a URL for each of them, in the \
                 order of database_url, or remove sql_database_url"
            )),
            _ => {
                let both = main.into_iter().zip(sql);
                Ok(both.map(|(main, sql)| Urls { main, sql: Some(sql) }).collect())
            }
        }
    }
}

/// The URLs that a setting gives: as several texts, or separated by white space, as in a file or a
/// variable.
fn parsed(key: &str, texts: &[Secret], file: Option<&Path>) -> Result<Vec<DatabaseUrl>, String> {
    let in_file;
    let texts = if texts.is_empty() {
        in_file = given(key, None, file)?;
        in_file.as_slice()
    } else {
        texts
    };
    let urls = texts.iter().flat_map(|text| text.reveal().split_whitespace());
    urls.map(|url| url.parse().map_err(|error| format!("{key}: {error}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(urls: &[&str], sql: &[&str]) -> DatabaseSettings {
        let secrets = |texts: &[&str]| texts.iter().map(|text| Secret::from(*text)).collect();
        DatabaseSettings {
            database_url: secrets(urls),
            sql_database_url: secrets(sql),
            ..DatabaseSettings::default()
        }
    }

    fn places(urls: &[&str]) -> Vec<String> {
        let urls = settings(urls, &[]).urls().unwrap();
        urls.iter().map(|urls| urls.main.to_string()).collect()
    }

    #[test]
    fn several_databases_are_several_texts_or_one_with_white_space() {
        let (one, two) = ("postgres://u@one/l", "postgres://u@two/l");
        let want = ["postgres://one:5432/l", "postgres://two:5432/l"];
        assert_eq!(places(&[one, two]), want);
        assert_eq!(places(&[&format!("{one}\n {two}\n")]), want);
        assert_eq!(places(&[]), [""; 0]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{one}\n{two}\n")).unwrap();
        let settings = DatabaseSettings {
            database_url_file: Some(file.path().to_owned()),
            ..DatabaseSettings::default()
        };
        assert_eq!(settings.urls().unwrap().len(), 2);
    }

    #[test]
    fn each_database_has_its_url_for_statements_or_none_has() {
        let two = ["postgres://u@one/l", "postgres://u@two/l"];
        let urls = settings(&two, &["postgres://s@one/l", "postgres://s@two/l"]).urls().unwrap();
        assert!(urls.iter().all(|urls| urls.sql.is_some()));
        let error = settings(&two, &["postgres://s@one/l"]).urls().unwrap_err();
        assert!(error.contains("has 1 of the 2 databases"), "{error}");
        let error = settings(&[], &["postgres://s:hunter2@one/l"]).urls().unwrap_err();
        assert!(error.contains("database_url is missing") && !error.contains("hunter2"));
        let error = settings(&["postgres://u:hunter2@one"], &[]).urls().unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
