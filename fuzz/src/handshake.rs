//! The login against a server that says anything: nothing that helps to find the password leaves,
//! unless a plugin that is allowed makes it on a channel that allows it (G5, T-03).

use mywire::Limits;
use mywire::auth::Policy;
use mywire::proto::{Connection, Step, Transport};
use mywire::wire::{
    AuthMoreData, AuthNextFactor, AuthSwitchRequest, Capabilities, ErrPacket, LoginRequest,
    PacketHeader, StatusFlags,
};

use super::auth::contains;
use super::drive::{Cuts, stays_dead};
use super::server::{Offer, PASSWORD, Writer, login};
use super::source::Source;

/// SHA-1 and SHA-256 of [`PASSWORD`], once and twice: what plugins store or send in the clear.
pub const HASHES: [&[u8]; 4] = [
    b"\x4e\x47\x84\x98\x30\xff\x6b\xeb\xba\x84\x75\x24\x3c\x3b\x4b\xdb\x62\xe9\x2a\xd7",
    b"\xbd\xd4\x85\x76\xe0\x6c\xaa\x40\x42\x6d\xc8\x89\x6f\x12\x86\x55\x0d\xa7\x56\x3d",
    b"\xb2\xd5\x16\xff\xdb\xd6\xcb\x87\x0d\xf3\x4d\x4c\x52\xd2\x4d\x05\xf3\x32\xf3\x4f\
      \x05\x91\xe7\xdf\xb5\xba\x48\x29\x96\xee\x32\x7a",
    b"\xf0\x6f\xb1\x63\x3e\xfc\x8a\x3c\x0b\xdb\x9f\xf0\x83\xd4\x9e\x9c\x2d\xe4\x4e\x6a\
      \x8c\xa5\x20\x9f\xbc\xd3\x0c\x8f\x83\x30\x37\xbb",
];

pub const PLUGINS: [&[u8]; 9] = [
    b"mysql_native_password",
    b"caching_sha2_password",
    b"mysql_clear_password",
    b"sha256_password",
    b"mysql_old_password",
    b"dialog",
    b"client_ed25519",
    b"parsec",
    b"",
];

/// One of the server's packets, its header aside.
#[derive(Debug)]
struct Said {
    payload: Vec<u8>,
    /// Added to the sequence id that is due.
    skew: u8,
}

pub fn handshake(data: &[u8]) {
    // A server that says the password knows it, and an answer may repeat what it said.
    if contains(data, PASSWORD.as_bytes()) {
        return;
    }
    let mut source = Source::new(data);
    let cuts = Cuts::draw(&mut source);
    let unix = source.flag();
    let allowed = source.below(4);
    let offer = Offer::draw(&mut source);
    let mut said = Vec::new();
    while !source.is_empty() && said.len() < 48 {
        said.push(said_next(&mut source, offer, said.is_empty()));
    }
    let whole = converse(&said, &Cuts::Whole, unix, allowed);
    let cut = converse(&said, &cuts, unix, allowed);
    assert_eq!(whole, cut, "{cuts:?}");
}

fn said_next(source: &mut Source<'_>, offer: Offer, first: bool) -> Said {
    let mut payload = Vec::new();
    let kind = if first && source.below(4) != 3 { 0 } else { 1 + source.below(8) };
    match kind {
        0 => {
            payload = offer.greeting(source.pick(&PLUGINS));
            if source.flag() {
                let at = source.below(payload.len());
                payload[at] = source.byte();
            }
        }
        1 | 2 => {
            let plugin = source.pick(&PLUGINS);
            let data = match source.below(4) {
                0 => source.slice(40).to_vec(),
                1 => [b"ABCDEFGHIJKLMNOPQRST\0".as_slice(), source.slice(2)].concat(),
                // A nonce of one byte, as an attacker with a table would like it (T-14).
                _ => vec![source.byte(); 20 + source.below(2)],
            };
            AuthSwitchRequest { plugin, data: &data }.encode(&mut payload).expect("no NUL");
        }
        3 => {
            let data: &[u8] = source.pick(&[&b"\x04"[..], b"\x03", b"\x02", b"", b"\x04\x04"]);
            AuthMoreData { data }.encode(&mut payload);
        }
        4 => AuthMoreData { data: source.slice(200) }.encode(&mut payload),
        5 => {
            let plugin = source.pick(&PLUGINS);
            let data = source.slice(24);
            AuthNextFactor { plugin, data }.encode(&mut payload).expect("no NUL");
        }
        6 => {
            ErrPacket { code: source.u16(), sqlstate: None, message: source.slice(40) }
                .encode(&mut payload);
        }
        7 => {
            let mut writer = Writer::new(0, Capabilities::NONE);
            writer.plain_ok(StatusFlags::AUTOCOMMIT);
            payload = writer.out.split_off(4);
        }
        _ => payload = source.slice(120).to_vec(),
    }
    let skew = if source.rarely(16) { source.byte() } else { 0 };
    Said { payload, skew }
}

/// What the login came to, and every byte that the client sent.
fn converse(said: &[Said], cuts: &Cuts, unix: bool, allowed: usize) -> (Vec<String>, Vec<u8>) {
    let transport = if unix { Transport::UnixSocket } else { Transport::Network };
    let mut login = login(transport);
    login.policy = match allowed {
        0 => Policy::default().allow_only([]),
        1 => Policy::default().allow_only(["mysql_native_password"]),
        2 => Policy::default().allow_only(["caching_sha2_password"]),
        _ => Policy::default(),
    };
    let mut connection = Connection::new(login, Limits::default());
    let mut said = said.iter();
    let mut incoming: Vec<u8> = Vec::new();
    let (mut sequence, mut reads, mut received) = (0, 0, 0);
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    for steps in 0.. {
        assert!(steps <= 64 + 4 * received, "{steps} steps for {received} bytes");
        let step = connection.step();
        let bytes = connection.send_buf().to_vec();
        connection.sent(bytes.len());
        sequence = next_sequence(&bytes).unwrap_or(sequence);
        sent.extend(bytes);
        match step {
            Ok(Step::NeedInput | Step::Idle) => {}
            Ok(step) => {
                events.push(format!("{step:?} {:?}", connection.server()));
                continue;
            }
            Err(error) => {
                assert!(error.is_fatal(), "{error:?}");
                events.push(format!("{error:#?} {error}"));
                break;
            }
        }
        if incoming.is_empty() {
            match said.next() {
                Some(Said { payload, skew }) => {
                    let mut writer =
                        Writer::new(sequence.wrapping_add(*skew), connection.capabilities());
                    writer.packet(payload);
                    sequence = sequence.wrapping_add(1);
                    incoming = writer.out;
                }
                None => connection.received(0),
            }
        }
        let spare = connection.spare();
        let n = cut(cuts, reads).min(spare.len()).min(incoming.len());
        if n > 0 {
            spare[..n].copy_from_slice(&incoming[..n]);
            connection.received(n);
            incoming.drain(..n);
            received += n;
            reads += 1;
        }
    }
    stays_dead(&mut connection);
    check_sent(&sent, unix, allowed);
    (events, sent)
}

fn cut(cuts: &Cuts, read: usize) -> usize {
    match cuts {
        Cuts::Sizes(sizes) => sizes[read % sizes.len()],
        _ => usize::MAX,
    }
}

/// The id behind the last packet that the client sent.
pub fn next_sequence(mut bytes: &[u8]) -> Option<u8> {
    let mut next = None;
    while let Some((header, rest)) = bytes.split_first_chunk::<4>() {
        let header = PacketHeader::decode(*header);
        next = Some(header.sequence.wrapping_add(1));
        let length = usize::try_from(header.length).expect("24 bits");
        bytes = rest.get(length..).expect("packets are written whole");
    }
    next
}

fn check_sent(sent: &[u8], unix: bool, allowed: usize) {
    for hash in HASHES {
        assert!(!contains(sent, hash), "a hash of the password was sent");
    }
    // Only caching_sha2_password may send the password, and only over a private channel.
    if !unix || allowed < 2 {
        assert!(!contains(sent, PASSWORD.as_bytes()), "the password was sent");
    }
    if allowed == 0 {
        assert!(sent.is_empty(), "something was sent although no plugin is allowed");
    }
    if let Some(payload) = sent.get(4..) {
        let length = PacketHeader::decode([sent[0], sent[1], sent[2], sent[3]]).length;
        let length = usize::try_from(length).expect("24 bits");
        let request = LoginRequest::decode(&payload[..length]).expect("what a server understands");
        let asks = request.capabilities.contains(Capabilities::CONNECT_WITH_DB);
        let database = if asks { &b"shop"[..] } else { b"" };
        assert_eq!((request.user, request.database), (&b"app"[..], database));
    }
}
