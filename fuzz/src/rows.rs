//! Rows of any columns, read in every way and as every type: the fast ways say what the slow ones
//! say, and both what a reader says that does one byte after the other.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mywire::error::{Error, ValueError};
use mywire::proto::Transport;
use mywire::value::{Date, DateTime, Decimal, Format, FromValue, RawValue, Time, Value};
use mywire::wire::binary_row::{self, Layout};
use mywire::wire::{BinaryRow, ColumnDefinition, ColumnFlags, ColumnType, StatusFlags, TextRow};
use mywire::{Limits, Row};

use super::conversation::assert_same_up_to_damage;
use super::drive::{Cuts, Plain, Reading, run};
use super::meter::bounded;
use super::server::{Action, Conversation, LoginKind, Offer, Turn, Writer, login, login_turns};
use super::source::Source;

/// Every type that servers have, and some that they do not.
pub const TYPES: [u8; 34] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 242, 245, 246, 247, 248, 249, 250,
    251, 252, 253, 254, 255, 17, 18, 19, 243, 200,
];

/// What values look like.
const TEXTS: [&[u8]; 22] = [
    b"",
    b"0",
    b"-1",
    b"127",
    b"4294967296",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"1.50",
    b"-0.0",
    b"1e308",
    b"3.4028235e38",
    b"99999999999999999999999999999999999999999999999999999999999999999",
    b"2024-02-29",
    b"0000-00-00",
    b"2024-02-29 23:59:59.999999",
    b"-838:59:59",
    b"00:00:00.000001",
    b"127.0.0.1",
    b"::ffff:1.2.3.4",
    b"{\"a\":1}",
    b"\xC3\xA4\xE2\x82\xAC",
    b"\xFF\xFE",
];

pub fn text_row(data: &[u8]) {
    bounded(data, |data| rows(data, Format::Text));
}

pub fn binary_row(data: &[u8]) {
    bounded(data, |data| rows(data, Format::Binary));
}

fn rows(data: &[u8], format: Format) {
    let mut source = Source::new(data);
    let cuts = Cuts::draw(&mut source);
    let offer = Offer::draw(&mut source);
    let login = login(Transport::Network);
    let (login_turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    let columns: Vec<_> = (0..=source.below(8)).map(|_| column(&mut source)).collect();
    let mut writer = Writer::new(1, capabilities);
    writer.head(&columns);
    for _ in 0..=source.below(4) {
        let mut payload = payload(&mut source, &columns, format);
        if source.rarely(4) && !payload.is_empty() {
            let at = source.below(payload.len());
            payload[at] = source.byte();
        }
        writer.packet(&payload);
    }
    writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    let action = match format {
        Format::Text => Action::Query,
        Format::Binary => Action::Execute,
    };
    let turns = vec![Turn { actions: vec![action], reply: writer.out }];
    let conversation = Conversation { login, limits: Limits::default(), login_turns, turns };
    let trace = |cuts: &Cuts, reading| {
        run(&conversation, cuts, reading, &mut Plain::default(), &mut |_, _| {})
    };
    let whole = run(
        &conversation,
        &Cuts::Whole,
        Reading::Rows,
        &mut Plain::default(),
        &mut |connection, _| {
            let row = connection.row();
            if !row.payload().is_empty() {
                check(row, format);
            }
        },
    );
    for reading in [Reading::Rows, Reading::Batches] {
        assert_eq!(trace(&cuts, reading), whole, "{reading:?}");
    }
    let pieces = trace(&Cuts::Whole, Reading::Chunks);
    assert_same_up_to_damage(&pieces, &whole);
    assert_eq!(trace(&cuts, Reading::Chunks), pieces);
}

fn column(source: &mut Source<'_>) -> ColumnDefinition<'static> {
    ColumnDefinition {
        column_type: ColumnType(source.pick(&TYPES)),
        flags: ColumnFlags(source.u16()),
        collation: source.pick(&[45, 63, 255, 33]),
        decimals: source.pick(&[0, 6, 3, 31, 39]),
        length: source.pick(&[11, 0, 36, 1020, u32::MAX]),
        ..super::server::column(b"typed")
    }
}

fn payload(source: &mut Source<'_>, columns: &[ColumnDefinition<'_>], format: Format) -> Vec<u8> {
    if source.rarely(6) {
        return source.slice(200).to_vec();
    }
    let mut payload = Vec::new();
    let layouts: Vec<_> = columns.iter().map(|column| Layout::of(column.column_type)).collect();
    let cells: Vec<_> = layouts.iter().map(|&layout| cell(source, layout, format)).collect();
    match format {
        Format::Text => TextRow::encode(cells.iter().map(Option::as_deref), &mut payload),
        Format::Binary => {
            let cells = layouts.iter().copied().zip(cells.iter().map(Option::as_deref));
            BinaryRow::encode(cells.collect::<Vec<_>>().into_iter(), &mut payload);
        }
    }
    payload
}

fn cell(source: &mut Source<'_>, layout: Layout, format: Format) -> Option<Vec<u8>> {
    let text = match source.below(8) {
        0 => return None,
        1 => vec![source.byte(); 240 + source.below(1_000)],
        2 | 3 => source.slice(24).to_vec(),
        _ => source.pick(&TEXTS).to_vec(),
    };
    Some(match (format, layout) {
        (Format::Text, _) | (_, Layout::LengthEncoded) => text,
        (_, Layout::Fixed(length)) => {
            let mut bytes = source.slice(usize::from(length)).to_vec();
            bytes.resize(usize::from(length), source.byte());
            bytes
        }
        (_, Layout::Temporal) => {
            let length = source.pick(&[0, 4, 7, 8, 11, 12, 5]);
            let mut bytes = source.slice(length).to_vec();
            bytes.resize(length, 1);
            bytes
        }
        (_, Layout::Nothing | Layout::Unknown) => return None,
    })
}

/// The cells of a row as far as it is one, and whether it is one to its end.
type Cells<'r> = (Vec<Option<&'r [u8]>>, bool);

fn check(row: Row<'_>, format: Format) {
    let columns = row.columns();
    let types: Vec<_> = columns.iter().map(|column| column.column_type()).collect();
    let (expected, whole) = match format {
        Format::Text => text_cells(row.payload(), types.len()),
        Format::Binary => binary_cells(row.payload(), &types),
    };
    let mut values = Vec::new();
    let mut failed = false;
    for value in row.iter() {
        match value {
            Ok(value) => values.push(value),
            Err(_) => failed = true,
        }
    }
    assert_eq!(failed, !whole, "{row:?}");
    let bytes: Vec<_> = values.iter().map(|value| value.map(|value| value.bytes())).collect();
    assert_eq!(bytes, expected);
    for index in 0..types.len() {
        assert_eq!(row.raw(index).ok(), expected.get(index).copied());
        every_type(row, index, values.get(index).copied());
    }
    in_turn::<&str>(row, whole);
    in_turn::<Option<&str>>(row, whole);
    in_turn::<String>(row, whole);
    in_turn::<i64>(row, whole);
    in_turn::<Option<u32>>(row, whole);
    in_turn::<f64>(row, whole);
    in_turn::<DateTime>(row, whole);
    in_turn::<Value>(row, whole);
    tuples(row, whole);
}

fn every_type<'r>(row: Row<'r>, index: usize, value: Option<Option<RawValue<'r>>>) {
    macro_rules! as_types {
        ($($type:ty),+ $(,)?) => { $(as_type::<$type>(row, index, value);)+ };
    }
    as_types!(
        i8,
        u8,
        i16,
        u16,
        i32,
        u32,
        i64,
        u64,
        i128,
        u128,
        f32,
        f64,
        bool,
        &str,
        String,
        &[u8],
        Vec<u8>,
        Decimal,
        Date,
        DateTime,
        Time,
        Ipv4Addr,
        Ipv6Addr,
        IpAddr,
        Vec<f32>,
        Value,
        Option<i64>,
        Option<&str>,
        Option<Time>,
    );
}

/// A type's fast way says what its slow way says.
fn as_type<'r, T: FromValue<'r> + Debug>(
    row: Row<'r>,
    index: usize,
    value: Option<Option<RawValue<'r>>>,
) {
    let slow = match value {
        Some(Some(value)) => T::from_value(value),
        Some(None) => T::from_null(),
        None => Err(ValueError::Row),
    };
    assert_eq!(shown(row.get::<T>(index)), format!("{slow:?}"), "{}", std::any::type_name::<T>());
}

/// What was read, or why not.
fn shown<T: Debug>(read: mywire::Result<T>) -> String {
    format!("{:?}", read.map_err(reason))
}

fn reason(error: Error) -> ValueError {
    match error {
        Error::Column(error) => error.reason(),
        error => panic!("{error:?}"),
    }
}

/// Read one after the other, values are what they are by themselves.
fn in_turn<'r, T: FromValue<'r> + Debug>(row: Row<'r>, whole: bool) {
    let mut reader = row.reader();
    for index in 0..row.columns().len() {
        assert_eq!(reader.left(), row.columns().len() - index);
        let alone = row.get::<T>(index);
        let ends = matches!(&alone, Err(Error::Column(error)) if error.reason() == ValueError::Row);
        assert_eq!(shown(reader.read::<T>()), shown(alone), "{index}");
        if ends {
            return;
        }
    }
    assert_eq!(reader.finish().is_ok(), whole);
}

fn tuples(row: Row<'_>, whole: bool) {
    macro_rules! tuples {
        ($($count:literal: $($type:ty, $index:literal);+;)+) => { $(
            if row.columns().len() == $count {
                let parts: Result<Vec<String>, ValueError> = (|| Ok(vec![$(
                    format!("{:?}", row.get::<$type>($index).map_err(reason)?)
                ),+]))();
                let parts = parts.and_then(|parts| match whole {
                    true => Ok(format!("({})", parts.join(", "))),
                    false => Err(ValueError::Row),
                });
                let tuple = row.decode::<($($type,)+)>();
                let tuple = tuple.map(|tuple| format!("{tuple:?}").replace(",)", ")"));
                assert_eq!(tuple.map_err(reason), parts);
            }
        )+ };
    }
    tuples! {
        1: Option<&str>, 0;
        1: Value, 0;
        2: &str, 0; &str, 1;
        2: Option<i64>, 0; Option<f64>, 1;
        3: Option<&str>, 0; Value, 1; Option<&str>, 2;
        3: Value, 0; Option<&str>, 1; Option<String>, 2;
        4: Option<&str>, 0; Option<&str>, 1; Option<&str>, 2; Option<&str>, 3;
        4: Option<i64>, 0; Option<&str>, 1; Value, 2; Option<&[u8]>, 3;
    }
}

fn text_cells(payload: &[u8], columns: usize) -> Cells<'_> {
    let (mut cells, mut at) = (Vec::new(), 0);
    for _ in 0..columns {
        if payload.get(at) == Some(&0xFB) {
            cells.push(None);
            at += 1;
            continue;
        }
        let Some((cell, end)) = length_encoded(payload, at) else { return (cells, false) };
        cells.push(Some(cell));
        at = end;
    }
    (cells, at == payload.len())
}

fn binary_cells<'r>(payload: &'r [u8], types: &[ColumnType]) -> Cells<'r> {
    let mut cells = Vec::new();
    let mut at = 1 + binary_row::bitmap_len(types.len());
    if payload.first() != Some(&0) || payload.len() < at {
        return (cells, false);
    }
    for (index, &column_type) in types.iter().enumerate() {
        let bit = index + 2;
        let null = payload[1 + bit / 8] >> (bit % 8) & 1 == 1;
        let found = match Layout::of(column_type) {
            _ if null => None,
            Layout::Nothing => None,
            Layout::Unknown => return (cells, false),
            Layout::LengthEncoded => match length_encoded(payload, at) {
                None => return (cells, false),
                found => found,
            },
            layout => {
                let (start, length) = match (layout, payload.get(at)) {
                    (Layout::Fixed(length), _) => (at, usize::from(length)),
                    (_, Some(&length)) => (at + 1, usize::from(length)),
                    (_, None) => return (cells, false),
                };
                match payload.get(start..start + length) {
                    Some(cell) => Some((cell, start + length)),
                    None => return (cells, false),
                }
            }
        };
        cells.push(found.map(|(cell, _)| cell));
        at = found.map_or(at, |(_, end)| end);
    }
    (cells, at == payload.len())
}

/// The string at a place, and where it ends.
fn length_encoded(payload: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let width = match *payload.get(at)? {
        length @ 0..=0xFA => {
            let end = at + 1 + usize::from(length);
            return Some((payload.get(at + 1..end)?, end));
        }
        0xFC => 2,
        0xFD => 3,
        0xFE => 8,
        _ => return None,
    };
    let start = at + 1 + width;
    let digits = payload.get(at + 1..start)?.iter().rev();
    let length = digits.fold(0_u128, |number, &byte| number << 8 | u128::from(byte));
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    Some((payload.get(start..end)?, end))
}
