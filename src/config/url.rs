//! `mysql://` URLs to and from a [`Config`].
//!
//! A URL that does not parse may have its password anywhere: an unescaped `/`, `?` or `#` moves the
//! rest of it into the path, the query or the fragment. So no error repeats text out of the URL,
//! except the name of an unknown key that looks like one (T-80).

mod escape;
mod keys;

use std::fmt;
use std::path::Path;

use super::{Config, ConfigError, Endpoint, PemSource, is_ipv6};
use crate::secret::Secret;
use escape::{decode, decode_text, encode};

pub(super) fn parse(url: &str) -> Result<Config, ConfigError> {
    let parts = Parts::split(url)?;
    let mut config = apply(&parts, Config::default())?;
    // A base may have more to say; here nothing else names a host.
    if parts.host_port.is_empty() && matches!(config.endpoint, Endpoint::Tcp { .. }) {
        config.endpoint = endpoint("", None)?;
    }
    Ok(config)
}

/// Puts what the URL says over what `base` says.
pub(super) fn parse_over(url: &str, base: Config) -> Result<Config, ConfigError> {
    apply(&Parts::split(url)?, base)
}

fn apply(parts: &Parts<'_>, mut config: Config) -> Result<Config, ConfigError> {
    // The host before the keys: where it is no host, a password may have cut the URL short, and a
    // part of it would be taken for a key.
    if !parts.host_port.is_empty() {
        endpoint(parts.host_port, None)?;
    }
    if let Some(user_info) = parts.user_info {
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        if !user.is_empty() {
            config = config.user(decode_text(user, "user name")?);
        }
        if !password.is_empty() {
            config = config.password(Secret::from(decode(password, "password")?));
        }
    }
    if !parts.database.is_empty() {
        config = config.database(decode_text(parts.database, "database name")?);
    }
    let mut options = keys::Options::default();
    for pair in parts.query.split('&').filter(|pair| !pair.is_empty()) {
        options.set(&mut config, pair)?;
    }
    options.finish(&mut config)?;
    if !parts.host_port.is_empty() || options.socket.is_some() {
        config.endpoint = endpoint(parts.host_port, options.socket.as_deref())?;
    }
    Ok(config)
}

/// The undecoded pieces of `scheme://[user_info@]host_port[/database][?query]`.
struct Parts<'a> {
    user_info: Option<&'a str>,
    host_port: &'a str,
    database: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn split(url: &'a str) -> Result<Self, ConfigError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| {
            ConfigError::new(
                "The URL has no scheme; it must start with mysql:// or mariadb://, as in \
                 mysql://user@localhost/database.",
            )
        })?;
        if !["mysql", "mariadb"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(ConfigError::new(
                "The URL's scheme is not supported; it must start with mysql:// or mariadb://.",
            ));
        }
        check_delimiters(rest)?;
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before_query.split_once('/').unwrap_or((before_query, ""));
        let (user_info, host_port) = match authority.split_once('@') {
            Some((user_info, host_port)) => (Some(user_info), host_port),
            None => (None, authority),
        };
        if database.contains('/') {
            return Err(ConfigError::new(
                "The URL has a second '/' after the host; a '/' in the user name, the password or \
                 the database must be percent-encoded as %2F.",
            ));
        }
        Ok(Self { user_info, host_port, database, query })
    }
}

/// Finds the signs that a reserved character was not percent-encoded, before anything is made of
/// the pieces.
fn check_delimiters(rest: &str) -> Result<(), ConfigError> {
    if rest.contains(|c: char| c.is_control() || c == ' ') {
        return Err(ConfigError::new(
            "The URL contains a space or a control character; percent-encode it (a space is %20).",
        ));
    }
    if rest.contains('#') {
        return Err(ConfigError::new(
            "The URL contains a '#'; in the user name, the password or anywhere else it must be \
             percent-encoded as %23.",
        ));
    }
    let mut ats = rest.match_indices('@').map(|(at, _)| at);
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    match (ats.next(), ats.next()) {
        (_, Some(_)) => Err(ConfigError::new(
            "The URL has more than one '@'; only the one before the host stays, any other (in the \
             user name, the password, a value) must be percent-encoded as %40.",
        )),
        (Some(at), None) if at > authority_end => Err(ConfigError::new(
            "The URL has a '/' or '?' before its '@'; in the user name and the password they must \
             be percent-encoded ('/' as %2F, '?' as %3F), and an '@' after the host as %40.",
        )),
        _ => Ok(()),
    }
}

fn endpoint(host_port: &str, socket: Option<&Path>) -> Result<Endpoint, ConfigError> {
    if let Some(path) = socket {
        return match host_port {
            "" | "localhost" => Ok(Endpoint::Socket(path.to_owned())),
            _ => Err(ConfigError::new(
                "The URL gives both a host or port and a socket; leave the host empty or \
                 `localhost`, without a port, or drop the key `socket`.",
            )),
        };
    }
    let (host, port) = split_port(host_port)?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            let address = decode_text(address, "host")?;
            if !is_ipv6(&address) {
                return Err(ConfigError::new(
                    "The brackets in the URL's host do not hold an IPv6 address.",
                ));
            }
            address
        }
        None => decode_text(host, "host")?,
    };
    if host.starts_with('/') {
        return match port {
            None => Ok(Endpoint::Socket(host.into())),
            Some(_) => Err(ConfigError::new(
                "The URL gives a port to a Unix socket; drop the ':' and the port.",
            )),
        };
    }
    if host.is_empty() {
        return Err(ConfigError::new(
            "The URL names no host; write one, as in mysql://user@localhost/database, or give a \
             Unix socket by the key `socket`.",
        ));
    }
    Ok(Endpoint::Tcp { host, port: port.unwrap_or(super::DEFAULT_PORT) })
}

fn split_port(host_port: &str) -> Result<(&str, Option<u16>), ConfigError> {
    let name_end = host_port.rfind(']').map_or(0, |bracket| bracket + 1);
    let (name, rest) = host_port.split_at(name_end);
    let (host, port) = match (name, rest.split_once(':')) {
        ("", None) => return Ok((rest, None)),
        ("", Some((host, port))) => (host, port),
        (_, None) if rest.is_empty() => return Ok((name, None)),
        (_, Some(("", port))) => (name, port),
        _ => {
            return Err(ConfigError::new(
                "Something other than a ':' and a port follows the bracket in the URL's host.",
            ));
        }
    };
    if port.contains(':') {
        return Err(ConfigError::new(
            "The URL's host contains more than one ':'; put an IPv6 address in brackets, and \
             percent-encode a ':' as %3A.",
        ));
    }
    // A sign would pass `parse`.
    match port.parse() {
        Ok(number) if number != 0 && port.bytes().all(|b| b.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => Err(ConfigError::new(
            "The URL's port, after the host and a ':', is not a number from 1 to 65535 (the user \
             name and the password go before the host and an '@').",
        )),
    }
}

pub(super) fn print(config: &Config, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("mysql://")?;
    if !config.user.is_empty() {
        write!(f, "{}@", encode(&config.user, ""))?;
    }
    match &config.endpoint {
        Endpoint::Tcp { host, port } => {
            if host.contains(':') {
                write!(f, "[{}]", encode(host, ":"))?;
            } else {
                f.write_str(&encode(host, ""))?;
            }
            if *port != super::DEFAULT_PORT {
                write!(f, ":{port}")?;
            }
        }
        Endpoint::Socket(_) => f.write_str("localhost")?,
    }
    if let Some(database) = &config.database {
        write!(f, "/{}", encode(database, ""))?;
    }
    let mut separator = '?';
    for (key, value) in keys::print(config) {
        write!(f, "{separator}{key}={}", encode(&value, "/:"))?;
        separator = '&';
    }
    Ok(())
}

#[cfg(test)]
mod tests;
