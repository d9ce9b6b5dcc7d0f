//! What options mean to a [`Config`].

use std::path::PathBuf;
use std::time::Duration;

use super::OptionLine;
use super::source::at_line;
use crate::auth::{is_supported, supported};
use crate::config::{
    CaSource, ClientIdentity, Compression, Config, ConfigError, DEFAULT_HOST, DEFAULT_PORT,
    Endpoint, PemSource, SslMode,
};

/// Options that make TLS stricter and are not known here: not to follow them would be to protect less
/// than was asked for.
const REFUSED: [&str; 8] = [
    "ssl-crl",
    "ssl-crlpath",
    "ssl-capath",
    "ssl-fplist",
    "ssl-fp-list",
    "tls-version",
    "ssl-cipher",
    "tls-ciphersuites",
];

/// The group whose options are ours alone.
const OWN_GROUP: &str = "mywire";

/// Where to connect, before it is known whether by TCP or a socket.
#[derive(Default)]
pub(super) struct Endpoints {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) socket: Option<PathBuf>,
    protocol: Option<Protocol>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Socket,
}

impl Endpoints {
    pub(super) fn of(config: &Config) -> Self {
        match config.endpoint() {
            // Who named it means that server, and not what a socket on this machine leads to.
            Endpoint::Tcp { host, port } if host != DEFAULT_HOST => {
                Self { host: Some(host.clone()), port: Some(*port), ..Self::default() }
            }
            Endpoint::Tcp { .. } => Self::default(),
            Endpoint::Socket(path) => Self { socket: Some(path.clone()), ..Self::default() },
        }
    }

    /// Decides as the servers' clients do: `localhost` is the socket, if there is one.
    pub(super) fn apply(self, mut config: Config) -> Result<Config, ConfigError> {
        let is_local = self.host.as_deref().is_none_or(|host| host == DEFAULT_HOST);
        match (self.protocol, self.socket) {
            (Some(Protocol::Socket), None) => {
                return Err(ConfigError::new(
                    "The option files ask for a Unix socket by `protocol`, and give none by `socket`.",
                ));
            }
            (Some(Protocol::Socket), Some(path)) => return Ok(config.socket(path)),
            (None, Some(path)) if is_local => return Ok(config.socket(path)),
            _ => {}
        }
        if self.protocol.is_some() && self.host.is_none() {
            config = match config.endpoint() {
                Endpoint::Socket(_) => config.host(DEFAULT_HOST),
                Endpoint::Tcp { .. } => config,
            };
        }
        if let Some(host) = self.host {
            config = config.host(host);
        }
        if let Some(port) = self.port {
            config = config.port(port);
        }
        Ok(config)
    }
}

/// What takes more than one option to judge.
#[derive(Default)]
struct Together {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    /// Verification was taken back; no more of what was asked for goes with it.
    unverified: bool,
}

pub(super) fn apply(options: &[OptionLine], mut config: Config) -> Result<Config, ConfigError> {
    let mut endpoints = Endpoints::of(&config);
    let mut together = Together::default();
    for option in options {
        config = apply_one(option, config, &mut endpoints, &mut together)?;
    }
    config = endpoints.apply(config)?;
    // The default verifies once there is a CA or a pin, which may stand behind it.
    let has_trust = config.ssl_ca.is_some() || config.ssl_fingerprint.is_some();
    let verifies = config.effective_ssl_mode() == SslMode::VerifyIdentity;
    if together.unverified && config.ssl_mode.is_none() && has_trust && verifies {
        config = config.ssl_mode(SslMode::Required);
    }
    match (together.cert, together.key) {
        (Some(cert), Some(key)) => {
            let (cert, key) = (PemSource::File(cert), PemSource::File(key));
            config.ssl_identity = Some(ClientIdentity { cert, key });
        }
        (None, None) => {}
        _ => {
            return Err(ConfigError::new(
                "The option files give only one of `ssl-cert` and `ssl-key`; a client certificate \
                 needs both.",
            ));
        }
    }
    Ok(config)
}

fn apply_one(
    option: &OptionLine,
    mut config: Config,
    endpoints: &mut Endpoints,
    together: &mut Together,
) -> Result<Config, ConfigError> {
    let (key, loose) = match option.key.strip_prefix("loose-") {
        Some(key) => (key, true),
        None => (option.key.as_str(), false),
    };
    // `skip-ssl`, `disable-ssl` and `ssl=0` are the same, and so are `enable-ssl` and `ssl`.
    let (key, negated) = match key.strip_prefix("skip-").or_else(|| key.strip_prefix("disable-")) {
        Some(key) => (key, true),
        None => (key, false),
    };
    let key = match key.strip_prefix("enable-") {
        Some(bare) if key != "enable-cleartext-plugin" => bare,
        _ => key,
    };
    let flag = || Ok::<_, ConfigError>(option.flag(key)? != negated);
    config = match key {
        // It is asked for on a terminal, which is no business of a library.
        "password" | "password1" if option.value.is_none() => config,
        "password" | "password1" => config.password(option.bytes(key)?),
        "password2" => config.password2(option.bytes(key)?),
        "password3" => config.password3(option.bytes(key)?),
        "user" => config.user(option.text(key)?),
        "database" => config.database(option.text(key)?),
        "init-command" => config.init_command(option.text(key)?),
        "host" => {
            endpoints.host = Some(option.text(key)?.to_owned());
            config
        }
        "port" => {
            let number = option
                .text(key)?
                .parse()
                .map_err(|_| option.wrong("the value of `port` is not a number from 0 to 65535"))?;
            // 0 is the clients' word for the default.
            endpoints.port = Some(if number == 0 { DEFAULT_PORT } else { number });
            config
        }
        "socket" => {
            endpoints.socket = Some(option.text(key)?.into());
            config
        }
        "protocol" => {
            endpoints.protocol = match option.text(key)?.to_ascii_lowercase().as_str() {
                "tcp" => Some(Protocol::Tcp),
                "socket" => Some(Protocol::Socket),
                _ => return Err(option.wrong("`protocol` is TCP or SOCKET")),
            };
            config
        }
        "ssl" if flag()? => config.want_tls(),
        "ssl" => config.ssl_mode(SslMode::Disabled),
        "ssl-mode" => {
            let mode = option.text(key)?.to_ascii_uppercase().parse::<SslMode>();
            config.ssl_mode(mode.map_err(|_| {
                option.wrong(
                    "`ssl-mode` is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY",
                )
            })?)
        }
        "ssl-verify-server-cert" if flag()? => config.ssl_mode(SslMode::VerifyIdentity),
        "ssl-verify-server-cert" => {
            together.unverified = true;
            match config.ssl_mode {
                Some(SslMode::VerifyCa | SslMode::VerifyIdentity) => {
                    config.ssl_mode(SslMode::Required)
                }
                _ => config,
            }
        }
        "ssl-ca" => {
            let path = option.text(key)?.into();
            config.ssl_ca = Some(CaSource::Certificates(PemSource::File(path)));
            config
        }
        "ssl-cert" => {
            together.cert = Some(option.text(key)?.into());
            config
        }
        "ssl-key" => {
            together.key = Some(option.text(key)?.into());
            config
        }
        "ssl-fp" => {
            let pin = option.text(key)?.parse();
            config.ssl_fingerprint = Some(pin.map_err(|_| {
                option.wrong("`ssl-fp` is the SHA-256 of the server's certificate in hexadecimal")
            })?);
            config
        }
        "connect-timeout" => {
            match option.number(key)? {
                // The clients' word for the default.
                0 => config.connect_timeout = Config::default().connect_timeout,
                seconds => config = config.connect_timeout(Duration::from_secs(seconds)),
            }
            config
        }
        "bind-address" => {
            let address = option.text(key)?.parse();
            config.sockets.bind_address =
                Some(address.map_err(|_| option.wrong("`bind-address` is an IP address"))?);
            config
        }
        "compress" => {
            config.compression.algorithms =
                if flag()? { vec![Compression::Zlib] } else { Vec::new() };
            config
        }
        "compression-algorithms" => {
            let text = option.text(key)?;
            let names = text.split(',').map(str::trim).filter(|name| *name != "uncompressed");
            let algorithms = names.map(str::parse::<Compression>).collect::<Result<_, _>>();
            config.compression.algorithms = algorithms.map_err(|_| {
                option.wrong("`compression-algorithms` is a list of zlib, zstd and uncompressed")
            })?;
            config
        }
        "zstd-compression-level" => {
            let level = option.number(key)?.try_into();
            let wrong = |_| option.wrong("`zstd-compression-level` is a number from 1 to 22");
            config.compression.level = Some(level.map_err(wrong)?);
            config
        }
        "enable-cleartext-plugin" => {
            let allow = flag()?;
            config.allow_clear_text_passwords(allow)
        }
        "get-server-public-key" => {
            let allow = flag()?;
            config.fetch_server_public_key(allow)
        }
        "server-public-key-path" => {
            let path = option.text(key)?;
            let pem = super::source::public_key(path.as_ref())
                .map_err(|error| option.wrong(&format!("{path} cannot be read: {error}")))?;
            config.server_public_key_pem(pem)
        }
        "restricted-auth" => {
            // The others of its list are not built in, so that nobody can ask for them.
            let names = option.text(key)?.split(',').map(str::trim);
            let known: Vec<_> = names.filter(|name| is_supported(name.as_bytes())).collect();
            if known.is_empty() {
                return Err(option.wrong(&format!(
                    "`restricted-auth` names no authentication plugin that is built in; there are: {}",
                    supported().collect::<Vec<_>>().join(", ")
                )));
            }
            config.auth_plugins(known)
        }
        // All that is ever spoken here.
        "tls-version" if names_both_versions(option.text(key)?) => config,
        guard @ ("safe-updates" | "i-am-a-dummy") if !loose && flag()? => {
            return Err(option.wrong(&format!(
                "`{guard}` is not supported, and without it an UPDATE or DELETE without a key would be \
                 run; `loose-{guard}` ignores it"
            )));
        }
        refused if REFUSED.contains(&refused) && !loose => {
            return Err(option.wrong(&format!(
                "`{refused}` is not supported, and without it the connection would be protected \
                 less than was asked for; `loose-{refused}` ignores it"
            )));
        }
        unknown if option.group == OWN_GROUP && !loose => {
            return Err(option.wrong(&format!(
                "the option `{}` of the group [{OWN_GROUP}] is unknown; `loose-` before it ignores it",
                unknown.escape_debug()
            )));
        }
        // Another program's.
        _ => config,
    };
    Ok(config)
}

/// Whether a list of TLS versions leaves out none that this client speaks.
fn names_both_versions(list: &str) -> bool {
    let names =
        |version: &str| list.split(',').any(|name| name.trim().eq_ignore_ascii_case(version));
    names("TLSv1.2") && names("TLSv1.3")
}

impl OptionLine {
    fn wrong(&self, reason: &str) -> ConfigError {
        at_line(&self.file, self.line, reason)
    }

    fn bytes(&self, key: &str) -> Result<Vec<u8>, ConfigError> {
        match &self.value {
            Some(value) => Ok(value.expose().to_vec()),
            None => Err(self.wrong(&format!("the option `{key}` needs a value"))),
        }
    }

    fn text(&self, key: &str) -> Result<&str, ConfigError> {
        let value = self
            .value
            .as_ref()
            .ok_or_else(|| self.wrong(&format!("the option `{key}` needs a value")))?;
        std::str::from_utf8(value.expose())
            .map_err(|_| self.wrong(&format!("the value of `{key}` is not UTF-8")))
    }

    fn number(&self, key: &str) -> Result<u64, ConfigError> {
        let text = self.text(key)?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| text.parse().ok())
            .flatten()
            .ok_or_else(|| self.wrong(&format!("the value of `{key}` is not a number")))
    }

    /// A flag: without a value it is set.
    fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        if self.value.is_none() {
            return Ok(true);
        }
        match self.text(key)?.to_ascii_lowercase().as_str() {
            "1" | "on" | "true" | "yes" | "" => Ok(true),
            "0" | "off" | "false" | "no" => Ok(false),
            _ => Err(self.wrong(&format!("the value of `{key}` is 0 or 1"))),
        }
    }
}
