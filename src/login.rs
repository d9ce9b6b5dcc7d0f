//! What a [`Config`] means to the connection, for every front.

use crate::config::{Config, Endpoint};
use crate::error::Result;
use crate::proto::{Login, TlsPlan, Transport};
use crate::wire::{Capabilities, ConnectAttributes};

/// The collation that a login asks for (S-01), by name.
#[cfg(any(feature = "tokio", feature = "blocking"))]
const LOGIN_COLLATION: &str = "utf8mb4_general_ci";

impl Login {
    /// The login that a configuration stands for, to drive a
    /// [`Connection`](crate::proto::Connection) without one of the fronts.
    ///
    /// Reads the files of certificates that it names. Fails, before anything is sent, if
    /// [`Config::validate`] does, or a file or TLS setting cannot be used.
    pub fn from_config(config: &Config) -> Result<Self> {
        config.validate()?;
        from_valid(config)
    }
}

fn from_valid(config: &Config) -> Result<Login> {
    let mut login = Login::new(config.user.clone(), config.password.clone());
    login.database = config.database.clone();
    for (wanted, capability) in [
        (config.found_rows, Capabilities::FOUND_ROWS),
        (config.multi_statements, Capabilities::MULTI_STATEMENTS),
        (config.handle_expired_passwords, Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS),
        (true, Capabilities::MARIADB_STMT_BULK_OPERATIONS),
        (true, Capabilities::MARIADB_BULK_UNIT_RESULTS),
    ] {
        if wanted {
            login.options = login.options | capability;
        }
    }
    login.attributes = attributes(config)?;
    login.policy = config.auth_policy();
    login.transport = match config.endpoint() {
        Endpoint::Tcp { .. } => Transport::Network,
        Endpoint::Socket(_) => Transport::UnixSocket,
    };
    login.tls = tls_plan(config)?;
    Ok(login)
}

/// The statement that makes the session's character set what text needs, with the configured
/// collation (S-02): after the login if a collation was asked for, and after every reset.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) fn set_names(config: &Config, mariadb: bool) -> String {
    match config.collation.as_deref() {
        // The name was checked to be nothing but letters, digits and `_`.
        Some(collation) => format!("SET NAMES utf8mb4 COLLATE {collation}"),
        // MariaDB takes the login's collation for the character set alone, whose collation the
        // server's `character_set_collations` says: the same as here.
        None if mariadb => "SET NAMES utf8mb4".to_owned(),
        None => format!("SET NAMES utf8mb4 COLLATE {LOGIN_COLLATION}"),
    }
}

#[cfg(feature = "tls")]
fn tls_plan(config: &Config) -> Result<TlsPlan> {
    use crate::config::SslMode;
    use crate::proto::TlsClient;
    use crate::tls_config::{client_config, has_provider, server_name};

    let mode = config.effective_ssl_mode();
    // A build that cannot encrypt prefers in vain; it is not broken by the feature.
    let in_vain = mode == SslMode::Preferred && !has_provider();
    if mode == SslMode::Disabled || in_vain {
        return Ok(TlsPlan::Never);
    }
    let client = TlsClient {
        config: client_config(config, mode)?,
        server_name: server_name(config)?,
        verifies: mode.verifies_peer(),
    };
    Ok(match mode.requires_tls() {
        true => TlsPlan::Always(client),
        false => TlsPlan::IfOffered(client),
    })
}

#[cfg(not(feature = "tls"))]
fn tls_plan(config: &Config) -> Result<TlsPlan> {
    use crate::config::ConfigError;

    let mode = config.effective_ssl_mode();
    if mode.requires_tls() {
        return Err(ConfigError::new(format!(
            "The SSL mode {mode} needs TLS: build mywire with its features `tls` and `ring`, or \
             allow plain text with `ssl-mode=DISABLED`."
        ))
        .into());
    }
    Ok(TlsPlan::Never)
}

/// The client's own attributes and the configured ones. Nothing about the user, the host or the
/// process is said unasked (T-86).
fn attributes(config: &Config) -> Result<Vec<u8>> {
    let mut encoded = Vec::new();
    if !config.send_connect_attributes {
        return Ok(encoded);
    }
    let own = [
        ("_client_name", env!("CARGO_PKG_NAME")),
        ("_client_version", env!("CARGO_PKG_VERSION")),
        ("_os", std::env::consts::OS),
        ("_platform", std::env::consts::ARCH),
    ];
    let configured = config.connect_attributes.iter().map(|(name, value)| (&**name, &**value));
    for (name, value) in own.into_iter().chain(configured) {
        ConnectAttributes::push(&mut encoded, name.as_bytes(), value.as_bytes())
            .map_err(|error| crate::config::ConfigError::new(error.to_string()))?;
    }
    Ok(encoded)
}

#[cfg(all(test, feature = "tls", not(feature = "ring")))]
mod tests {
    use super::*;
    use crate::config::SslMode;

    /// Turning on `tls` without a provider breaks nothing that works without it.
    #[test]
    fn a_build_that_cannot_encrypt_prefers_in_vain() {
        let config = Config::default().ssl_mode(SslMode::Preferred);
        assert!(matches!(Login::from_config(&config).unwrap().tls, TlsPlan::Never));
        let error = Login::from_config(&config.ssl_mode(SslMode::Required)).unwrap_err();
        assert!(error.to_string().contains("`ring`"), "{error}");
    }
}
