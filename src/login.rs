//! What a [`Config`] means to the connection, for every front.

use crate::config::{Config, Endpoint};
use crate::error::Result;
use crate::password_source::password;
use crate::proto::{Login, TlsPlan, Transport};
use crate::wire::{Capabilities, ConnectAttributes};

impl Login {
    /// The login that a configuration stands for, to drive a
    /// [`Connection`](crate::proto::Connection) without one of the fronts.
    ///
    /// Reads the files of certificates and of the password that it names. Fails, before anything is sent, if
    /// [`Config::validate`] does, or a file or TLS setting cannot be used.
    pub fn from_config(config: &Config) -> Result<Self> {
        config.validate()?;
        from_valid(config)
    }

    /// The same login with the password that the configuration stands for at this moment.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn with_password_of(self, config: &Config) -> Result<Self> {
        Ok(Self { password: password(config)?, ..self })
    }
}

fn from_valid(config: &Config) -> Result<Login> {
    let mut login = Login::new(config.user.clone(), password(config)?);
    login.password2 = config.credentials.password2.clone();
    login.password3 = config.credentials.password3.clone();
    login.database = config.database.clone();
    for (wanted, capability) in [
        (config.found_rows, Capabilities::FOUND_ROWS),
        (config.interactive, Capabilities::INTERACTIVE),
        (config.multi_statements, Capabilities::MULTI_STATEMENTS),
        (config.handle_expired_passwords, Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS),
        (config.query_attributes, Capabilities::QUERY_ATTRIBUTES),
        (config.local_infile, Capabilities::LOCAL_FILES),
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
    login.compression = config.compression.clone();
    Ok(login)
}

#[cfg(feature = "tls")]
fn tls_plan(config: &Config) -> Result<TlsPlan> {
    use crate::config::SslMode;
    use crate::proto::TlsClient;
    use crate::tls_config::{has_provider, server_name, tls_setup};

    let mode = config.effective_ssl_mode();
    // A build that cannot encrypt prefers in vain; it is not broken by the feature.
    let in_vain = mode == SslMode::Preferred && !has_provider(config);
    if mode == SslMode::Disabled || in_vain {
        return Ok(TlsPlan::Never);
    }
    let setup = tls_setup(config, mode)?;
    let client = TlsClient {
        config: setup.client_config,
        server_name: server_name(config)?,
        verifies: setup.verifies,
        or_proof: setup.verifier,
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
            "The SSL mode {mode} needs TLS: build mywire with its feature `ring`, `aws-lc-rs` or `graviola`, or \
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

#[cfg(all(
    test,
    feature = "tls",
    not(any(feature = "ring", feature = "aws-lc-rs", feature = "graviola"))
))]
mod tests {
    use super::*;
    use crate::config::SslMode;

    /// Turning on `tls` without a provider breaks nothing that works without it.
    #[test]
    fn a_build_that_cannot_encrypt_prefers_in_vain() {
        let config = Config::default().ssl_mode(SslMode::Preferred);
        assert!(matches!(Login::from_config(&config).unwrap().tls, TlsPlan::Never));
        let error = Login::from_config(&config.ssl_mode(SslMode::Required)).unwrap_err();
        for feature in ["`ring`", "`aws-lc-rs`", "`graviola`"] {
            assert!(error.to_string().contains(feature), "{error}");
        }
    }
}
