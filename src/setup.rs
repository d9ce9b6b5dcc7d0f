//! What a session is told beyond its login: once it is open, and again after each reset (T-64).

use std::borrow::Cow;
use std::fmt;

use crate::config::Config;

/// The collation that a login asks for (S-01), by name.
const LOGIN_COLLATION: &str = "utf8mb4_general_ci";

/// One statement of the setup.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) sql: Cow<'a, str>,
    pub(crate) part: SetupPart,
}

/// What a statement of the setup is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetupPart {
    Collation,
    StatementTimeout,
    SqlMode,
    TimeZone,
    /// The init command of this number, from 1.
    InitCommand(usize),
}

impl fmt::Display for SetupPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collation => f.write_str("the option `collation`"),
            Self::StatementTimeout => f.write_str("the option `server-statement-timeout`"),
            Self::SqlMode => f.write_str("the option `sql-mode`"),
            Self::TimeZone => f.write_str("the option `time-zone`"),
            // Not its text, which can hold a secret (T-83).
            Self::InitCommand(number) => write!(f, "init command {number}"),
        }
    }
}

/// The statements behind a login: none, unless the configuration asks for some.
pub(crate) fn after_login(config: &Config, mariadb: bool) -> impl Iterator<Item = Setup<'_>> {
    let names = config.collation.is_some().then(|| set_names(config, mariadb));
    names.into_iter().chain(statement_timeout(config, mariadb)).chain(options(config))
}

/// The statements behind a reset, or a change of the user: the character set in any case (S-04).
pub(crate) fn after_reset(config: &Config, mariadb: bool) -> impl Iterator<Item = Setup<'_>> {
    let names = std::iter::once(set_names(config, mariadb));
    names.chain(statement_timeout(config, mariadb)).chain(options(config))
}

/// Makes the session's character set what text needs, with the configured collation (S-02).
fn set_names(config: &Config, mariadb: bool) -> Setup<'_> {
    let sql = match config.collation.as_deref() {
        // The name was checked to be nothing but letters, digits and `_`.
        Some(collation) => format!("SET NAMES utf8mb4 COLLATE {collation}"),
        // MariaDB takes the login's collation for the character set alone, whose collation the
        // server's `character_set_collations` says: the same as here.
        None if mariadb => "SET NAMES utf8mb4".to_owned(),
        None => format!("SET NAMES utf8mb4 COLLATE {LOGIN_COLLATION}"),
    };
    Setup { sql: sql.into(), part: SetupPart::Collation }
}

/// The server's own limit of a statement's time.
fn statement_timeout(config: &Config, mariadb: bool) -> Option<Setup<'static>> {
    let timeout = config.server_statement_timeout?;
    let sql = match mariadb {
        true => {
            let (seconds, millis) = (timeout.as_secs(), timeout.subsec_millis());
            format!("SET SESSION max_statement_time = {seconds}.{millis:03}")
        }
        false => format!("SET SESSION max_execution_time = {}", timeout.as_millis()),
    };
    Some(Setup { sql: sql.into(), part: SetupPart::StatementTimeout })
}

fn options(config: &Config) -> impl Iterator<Item = Setup<'_>> {
    let set = |name: &str, value: &Option<String>, part| {
        // The values were checked to hold nothing that needs quoting.
        let sql = value.as_ref().map(|value| format!("SET SESSION {name} = '{value}'"));
        sql.map(|sql| Setup { sql: sql.into(), part })
    };
    let session = &config.session;
    let init_commands = session.init_commands.0.iter().enumerate();
    set("sql_mode", &session.sql_mode, SetupPart::SqlMode)
        .into_iter()
        .chain(set("time_zone", &session.time_zone, SetupPart::TimeZone))
        .chain(init_commands.map(|(i, sql)| Setup {
            sql: sql.as_str().into(),
            part: SetupPart::InitCommand(i + 1),
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements<'a>(setup: impl Iterator<Item = Setup<'a>>) -> Vec<String> {
        setup.map(|setup| setup.sql.into_owned()).collect()
    }

    #[test]
    fn t64_a_reset_is_followed_by_all_that_followed_the_login() {
        let config = Config::default()
            .collation("utf8mb4_bin")
            .sql_mode("ANSI_QUOTES")
            .time_zone("+02:00")
            .init_command("SET @a = 1")
            .init_command("SET @b = 2");
        let expected = [
            "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
            "SET SESSION sql_mode = 'ANSI_QUOTES'",
            "SET SESSION time_zone = '+02:00'",
            "SET @a = 1",
            "SET @b = 2",
        ];
        assert_eq!(statements(after_login(&config, false)), expected);
        assert_eq!(statements(after_reset(&config, true)), expected);
        let last = after_login(&config, false).last().unwrap();
        assert_eq!(last.part.to_string(), "init command 2");
    }

    /// S-02, S-04: nothing after a login, the character set after a reset.
    #[test]
    fn a_session_without_options_costs_nothing_to_open() {
        let config = Config::default();
        assert_eq!(statements(after_login(&config, false)), [""; 0]);
        let names = "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci";
        assert_eq!(statements(after_reset(&config, false)), [names]);
        assert_eq!(statements(after_reset(&config, true)), ["SET NAMES utf8mb4"]);
    }
}
