//! Column definitions: what a result set and a prepared statement tell of their columns.

use mywire::proto::Transport;
use mywire::wire::{
    Capabilities, ColumnDefinition, ColumnFlags, ColumnType, EofPacket, ExtendedMetadata,
    PrepareOk, ResultSetHeader, StatusFlags,
};
use mywire::{Columns, Limits};

use super::drive::{Cuts, Event, Plain, Reading, run};
use super::meter::bounded;
use super::server::{Action, Conversation, LoginKind, Offer, Turn, Writer, login, login_turns};
use super::source::Source;

/// What is shown of the columns is what each definition says by itself, as far as all of them can
/// be read and are within the limits; otherwise the connection dies before it shows them.
pub fn columns(data: &[u8]) {
    bounded(data, result_set);
}

fn result_set(data: &[u8]) {
    let mut source = Source::new(data);
    let cuts = Cuts::draw(&mut source);
    let offer = Offer::draw(&mut source);
    let limits = Limits::default()
        .max_columns(source.pick(&[4096, 4096, 2, 5]))
        .max_metadata_bytes(source.pick(&[1 << 20, 1 << 20, 64, 8]));
    let prepares = source.flag();
    let login = login(Transport::Network);
    let (login_turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    let mut definitions: Vec<Vec<u8>> = Vec::new();
    for _ in 0..=source.below(6) {
        definitions.push(definition(&mut source, capabilities));
    }
    let announced = match source.rarely(8) {
        true => u64::from(source.u16()),
        false => u64::try_from(definitions.len()).expect("a few"),
    };
    let mut writer = Writer::new(1, capabilities);
    let mut payload = Vec::new();
    if prepares {
        let columns = u16::try_from(announced).expect("it was drawn as one");
        let ok =
            PrepareOk { statement: 7, columns, metadata_follows: true, ..PrepareOk::default() };
        ok.encode(capabilities, &mut payload);
    } else {
        let header = ResultSetHeader { columns: announced.max(1), metadata_follows: true };
        header.encode(capabilities, &mut payload);
    }
    writer.packet(&payload);
    definitions.iter().for_each(|definition| writer.packet(definition));
    if !capabilities.contains(Capabilities::DEPRECATE_EOF) {
        let mut payload = Vec::new();
        EofPacket { warnings: 0, status: StatusFlags::AUTOCOMMIT }.encode(&mut payload);
        writer.packet(&payload);
    }
    let mut turns = Vec::new();
    if prepares {
        turns.push(Turn { actions: vec![Action::Prepare], reply: writer.out });
        // The same columns, whose definitions may be left out now.
        writer = Writer::new(1, capabilities);
        if capabilities.contains(Capabilities::MARIADB_CACHE_METADATA) {
            let known: Vec<_> = definitions
                .iter()
                .filter_map(|payload| ColumnDefinition::decode(payload, capabilities).ok())
                .map(|column| column.column_type)
                .collect();
            writer.known_columns(&known);
        } else {
            writer.plain_ok(StatusFlags::AUTOCOMMIT);
        }
    }
    if !prepares || capabilities.contains(Capabilities::MARIADB_CACHE_METADATA) {
        writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    }
    let action = if prepares { Action::Execute } else { Action::Query };
    turns.push(Turn { actions: vec![action], reply: writer.out });
    let limited = (limits.max_columns, limits.max_metadata_bytes);
    let conversation = Conversation { login, limits, login_turns, turns };
    let good: Option<Vec<_>> = definitions
        .iter()
        .map(|payload| ColumnDefinition::decode(payload, capabilities).ok())
        // What begins as an error packet is one.
        .zip(definitions.iter().map(|payload| payload[0] != 0xFF))
        .map(|(column, is_one)| column.filter(|_| is_one))
        .collect();
    let count = u64::try_from(definitions.len()).expect("a few");
    let good = good.filter(|good| {
        let bytes: usize = good.iter().map(text_len).sum();
        announced == count && definitions.len() <= limited.0 && bytes <= limited.1
    });
    let mut shown = 0;
    let whole = run(
        &conversation,
        &Cuts::Whole,
        Reading::Rows,
        &mut Plain::default(),
        &mut |connection, _| {
            if let Some(good) = &good
                && connection.columns().len() == good.len()
            {
                agree(connection.columns(), good);
                shown += 1;
            }
        },
    );
    if good.is_some() {
        assert!(shown > 0, "{whole:?}");
    } else {
        let is_told = |event: &Event| match event {
            Event::Columns(_) => !prepares && announced == count,
            Event::Prepared(_) => announced == count,
            _ => false,
        };
        assert!(!whole.iter().any(is_told), "{whole:?}");
    }
    let cut = run(&conversation, &cuts, Reading::Rows, &mut Plain::default(), &mut |_, _| {});
    assert_eq!(cut, whole, "{cuts:?}");
}

/// The bytes of a definition that a limit counts.
fn text_len(column: &ColumnDefinition<'_>) -> usize {
    let texts = [
        column.catalog,
        column.schema,
        column.table,
        column.org_table,
        column.name,
        column.org_name,
        column.extended.encoded(),
    ];
    texts.iter().map(|text| text.len()).sum()
}

fn agree(columns: &Columns, definitions: &[ColumnDefinition<'_>]) {
    for (column, definition) in columns.iter().zip(definitions) {
        assert_eq!(column.name_bytes(), definition.name);
        assert_eq!(column.org_name(), String::from_utf8_lossy(definition.org_name));
        assert_eq!(column.table(), String::from_utf8_lossy(definition.table));
        assert_eq!(column.org_table(), String::from_utf8_lossy(definition.org_table));
        assert_eq!(column.schema(), String::from_utf8_lossy(definition.schema));
        assert_eq!(column.extended(), definition.extended);
        assert_eq!(column.column_type(), definition.column_type);
        assert_eq!(column.flags(), definition.flags);
        assert_eq!(column.collation(), definition.collation);
        assert_eq!(column.length(), definition.length);
        assert_eq!(column.decimals(), definition.decimals);
        assert!(!column.type_name().is_empty());
        if let Ok(name) = std::str::from_utf8(definition.name) {
            let first = definitions.iter().position(|other| other.name == definition.name);
            assert_eq!(columns.position(name), first);
        }
    }
    assert!(columns.get(definitions.len()).is_none());
}

fn definition(source: &mut Source<'_>, capabilities: Capabilities) -> Vec<u8> {
    if source.rarely(8) {
        let mut payload = source.slice(200).to_vec();
        // An empty packet is none of a definition's.
        payload.resize(payload.len().max(1), 0);
        return payload;
    }
    let mut extended = Vec::new();
    if capabilities.contains(Capabilities::MARIADB_EXTENDED_METADATA) {
        for _ in 0..source.below(3) {
            ExtendedMetadata::push(&mut extended, source.byte(), source.slice(8));
        }
    }
    let column = ColumnDefinition {
        catalog: b"def",
        schema: source.slice(12),
        table: source.slice(12),
        org_table: source.slice(4),
        name: source.slice(12),
        org_name: source.slice(4),
        extended: ExtendedMetadata::decode(&extended).expect("it was just encoded"),
        collation: source.u16(),
        length: source.u32(),
        column_type: ColumnType(source.byte()),
        flags: ColumnFlags(source.u16()),
        decimals: source.byte(),
    };
    let mut payload = Vec::new();
    column.encode(capabilities, &mut payload);
    if source.rarely(6) {
        let at = source.below(payload.len());
        payload[at] = source.byte();
    }
    payload
}
