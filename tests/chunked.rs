//! A row read in pieces is the row, whatever the pieces (G6), and can be left at any of them.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::as_conversions, reason = "numbers of a test")]
#![allow(dead_code, reason = "the other users of the shared file need the rest")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::conversation::{headers, without_rows};
use fuzz::drive::{Cuts, Event, Leave, Plain, Reading, run, same_but_for_what_was_left};
use fuzz::server::{
    Action, Conversation, LoginKind, Offer, Turn, Writer, conversation_of, login, login_turns,
    statement_turns,
};
use fuzz::source::Source;
use mywire::Limits;
use mywire::proto::{Connection, Step, Transport};
use mywire::wire::binary_row::{Layout, bitmap_len};
use mywire::wire::packet::MAX_CHUNK;
use mywire::wire::{ColumnType, StatusFlags};
use proptest::collection::vec;
use proptest::prelude::*;

const OFFER: Offer = Offer { mariadb: true, deprecate_eof: true, session_track: true, tls: false };
const OLD_OFFER: Offer = Offer { deprecate_eof: false, ..OFFER };

fn trace(conversation: &Conversation, cuts: &Cuts, reading: Reading) -> Vec<Event> {
    run(conversation, cuts, reading, &mut Plain::default(), &mut |_, _| {})
}

/// The conversation tells the same in pieces, and all of it but what was left if something is left
/// at each of the steps of `leaves` and of its multiples.
fn assert_same_in_pieces(conversation: &Conversation, cuts: &[Cuts], leaves: &[usize]) {
    let expected = trace(conversation, &Cuts::Whole, Reading::Rows);
    let results = without_rows(expected.clone());
    for cuts in cuts.iter().chain([&Cuts::Whole]) {
        for reading in [Reading::Batches, Reading::Chunks, Reading::Mixed] {
            assert_eq!(trace(conversation, cuts, reading), expected, "{reading:?}, {cuts:?}");
        }
        for &at in leaves {
            for leave in [Leave::Field, Leave::Row, Leave::RowForWhole] {
                let seen = trace(conversation, cuts, Reading::Leaving(leave, at));
                let same = same_but_for_what_was_left(&seen, &expected);
                assert!(same, "{leave:?} {at}, {cuts:?}\n{seen:#?}\n{expected:#?}");
            }
            let seen = trace(conversation, cuts, Reading::Leaving(Leave::Result, at));
            assert_eq!(without_rows(seen), results, "result left at {at}, {cuts:?}");
        }
    }
}

fn cuts_at_headers(conversation: &Conversation, around: &[usize]) -> Vec<Cuts> {
    let replies = conversation.turns.iter().map(|turn| &turn.reply);
    let (mut base, mut places) = (0, Vec::new());
    for bytes in conversation.login_turns.iter().chain(replies) {
        places.extend(headers(bytes).into_iter().map(|at| base + at));
        base += bytes.len();
    }
    let at = |distance| Cuts::At(places.iter().map(|place| place + distance).collect());
    around.iter().copied().map(at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn g6_rows_in_pieces_are_the_rows(
        text in vec(any::<u8>(), 0..300),
        binary in vec(any::<u8>(), 0..600),
        offer in any::<u8>(),
        sizes in vec(1_usize..5_000, 1..12),
        small in vec(1_usize..9, 1..12),
        leaves in vec(1_usize..40, 2..4),
    ) {
        let offer = Offer::draw(&mut Source::new(&[offer]));
        let login = login(Transport::Network);
        let (_, capabilities) = login_turns(LoginKind::Native, offer, &login);
        let source = &mut Source::new(&text);
        let mut conversation = conversation_of(source, LoginKind::Native, offer, login);
        conversation.turns.extend(statement_turns(&mut Source::new(&binary), capabilities));
        let mut cuts = cuts_at_headers(&conversation, &[0, 1, 3, 4, 5, 6]);
        cuts.extend([Cuts::Sizes(vec![1]), Cuts::Sizes(sizes), Cuts::Sizes(small)]);
        assert_same_in_pieces(&conversation, &cuts, &leaves);
    }

    /// G4: whatever stands in rows' places, in one kind of result set and in the other, reading it
    /// in pieces ends as it should; `run` looks after what must not come after.
    #[test]
    fn g4_garbage_for_rows(
        rows in vec(vec(any::<u8>(), 1..40), 1..4),
        binary in any::<bool>(),
        size in 1_usize..20,
    ) {
        let conversation = result(OFFER, binary, &MANY_TYPES, |writer| {
            for row in &rows {
                let mut row = row.clone();
                if binary {
                    row[0] = 0;
                }
                writer.packet(&row);
            }
        });
        assert_damage_is_the_same(&conversation, &[Cuts::Whole, Cuts::Sizes(vec![size])]);
    }
}

/// What a row whole does not mind until it is looked at kills who reads it in pieces; everything
/// before is the same.
fn assert_damage_is_the_same(conversation: &Conversation, cuts: &[Cuts]) {
    let expected = trace(conversation, &Cuts::Whole, Reading::Rows);
    let first = trace(conversation, &Cuts::Whole, Reading::Chunks);
    let died_of_a_row = matches!(
        first.last(),
        Some(Event::Error { text, fatal: true }) if text.contains("Malformed")
    );
    if died_of_a_row {
        let healthy = &first[..first.len() - 1];
        assert_eq!(healthy, &expected[..healthy.len()]);
    } else {
        assert_eq!(first, expected);
    }
    for cuts in cuts {
        assert_eq!(trace(conversation, cuts, Reading::Chunks), first, "{cuts:?}");
        for at in 1..6 {
            for leave in [Leave::Field, Leave::Row, Leave::RowForWhole, Leave::Result] {
                trace(conversation, cuts, Reading::Leaving(leave, at));
            }
        }
    }
}

const MANY_TYPES: [ColumnType; 5] = [
    ColumnType::LONGLONG,
    ColumnType::VAR_STRING,
    ColumnType::DATETIME,
    ColumnType::TINY,
    ColumnType::BLOB,
];

/// A conversation of one command with one result set, and a ping behind it.
fn result(
    offer: Offer,
    binary: bool,
    types: &[ColumnType],
    rows: impl FnOnce(&mut Writer),
) -> Conversation {
    let login = login(Transport::Network);
    let (login_turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    let mut writer = Writer::new(1, capabilities);
    writer.typed_columns(types);
    rows(&mut writer);
    writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    let mut pong = Writer::new(1, capabilities);
    pong.plain_ok(StatusFlags::AUTOCOMMIT);
    let action = if binary { Action::Execute } else { Action::Query };
    let turns = vec![
        Turn { actions: vec![action], reply: writer.out },
        Turn { actions: vec![Action::Ping], reply: pong.out },
    ];
    Conversation { login, limits: Limits::default(), login_turns, turns }
}

/// A row of strings in either protocol.
fn strings(writer: &mut Writer, binary: bool, cells: &[Option<&[u8]>]) {
    match binary {
        false => writer.row(cells.iter().copied()),
        true => {
            let cells: Vec<_> = cells.iter().map(|&cell| (Layout::LengthEncoded, cell)).collect();
            writer.binary_row(&cells);
        }
    }
}

fn value(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

fn is_whole(events: &[Event], rows: usize) -> bool {
    let errors = events.iter().filter(|event| matches!(event, Event::Error { .. })).count();
    // The end of input is the only error.
    errors == 1 && events.iter().filter(|event| matches!(event, Event::Row(_))).count() == rows
}

/// E-13: each class of length, NULL and nothing, at every cut and left at every step.
#[test]
fn values_of_every_class_of_length_left_anywhere() {
    const LENGTHS: [usize; 9] = [0, 1, 249, 250, 251, 252, 65_534, 65_535, 65_536];
    for binary in [false, true] {
        for length in LENGTHS {
            let long = value(length);
            let conversation = result(OFFER, binary, &[ColumnType::BLOB; 4], |writer| {
                for cells in [
                    [Some(&long[..]), None, Some(b""), Some(b"x")],
                    [None, Some(b""), Some(&long[..]), None],
                    [Some(b""), Some(b"y"), Some(b"z"), Some(&long[..])],
                ] {
                    strings(writer, binary, &cells);
                }
            });
            assert!(is_whole(&trace(&conversation, &Cuts::Whole, Reading::Rows), 3));
            let mut cuts = vec![Cuts::Sizes(vec![4_099])];
            if length < 1_000 {
                cuts = cuts_at_headers(&conversation, &[0, 1, 3, 4, 5, 6, 7]);
                cuts.extend([Cuts::Sizes(vec![1]), Cuts::Sizes(vec![2, 3])]);
            }
            let leaves: Vec<usize> = (1..=20).collect();
            assert_same_in_pieces(&conversation, &cuts, &leaves);
        }
    }
}

/// fixed widths, dates and times of each length, and NULL bits over a byte's boundary.
#[test]
fn binary_rows_of_every_layout_left_anywhere() {
    use ColumnType as T;
    let types = [
        T::TINY,
        T::SHORT,
        T::LONG,
        T::LONGLONG,
        T::FLOAT,
        T::DOUBLE,
        T::DATE,
        T::TIME,
        T::DATETIME,
        T::NULL,
        T::VAR_STRING,
    ];
    let bytes = value(16);
    let conversation = result(OLD_OFFER, true, &types, |writer| {
        for null in 0..=types.len() {
            let cells: Vec<_> = types
                .iter()
                .enumerate()
                .map(|(i, &of)| {
                    let layout = Layout::of(of);
                    let length = match layout {
                        Layout::Fixed(length) => usize::from(length),
                        Layout::Temporal => [0, 4, 7, 11, 8, 12][(i + null) % 6],
                        _ => 9,
                    };
                    let cell = (i != null && layout != Layout::Nothing).then(|| &bytes[..length]);
                    (layout, cell)
                })
                .collect();
            writer.binary_row(&cells);
        }
    });
    let expected = trace(&conversation, &Cuts::Whole, Reading::Rows);
    assert!(is_whole(&expected, types.len() + 1), "{expected:?}");
    let mut cuts = cuts_at_headers(&conversation, &[0, 1, 4, 5, 6, 7]);
    cuts.push(Cuts::Sizes(vec![1]));
    let leaves: Vec<usize> = (1..=30).collect();
    assert_same_in_pieces(&conversation, &cuts, &leaves);
}

/// F-02, E-44: values that begin and end where a packet does, and first values of 2^24 bytes, whose
/// rows start as a terminator does.
#[test]
fn f02_values_at_the_borders_of_packets() {
    // What stands in front of the first value's bytes.
    let front = |binary, length: usize| {
        let prefix = if length < 1 << 24 { 4 } else { 9 };
        prefix + if binary { 1 + bitmap_len(2) } else { 0 }
    };
    for binary in [false, true] {
        let mut lengths = vec![(1 << 24) - 1, 1 << 24, (1 << 24) + 1];
        // The first value ends at the border, the second one's length begins before or behind it.
        for from in [MAX_CHUNK - 2, MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 1] {
            let shorter = from - front(binary, 0xFF_FFFF);
            lengths.push(shorter);
        }
        for length in lengths {
            let first = value(length);
            let conversation = result(OFFER, binary, &[ColumnType::BLOB; 2], |writer| {
                strings(writer, binary, &[Some(b"before"), None]);
                strings(writer, binary, &[Some(&first), Some(&first[..300])]);
                strings(writer, binary, &[Some(b""), Some(b"after")]);
            });
            let expected = trace(&conversation, &Cuts::Whole, Reading::Rows);
            assert!(is_whole(&expected, 3), "{length}");
            let cuts = [cuts_at_headers(&conversation, &[4]).remove(0)];
            assert_same_in_pieces(&conversation, &cuts, &[4, 9]);
        }
    }
}

/// E-01: a row of exactly one packet's and of exactly two packets' bytes has an empty packet behind.
#[test]
fn e01_rows_that_fill_their_packets() {
    for binary in [false, true] {
        for payload in [MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 1, 2 * MAX_CHUNK] {
            let front = if binary { 1 + bitmap_len(1) } else { 0 };
            let rest = payload - front;
            let length = if rest - 4 < 1 << 24 { rest - 4 } else { rest - 9 };
            let only = value(length);
            let conversation = result(OFFER, binary, &[ColumnType::BLOB], |writer| {
                strings(writer, binary, &[Some(&only)]);
                strings(writer, binary, &[Some(b"after")]);
            });
            let expected = trace(&conversation, &Cuts::Whole, Reading::Rows);
            assert!(is_whole(&expected, 2), "{payload}");
            assert_same_in_pieces(&conversation, &[Cuts::Sizes(vec![60_001])], &[2, 7]);
        }
    }
}

/// E-76, E-77: each damage kills, says so, and no later row or command comes out.
#[test]
fn e76_damaged_rows_kill() {
    let text: [(&[u8], &str); 5] = [
        (b"\x01a\x01", "Truncated"),
        (b"\x01a\x05abcd", "Truncated"),
        (b"\x01a\x01b\x00", "TrailingBytes"),
        (b"\x01a\xFFbcd", "LengthPrefix(255)"),
        (b"\x01a\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFb", "Truncated"),
    ];
    let binary: [(&[u8], &str); 6] = [
        (b"\x00", "Truncated"),
        (b"\x00\x00", "Truncated"),
        (b"\x00\x00\x01a\x05abcd", "Truncated"),
        (b"\x00\x00\x01a\x02bc\x00", "TrailingBytes"),
        (b"\x00\x00\x01a\xFBbcd", "LengthPrefix(251)"),
        (b"\x00\x00\x01a\xFFbcd", "LengthPrefix(255)"),
    ];
    let cases = text.map(|case| (false, case)).into_iter().chain(binary.map(|case| (true, case)));
    for (binary, (row, reason)) in cases {
        let conversation = result(OFFER, binary, &[ColumnType::BLOB; 2], |writer| {
            strings(writer, binary, &[Some(b"healthy"), None]);
            writer.packet(row);
            strings(writer, binary, &[Some(b"never seen"), None]);
        });
        for cuts in [Cuts::Whole, Cuts::Sizes(vec![1]), Cuts::Sizes(vec![3, 50])] {
            let events = trace(&conversation, &cuts, Reading::Chunks);
            let [.., Event::Row(_), Event::Error { text, fatal: true }] = &events[..] else {
                panic!("{row:02x?}: {events:?}");
            };
            assert!(text.contains(reason), "{row:02x?}: {text}");
            let rows = events.iter().filter(|event| matches!(event, Event::Row(_))).count();
            assert_eq!(rows, 1, "{events:?}");
        }
        assert_damage_is_the_same(&conversation, &[Cuts::Sizes(vec![1])]);
    }
}

/// E-77, R-96: nothing behind a value of an unknown type can be found; the values before it can.
#[test]
fn e77_a_column_of_an_unknown_type_kills() {
    let types = [ColumnType::TINY, ColumnType(200)];
    let conversation = result(OFFER, true, &types, |writer| {
        writer.binary_row(&[(Layout::Fixed(1), Some(&[9])), (Layout::Unknown, Some(b"x"))]);
    });
    let events = trace(&conversation, &Cuts::Whole, Reading::Chunks);
    let Some(Event::Error { text, fatal: true }) = events.last() else { panic!("{events:?}") };
    assert!(text.contains("column type"), "{text}");
    assert_damage_is_the_same(&conversation, &[Cuts::Sizes(vec![1])]);
}

/// A front may read on between the steps of a row that is here, into a window that has to move.
#[test]
fn reading_on_in_the_middle_of_a_row_does_not_change_it() {
    let conversation = result(OFFER, false, &[ColumnType::BLOB; 2], |writer| {
        strings(writer, false, &[Some(&value(3_000)), None]);
        strings(writer, false, &[Some(b""), Some(b"here")]);
        strings(writer, false, &[Some(&value(20_000)), None]);
    });
    let login = login(Transport::Network);
    let mut connection = Connection::new(login, Limits::default());
    let mut seen = Vec::new();
    let turns = conversation.login_turns.iter();
    for (number, bytes) in turns.chain([&conversation.turns[0].reply]).enumerate() {
        let mut left = &bytes[..];
        if number == 2 {
            connection.step().unwrap();
            connection.query(b"SELECT").unwrap();
        }
        let mut reads = true;
        loop {
            let sent = connection.send_buf().len();
            connection.sent(sent);
            if std::mem::take(&mut reads) && !left.is_empty() {
                let spare = connection.spare();
                let n = spare.len().min(left.len());
                spare[..n].copy_from_slice(&left[..n]);
                connection.received(n);
                left = &left[n..];
            }
            match connection.step().unwrap() {
                Step::Columns | Step::RowEnd => connection.chunk_row(),
                Step::Chunk => seen.extend_from_slice(connection.chunk()),
                Step::NeedInput if left.is_empty() => break,
                Step::NeedInput => reads = true,
                // The row is here, and the window is full of the next one.
                Step::Field => reads = connection.field().unwrap().length == Some(4),
                Step::Connected | Step::Done | Step::Idle => break,
                _ => {}
            }
        }
    }
    assert_eq!(seen, [&value(3_000)[..], b"here", &value(20_000)].concat());
}
