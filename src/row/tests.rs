//! What is read in place is what the way through `RawValue` gives.

use std::fmt::Debug;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Columns, Row};
use crate::error::{Error, ValueError};
use crate::value::{Date, DateTime, Format, FromValue, Time};
use crate::wire::binary_row::Layout;
use crate::wire::{
    BinaryRow, ColumnDefinition, ColumnFlags, ColumnType, ExtendedMetadata, TextRow,
};

fn columns(types: &[(ColumnType, ColumnFlags)], collation: u16) -> Arc<Columns> {
    let mut columns = Columns::default();
    for &(column_type, flags) in types {
        columns.push(&ColumnDefinition {
            catalog: b"def",
            schema: b"",
            table: b"",
            org_table: b"",
            name: b"c",
            org_name: b"",
            extended: ExtendedMetadata::default(),
            collation,
            length: 5,
            column_type,
            flags,
            decimals: 0,
        });
    }
    Arc::new(columns)
}

/// Reads each value of a row both ways.
fn agree<'r, T: FromValue<'r> + PartialEq + Debug>(row: Row<'r>) {
    let mut reader = row.reader();
    for raw in row.iter() {
        let raw = raw.unwrap();
        let expected = raw.map_or_else(T::from_null, T::from_value);
        let read = reader.read::<T>().map_err(reason);
        assert_eq!(read, expected, "{raw:?} of {:?}", row.payload());
    }
    reader.finish().unwrap();
}

fn reason(error: Error) -> ValueError {
    match error {
        Error::Column(error) => error.reason(),
        other => panic!("{other}"),
    }
}

fn all_types_agree(row: Row<'_>) {
    agree::<i8>(row);
    agree::<i16>(row);
    agree::<i32>(row);
    agree::<i64>(row);
    agree::<i128>(row);
    agree::<u8>(row);
    agree::<u16>(row);
    agree::<u32>(row);
    agree::<u64>(row);
    agree::<u128>(row);
    agree::<bool>(row);
    agree::<f64>(row);
    agree::<&str>(row);
    agree::<&[u8]>(row);
    agree::<Date>(row);
    agree::<DateTime>(row);
    agree::<Time>(row);
    agree::<Option<i64>>(row);
    agree::<Option<u8>>(row);
    agree::<Option<&str>>(row);
    agree::<Option<DateTime>>(row);
}

const INTEGERS: [ColumnType; 6] = [
    ColumnType::TINY,
    ColumnType::SHORT,
    ColumnType::INT24,
    ColumnType::LONG,
    ColumnType::LONGLONG,
    ColumnType::YEAR,
];

#[test]
fn text_integers_of_every_form_in_every_place() {
    let texts = [
        "",
        "-",
        "0",
        "-0",
        "7",
        "-7",
        "--7",
        "12",
        "-129",
        "255",
        "256",
        "1234567",
        "12345678",
        "-12345678",
        "123456789",
        "-123456789",
        "1234567a",
        "a2345678",
        "12 45",
        "1.5",
        "+1",
        "1234567890123456",
        "-12345678901234567",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-0000000000",
    ];
    let list = columns(&[(ColumnType::LONGLONG, ColumnFlags::default()); 3], 63);
    for text in texts {
        for place in 0..3 {
            let mut cells = [Some(&b"1"[..]), None, Some(&b"-22"[..])];
            cells[place] = Some(text.as_bytes());
            let mut payload = Vec::new();
            TextRow::encode(cells, &mut payload);
            all_types_agree(Row::new(&payload, &list, Format::Text));
        }
    }
}

#[test]
fn binary_integers_of_every_width_and_sign() {
    for column_type in INTEGERS {
        for flags in [ColumnFlags::default(), ColumnFlags::UNSIGNED] {
            let list = columns(&[(column_type, flags); 3], 63);
            let layout = Layout::of(column_type);
            let Layout::Fixed(width) = layout else { panic!("{column_type:?} has a width") };
            for pattern in [
                [0; 8],
                [0xFF; 8],
                [1, 0, 0, 0, 0, 0, 0, 0],
                [0x7F; 8],
                [0x80; 8],
                [0, 0, 0, 0, 0, 0, 0, 0x80],
            ] {
                let cell = Some(&pattern[8 - usize::from(width)..]);
                for cells in [[cell, None, cell], [None, cell, None], [cell; 3]] {
                    let mut payload = Vec::new();
                    BinaryRow::encode(cells.into_iter().map(|cell| (layout, cell)), &mut payload);
                    all_types_agree(Row::new(&payload, &list, Format::Binary));
                }
            }
        }
    }
}

#[test]
fn every_length_of_binary_dates() {
    let types = [ColumnType::DATE, ColumnType::DATETIME, ColumnType::TIME];
    let list = columns(&types.map(|column_type| (column_type, ColumnFlags::default())), 63);
    for length in 0..=13 {
        let bytes = [1, 0, 0, 0, 0, 3, 4, 5, 6, 0, 0, 0, 0];
        let cells = [(Layout::Temporal, Some(&bytes[..length])); 3];
        let mut payload = Vec::new();
        BinaryRow::encode(cells.into_iter(), &mut payload);
        all_types_agree(Row::new(&payload, &list, Format::Binary));
    }
}

/// Pieces of strings: ASCII, whole characters, parts of one, and what a length or NULL looks like.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[a-z ]{0,12}".prop_map(String::into_bytes),
        3 => "[äß語]{1,3}".prop_map(String::into_bytes),
        1 => Just("語".as_bytes()[..2].to_vec()),
        1 => Just(vec![0xA9]),
        1 => Just(vec![b'x'; 130]),
        1 => Just(vec![b'x'; 300]),
        1 => Just(vec![0xFB]),
    ]
}

proptest! {
    #[test]
    fn strings_are_utf8_by_themselves(
        cells in prop::collection::vec(
            prop::option::weighted(0.9, prop::collection::vec(piece(), 0..3)), 4),
        blob in any::<bool>(),
        place in 0..4_usize,
    ) {
        let cells: Vec<_> = cells.into_iter().map(|cell| cell.map(|cell| cell.concat())).collect();
        let mut types = [(ColumnType::VAR_STRING, ColumnFlags::default()); 4];
        if blob {
            types[place] = (ColumnType::LONGLONG, ColumnFlags::default());
        }
        let list = columns(&types, 45);
        let mut payload = Vec::new();
        TextRow::encode(cells.iter().map(Option::as_deref), &mut payload);
        let row = Row::new(&payload, &list, Format::Text);
        agree::<Option<&str>>(row);
        agree::<&str>(row);
        let bytes = [7; 8];
        payload.clear();
        let binary: Vec<_> = types.iter().zip(&cells).map(|(&(column_type, _), cell)| {
            let layout = Layout::of(column_type);
            let number = layout == Layout::Fixed(8) && cell.is_some();
            (layout, if number { Some(&bytes[..]) } else { cell.as_deref() })
        }).collect();
        BinaryRow::encode(binary.into_iter(), &mut payload);
        let row = Row::new(&payload, &list, Format::Binary);
        agree::<Option<&str>>(row);
        agree::<&str>(row);
    }

    #[test]
    fn doubles_are_the_nearest_to_their_text(
        text in "-{0,2}[0-9]{0,17}(\\.[0-9]{0,17}){0,2}(e-?[0-9]{1,2})?",
    ) {
        let list = columns(&[(ColumnType::DOUBLE, ColumnFlags::default())], 63);
        let mut payload = Vec::new();
        TextRow::encode([Some(text.as_bytes())], &mut payload);
        let read = Row::new(&payload, &list, Format::Text).decode::<f64>();
        let parsed = text.parse::<f64>().map_err(|_| ValueError::Malformed);
        let bits = |number: Result<f64, ValueError>| number.map(f64::to_bits);
        prop_assert_eq!(bits(read.map_err(reason)), bits(parsed));
    }
}
