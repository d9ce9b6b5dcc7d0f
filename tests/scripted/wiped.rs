//! T-81: no memory is given back with a password in it.

use counting_alloc::{sightings, watch_for};
use mywire::proto::{Login, Step, Transport};
use mywire::wire::Capabilities;
use mywire::{Config, Secret};

use crate::scripted::*;

/// The password in memory of this test's own, which it never frees while it looks.
fn password() -> Vec<u8> {
    let mut password = Vec::with_capacity(64);
    password.extend_from_slice(PASSWORD.as_bytes());
    password
}

fn left_behind(test: impl FnOnce()) -> usize {
    watch_for(PASSWORD.as_bytes());
    test();
    let found = sightings();
    watch_for(&[]);
    found
}

#[test]
fn t81_the_watch_sees_what_is_left_behind() {
    assert_eq!(left_behind(|| drop(password())), 1);
    let grows = || {
        let mut grown = password();
        grown.reserve_exact(1 << 20);
        grown.fill(0);
    };
    assert_eq!(left_behind(grows), 1);
}

#[test]
fn t81_secrets_and_configurations_are_wiped() {
    assert_eq!(left_behind(|| drop(Secret::from(PASSWORD))), 0);
    assert_eq!(left_behind(|| drop(Secret::from(password()))), 0);
    assert_eq!(left_behind(|| drop(Secret::from(PASSWORD.to_owned()))), 0);
    let url = format!("mysql://app:{PASSWORD}@localhost/shop");
    let parsed = || {
        let config: Config = url.parse().unwrap();
        let copy = config.clone().password3(PASSWORD);
        drop((config, copy));
    };
    assert_eq!(left_behind(parsed), 0);
    // Percent-encoded, it is decoded into memory of its own.
    let encoded = url.replace("s3nt1nel", "s%33nt1nel");
    assert_eq!(left_behind(|| drop(encoded.parse::<Config>().unwrap())), 0);
    // A fault behind the password.
    for tail in ["?no-such-key=1", ":port", "/%zz"] {
        let wrong = format!("mysql://app:{PASSWORD}@localhost{tail}");
        assert_eq!(left_behind(|| drop(wrong.parse::<Config>().unwrap_err())), 0, "{tail}");
    }
}

/// What the server asks for, up to the answer that holds the password.
fn logged_in(ask: impl FnOnce(Packets) -> Packets, in_clear: bool) {
    let mut login = Login::new("app", password());
    login.transport = Transport::UnixSocket;
    login.policy = login.policy.allow_clear_text(true);
    login.password2 = Some(PASSWORD.into());
    let mut bare = Bare::new(login);
    // What goes out is kept here, in memory that does not move, and is wiped below.
    bare.written = Vec::with_capacity(1 << 16);
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
    let before = bare.written.len();
    bare.feed(ask(Packets::new(Capabilities::NONE, 2)).bytes()).unwrap();
    let answer = &bare.written[before..];
    let shown = answer.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes());
    assert_eq!(shown, in_clear);
    bare.written.fill(0);
    let ok = Packets::new(bare.connection.capabilities(), 4).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
}

#[test]
fn t81_a_login_leaves_no_password_in_memory() {
    let nonce = b"aaaaaaaabbbbbbbbcccc\0";
    let clear = |reply: Packets| reply.auth_switch("mysql_clear_password", b"");
    assert_eq!(left_behind(|| logged_in(clear, true)), 0);
    assert_eq!(left_behind(|| logged_in(|reply| reply.more_data(&[4]), true)), 0);
    let native = |reply: Packets| reply.auth_switch("mysql_native_password", nonce);
    assert_eq!(left_behind(|| logged_in(native, false)), 0);
    let dialog = |reply: Packets| reply.auth_switch("dialog", b"\x04Password: ");
    assert_eq!(left_behind(|| logged_in(dialog, true)), 0);
}

/// A login that brings everything that makes its packets long.
fn long_login() -> Login {
    let mut login = Login::new("app", password());
    login.transport = Transport::UnixSocket;
    login.policy = login.policy.allow_clear_text(true);
    login.database = Some("shop".repeat(20));
    login.attributes = [&[4][..], b"name", &[0xFC, 0, 1], &[b'x'; 256]].concat();
    login
}

/// What was written; it is wiped.
fn takes_written(bare: &mut Bare) -> bool {
    let shown = bare.written.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes());
    bare.written.fill(0);
    shown
}

/// In the answer to the greeting the password stands among other fields, for which the buffer must
/// not move.
#[test]
fn t81_a_login_request_with_the_password_leaves_none() {
    let in_the_request = || {
        let mut bare = Bare::new(long_login());
        bare.written = Vec::with_capacity(1 << 16);
        let greeting = mywire::wire::Greeting { auth_plugin: b"mysql_clear_password", ..mysql() };
        bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&greeting).bytes()).unwrap();
        assert!(takes_written(&mut bare));
    };
    assert_eq!(left_behind(in_the_request), 0);
}

/// A change of the user, its answers in frames or not.
#[cfg(feature = "compress")]
#[test]
fn t81_a_change_of_the_user_leaves_no_password() {
    for compressed in [false, true] {
        let change = || {
            let mut first = long_login();
            if compressed {
                first.compression.algorithms = vec![mywire::Compression::Zlib];
            }
            let mut bare = Bare::new(first);
            bare.written = Vec::with_capacity(1 << 16);
            bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
            let ok = Packets::new(bare.connection.capabilities(), 2).ok();
            assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
            bare.connection.change_user(long_login()).unwrap();
            let switch = Packets::new(Capabilities::NONE, 1).auth_switch("dialog", b"\x05?");
            let length = u8::try_from(switch.bytes().len()).unwrap();
            let header = [length, 0, 0, 1, 0, 0, 0];
            let frame = [if compressed { &header[..] } else { &[] }, switch.bytes()].concat();
            bare.feed(&frame).unwrap();
            assert!(takes_written(&mut bare));
        };
        assert_eq!(left_behind(change), 0, "{compressed}");
    }
}

/// The other places that passwords come from.
#[test]
fn t81_files_and_functions_leave_no_password() {
    let path = std::env::temp_dir().join(format!("mywire-{}-wiped", std::process::id()));
    std::fs::write(&path, format!("{PASSWORD}\r\n")).unwrap();
    let from_file = || {
        let config = Config::default().password_file(&path);
        drop(Login::from_config(&config).unwrap());
    };
    assert_eq!(left_behind(from_file), 0);
    std::fs::remove_file(&path).unwrap();
    let from_function = || {
        let config = Config::default().password_from(|| Ok(Secret::from(PASSWORD)));
        drop(Login::from_config(&config).unwrap());
    };
    assert_eq!(left_behind(from_function), 0);
}
