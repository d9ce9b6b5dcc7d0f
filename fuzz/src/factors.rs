//! Logins of several factors and changes of the user, against a server that says anything: each
//! password goes to its own factor, if anywhere, and to no other (T-11).

use mywire::auth::Policy;
use mywire::proto::{Connection, Step, Transport};
use mywire::wire::{
    AuthMoreData, AuthNextFactor, AuthSwitchRequest, Capabilities, ErrPacket, PacketHeader,
    StatusFlags,
};
use mywire::{Limits, Secret};

use super::auth::contains;
use super::drive::stays_dead;
use super::handshake::{PLUGINS, next_sequence};
use super::meter::bounded;
use super::server::{Offer, Writer, login};
use super::source::Source;

/// The passwords of the factors, of the first login and of the one after it.
const PASSWORDS: [[&str; 3]; 2] = [
    ["first-0f-all", "sec0nd-0f-all", "th1rd-0f-all"],
    ["f0urth-0f-all", "fifth-0f-all", "s1xth-0f-all"],
];

pub fn factors(data: &[u8]) {
    // A server that says a password knows it, and an error repeats what it said.
    if PASSWORDS.iter().flatten().any(|password| contains(data, password.as_bytes())) {
        return;
    }
    bounded(data, |data| {
        let mut source = Source::new(data);
        let unix = source.flag();
        let clear = source.flag();
        let offer = Offer::draw(&mut source);
        converse(&mut source, unix, clear, offer);
    });
}

fn account(number: usize, unix: bool, clear: bool) -> mywire::proto::Login {
    let mut login = login(if unix { Transport::UnixSocket } else { Transport::Network });
    login.policy = Policy::default().allow_clear_text(clear);
    let [first, second, third] = PASSWORDS[number].map(Secret::from);
    (login.password, login.password2, login.password3) = (first, Some(second), Some(third));
    login
}

fn converse(source: &mut Source<'_>, unix: bool, clear: bool, offer: Offer) {
    let mut connection = Connection::new(account(0, unix, clear), Limits::default());
    let (mut sequence, mut received, mut packets) = (0, 0, 0);
    let mut incoming: Vec<u8> = Vec::new();
    // Which login is in progress, and which factor the server asked for last.
    let (mut number, mut factor) = (0, 0);
    for steps in 0.. {
        assert!(steps <= 64 + 8 * received, "{steps} steps for {received} bytes");
        let step = connection.step();
        let sent = connection.send_buf().to_vec();
        connection.sent(sent.len());
        sequence = next_sequence(&sent).unwrap_or(sequence);
        check_sent(&sent, number, factor, unix);
        match step {
            Ok(Step::Connected) if number == 0 => {
                if connection.change_user(account(1, unix, clear)).is_err() {
                    return;
                }
                (number, factor) = (1, 0);
                let sent = connection.send_buf().to_vec();
                connection.sent(sent.len());
                sequence = next_sequence(&sent).expect("the request");
                check_sent(&sent, number, factor, unix);
                continue;
            }
            Ok(Step::Connected) => return,
            Ok(Step::NeedInput | Step::Idle) => {}
            Ok(step) => panic!("{step:?} in a login"),
            Err(error) => {
                let shown = format!("{error} {error:?} {error:#?}");
                for password in PASSWORDS.iter().flatten() {
                    assert!(!shown.contains(password), "{shown}");
                }
                break;
            }
        }
        if incoming.is_empty() {
            packets += 1;
            if source.is_empty() || packets > 48 {
                connection.received(0);
                continue;
            }
            let (payload, next_factor) = said(source, offer, packets == 1);
            // The capability decides whether it is a factor's; the greeting may lack it.
            let takes = connection.capabilities();
            if next_factor && takes.contains(Capabilities::MULTI_FACTOR_AUTHENTICATION) {
                factor += 1;
            }
            let mut writer = Writer::new(sequence, takes);
            writer.packet(&payload);
            sequence = writer.sequence;
            incoming = writer.out;
        }
        let spare = connection.spare();
        let n = spare.len().min(incoming.len());
        spare[..n].copy_from_slice(&incoming[..n]);
        connection.received(n);
        incoming.drain(..n);
        received += n;
    }
    stays_dead(&mut connection);
}

/// A packet of the server, and whether it asks for the next factor.
fn said(source: &mut Source<'_>, offer: Offer, first: bool) -> (Vec<u8>, bool) {
    let mut payload = Vec::new();
    if first {
        return (offer.greeting(source.pick(&PLUGINS)), false);
    }
    let nonce = [source.byte(); 20];
    match source.below(8) {
        0 | 1 => {
            let plugin = source.pick(&PLUGINS);
            AuthSwitchRequest { plugin, data: &nonce }.encode(&mut payload).expect("no NUL");
        }
        2 | 3 => {
            let plugin = source.pick(&PLUGINS);
            AuthNextFactor { plugin, data: &nonce }.encode(&mut payload).expect("no NUL");
        }
        4 => AuthMoreData { data: source.pick(&[&b"\x04"[..], b"\x03", b"\x05PIN"]) }
            .encode(&mut payload),
        5 => AuthMoreData { data: source.slice(40) }.encode(&mut payload),
        6 if source.rarely(4) => {
            ErrPacket { code: source.u16(), sqlstate: None, message: source.slice(20) }
                .encode(&mut payload);
        }
        _ => {
            let mut writer = Writer::new(0, Capabilities::NONE);
            writer.plain_ok(StatusFlags::AUTOCOMMIT);
            payload = writer.out.split_off(4);
        }
    }
    let next_factor = payload.first() == Some(&0x02);
    (payload, next_factor)
}

/// Only the password of the factor in progress may be among what is sent, and that only where
/// nobody can read along.
fn check_sent(sent: &[u8], number: usize, factor: usize, unix: bool) {
    for (login, passwords) in PASSWORDS.iter().enumerate() {
        for (of, password) in passwords.iter().enumerate() {
            let its_turn = (login, of) == (number, factor);
            assert!(
                its_turn && unix || !contains(sent, password.as_bytes()),
                "the password {of} of login {login} was sent for {factor} of {number}"
            );
        }
    }
    if let Some((header, rest)) = sent.split_first_chunk::<4>() {
        let length = PacketHeader::decode(*header).length;
        assert!(usize::try_from(length).is_ok_and(|length| length <= rest.len()));
    }
}
