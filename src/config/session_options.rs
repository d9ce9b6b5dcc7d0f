//! What the session is told once it is logged in, and again after each reset.

use super::{Config, ConfigError};

/// The longest `sql_mode` or `time_zone`, in bytes: all modes of both servers together take less.
const MAX_VARIABLE: usize = 1024;

/// Most bytes of all init commands. They are kept for every reset and written in one go.
pub const MAX_INIT_COMMANDS_BYTES: usize = 1 << 20;

/// Most init commands: what is sent together fits the number of unanswered commands that a
/// connection keeps track of, with room.
pub const MAX_INIT_COMMANDS: usize = 256;

/// The session's settings beyond those of the login.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionOptions {
    pub(crate) sql_mode: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) init_commands: InitCommands,
}

/// SQL of the caller's; not shown, because it can hold a secret.
#[derive(Clone, Default)]
pub(crate) struct InitCommands(pub(crate) Vec<String>);

impl std::fmt::Debug for InitCommands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InitCommands({} ..)", self.0.len())
    }
}

impl Config {
    /// Sets the connection's collation by name, one of utf8mb4's: `utf8mb4_…`, or MariaDB's short
    /// `uca1400_…`. Without it the session has the server's own for a utf8mb4 client.
    ///
    /// Costs a statement after the login, see [`Config::init_command`]. The character set of the
    /// connection is utf8mb4 always: it is Rust's (S-05).
    pub fn collation(mut self, name: impl Into<String>) -> Self {
        self.collation = Some(name.into());
        self
    }

    /// Sets the session's `sql_mode`: names with commas between, or nothing for none.
    ///
    /// Costs a statement after the login, see [`Config::init_command`].
    pub fn sql_mode(mut self, modes: impl Into<String>) -> Self {
        self.session.sql_mode = Some(modes.into());
        self
    }

    /// Sets the session's `time_zone`: `+02:00`, `SYSTEM`, or a name such as `Europe/Berlin` if the
    /// server has the time zone tables.
    ///
    /// Costs a statement after the login, see [`Config::init_command`].
    pub fn time_zone(mut self, zone: impl Into<String>) -> Self {
        self.session.time_zone = Some(zone.into());
        self
    }

    /// Adds an SQL statement to run after the login, and again after each reset of the session.
    ///
    /// All of them, behind what the collation, the SQL mode and the time zone need, go out in one
    /// write; together they cost one round trip. Results are skipped. If one fails, so does the
    /// connect, with an error that names it by its place
    /// ([`ServerError::setup`](crate::error::ServerError::setup)). At most [`MAX_INIT_COMMANDS`]
    /// and [`MAX_INIT_COMMANDS_BYTES`] in all.
    pub fn init_command(mut self, sql: impl Into<String>) -> Self {
        self.session.init_commands.0.push(sql.into());
        self
    }

    /// Tells the server that a person sits at the session, so that it is closed after
    /// `interactive_timeout` of idleness instead of `wait_timeout`; `false` by default.
    pub fn interactive(mut self, interactive: bool) -> Self {
        self.interactive = interactive;
        self
    }
}

pub(super) fn check(options: &SessionOptions) -> Result<(), ConfigError> {
    let is_mode = |c: char| c.is_ascii_alphanumeric() || "_, ".contains(c);
    let is_zone = |c: char| c.is_ascii_alphanumeric() || "_+-/:".contains(c);
    // They go into SET statements: nothing that would need quoting passes.
    if options.sql_mode.as_deref().is_some_and(|mode| !is_short(mode, is_mode)) {
        return Err(ConfigError::new(
            "The SQL mode must be names of letters, digits and '_' with commas between, such as \
             STRICT_TRANS_TABLES,ANSI_QUOTES.",
        ));
    }
    if options.time_zone.as_deref().is_some_and(|zone| zone.is_empty() || !is_short(zone, is_zone))
    {
        return Err(ConfigError::new(
            "The time zone must be an offset such as +02:00, a name such as Europe/Berlin, or \
             SYSTEM.",
        ));
    }
    let commands = &options.init_commands.0;
    if commands.iter().any(|sql| sql.trim().is_empty()) {
        return Err(ConfigError::new("An init command is empty; remove it."));
    }
    let size: usize = commands.iter().map(String::len).sum();
    if commands.len() > MAX_INIT_COMMANDS || size > MAX_INIT_COMMANDS_BYTES {
        return Err(ConfigError::new(format!(
            "There are more than {MAX_INIT_COMMANDS} init commands or {MAX_INIT_COMMANDS_BYTES} \
             bytes of them; put them into a stored procedure."
        )));
    }
    Ok(())
}

fn is_short(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    text.len() <= MAX_VARIABLE && text.chars().all(allowed)
}
