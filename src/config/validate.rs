//! What no connection can be made with.

use std::time::Duration;

use super::{
    Config, ConfigError, Endpoint, MAX_CONNECT_ATTRIBUTES_BYTES, MAX_NAME_BYTES,
    MAX_PASSWORD_BYTES, PoolOptions, SslMode, is_ipv6, session_options, sockets,
};
use crate::auth::{is_supported, supported};
use crate::secret::Secret;

/// The least limit of a payload, in bytes: a login has to fit.
const MIN_MAX_PACKET: usize = 1024;

/// The least limit of a command, in bytes: a piece of long data has to fit.
const MIN_MAX_COMMAND: usize = 128 << 10;
/// Most sessions of one pool: a server has 100,000 connections at most.
const MAX_POOL: usize = 100_000;

impl Config {
    /// Checks what the setters accepted.
    ///
    /// # Errors
    ///
    /// One sentence about the first thing that is wrong: a NUL in a name or the password (T-22),
    /// something too long (T-23), a host that is none, a collation that is none of utf8mb4's, a
    /// reserved or empty attribute key, a port, timeout, level or limit out of range, TLS options that
    /// contradict each other, a compression that this build lacks.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_endpoint(&self.endpoint)?;
        check_name("user name", &self.user)?;
        check_name("database name", self.database.as_deref().unwrap_or_default())?;
        let further = [&self.credentials.password2, &self.credentials.password3];
        for password in [&self.password].into_iter().chain(further.into_iter().flatten()) {
            self.check_password(password)?;
        }
        check_plugins(self.credentials.allowed_plugins.as_deref())?;
        check_collation(self.collation.as_deref())?;
        check_attributes(&self.connect_attributes)?;
        check_tls(self)?;
        session_options::check(&self.session)?;
        sockets::check(&self.sockets, &self.endpoint)?;
        if self.connect_timeout.is_zero() {
            return Err(ConfigError::new(
                "A connect timeout of zero leaves no time to connect; give a longer one.",
            ));
        }
        for (name, timeout) in [
            ("read timeout", self.read_timeout),
            ("write timeout", self.write_timeout),
            ("statement timeout", self.statement_timeout),
            ("server's statement timeout", self.server_statement_timeout),
        ] {
            check_timeout(name, timeout)?;
        }
        check_pool(&self.pool)?;
        if self.limits.max_packet < MIN_MAX_PACKET {
            return Err(ConfigError::new("The limit max-packet must be at least 1024 bytes."));
        }
        if self.limits.max_command < MIN_MAX_COMMAND {
            return Err(ConfigError::new(
                "The limit max-allowed-packet must be at least 131072 bytes.",
            ));
        }
        self.compression.validate()
    }

    /// Checks a password, this configuration's own or one that it led to.
    pub(crate) fn check_password(&self, password: &Secret) -> Result<(), ConfigError> {
        if password.expose().contains(&0) {
            return Err(ConfigError::new(
                "The password contains a NUL byte, which the protocol cannot carry; remove it.",
            ));
        }
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Err(ConfigError::new(format!(
                "The password is longer than {MAX_PASSWORD_BYTES} bytes; give a shorter one."
            )));
        }
        Ok(())
    }
}

fn check_timeout(name: &str, timeout: Option<Duration>) -> Result<(), ConfigError> {
    match timeout {
        // The servers count in milliseconds, and take 0 for no limit.
        Some(timeout) if timeout < Duration::from_millis(1) => Err(ConfigError::new(format!(
            "A {name} of less than a millisecond leaves no time for anything; give a longer one, or \
             none."
        ))),
        _ => Ok(()),
    }
}

fn check_pool(pool: &PoolOptions) -> Result<(), ConfigError> {
    if pool.max == 0 {
        return Err(ConfigError::new(
            "A pool of no session can hand none out; `pool-max` is 1 at least.",
        ));
    }
    // What the semaphores of the runtime can count.
    if pool.max > MAX_POOL {
        return Err(ConfigError::new(format!("A pool has at most {MAX_POOL} sessions.")));
    }
    if pool.min > pool.max {
        return Err(ConfigError::new(
            "A pool cannot keep more sessions than it may open: lower `pool-min` or raise `pool-max`.",
        ));
    }
    for (name, time) in [
        ("pool-acquire-timeout", Some(pool.acquire_timeout)),
        ("pool-idle-timeout", pool.idle_timeout),
        ("pool-lifetime", pool.lifetime),
    ] {
        if time.is_some_and(|time| time.is_zero()) {
            return Err(ConfigError::new(format!(
                "A `{name}` of zero keeps no session; give a longer one."
            )));
        }
    }
    Ok(())
}

fn check_endpoint(endpoint: &Endpoint) -> Result<(), ConfigError> {
    match endpoint {
        Endpoint::Tcp { host, .. } if host.is_empty() => {
            Err(ConfigError::new("The host is empty; name a host, or a Unix socket by its path."))
        }
        Endpoint::Tcp { host, .. } if host.contains('/') => Err(ConfigError::new(
            "The host contains a '/'; a Unix socket is given by `socket`, not by `host`.",
        )),
        Endpoint::Tcp { host, .. } if host.contains(':') && !is_ipv6(host) => {
            Err(ConfigError::new(
                "The host contains a ':' but is no IPv6 address; give the port by `port`, and an \
                 IPv6 address without brackets.",
            ))
        }
        Endpoint::Tcp { host, .. }
            if host.contains(|c: char| c.is_whitespace() || c.is_control() || "[]".contains(c)) =>
        {
            Err(ConfigError::new(
                "The host contains a bracket, a space or a control character; give a plain host \
                 name or IP address.",
            ))
        }
        Endpoint::Tcp { port: 0, .. } => {
            Err(ConfigError::new("Port 0 cannot be connected to; ports go from 1 to 65535."))
        }
        Endpoint::Socket(path) if path.as_os_str().is_empty() => {
            Err(ConfigError::new("The path of the Unix socket is empty."))
        }
        // Where it leads would depend on the folder that the process stands in (T-102).
        Endpoint::Socket(path) if !path.is_absolute() => Err(ConfigError::new(
            "The path of the Unix socket is relative; give it from `/` on, so that nobody else's \
             socket can be meant.",
        )),
        Endpoint::Tcp { .. } | Endpoint::Socket(_) => Ok(()),
    }
}

fn check_name(what: &str, name: &str) -> Result<(), ConfigError> {
    if name.contains('\0') {
        return Err(ConfigError::new(format!(
            "The {what} contains a NUL character, which the protocol cannot carry; remove it."
        )));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(ConfigError::new(format!(
            "The {what} is longer than {MAX_NAME_BYTES} bytes; no server takes one so long."
        )));
    }
    Ok(())
}

fn check_plugins(allowed: Option<&[String]>) -> Result<(), ConfigError> {
    let Some(allowed) = allowed else { return Ok(()) };
    match allowed.iter().find(|name| !is_supported(name.as_bytes())) {
        Some(_) => Err(ConfigError::new(format!(
            "Of the authentication plugins to allow, one is not built in; there are: {}.",
            supported().collect::<Vec<_>>().join(", ")
        ))),
        None => Ok(()),
    }
}

fn check_collation(name: Option<&str>) -> Result<(), ConfigError> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    // MariaDB's short names go with any character set.
    let is_utf8mb4 = |name: &str| name.starts_with("utf8mb4_") || name.starts_with("uca1400_");
    match name {
        // The name goes into a SET statement: nothing that would need quoting passes.
        Some(name) if name.len() > 64 || !name.chars().all(is_word) || !is_utf8mb4(name) => {
            Err(ConfigError::new(
                "The collation must be one of utf8mb4's, a name of at most 64 lower-case letters, \
                 digits and '_' such as utf8mb4_general_ci.",
            ))
        }
        _ => Ok(()),
    }
}

fn check_tls(config: &Config) -> Result<(), ConfigError> {
    let has_pin = config.ssl_fingerprint.is_some();
    let others = config.ssl_ca.is_some() || has_pin || config.ssl_identity.is_some();
    if config.has_own_tls() && others {
        return Err(ConfigError::new(
            "A rustls configuration is used as it is; put the CA, the pin or the client \
             certificate into it, or drop it.",
        ));
    }
    match config.ssl_mode {
        Some(mode @ (SslMode::Disabled | SslMode::Preferred)) if has_pin => {
            Err(ConfigError::new(format!(
                "The SSL mode {mode} goes on without TLS, so the certificate's fingerprint would \
                 prove nothing; use REQUIRED, or drop one of the two."
            )))
        }
        Some(mode @ (SslMode::Disabled | SslMode::Preferred)) if config.ssl_ca.is_some() => {
            Err(ConfigError::new(format!(
                "The SSL mode {mode} goes on without TLS, so the CA would prove nothing; use VERIFY_CA \
                 or VERIFY_IDENTITY, or drop one of the two."
            )))
        }
        _ => Ok(()),
    }
}

fn check_attributes(attributes: &[(String, String)]) -> Result<(), ConfigError> {
    if attributes.iter().any(|(key, _)| key.is_empty() || key.starts_with('_')) {
        return Err(ConfigError::new(
            "A connection attribute needs a key that does not start with '_': those are the \
             client's own.",
        ));
    }
    // Three bytes each cover the length prefixes of everything within the limit.
    let size: usize = attributes.iter().map(|(key, value)| key.len() + value.len() + 6).sum();
    if size > MAX_CONNECT_ATTRIBUTES_BYTES {
        return Err(ConfigError::new(format!(
            "The connection attributes take more than {MAX_CONNECT_ATTRIBUTES_BYTES} bytes; \
             shorten them, or send none."
        )));
    }
    Ok(())
}
