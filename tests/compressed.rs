//! The compressed protocol: what any cut, any lie and any bomb does to a session.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::as_conversions, reason = "numbers of a test")]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]
#![allow(dead_code, reason = "the other users of the shared files need the rest")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use counting_alloc::{peak, start};
use fuzz::conversation::without_rows;
use fuzz::drive::{Cuts, Event, Plain, Reading, run};
use fuzz::frames::{compressed, deflated, frame, framed, stored};
use fuzz::server::{
    Action, Conversation, LoginKind, Offer, Turn, Writer, conversation, login, login_turns,
};
use fuzz::source::Source;
use mywire::proto::{Connection, Transport};
use mywire::wire::packet::MAX_CHUNK;
use mywire::wire::{Capabilities, CompressedHeader, StatusFlags};
use mywire::{Compression, Error, Limits};
use proptest::collection::vec;
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

const OFFER: Offer = Offer { mariadb: false, deprecate_eof: true, session_track: true, tls: false };

const ALGORITHMS: &[Compression] = &[
    Compression::Zlib,
    #[cfg(feature = "zstd")]
    Compression::Zstd,
];

fn trace(conversation: &Conversation, cuts: &Cuts, reading: Reading) -> Vec<Event> {
    run(conversation, cuts, reading, &mut Plain::default(), &mut |_, _| {})
}

fn errors(events: &[Event]) -> Vec<&str> {
    let texts = events.iter().map(|event| match event {
        Event::Error { text, .. } => Some(&**text),
        _ => None,
    });
    texts.flatten().collect()
}

/// A conversation of one query, whose reply `write` makes, and a ping; in packets.
fn one_query(write: impl FnOnce(&mut Writer)) -> Conversation {
    let login = login(Transport::Network);
    let (login_turns, capabilities) = login_turns(LoginKind::Native, OFFER, &login);
    let reply = |write: &mut dyn FnMut(&mut Writer)| {
        let mut writer = Writer::new(1, capabilities);
        write(&mut writer);
        writer.out
    };
    let mut write = Some(write);
    let query = reply(&mut |writer| (write.take().expect("once"))(writer));
    let ping = reply(&mut |writer| writer.plain_ok(StatusFlags::AUTOCOMMIT));
    let turns = vec![
        Turn { actions: vec![Action::Query], reply: query },
        Turn { actions: vec![Action::Ping], reply: ping },
    ];
    Conversation { login, limits: Limits::default(), login_turns, turns }
}

/// A conversation of one query whose reply is these frames, or no frames at all.
fn answered_by(algorithm: Compression, reply: Vec<u8>) -> Conversation {
    let mut conversation = framed(one_query(|_| {}), algorithm, &[1_000]);
    conversation.turns[0].reply = reply;
    conversation
}

fn ok() -> Vec<u8> {
    one_query(|writer| writer.plain_ok(StatusFlags::AUTOCOMMIT)).turns.remove(0).reply
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// E-08, E-14, E-15, E-17, E-19, F-34, G6: frames of any size, cut anywhere, say what the packets say.
    #[test]
    fn e14_frames_may_be_cut_anywhere(
        bytes in vec(any::<u8>(), 0..600),
        frames in vec(1_usize..6_000, 1..6),
        small in vec(1_usize..12, 1..6),
        sizes in vec(1_usize..5_000, 1..12),
    ) {
        let plain = conversation(&mut Source::new(&bytes));
        let expected = trace(&plain, &Cuts::Whole, Reading::Rows);
        let without = without_rows(expected.clone());
        for &algorithm in ALGORITHMS {
            for frames in [&frames, &small] {
                let framed = framed(plain.clone(), algorithm, frames);
                for cuts in [Cuts::Whole, Cuts::Sizes(vec![1]), Cuts::Sizes(sizes.clone())] {
                    for reading in [Reading::Rows, Reading::Batches, Reading::Chunks, Reading::Mixed] {
                        let events = trace(&framed, &cuts, reading);
                        prop_assert_eq!(&events, &expected, "{:?} {:?}", cuts, reading);
                    }
                    for reading in [Reading::SkipAfter(0), Reading::SkipWhenStarved(2)] {
                        let events = without_rows(trace(&framed, &cuts, reading));
                        prop_assert_eq!(&events, &without, "{:?} {:?}", cuts, reading);
                    }
                }
            }
        }
    }

    /// What the fuzzer does, on the inputs that proptest thinks of.
    #[test]
    fn e18_damaged_frames(bytes in vec(any::<u8>(), 0..400)) {
        fuzz::compressed::compressed(&bytes);
    }
}

/// E-16, F-35: rows whose payloads are around 16 MiB, in frames of the largest size.
#[test]
fn e16_payloads_around_16_mib() {
    for payload in (1 << 24) - 5..=1_usize << 24 {
        // The prefix takes 4 bytes below 16 MiB, and 9 from there on: none here is that long.
        let value: Vec<u8> = (0..payload - 4).map(|i| (i % 249) as u8).collect();
        let plain = one_query(|writer| {
            writer.columns(&[b"v"]);
            writer.row([Some(&value[..])]);
            writer.row([Some(&b"after"[..])]);
            writer.end_of_rows(StatusFlags::AUTOCOMMIT);
        });
        let expected = trace(&plain, &Cuts::Whole, Reading::Rows);
        assert_eq!(errors(&expected).len(), 1, "only the end of input: {expected:?}");
        for &algorithm in ALGORITHMS {
            let framed = framed(plain.clone(), algorithm, &[MAX_CHUNK, 5, MAX_CHUNK]);
            let cuts = Cuts::Sizes(vec![65_537]);
            assert!(trace(&framed, &cuts, Reading::Rows) == expected, "{payload} {algorithm}");
            assert!(trace(&framed, &cuts, Reading::Chunks) == expected, "{payload} {algorithm}");
        }
    }
}

/// E-18, F-33: every lie of a frame is its own error, no byte of it is a row, and the session is dead.
#[test]
fn e18_f33_lies_of_a_frame() {
    let plain = ok();
    for &algorithm in ALGORITHMS {
        let body = deflated(algorithm, &plain);
        let mut wrong_sum = body.clone();
        *wrong_sum.last_mut().unwrap() ^= 1;
        let trailing = [&body[..], b"x"].concat();
        let cut = &body[..body.len() - 1];
        for (plain_length, body, error) in [
            (plain.len() + 1, &body[..], "Shorter"),
            (0xFF_FFFF, &body, "Shorter"),
            (plain.len() - 1, &body, "Longer"),
            (1, &body, "Longer"),
            (plain.len(), &wrong_sum, "Corrupt"),
            (plain.len(), &trailing, "TrailingBytes"),
            (plain.len(), cut, "Truncated"),
            (plain.len(), b"", "Truncated"),
            (plain.len(), b"this is nothing at all", "Corrupt"),
        ] {
            let mut reply = Vec::new();
            frame(&mut reply, 1, plain_length, body);
            let conversation = answered_by(algorithm, reply);
            for cuts in [Cuts::Whole, Cuts::Sizes(vec![1])] {
                let events = trace(&conversation, &cuts, Reading::Rows);
                let errors = errors(&events);
                let found =
                    errors.iter().any(|text| text.contains(&format!("Compressed({error})")));
                // The OK was whole before the lie came out, so its statement is done.
                assert!(found, "{algorithm} {plain_length} {error}: {events:?}");
            }
        }
    }
}

/// E-15: a stored frame of any length.
#[test]
fn e15_stored_frames_of_any_length() {
    let mut reply = Vec::new();
    stored(&mut reply, 1, &ok());
    let events = trace(&answered_by(Compression::Zlib, reply), &Cuts::Whole, Reading::Rows);
    assert!(events.iter().any(|event| matches!(event, Event::Done(_))), "{events:?}");
    let long = one_query(|writer| {
        writer.columns(&[b"v"]);
        writer.row([Some(&[b'x'; 70_000][..])]);
        writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    });
    let expected = trace(&long, &Cuts::Whole, Reading::Rows);
    let mut reply = Vec::new();
    stored(&mut reply, 1, &long.turns[0].reply);
    let mut conversation = framed(long, Compression::Zlib, &[1_000]);
    conversation.turns[0].reply = reply;
    assert_eq!(trace(&conversation, &Cuts::Sizes(vec![1]), Reading::Rows), expected);
}

/// F-37, F-06, T-56: ids of frames are checked, and an error report may have a wrong one.
#[test]
fn f37_t56_frames_out_of_order() {
    let error = one_query(|writer| writer.err(1153, b"too large")).turns.remove(0).reply;
    for (sequence, plain, expected) in [
        (1, ok(), "ConnectionLost"),
        (0, ok(), "OutOfOrder { expected: 1, found: 0 }"),
        (2, ok(), "OutOfOrder { expected: 1, found: 2 }"),
        (77, error, "code: 1153"),
    ] {
        let mut reply = Vec::new();
        compressed(&mut reply, Compression::Zlib, sequence, &plain);
        let conversation = answered_by(Compression::Zlib, reply);
        for cuts in [Cuts::Whole, Cuts::Sizes(vec![1])] {
            let events = trace(&conversation, &cuts, Reading::Rows);
            let errors = errors(&events);
            assert!(errors.last().unwrap().contains(expected), "{sequence}: {events:?}");
            let done = events.iter().filter(|event| matches!(event, Event::Done(_))).count();
            assert_eq!(done > 0, sequence == 1, "{sequence}: {events:?}");
        }
    }
}

/// T-31: empty frames, one after the other, end.
#[test]
fn t31_empty_frames_forever() {
    for count in [1, 8, 9, 300] {
        let mut reply = Vec::new();
        for sequence in 0..count {
            frame(&mut reply, (sequence + 1) as u8, 0, b"");
        }
        compressed(&mut reply, Compression::Zlib, (count + 1) as u8, &ok());
        let events = trace(&answered_by(Compression::Zlib, reply), &Cuts::Whole, Reading::Rows);
        let refused = errors(&events).iter().any(|text| text.contains("Empty"));
        assert_eq!(refused, count > 8, "{count}: {events:?}");
    }
}

/// E-99: the connection ends in the middle of a frame.
#[test]
fn e99_frames_that_stop_in_the_middle() {
    let mut reply = Vec::new();
    compressed(&mut reply, Compression::Zlib, 1, &ok());
    for keep in 1..reply.len() - 5 {
        let mut conversation = answered_by(Compression::Zlib, reply[..keep].to_vec());
        conversation.turns.truncate(1);
        let events = trace(&conversation, &Cuts::Whole, Reading::Rows);
        assert!(errors(&events)[0].contains("InPacket"), "{keep}: {events:?}");
    }
}

/// A connection behind its login, to be fed by hand.
fn connected(algorithm: Compression, limits: Limits) -> Connection {
    let mut login = login(Transport::Network);
    login.compression.algorithms = vec![algorithm];
    let (turns, _) = login_turns(LoginKind::Native, OFFER, &login);
    let mut connection = Connection::new(login, limits);
    for turn in &turns {
        feed(&mut connection, turn);
        while connection.step().unwrap() == mywire::proto::Step::Connected {}
        let n = connection.send_buf().len();
        connection.sent(n);
    }
    assert!(connection.is_idle());
    assert_eq!(connection.compression(), Some(algorithm));
    connection
}

fn feed(connection: &mut Connection, bytes: &[u8]) {
    connection.spare()[..bytes.len()].copy_from_slice(bytes);
    connection.received(bytes.len());
}

/// Feeds all of it; the steps' outcome, and how often a row came.
fn feed_all(connection: &mut Connection, mut bytes: &[u8]) -> Result<usize, Error> {
    let mut rows = 0;
    loop {
        match connection.step()? {
            mywire::proto::Step::NeedInput if bytes.is_empty() => return Ok(rows),
            mywire::proto::Step::NeedInput => {
                let spare = connection.spare();
                let n = spare.len().min(bytes.len());
                spare[..n].copy_from_slice(&bytes[..n]);
                connection.received(n);
                bytes = &bytes[n..];
            }
            mywire::proto::Step::Row => rows += 1,
            mywire::proto::Step::Done => return Ok(rows),
            _ => {}
        }
    }
}

/// T-31: a frame of zeros that inflates a thousandfold is an endless row; the limit on packets holds,
/// and memory follows it, not what a bomb announces.
#[test]
fn t31_a_bomb_stays_under_its_limit() {
    for &algorithm in ALGORITHMS {
        let head = one_query(|writer| writer.columns(&[b"v"])).turns.remove(0).reply;
        let mut bytes = Vec::new();
        let mut first = head.clone();
        // A row that is announced to go on and on: chunks of the largest size.
        first.extend_from_slice(&[0xFF, 0xFF, 0xFF, 4]);
        compressed(&mut bytes, algorithm, 1, &first);
        let mut bomb = vec![0; MAX_CHUNK];
        for (number, at) in (0..3).enumerate() {
            bomb[at] = number as u8;
        }
        for sequence in 2..40 {
            compressed(&mut bytes, algorithm, sequence, &bomb);
        }
        println!("{algorithm}: {} bytes stand for {}", bytes.len(), 38 * MAX_CHUNK);
        // Read whole, the row is refused at the limit.
        let limits = Limits::default().max_packet(1 << 20);
        let mut connection = connected(algorithm, limits);
        connection.query(b"SELECT").unwrap();
        let before = start();
        let error = feed_all(&mut connection, &bytes).unwrap_err();
        let grown = peak() - before;
        assert!(error.to_string().contains("max_packet"), "{error}");
        println!("{algorithm}: refused, the heap grew by {grown} bytes");
        assert!(grown < 26 << 20, "{algorithm} {grown}");
        if algorithm == Compression::Zlib {
            assert!(grown < 1 << 20, "{grown}");
        }
    }
}

/// Skipped, a result of any size goes by: zlib in flat memory, zstd within its window (E-18).
#[test]
fn e18_frames_of_16_mib_are_inflated_as_they_come() {
    for &algorithm in ALGORITHMS {
        let reply = one_query(|writer| {
            writer.columns(&[b"v"]);
            let value = vec![b'v'; 60_000];
            for _ in 0..4_000 {
                writer.row([Some(&value[..])]);
            }
            writer.end_of_rows(StatusFlags::AUTOCOMMIT);
        });
        let mut bytes = Vec::new();
        for (number, plain) in reply.turns[0].reply.chunks(MAX_CHUNK).enumerate() {
            compressed(&mut bytes, algorithm, 1 + number as u8, plain);
        }
        let mut connection = connected(algorithm, Limits::default());
        connection.query(b"SELECT").unwrap();
        let before = start();
        assert_eq!(feed_all(&mut connection, &bytes).unwrap(), 4_000);
        let grown = peak() - before;
        println!("{algorithm}: 240 MB out of {}, the heap grew by {grown} bytes", bytes.len());
        let most = match algorithm {
            Compression::Zlib => 1 << 20,
            // ruzstd's encoder wants a window of half a MiB.
            _ => 4 << 20,
        };
        assert!(grown < most, "{algorithm} {grown}");
    }
}

/// E-18: a frame of zstd that wants more than a frame can hold is refused before memory is made.
#[cfg(feature = "zstd")]
#[test]
fn e18_t31_a_window_too_large_is_refused() {
    // Magic, a descriptor without anything, and a window of 2 GiB; then one of 16 MiB that claims.
    for (window, refused) in [(0xA8, true), (0x71, true), (0x70, false)] {
        let mut reply = Vec::new();
        frame(&mut reply, 1, 0xFF_FFFF, &[0x28, 0xB5, 0x2F, 0xFD, 0x00, window, 0x03, 0x00, 0x00]);
        let mut connection = connected(Compression::Zstd, Limits::default());
        connection.query(b"SELECT").unwrap();
        let before = start();
        let error = feed_all(&mut connection, &reply).unwrap_err();
        let grown = peak() - before;
        let wanted = if refused { "window" } else { "" };
        assert!(error.to_string().contains(wanted), "{error}");
        assert!(grown < 1 << 20, "{window:x} {grown}");
    }
}

/// F-37, F-39, F-36: what is sent: one sequence of ids for each command, short ones stored, and
/// whatever does not get shorter.
#[test]
fn f36_f37_what_is_sent() {
    for &algorithm in ALGORITHMS {
        let mut connection = connected(algorithm, Limits::default());
        let text = b"SELECT ".repeat(30);
        let noise: Vec<u8> = {
            let mut state = 1_u64;
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            };
            (0..3_000_000).map(|_| next()).collect()
        };
        connection.query(b"SELECT 1").unwrap();
        connection.query(&text).unwrap();
        connection.query(&noise).unwrap();
        let sent = connection.send_buf().to_vec();
        // The documentation's own bytes.
        let expected = b"\x0d\0\0\0\0\0\0\x09\0\0\0\x03SELECT 1";
        let head = expected.len();
        assert_eq!(sent[..head - 1].len() + 1, head);
        assert_eq!(sent[7..head], expected[7..]);
        assert_eq!(sent[..7], [13, 0, 0, 0, 0, 0, 0]);
        let mut rest = &sent[..];
        let mut seen = Vec::new();
        while let Some((header, body)) = rest.split_first_chunk::<7>() {
            let header = CompressedHeader::decode(*header);
            seen.push((header.sequence, header.plain_length));
            rest = &body[header.length as usize..];
        }
        assert!(rest.is_empty());
        let text_len = text.len() as u32 + 5;
        assert_eq!(seen, [(0, 0), (0, text_len), (0, 0), (1, 0), (2, 0)], "{algorithm}");
    }
}

/// F-30, F-40, E-20: what the login says.
#[test]
fn f40_e20_what_the_login_asks_for() {
    use mywire::wire::LoginRequest;
    for (wanted, flag) in [
        (vec![], Capabilities::NONE),
        (vec![Compression::Zlib], Capabilities::COMPRESS),
        #[cfg(feature = "zstd")]
        (vec![Compression::Zstd, Compression::Zlib], Capabilities::ZSTD_COMPRESSION_ALGORITHM),
        #[cfg(not(feature = "zstd"))]
        (vec![Compression::Zstd, Compression::Zlib], Capabilities::COMPRESS),
    ] {
        let mut login = login(Transport::Network);
        login.compression.algorithms = wanted;
        login.compression.level = Some(7);
        let (turns, _) = login_turns(LoginKind::Native, OFFER, &login);
        let mut connection = Connection::new(login, Limits::default());
        feed(&mut connection, &turns[0]);
        let _ = connection.step().unwrap();
        let sent = connection.send_buf()[4..].to_vec();
        let request = LoginRequest::decode(&sent).unwrap();
        let both = Capabilities::COMPRESS | Capabilities::ZSTD_COMPRESSION_ALGORITHM;
        assert_eq!(request.capabilities & both, flag);
        if flag == Capabilities::ZSTD_COMPRESSION_ALGORITHM {
            assert_eq!((request.zstd_level, sent.last()), (7, Some(&7)));
        }
    }
}
