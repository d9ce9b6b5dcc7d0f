//! The query keys.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{CaSource, ClientIdentity, Compression, SocketOptions, SslMode};
use super::escape::{decode, decode_text};
use super::{Config, ConfigError, Endpoint, PemSource};

const KEYS: [&str; 37] = [
    "ssl-mode",
    "ssl-ca",
    "ssl-fingerprint",
    "ssl-cert",
    "ssl-key",
    "tls-server-name",
    "socket",
    "connect-timeout",
    "bind-address",
    "tcp-nodelay",
    "keepalive",
    "tcp-user-timeout",
    "socket-peer-uid",
    "read-timeout",
    "write-timeout",
    "statement-timeout",
    "server-statement-timeout",
    "found-rows",
    "interactive",
    "handle-expired-passwords",
    "connect-attributes",
    "program-name",
    "pipelining",
    "collation",
    "sql-mode",
    "time-zone",
    "max-packet",
    "max-allowed-packet",
    "pool-min",
    "pool-max",
    "pool-acquire-timeout",
    "pool-idle-timeout",
    "pool-lifetime",
    "query-attributes",
    "compression",
    "compression-level",
    "compression-threshold",
];

/// Options that exist but have no key (T-25), with the setter to use.
const CODE_ONLY: [&str; 9] = [
    "multi-statements",
    "fetch-server-public-key",
    "allow-clear-text-passwords",
    "password-file",
    "password-env",
    "local-infile",
    "init-command",
    "trace-statements",
    "redirect-to",
];

/// The value of `ssl-ca` that is no file. A file of this name is `./system`.
const SYSTEM_CA: &str = "system";

/// The attribute that says which program connects.
const PROGRAM_NAME: &str = "program_name";

/// The query as read so far: the keys seen, and what takes more than one key to judge.
#[derive(Default)]
pub(super) struct Options {
    pub(super) socket: Option<PathBuf>,
    seen: Vec<&'static str>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Options {
    /// Takes one `key=value`, still encoded.
    pub(super) fn set(&mut self, config: &mut Config, pair: &str) -> Result<(), ConfigError> {
        let (written, value) = match pair.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (pair, None),
        };
        let key = known_key(written)?;
        if self.seen.contains(&key) {
            return Err(ConfigError::new(format!(
                "The URL gives the key `{key}` twice; keep one."
            )));
        }
        self.seen.push(key);
        // No SQL mode at all is one, too.
        let value =
            value.filter(|value| !value.is_empty() || key == "sql-mode").ok_or_else(|| {
                ConfigError::new(format!("The URL's key `{key}` has no value; write {key}=value."))
            })?;
        let value = decode_text(value, &format!("value of `{key}`"))?;
        self.apply(config, key, value)
    }

    /// Judges the keys together.
    pub(super) fn finish(&mut self, config: &mut Config) -> Result<(), ConfigError> {
        match (self.cert.take(), self.key.take()) {
            (Some(cert), Some(key)) => {
                let (cert, key) = (PemSource::File(cert), PemSource::File(key));
                config.ssl_identity = Some(ClientIdentity { cert, key });
            }
            (None, None) => {}
            _ => {
                return Err(ConfigError::new(
                    "The URL gives only one of `ssl-cert` and `ssl-key`; a client certificate \
                     needs both.",
                ));
            }
        }
        Ok(())
    }

    fn apply(&mut self, config: &mut Config, key: &str, value: String) -> Result<(), ConfigError> {
        match key {
            "ssl-mode" => config.ssl_mode = Some(value.parse::<SslMode>()?),
            "ssl-ca" if value == SYSTEM_CA => config.ssl_ca = Some(CaSource::System),
            "ssl-ca" => {
                config.ssl_ca = Some(CaSource::Certificates(PemSource::File(value.into())));
            }
            "ssl-fingerprint" => config.ssl_fingerprint = Some(value.parse()?),
            "ssl-cert" => self.cert = Some(value.into()),
            "ssl-key" => self.key = Some(value.into()),
            "tls-server-name" => config.tls_server_name = Some(value),
            "socket" => self.socket = Some(value.into()),
            "connect-timeout" => config.connect_timeout = timeout(key, &value)?,
            "read-timeout" => config.read_timeout = Some(timeout(key, &value)?),
            "write-timeout" => config.write_timeout = Some(timeout(key, &value)?),
            "statement-timeout" => config.statement_timeout = Some(timeout(key, &value)?),
            "server-statement-timeout" => {
                config.server_statement_timeout = Some(timeout(key, &value)?);
            }
            "bind-address" => {
                let address = value.parse().map_err(|_| bad_value(key, "an IP address"))?;
                config.sockets.bind_address = Some(address);
            }
            "tcp-nodelay" => config.sockets.nodelay = boolean(key, &value)?,
            "keepalive" => {
                let idle = digits(&value).ok_or_else(|| bad_value(key, "a number of seconds"))?;
                config.sockets.keepalive = (idle > 0).then(|| Duration::from_secs(idle));
            }
            "tcp-user-timeout" => {
                let timeout = seconds(&value)
                    .ok_or_else(|| bad_value(key, "a number of seconds, such as 2.5"))?;
                config.sockets.user_timeout = Some(timeout);
            }
            "socket-peer-uid" => {
                let uid = digits(&value).ok_or_else(|| bad_value(key, "a user's number"))?;
                config.sockets.peer_uid = Some(uid);
            }
            "found-rows" => config.found_rows = boolean(key, &value)?,
            "interactive" => config.interactive = boolean(key, &value)?,
            "handle-expired-passwords" => {
                config.handle_expired_passwords = boolean(key, &value)?;
            }
            "connect-attributes" => config.send_connect_attributes = boolean(key, &value)?,
            "program-name" => {
                config.connect_attributes.retain(|(key, _)| key != PROGRAM_NAME);
                config.connect_attributes.push((String::from(PROGRAM_NAME), value));
            }
            "sql-mode" => config.session.sql_mode = Some(value),
            "time-zone" => config.session.time_zone = Some(value),
            "max-allowed-packet" => {
                config.limits.max_command =
                    digits(&value).ok_or_else(|| bad_value(key, "a number of bytes"))?;
            }
            "pipelining" => config.pipelining = boolean(key, &value)?,
            "collation" => config.collation = Some(value),
            "max-packet" => {
                config.limits.max_packet =
                    digits(&value).ok_or_else(|| bad_value(key, "a number of bytes"))?;
            }
            "pool-min" => config.pool.min = number(key, &value)?,
            "pool-max" => config.pool.max = number(key, &value)?,
            "pool-acquire-timeout" => config.pool.acquire_timeout = duration(key, &value)?,
            "pool-idle-timeout" => config.pool.idle_timeout = Some(duration(key, &value)?),
            "pool-lifetime" => config.pool.lifetime = Some(duration(key, &value)?),
            "query-attributes" => config.query_attributes = boolean(key, &value)?,
            "compression" => {
                let algorithms = value.split(',').map(str::parse::<Compression>);
                config.compression.algorithms = algorithms
                    .collect::<Result<_, _>>()
                    .map_err(|_| bad_value(key, "`zlib`, `zstd`, or both with a comma between"))?;
            }
            "compression-level" => {
                let level =
                    digits(&value).ok_or_else(|| bad_value(key, "a number from 1 to 22"))?;
                config.compression.level = Some(level);
            }
            "compression-threshold" => {
                config.compression.threshold =
                    digits(&value).ok_or_else(|| bad_value(key, "a number of bytes"))?;
            }
            // `known_key` gives nothing else.
            _ => {}
        }
        Ok(())
    }
}

/// The keys and values that say what differs from the default, where a URL can say it.
pub(super) fn print(config: &Config) -> Vec<(&'static str, String)> {
    let defaults = Config::default();
    let mut pairs = Vec::new();
    let ca = config.ssl_ca.as_ref();
    let trust_is_lost =
        config.has_own_tls() || matches!(ca, Some(CaSource::Certificates(PemSource::Bytes(_))));
    match config.ssl_mode {
        Some(mode) => pairs.push(("ssl-mode", mode.to_string())),
        None if trust_is_lost || config.tls_wanted => {
            pairs.push(("ssl-mode", config.effective_ssl_mode().to_string()));
        }
        None => {}
    }
    match ca {
        Some(CaSource::Certificates(PemSource::File(path))) if path.as_os_str() == SYSTEM_CA => {
            pairs.push(("ssl-ca", format!("./{SYSTEM_CA}")));
        }
        Some(CaSource::Certificates(PemSource::File(path))) => {
            pairs.push(("ssl-ca", path.to_string_lossy().into_owned()));
        }
        Some(CaSource::System) => pairs.push(("ssl-ca", String::from(SYSTEM_CA))),
        Some(CaSource::Certificates(PemSource::Bytes(_))) | None => {}
    }
    if let Some(fingerprint) = &config.ssl_fingerprint {
        pairs.push(("ssl-fingerprint", fingerprint.to_string()));
    }
    if let Some(ClientIdentity { cert: PemSource::File(cert), key: PemSource::File(key) }) =
        &config.ssl_identity
    {
        pairs.push(("ssl-cert", cert.to_string_lossy().into_owned()));
        pairs.push(("ssl-key", key.to_string_lossy().into_owned()));
    }
    if let Some(name) = &config.tls_server_name {
        pairs.push(("tls-server-name", name.clone()));
    }
    if let Endpoint::Socket(path) = &config.endpoint {
        pairs.push(("socket", path.to_string_lossy().into_owned()));
    }
    if config.connect_timeout != defaults.connect_timeout {
        pairs.push(("connect-timeout", print_seconds(config.connect_timeout)));
    }
    print_sockets(&config.sockets, &mut pairs);
    for (key, timeout) in [
        ("read-timeout", config.read_timeout),
        ("write-timeout", config.write_timeout),
        ("statement-timeout", config.statement_timeout),
        ("server-statement-timeout", config.server_statement_timeout),
    ] {
        if let Some(timeout) = timeout {
            pairs.push((key, print_seconds(timeout)));
        }
    }
    for (key, value, default) in [
        ("found-rows", config.found_rows, false),
        ("interactive", config.interactive, false),
        ("handle-expired-passwords", config.handle_expired_passwords, false),
        ("connect-attributes", config.send_connect_attributes, true),
        ("pipelining", config.pipelining, true),
    ] {
        if value != default {
            pairs.push((key, value.to_string()));
        }
    }
    if let Some((_, name)) = config.connect_attributes.iter().find(|(key, _)| key == PROGRAM_NAME) {
        pairs.push(("program-name", name.clone()));
    }
    if let Some(name) = &config.collation {
        pairs.push(("collation", name.clone()));
    }
    if let Some(mode) = &config.session.sql_mode {
        pairs.push(("sql-mode", mode.clone()));
    }
    if let Some(zone) = &config.session.time_zone {
        pairs.push(("time-zone", zone.clone()));
    }
    if config.limits.max_command != defaults.limits.max_command {
        pairs.push(("max-allowed-packet", config.limits.max_command.to_string()));
    }
    if config.limits.max_packet != defaults.limits.max_packet {
        pairs.push(("max-packet", config.limits.max_packet.to_string()));
    }
    let (pool, default) = (&config.pool, &defaults.pool);
    for (key, value, default) in
        [("pool-min", pool.min, default.min), ("pool-max", pool.max, default.max)]
    {
        if value != default {
            pairs.push((key, value.to_string()));
        }
    }
    let acquire = (Some(pool.acquire_timeout), Some(default.acquire_timeout));
    for (key, (value, default)) in [
        ("pool-acquire-timeout", acquire),
        ("pool-idle-timeout", (pool.idle_timeout, default.idle_timeout)),
        ("pool-lifetime", (pool.lifetime, default.lifetime)),
    ] {
        // No timeout at all has no form in a URL.
        if let Some(value) = value.filter(|_| value != default) {
            pairs.push((key, print_seconds(value)));
        }
    }
    if config.query_attributes {
        pairs.push(("query-attributes", String::from("true")));
    }
    let (compression, default) = (&config.compression, &defaults.compression);
    if !compression.algorithms.is_empty() {
        let names: Vec<_> = compression.algorithms.iter().map(|each| each.name()).collect();
        pairs.push(("compression", names.join(",")));
    }
    if let Some(level) = compression.level {
        pairs.push(("compression-level", level.to_string()));
    }
    if compression.threshold != default.threshold {
        pairs.push(("compression-threshold", compression.threshold.to_string()));
    }
    pairs
}

fn print_sockets(sockets: &SocketOptions, pairs: &mut Vec<(&'static str, String)>) {
    let defaults = SocketOptions::default();
    if let Some(address) = sockets.bind_address {
        pairs.push(("bind-address", address.to_string()));
    }
    if !sockets.nodelay {
        pairs.push(("tcp-nodelay", String::from("false")));
    }
    if sockets.keepalive != defaults.keepalive {
        let idle = sockets.keepalive.map_or(0, |idle| idle.as_secs());
        pairs.push(("keepalive", idle.to_string()));
    }
    if let Some(timeout) = sockets.user_timeout {
        pairs.push(("tcp-user-timeout", print_seconds(timeout)));
    }
    if let Some(uid) = sockets.peer_uid {
        pairs.push(("socket-peer-uid", uid.to_string()));
    }
}

fn known_key(written: &str) -> Result<&'static str, ConfigError> {
    let key = match decode(written, "query")? {
        bytes if bytes.len() <= 40 => String::from_utf8_lossy(&bytes).replace('_', "-"),
        _ => String::new(),
    };
    if let Some(known) = KEYS.iter().find(|known| **known == key) {
        return Ok(known);
    }
    if let Some(setter) = CODE_ONLY.iter().find(|name| **name == key) {
        return Err(ConfigError::new(format!(
            "The option `{setter}` cannot be set by a URL, because URLs come from less trusted hands than \
             code; call \
             Config::{}.",
            setter.replace('-', "_")
        )));
    }
    let looks_like_a_key = !key.is_empty()
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    Err(ConfigError::new(if looks_like_a_key {
        format!(
            "The URL's key `{key}` is unknown; the nearest valid one is `{}`. There are: {}.",
            nearest(&key),
            KEYS.join(", ")
        )
    } else {
        format!(
            "The URL's query has an unknown key; keys are words such as `{}` (and a '&' or '?' \
             that belongs to a value or a password must be percent-encoded as %26 or %3F).",
            nearest(&key)
        )
    }))
}

fn nearest(key: &str) -> &'static str {
    let key = key.to_ascii_lowercase();
    let bare = key.replace('-', "");
    let cost = |known: &str| {
        let contained = known.contains(&key) || key.contains(known);
        let spelled = known.replace('-', "") == bare;
        if spelled {
            0
        } else if contained {
            1
        } else {
            edit_distance(&key, known)
        }
    };
    KEYS.into_iter().min_by_key(|known| cost(known)).unwrap_or("ssl-mode")
}

/// Levenshtein distance, one row at a time.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, to) in cells.zip(b.chars()) {
            let substituted = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = substituted.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The value stays out of the message: it may be part of a password.
fn bad_value(key: &str, wanted: &str) -> ConfigError {
    ConfigError::new(format!("The value of the URL's key `{key}` must be {wanted}."))
}

fn boolean(key: &str, value: &str) -> Result<bool, ConfigError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(bad_value(key, "`true` or `false`")),
    }
}

fn number(key: &str, value: &str) -> Result<usize, ConfigError> {
    digits(value).ok_or_else(|| bad_value(key, "a number"))
}

fn duration(key: &str, value: &str) -> Result<Duration, ConfigError> {
    seconds(value).ok_or_else(|| bad_value(key, "a number of seconds, such as 2.5"))
}

/// Plain decimal digits: `parse` alone would take a sign.
fn digits<T: std::str::FromStr>(value: &str) -> Option<T> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok())?
}

fn timeout(key: &str, value: &str) -> Result<Duration, ConfigError> {
    seconds(value).ok_or_else(|| bad_value(key, "a number of seconds, such as 2.5"))
}

/// Decimal seconds to the nanosecond, without the rounding of floating point.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    Some(Duration::new(digits(whole)?, digits(&format!("{fraction:0<9}"))?))
}

fn print_seconds(duration: Duration) -> String {
    let text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
