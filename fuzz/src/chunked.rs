//! Rows read value by value and piece by piece, and left at any place.

use mywire::Limits;
use mywire::proto::Transport;
use mywire::wire::{ColumnDefinition, ColumnType, StatusFlags};

use super::conversation::{Damage, MAX_READS, metered};
use super::drive::{Cuts, Leave, Reading, same_but_for_what_was_left};
use super::server::{
    Action, Conversation, LoginKind, Offer, TYPES, Turn, Writer, binary_cell, cell, column, login,
    login_turns,
};
use super::source::Source;

/// However a healthy result is read, it says the same, what was left aside. A damaged one says the
/// same for every cut.
pub fn chunked(data: &[u8]) {
    let mut source = Source::new(data);
    let (first, second) = (Cuts::draw(&mut source), Cuts::draw(&mut source));
    let leave = source.pick(&[Leave::Field, Leave::Row, Leave::RowForWhole, Leave::Result]);
    let every = 1 + source.below(9);
    let damage = source.rarely(3).then(|| Damage::draw(&mut source));
    let offer = Offer::draw(&mut source);
    let login = login(Transport::Network);
    let (login_turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    let mut turns = Vec::new();
    for _ in 0..=source.below(2) {
        let mut writer = Writer::new(1, capabilities);
        let binary = source.flag();
        let types: Vec<_> = (0..=source.below(10)).map(|_| source.pick(&TYPES)).collect();
        let columns: Vec<_> = types
            .iter()
            .map(|&column_type| ColumnDefinition { column_type, ..column(b"piece") })
            .collect();
        writer.head(&columns);
        for _ in 0..source.below(6) {
            row(&mut source, &mut writer, &types, binary);
        }
        writer.end_of_rows(StatusFlags::AUTOCOMMIT);
        let action = if binary { Action::Execute } else { Action::Query };
        turns.push(Turn { actions: vec![action], reply: writer.out });
    }
    let mut conversation = Conversation { login, limits: Limits::default(), login_turns, turns };
    if let Some(damage) = &damage {
        damage.apply(&mut conversation);
    }
    let total = conversation.len();
    let (first, second) = (first.at_most(MAX_READS, total), second.at_most(MAX_READS, total));
    let trace = |cuts, reading| metered(&conversation, cuts, reading).0;
    let whole = trace(&Cuts::Whole, Reading::Rows);
    for reading in [Reading::Chunks, Reading::Mixed] {
        let pieces = trace(&first, reading);
        assert_eq!(trace(&second, Reading::Chunks), trace(&Cuts::Whole, Reading::Chunks));
        if damage.is_none() {
            assert_eq!(pieces, whole, "{reading:?}");
        }
    }
    for cuts in [&first, &second] {
        let left = trace(cuts, Reading::Leaving(leave, every));
        let all = matches!(leave, Leave::Result);
        if damage.is_none() && !all {
            assert!(same_but_for_what_was_left(&left, &whole), "{left:?} for {whole:?}");
        }
    }
}

fn row(source: &mut Source<'_>, writer: &mut Writer, types: &[ColumnType], binary: bool) {
    if binary {
        let cells: Vec<_> = types.iter().map(|&of| binary_cell(source, of)).collect();
        let cells: Vec<_> = cells.iter().map(|(layout, cell)| (*layout, cell.as_deref())).collect();
        return writer.binary_row(&cells);
    }
    let cells: Vec<_> = types.iter().map(|_| cell(source)).collect();
    writer.row(cells.iter().map(Option::as_deref));
}
