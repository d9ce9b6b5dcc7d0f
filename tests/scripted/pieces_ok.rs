//! An OK packet where a row of the binary protocol is due, read in pieces.

use mywire::Error;
use mywire::error::ProtocolErrorKind as Kind;
use mywire::proto::{Login, Step};
use mywire::wire::binary_row::Layout;
use mywire::wire::{Capabilities, ColumnType};

use crate::scripted::*;

/// A connection whose execution gives rows of these types, in front of them.
fn in_front_of_rows(types: &[ColumnType]) -> (Bare, u8) {
    let mut bare = Bare::new(Login::new("app", PASSWORD));
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
    let packets = |bare: &Bare, sequence| Packets::new(bare.connection.capabilities(), sequence);
    let ok = packets(&bare, 2).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
    bare.connection.execute(7, 0, |_| Ok(())).unwrap();
    let columns: Vec<_> = types.iter().map(|&column_type| column("c", column_type)).collect();
    let head = packets(&bare, 1).columns(&columns);
    assert_eq!(bare.feed(head.bytes()).unwrap(), [Step::Columns]);
    (bare, head.sequence())
}

/// it is told from a row before anything of it is given out, wherever it is cut, and also if it
/// began to arrive while rows were read whole.
#[test]
fn r23_an_ok_packet_is_no_row_in_pieces() {
    for cut in 0..11 {
        for late in [false, true] {
            let (mut bare, sequence) = in_front_of_rows(&[ColumnType::VAR_STRING]);
            let packet = Packets::new(bare.connection.capabilities(), sequence).ok();
            assert_eq!(packet.bytes().len(), 11);
            let (first, rest) = packet.bytes().split_at(cut);
            if !late {
                bare.connection.chunk_row();
            }
            assert_eq!(bare.feed(first).unwrap(), []);
            bare.connection.chunk_row();
            let error = bare.feed(rest).unwrap_err();
            let Error::Protocol(error) = error else { panic!("cut {cut}, late {late}: {error}") };
            let due = "a row or the end of the rows";
            assert_eq!(error.kind(), Kind::Unexpected { due, header: 0 }, "cut {cut}, late {late}");
        }
    }
}

/// A row as long as the shortest OK packet is a row if its values say so.
#[test]
fn a_row_as_long_as_an_ok_packet_comes_in_pieces() {
    for cut in 0..11 {
        for late in [false, true] {
            let types = [ColumnType::LONG, ColumnType::TINY];
            let (mut bare, sequence) = in_front_of_rows(&types);
            let packets = Packets::new(bare.connection.capabilities(), sequence);
            let row = packets.binary_row(&[
                (Layout::Fixed(4), Some(&[2, 0, 0, 0])),
                (Layout::Fixed(1), Some(&[7])),
            ]);
            assert_eq!(row.bytes().len(), 11);
            let (first, rest) = row.bytes().split_at(cut);
            if !late {
                bare.connection.chunk_row();
            }
            let mut steps = bare.feed(first).unwrap();
            bare.connection.chunk_row();
            steps.extend(bare.feed(rest).unwrap());
            let fields = steps.iter().filter(|step| matches!(step, Step::Field)).count();
            assert_eq!(fields, 2, "cut {cut}, late {late}: {steps:?}");
            assert_eq!(steps.last(), Some(&Step::RowEnd), "cut {cut}, late {late}");
        }
    }
}

/// E-65: the length of a date or a time is one byte, whatever it is.
#[test]
fn e65_a_length_of_a_date_is_never_a_prefix() {
    for length in [12_u8, 250, 251, 252, 253, 254, 255] {
        let (mut bare, sequence) = in_front_of_rows(&[ColumnType::DATETIME]);
        let packets = Packets::new(bare.connection.capabilities(), sequence);
        let row = [&[0, 0, length][..], &vec![1; usize::from(length)]].concat();
        bare.connection.chunk_row();
        let row = packets.payload(&row);
        // A part of the value comes at once.
        let (first, rest) = row.bytes().split_at(4 + 3 + 8);
        assert_eq!(bare.feed(first).unwrap().first(), Some(&Step::Field));
        assert_eq!(bare.connection.field().unwrap().length, Some(length.into()));
        assert_eq!(bare.feed(rest).unwrap().last(), Some(&Step::RowEnd));
    }
}
