//! Passwords that do not outlive their use (T-81): every block of memory that is given back is
//! searched for them.
//!
//! What others keep is out of reach: the TLS library, the kernel, the caller.
#![allow(missing_docs, unreachable_pub, reason = "a test target has no users")]
#![allow(dead_code, reason = "each test target uses a part of the support")]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/packets.rs"]
mod packets;

use bare::Bare;
use counting_alloc::given_back_with;
use mywire::proto::{Login, Step, Transport};
use mywire::wire::Capabilities;
use mywire::{Config, Limits, Secret};
use packets::{NONCE, Packets, mysql};

#[global_allocator]
static ALLOCATOR: counting_alloc::Searching = counting_alloc::Searching;

/// A password that is found again wherever it stays behind.
const PASSWORD: &str = "s3nt1nel-pa55word";

const LONG_NONCE: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// Nothing that `run` gives back holds the password.
fn assert_wiped<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let (result, found) = given_back_with(PASSWORD.as_bytes(), run);
    assert_eq!(found, 0, "{what}: blocks of memory were given back with the password in them");
    result
}

/// The test can fail: a password that nobody wipes is found.
#[test]
fn what_is_not_wiped_is_found() {
    let (_, found) = given_back_with(PASSWORD.as_bytes(), || drop(PASSWORD.to_owned()));
    assert_eq!(found, 1);
    let moved = || {
        let mut bytes = PASSWORD.as_bytes().to_vec();
        bytes.reserve_exact(100_000);
        bytes.fill(0);
    };
    assert_eq!(given_back_with(PASSWORD.as_bytes(), moved).1, 1);
}

#[test]
fn t81_a_secret_is_wiped_with_its_last_owner() {
    assert_wiped("Secret", || {
        let secret = Secret::from(PASSWORD);
        drop(secret.clone());
        assert!(!secret.is_empty());
    });
}

#[test]
fn t81_no_configuration_leaves_its_password() {
    assert_wiped("a URL", || {
        let url = "mysql://app:s3nt1nel-pa55word@localhost/shop?ssl-mode=DISABLED";
        let config: Config = url.parse().unwrap();
        let config = config.clone().password2(PASSWORD).password3(PASSWORD);
        drop(Login::from_config(&config).unwrap());
        drop(format!("{config:?} {config}"));
    });
    let path = std::env::temp_dir().join(format!("mywire-{}-wiped", std::process::id()));
    std::fs::write(&path, [PASSWORD, "\r\n"].concat()).unwrap();
    assert_wiped("a file", || {
        let config = Config::default().password_file(&path);
        drop(Login::from_config(&config).unwrap());
    });
    std::fs::remove_file(path).unwrap();
    assert_wiped("a function", || {
        let config = Config::default().password_from(|| Ok(Secret::from(PASSWORD)));
        drop(Login::from_config(&config).unwrap());
    });
}

/// A login over a Unix socket that brings everything that makes its packets long.
fn login() -> Login {
    let mut login = Login::new("app", PASSWORD);
    login.transport = Transport::UnixSocket;
    login.policy = login.policy.allow_clear_text(true);
    login.database = Some("shop".repeat(20));
    login.password2 = Some(PASSWORD.into());
    login.attributes = [&[4][..], b"name", &[0xFC, 0, 1], &[b'x'; 256]].concat();
    login
}

fn feed(bare: &mut Bare, sequence: u8, packets: impl FnOnce(Packets) -> Packets) -> Vec<Step> {
    let packets = packets(Packets::new(Capabilities::NONE, sequence));
    let steps = bare.feed(packets.bytes()).unwrap();
    // What went out is the transport's.
    bare.written.fill(0);
    steps
}

/// The password goes out in the answer to the greeting, among other fields.
#[test]
fn t81_a_login_request_with_the_password_leaves_none() {
    assert_wiped("mysql_clear_password in the login request", || {
        let greeting = mywire::wire::Greeting { auth_plugin: b"mysql_clear_password", ..mysql() };
        let mut bare = Bare::with_limits(login(), Limits::default());
        bare.written.reserve(4096);
        let packet = Packets::new(Capabilities::NONE, 0).greeting(&greeting);
        bare.feed(packet.bytes()).unwrap();
        let sent = bare.written.windows(PASSWORD.len()).any(|b| b == PASSWORD.as_bytes());
        assert!(sent, "the password is not in it");
        bare.written.fill(0);
        drop(bare);
    });
}

#[test]
fn t81_no_plugin_leaves_the_password() {
    type Packet = (&'static str, fn(Packets) -> Packets, fn(Packets) -> Packets);
    let mut plugins: Vec<Packet> = vec![
        (
            "caching_sha2_password",
            |p| p.auth_switch("caching_sha2_password", NONCE),
            |p| p.more_data(&[4]),
        ),
        ("mysql_native_password", |p| p.auth_switch("mysql_native_password", NONCE), |p| p),
        ("mysql_clear_password", |p| p.auth_switch("mysql_clear_password", b""), |p| p),
        ("dialog", |p| p.auth_switch("dialog", b"\x05Password: "), |p| p),
        ("a second factor", |p| p.payload(b"\x02mysql_clear_password\0"), |p| p),
    ];
    if cfg!(feature = "ed25519") {
        plugins.push(("client_ed25519", |p| p.auth_switch("client_ed25519", LONG_NONCE), |p| p));
    }
    if cfg!(feature = "parsec") {
        plugins.push((
            "parsec",
            |p| p.auth_switch("parsec", LONG_NONCE),
            |p| p.more_data(b"P\0salt salt salt salt"),
        ));
    }
    for (name, first, second) in plugins {
        assert_wiped(name, || {
            let mut bare = Bare::with_limits(login(), Limits::default());
            bare.written.reserve(4096);
            feed(&mut bare, 0, |packets| packets.greeting(&mysql()));
            feed(&mut bare, 2, first);
            feed(&mut bare, 4, second);
            drop(bare);
        });
    }
}

/// A change of the user, its answers in frames.
#[cfg(feature = "compress")]
#[test]
fn t81_a_change_of_the_user_leaves_no_password() {
    for compressed in [false, true] {
        assert_wiped("a change of the user", || {
            let mut first = login();
            if compressed {
                first.compression.algorithms = vec![mywire::Compression::Zlib];
            }
            let mut bare = Bare::with_limits(first, Limits::default());
            bare.written.reserve(8192);
            feed(&mut bare, 0, |packets| packets.greeting(&mysql()));
            let ok = Packets::new(bare.connection.capabilities(), 2).ok();
            assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
            bare.connection.change_user(login()).unwrap();
            let switch = Packets::new(Capabilities::NONE, 1).auth_switch("dialog", b"\x05?");
            let bytes = switch.bytes();
            let length = u8::try_from(bytes.len()).unwrap();
            let header = [length, 0, 0, 1, 0, 0, 0];
            let framed = [if compressed { &header[..] } else { &[] }, bytes].concat();
            bare.feed(&framed).unwrap();
            let sent = bare.written.windows(PASSWORD.len()).any(|b| b == PASSWORD.as_bytes());
            assert!(sent, "the password is not in it");
            bare.written.fill(0);
            drop(bare);
        });
    }
}
