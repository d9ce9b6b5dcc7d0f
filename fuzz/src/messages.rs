//! Every message: what was decoded and encoded again decodes to the same.

use mywire::wire::attributes::AttributedQuery;
use mywire::wire::binary_row::Layout;
use mywire::wire::{
    AuthMoreData, AuthNextFactor, AuthSwitchRequest, BulkExecute, BulkRows, Capabilities,
    ChangeUser, ColumnDefinition, ColumnType, Command, CompressedHeader, ConnectAttributes,
    EncodeError, EofPacket, ErrPacket, ExtendedMetadata, Greeting, Indicator, LocalInfileRequest,
    LoginRequest, OkPacket, PacketHeader, Parameters, PrepareOk, ProgressReport, ResultSetHeader,
    SessionState, SslRequest, StateChange, TextRow, compressed, packet,
};

use super::meter::bounded;
use super::source::Source;

/// The messages by their numbers, as the vectors call them; those without a name have none.
pub const NAMES: [&str; 20] = [
    "Greeting",
    "OkPacket",
    "ErrPacket",
    "EofPacket",
    "ProgressReport",
    "ResultSetHeader",
    "ColumnDefinition",
    "AuthSwitchRequest",
    "AuthMoreData",
    "AuthNextFactor",
    "LocalInfileRequest",
    "LoginRequest",
    "SslRequest",
    "Command",
    "TextRow",
    "session state",
    "pairs",
    "framing",
    "ChangeUser",
    "PrepareOk",
];

/// The capabilities that change how a message is read.
pub const CAPABILITIES: [Capabilities; 7] = [
    Capabilities::SESSION_TRACK,
    Capabilities::DEPRECATE_EOF,
    Capabilities::MARIADB_EXTENDED_METADATA,
    Capabilities::OPTIONAL_RESULTSET_METADATA,
    Capabilities::MARIADB_PROGRESS,
    Capabilities::PLUGIN_AUTH,
    Capabilities::CONNECT_ATTRS,
];

/// decode, encode, decode: both decoded values are equal. Values that only a lenient reader takes
/// may be refused by the writer.
macro_rules! agrees {
    ($payload:expr, |$p:ident| $decode:expr, |$message:ident, $out:ident| $encode:expr) => {{
        let $p: &[u8] = $payload;
        let Ok(first) = $decode else { return };
        let mut encoded = Vec::new();
        let $message = &first;
        let $out = &mut encoded;
        if Written::refused($encode) {
            return;
        }
        let $p: &[u8] = &encoded;
        assert_eq!($decode.as_ref(), Ok(&first), "encoded as {encoded:02x?}");
    }};
}

/// The first byte says which message, the second which capabilities, the third how many columns;
/// the rest is the payload.
pub fn messages(data: &[u8]) {
    bounded(data, one_message);
}

fn one_message(data: &[u8]) {
    let mut source = Source::new(data);
    let message = source.below(24);
    let bits = source.byte();
    let columns = source.below(20);
    let payload = source.rest();
    let mut capabilities = Capabilities::NONE;
    for (bit, capability) in CAPABILITIES.into_iter().enumerate() {
        if bits & (1 << bit) != 0 {
            capabilities = capabilities.with(capability);
        }
    }
    let caps = capabilities;
    match message {
        0 => agrees!(payload, |p| Greeting::decode(p), |m, out| m.encode(out)),
        1 => agrees!(payload, |p| OkPacket::decode(p, caps), |m, out| m
            .encode(payload[0], caps, out)),
        2 => agrees!(payload, |p| ErrPacket::decode(p), |m, out| m.encode(out)),
        3 => agrees!(payload, |p| EofPacket::decode(p), |m, out| m.encode(out)),
        4 => agrees!(payload, |p| ProgressReport::decode(p), |m, out| m.encode(out)),
        5 => {
            agrees!(payload, |p| ResultSetHeader::decode(p, caps), |m, out| m.encode(caps, out))
        }
        6 => agrees!(payload, |p| ColumnDefinition::decode(p, caps), |m, out| m.encode(caps, out)),
        7 => agrees!(payload, |p| AuthSwitchRequest::decode(p), |m, out| m.encode(out)),
        8 => agrees!(payload, |p| AuthMoreData::decode(p), |m, out| m.encode(out)),
        9 => agrees!(payload, |p| AuthNextFactor::decode(p), |m, out| m.encode(out)),
        10 => agrees!(payload, |p| LocalInfileRequest::decode(p), |m, out| m.encode(out)),
        11 => agrees!(payload, |p| LoginRequest::decode(p), |m, out| m.encode(out)),
        12 => agrees!(payload, |p| SslRequest::decode(p), |m, out| m.encode(out)),
        13 => agrees!(payload, |p| Command::decode(p), |m, out| m.encode(out)),
        14 => text_row(payload, columns),
        15 => session_state(payload),
        16 => pairs(payload),
        17 => framing(payload, bits),
        18 => agrees!(payload, |p| ChangeUser::decode(p, caps), |m, out| m.encode(caps, out)),
        19 => agrees!(payload, |p| PrepareOk::decode(p, caps), |m, out| m.encode(caps, out)),
        20 => agrees!(payload, |p| AttributedQuery::decode(p), |m, out| m.encode(out)),
        21 => parameters(payload, columns),
        22 => bulk_rows(payload, columns, bits),
        _ => compressed_header(payload),
    }
}

/// What an encoder gives: nothing, or a refusal.
trait Written {
    fn refused(self) -> bool;
}

impl Written for () {
    fn refused(self) -> bool {
        false
    }
}

impl Written for Result<(), EncodeError> {
    fn refused(self) -> bool {
        self.is_err()
    }
}

fn text_row(payload: &[u8], columns: usize) {
    let Ok(row) = TextRow::decode(payload, columns) else { return };
    let mut walk = row.cells();
    let cells: Vec<_> = (0..columns).map(|_| walk.next_cell().expect("it was checked")).collect();
    walk.finish().expect("it was checked");
    let mut encoded = Vec::new();
    TextRow::encode(cells.iter().copied(), &mut encoded);
    let mut walk = TextRow::decode(&encoded, columns).expect("it was just encoded").cells();
    for cell in cells {
        assert_eq!(walk.next_cell(), Ok(cell));
    }
}

fn session_state(payload: &[u8]) {
    let Ok(state) = SessionState::decode(payload) else { return };
    let changes: Result<Vec<StateChange<'_>>, _> = state.changes().collect();
    let Ok(changes) = changes else { return };
    let mut encoded = Vec::new();
    changes.iter().for_each(|change| change.encode(&mut encoded));
    let again = SessionState::decode(&encoded).expect("it was just encoded");
    let again: Result<Vec<StateChange<'_>>, _> = again.changes().collect();
    assert_eq!(again, Ok(changes));
}

fn pairs(payload: &[u8]) {
    if let Ok(extended) = ExtendedMetadata::decode(payload) {
        let mut encoded = Vec::new();
        for (kind, value) in extended.iter() {
            assert!(extended.get(kind).is_some());
            ExtendedMetadata::push(&mut encoded, kind, value);
        }
        let again = ExtendedMetadata::decode(&encoded).expect("it was just encoded");
        assert!(again.iter().eq(extended.iter()));
    }
    if let Ok(attributes) = ConnectAttributes::decode(payload) {
        let mut encoded = Vec::new();
        for (name, value) in attributes.iter() {
            if ConnectAttributes::push(&mut encoded, name, value).is_err() {
                return;
            }
        }
        let again = ConnectAttributes::decode(&encoded).expect("it was just encoded");
        assert!(again.iter().eq(attributes.iter()));
    }
}

fn framing(payload: &[u8], sequence: u8) {
    let mut out = b"x".to_vec();
    let next = packet::write(&mut out, payload, sequence);
    assert_eq!(next, sequence.wrapping_add(1));
    let (header, body) = out[1..].split_first_chunk::<4>().expect("a header");
    let header = PacketHeader::decode(*header);
    assert_eq!(usize::try_from(header.length), Ok(payload.len()));
    assert_eq!((header.sequence, body), (sequence, payload));
}

/// The parameters of an execution: what a server takes apart is put together again.
fn parameters(payload: &[u8], count: usize) {
    let Ok(parameters) = Parameters::decode(payload, count) else { return };
    let types: Vec<_> = parameters.types().collect();
    let Ok(values) = parameters.values(&types) else { return };
    if count == 0 || types.is_empty() {
        return;
    }
    let mut encoded = Vec::new();
    let nulls = Parameters::reserve_nulls(count, &mut encoded).expect("there are few");
    Parameters::encode_types(Some(&types), &mut encoded);
    for (index, value) in values.iter().enumerate() {
        match value {
            Some(value) => write_value(types[index].column_type, value, &mut encoded),
            None => nulls.set(index, &mut encoded),
        }
    }
    let again = Parameters::decode(&encoded, count).expect("it was just encoded");
    assert!(again.types().eq(types.iter().copied()));
    assert_eq!(again.values(&types), Ok(values), "encoded as {encoded:02x?}");
}

/// The rows of a bulk execution, which end where the payload does.
fn bulk_rows(payload: &[u8], count: usize, bits: u8) {
    let execute = BulkExecute {
        statement: 7,
        flags: if bits & 0x80 == 0 { BulkExecute::SEND_TYPES } else { 0 },
        parameters: payload,
    };
    let Ok(mut rows) = BulkRows::decode(&execute, count) else { return };
    let types: Vec<_> = rows.types().collect();
    if types.is_empty() {
        return;
    }
    let mut encoded: Vec<u8> = types.iter().flat_map(|one| one.encode()).collect();
    let mut seen = Vec::new();
    // A row takes a byte for each of its parameters at least.
    while let Ok(Some(row)) = rows.next_row(&types) {
        assert!(seen.len() <= payload.len(), "rows of nothing");
        for (cell, parameter) in row.iter().zip(&types) {
            match cell {
                Ok(value) => {
                    encoded.push(Indicator::VALUE.0);
                    write_value(parameter.column_type, value, &mut encoded);
                }
                Err(indicator) => encoded.push(indicator.0),
            }
        }
        seen.push(row);
    }
    let again = BulkExecute { flags: BulkExecute::SEND_TYPES, parameters: &encoded, ..execute };
    let mut again = BulkRows::decode(&again, count).expect("it was just encoded");
    for row in seen {
        assert_eq!(again.next_row(&types), Ok(Some(row)), "encoded as {encoded:02x?}");
    }
    assert_eq!(again.next_row(&types), Ok(None));
}

/// A value in the layout of its type.
fn write_value(column_type: ColumnType, value: &[u8], out: &mut Vec<u8>) {
    match Layout::of(column_type) {
        Layout::LengthEncoded => TextRow::encode([Some(value)], out),
        Layout::Temporal => {
            out.push(u8::try_from(value.len()).expect("it came with a byte of length"));
            out.extend_from_slice(value);
        }
        Layout::Fixed(_) | Layout::Nothing | Layout::Unknown => out.extend_from_slice(value),
    }
}

fn compressed_header(payload: &[u8]) {
    let Some(bytes) = payload.first_chunk::<{ compressed::HEADER_SIZE }>() else { return };
    assert_eq!(CompressedHeader::decode(*bytes).encode(), *bytes);
    let header = payload.first_chunk::<4>().expect("it is shorter");
    assert_eq!(PacketHeader::decode(*header).encode(), *header);
}
