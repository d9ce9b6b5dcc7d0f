//! The query keys.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{ClientIdentity, SslMode};
use super::escape::{decode, decode_text};
use super::{Config, ConfigError, Endpoint, PemSource};

const KEYS: [&str; 11] = [
    "ssl-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "tls-server-name",
    "socket",
    "connect-timeout",
    "found-rows",
    "pipelining",
    "collation",
    "max-packet",
];

/// Options that exist but have no key (T-25), with the setter to use.
const CODE_ONLY: [&str; 2] = ["multi-statements", "fetch-server-public-key"];

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
        let value = value.filter(|value| !value.is_empty()).ok_or_else(|| {
            ConfigError::new(format!("The URL's key `{key}` has no value; write {key}=value."))
        })?;
        let value = decode_text(value, &format!("value of `{key}`"))?;
        self.apply(config, key, value)
    }

    /// Judges the keys together.
    pub(super) fn finish(&mut self, config: &mut Config) -> Result<(), ConfigError> {
        config.ssl_identity = match (self.cert.take(), self.key.take()) {
            (Some(cert), Some(key)) => {
                Some(ClientIdentity { cert: PemSource::File(cert), key: PemSource::File(key) })
            }
            (None, None) => None,
            _ => {
                return Err(ConfigError::new(
                    "The URL gives only one of `ssl-cert` and `ssl-key`; a client certificate \
                     needs both.",
                ));
            }
        };
        Ok(())
    }

    fn apply(&mut self, config: &mut Config, key: &str, value: String) -> Result<(), ConfigError> {
        match key {
            "ssl-mode" => config.ssl_mode = Some(value.parse::<SslMode>()?),
            "ssl-ca" => config.ssl_ca = Some(PemSource::File(value.into())),
            "ssl-cert" => self.cert = Some(value.into()),
            "ssl-key" => self.key = Some(value.into()),
            "tls-server-name" => config.tls_server_name = Some(value),
            "socket" => self.socket = Some(value.into()),
            "connect-timeout" => {
                config.connect_timeout = seconds(&value)
                    .ok_or_else(|| bad_value(key, "a number of seconds, such as 2.5"))?;
            }
            "found-rows" => {
                config.found_rows =
                    boolean(&value).ok_or_else(|| bad_value(key, "`true` or `false`"))?;
            }
            "pipelining" => {
                config.pipelining =
                    boolean(&value).ok_or_else(|| bad_value(key, "`true` or `false`"))?;
            }
            "collation" => config.collation = Some(value),
            "max-packet" => {
                config.limits.max_packet =
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
    let ca_is_lost = matches!(config.ssl_ca, Some(PemSource::Bytes(_)));
    match config.ssl_mode {
        Some(mode) => pairs.push(("ssl-mode", mode.to_string())),
        None if ca_is_lost => pairs.push(("ssl-mode", config.effective_ssl_mode().to_string())),
        None => {}
    }
    if let Some(PemSource::File(path)) = &config.ssl_ca {
        pairs.push(("ssl-ca", path.to_string_lossy().into_owned()));
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
    if config.found_rows {
        pairs.push(("found-rows", String::from("true")));
    }
    if !config.pipelining {
        pairs.push(("pipelining", String::from("false")));
    }
    if let Some(name) = &config.collation {
        pairs.push(("collation", name.clone()));
    }
    if config.limits.max_packet != defaults.limits.max_packet {
        pairs.push(("max-packet", config.limits.max_packet.to_string()));
    }
    pairs
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
            "The option `{setter}` cannot be set by a URL, because it lowers security; call \
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

fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Plain decimal digits: `parse` alone would take a sign.
fn digits<T: std::str::FromStr>(value: &str) -> Option<T> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok())?
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
