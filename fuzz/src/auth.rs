//! Each authentication plugin by itself, on any channel, under any policy, against a server that
//! says anything: the password leaves only where the plugin's page says that it may (A-13, A-20,
//! ), and a hash of it never.

use std::sync::Arc;

use mywire::Secret;
use mywire::auth::{
    AuthError, Channel, Exchange, Plugin, PluginContext, PluginExchange, Policy, Response,
};

use super::handshake::{HASHES, PLUGINS};
use super::meter::bounded;
use super::server::PASSWORD;
use super::source::Source;

const CHANNELS: [Channel; 4] =
    [Channel::Plain, Channel::TlsUnverified, Channel::TlsVerified, Channel::UnixSocket];

/// A caller's plugin that gives the password away, and one that says that it does not.
const REVEALING: &str = "own_revealing";
const CAREFUL: &str = "own_careful";

/// The most rounds of parsec that a run waits for: 2^10 times this factor's two.
const MAX_FACTOR: u8 = 1;

pub fn auth(data: &[u8]) {
    // A server that says the password, or a hash of it, knows it; a plugin or an error may repeat
    // what it said.
    if contains(data, PASSWORD.as_bytes()) || HASHES.iter().any(|hash| contains(data, hash)) {
        return;
    }
    bounded(data, |data| {
        let mut source = Source::new(data);
        let channel = source.pick(&CHANNELS);
        let policy = policy(&mut source);
        let password = match source.below(8) {
            0 => None,
            1 => Some(Secret::default()),
            2 => Some(Secret::from("with\0nul")),
            _ => Some(Secret::from(PASSWORD)),
        };
        converse(&mut source, channel, &policy, password.as_ref());
    });
}

fn policy(source: &mut Source<'_>) -> Policy {
    let mut policy = Policy::default();
    let bits = source.byte();
    if bits & 1 != 0 {
        let names: Vec<&str> = (0..source.below(3)).map(|_| name(source.pick(&PLUGINS))).collect();
        policy = policy.allow_only(names);
    }
    policy = policy.allow_clear_text(bits & 2 != 0).fetch_server_public_key(bits & 4 != 0);
    if bits & 8 != 0 {
        policy = policy.server_public_key_pem(source.slice(60));
    }
    if bits & 16 != 0 {
        policy = policy.plugin(Arc::new(Own { name: REVEALING, reveals: true }));
    }
    if bits & 32 != 0 {
        policy = policy.plugin(Arc::new(Own { name: CAREFUL, reveals: false }));
    }
    if bits & 64 != 0 {
        policy = policy.answers(Arc::new(|_| Some(Secret::from("an answer"))));
    }
    policy
}

fn name(plugin: &'static [u8]) -> &'static str {
    std::str::from_utf8(plugin).expect("names of plugins")
}

fn converse(source: &mut Source<'_>, channel: Channel, policy: &Policy, password: Option<&Secret>) {
    let plugin: &[u8] = match source.below(12) {
        0 => REVEALING.as_bytes(),
        1 => CAREFUL.as_bytes(),
        2 => source.slice(30),
        _ => source.pick(&PLUGINS),
    };
    let first = said(source);
    let allowed = policy.allows(plugin);
    let started = Exchange::start(plugin, &first, password, channel, policy);
    let (mut exchange, response) = match started {
        Ok(started) => started,
        Err(error) => return check_error(&error),
    };
    assert!(allowed, "a plugin that is not allowed answered");
    assert_eq!(exchange.plugin().as_bytes(), plugin);
    assert!(password.is_some_and(|password| !password.expose().contains(&0)) || is_own(plugin));
    let channel_allows = may_have_password(plugin, channel);
    check_response(&response, channel_allows);
    let mut failed = false;
    for _ in 0..6 {
        if source.is_empty() {
            break;
        }
        let data = said(source);
        match exchange.more_data(&data, password, policy) {
            Ok(response) => {
                assert!(!failed, "an exchange went on behind an error");
                check_response(&response, channel_allows);
            }
            Err(error) => {
                failed = true;
                check_error(&error);
            }
        }
        assert!(!format!("{exchange:?}").contains(PASSWORD));
        if let Some(stored) = password.and_then(|password| exchange.certificate_secret(password)) {
            assert!(!contains(&stored, PASSWORD.as_bytes()));
        }
    }
    if failed {
        assert!(exchange.more_data(b"\x03", password, policy).is_err());
    }
}

fn is_own(plugin: &[u8]) -> bool {
    plugin == REVEALING.as_bytes() || plugin == CAREFUL.as_bytes()
}

/// Whether the password itself may be sent, by the pages of `protocol-spec/` and not by the code.
fn may_have_password(plugin: &[u8], channel: Channel) -> bool {
    let tls = matches!(channel, Channel::TlsUnverified | Channel::TlsVerified);
    let unix = channel == Channel::UnixSocket;
    match plugin {
        b"caching_sha2_password" => tls || unix,
        b"sha256_password" => tls,
        b"mysql_clear_password" | b"dialog" | b"own_revealing" => {
            unix || channel == Channel::TlsVerified
        }
        _ => false,
    }
}

fn check_response(response: &Response, may_have_password: bool) {
    assert!(!format!("{response:?}").contains(PASSWORD));
    let Response::Send(bytes) = response else { return };
    assert!(may_have_password || !contains(bytes, PASSWORD.as_bytes()), "the password was sent");
    assert!(HASHES.iter().all(|hash| !contains(bytes, hash)), "a hash was sent");
}

fn check_error(error: &AuthError) {
    let shown = format!("{error} {error:?} {error:#?}");
    assert!(!shown.contains(PASSWORD), "{shown}");
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What the server says: a nonce, a signal, a question, a salt, or anything.
fn said(source: &mut Source<'_>) -> Vec<u8> {
    match source.below(10) {
        0 => vec![source.byte(); 20 + source.below(2)],
        1 => vec![source.byte(); 32 + source.below(2)],
        2 => vec![source.byte()],
        3 => [&[source.byte()][..], b"Password: ", source.slice(4)].concat(),
        4 => {
            let mut salt = vec![b'P', source.byte() % (MAX_FACTOR + 1)];
            salt.resize(20, source.byte());
            salt
        }
        5 => PUBLIC_KEY.to_vec(),
        6 => {
            let mut key = PUBLIC_KEY.to_vec();
            let at = source.below(key.len());
            key[at] = source.byte();
            key
        }
        7 => Vec::new(),
        _ => {
            let mut data = source.slice(60).to_vec();
            // Each factor doubles the rounds, up to a second and more: it would take all the time.
            if let [b'P', factor, ..] = &mut data[..] {
                *factor = (*factor).min(MAX_FACTOR).max(*factor / 128 * 255);
            }
            data
        }
    }
}

/// A plugin of the caller's: its first answer is the secret, or nothing of it.
struct Own {
    name: &'static str,
    reveals: bool,
}

impl Plugin for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reveals_secret(&self) -> bool {
        self.reveals
    }

    fn start(&self) -> Box<dyn PluginExchange> {
        Box::new(OwnExchange { reveals: self.reveals, asked: 0 })
    }
}

struct OwnExchange {
    reveals: bool,
    asked: usize,
}

impl PluginExchange for OwnExchange {
    fn respond(&mut self, data: &[u8], context: &PluginContext<'_>) -> Result<Response, AuthError> {
        self.asked += 1;
        if self.asked > 3 || data.first() == Some(&0xFF) {
            return Err(AuthError::Plugin { plugin: "own".into(), reason: "enough".into() });
        }
        if !self.reveals {
            return Ok(Response::send(data));
        }
        Ok(Response::send(context.secret()?.expose()))
    }
}

/// A key of 2048 bits, as servers send theirs.
const PUBLIC_KEY: &[u8] = b"-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxmIbriTdgal3ZE8QJqRO
H1mXJ/2RxkhPKlL1XeyIf6fDkPXyMw1L7rmHvfAwdDJvY3WFNIqO5y52+25lWF0u
ajpg2fzWyw2eUYgO33OzYPUAruPHEtBQUaWzOZ79jZ3gR1yWUVNSzw5IHZuFQhCW
oO6oFzlOheLDHKWjCZR1PfpeRZ0ueiKUa1QLEQ1wsGUnEmkRLRC8olA6m/ImxUwM
ZGAvILFCgL2VPZrFV2iCg4kVvzCx6EE51SNFeBvui8SKF3QLUCkbtaCpvV7RHH9+
DRi8wKa5ijOCEHNRWdEkrnUbHPK9v4+rCm5OupRDzbzil7zFeDzXH8dQkprYe98D
PQIDAQAB
-----END PUBLIC KEY-----
";
