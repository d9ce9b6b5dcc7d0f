//! What is known of the server.

use crate::wire::StatusFlags;

/// What the server says of itself and of the session.
#[derive(Clone, Debug, Default)]
pub struct ServerInfo {
    pub(super) version: String,
    pub(super) connection_id: u32,
    pub(super) mariadb: bool,
    pub(super) status: StatusFlags,
    pub(super) database: Option<String>,
    pub(super) auth_plugin: &'static str,
}

impl ServerInfo {
    /// The server's version as it calls itself.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The connection's id of the greeting: 32 bits of it, and a proxy's behind a proxy (H-07).
    #[must_use]
    pub const fn connection_id(&self) -> u32 {
        self.connection_id
    }

    /// Whether the server looks like a MariaDB (C-03).
    #[must_use]
    pub const fn is_mariadb(&self) -> bool {
        self.mariadb
    }

    /// The last status word.
    #[must_use]
    pub const fn status(&self) -> StatusFlags {
        self.status
    }

    /// The default database, as far as the server tells: it tracks every change from MySQL 5.7 and
    /// MariaDB 10.2 on.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The plugin that logged in, of several factors the last one; empty before that, and if the server
    /// changed the user without asking for anything.
    #[must_use]
    pub const fn auth_plugin(&self) -> &'static str {
        self.auth_plugin
    }
}
