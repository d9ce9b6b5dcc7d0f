//! Every message with any values under any capabilities: what is encoded decodes to the same, and
//! arbitrary bytes never do more than fail.
#![allow(unreachable_pub, reason = "a module of this test alone")]

use mywire::wire::binary_row::Layout;
use mywire::wire::code::StateKind;
use mywire::wire::packet;
use mywire::wire::reader::Reader;
use mywire::wire::session_state::StateChange;
use mywire::wire::statement::ParameterType;
use mywire::wire::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Cases for each property; the whole target takes a few seconds in a debug build.
const CASES: u32 = 256;

/// Bytes of the lengths where the encoding of a length changes, and short ones.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..20),
        1 => (248_usize..260).prop_map(|length| vec![b'x'; length]),
        1 => (65_530_usize..65_540).prop_map(|length| vec![b'y'; length]),
    ]
}

/// Bytes without a NUL, as a NUL-terminated string can hold them.
fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(1_u8..=255, 0..40)
}

/// Numbers around the places where their encoding changes.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0_u64..300,
        65_530_u64..65_540,
        (1_u64 << 24) - 5..(1 << 24) + 5,
        Just(u64::MAX),
    ]
}

/// Any set of capabilities; the extended ones only where they can be told.
fn capabilities() -> impl Strategy<Value = Capabilities> {
    any::<u64>().prop_map(|bits| {
        let all = Capabilities::from_bits(bits);
        match all.contains(Capabilities::LONG_PASSWORD) {
            true => Capabilities::from_words(all.mysql_word(), 0),
            false => all,
        }
    })
}

/// Attributes in their encoded form.
fn attributes() -> impl Strategy<Value = Vec<u8>> {
    vec((bytes(), vec(any::<u8>(), 0..300)), 0..4).prop_map(|pairs| {
        let mut encoded = Vec::new();
        for (name, value) in pairs {
            // One that does not fit any more leaves the others as they are.
            let _ = ConnectAttributes::push(&mut encoded, &name, &value);
        }
        encoded
    })
}

/// An owned [`StateChange`].
#[derive(Clone, Debug)]
enum Change {
    Variable(Vec<u8>, Option<Vec<u8>>),
    Schema(Vec<u8>),
    State(Vec<u8>),
    Gtids(u8, Vec<u8>),
    Characteristics(Vec<u8>),
    Transaction(Vec<u8>),
    Unknown(u8, Vec<u8>),
}

impl Change {
    fn borrow(&self) -> StateChange<'_> {
        match self {
            Self::Variable(name, value) => {
                StateChange::SystemVariable { name, value: value.as_deref() }
            }
            Self::Schema(name) => StateChange::Schema(name),
            Self::State(text) => StateChange::State(text),
            Self::Gtids(encoding, text) => StateChange::Gtids { encoding: *encoding, text },
            Self::Characteristics(sql) => StateChange::TransactionCharacteristics(sql),
            Self::Transaction(letters) => StateChange::TransactionState(letters),
            Self::Unknown(kind, data) => StateChange::Unknown { kind: StateKind(*kind), data },
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (bytes(), option::of(bytes())).prop_map(|(name, value)| Change::Variable(name, value)),
        bytes().prop_map(Change::Schema),
        bytes().prop_map(Change::State),
        (any::<u8>(), bytes()).prop_map(|(encoding, text)| Change::Gtids(encoding, text)),
        bytes().prop_map(Change::Characteristics),
        bytes().prop_map(Change::Transaction),
        (6_u8.., bytes()).prop_map(|(kind, data)| Change::Unknown(kind, data)),
    ]
}

/// A type that columns and parameters have, and a value in its layout.
fn typed_value() -> impl Strategy<Value = (ParameterType, Option<Vec<u8>>)> {
    let codes: Vec<u8> =
        (0..=u8::MAX).filter(|code| Layout::of(ColumnType(*code)) != Layout::Unknown).collect();
    (prop::sample::select(codes), any::<bool>()).prop_flat_map(|(code, unsigned)| {
        let column_type = ColumnType(code);
        let value = match Layout::of(column_type) {
            Layout::Fixed(length) => vec(any::<u8>(), usize::from(length)).boxed(),
            Layout::Temporal => vec(any::<u8>(), 0..13).boxed(),
            _ => bytes().boxed(),
        };
        let nothing = Layout::of(column_type) == Layout::Nothing;
        let value = option::of(value).prop_map(move |value| value.filter(|_| !nothing));
        (Just(ParameterType { column_type, unsigned }), value)
    })
}

fn layouts(values: &[(ParameterType, Option<Vec<u8>>)]) -> Vec<Layout> {
    values.iter().map(|(one, _)| Layout::of(one.column_type)).collect()
}

fn encoded_row(values: &[(ParameterType, Option<Vec<u8>>)]) -> Vec<u8> {
    let cells = values.iter().map(|(one, value)| (Layout::of(one.column_type), value.as_deref()));
    encoded(|out| BinaryRow::encode(cells, out))
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    // Encoding appends: what was there before stays.
    let mut out = b"before".to_vec();
    encode(&mut out);
    assert!(out.starts_with(b"before"));
    out.split_off(6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn greeting(
        server_version in text(),
        connection_id: u32,
        nonce_first: [u8; 8],
        nonce_rest in vec(any::<u8>(), 12..=246),
        capabilities in capabilities(),
        collation: u8,
        status: u16,
        auth_plugin in text(),
    ) {
        let has = |capability| capabilities.contains(capability);
        // Without PLUGIN_AUTH the greeting does not tell the nonce's length.
        let length = if has(Capabilities::PLUGIN_AUTH) { nonce_rest.len() } else { 12 };
        let greeting = Greeting {
            server_version: &server_version,
            connection_id,
            nonce_first,
            nonce_rest: if has(Capabilities::SECURE_CONNECTION) { &nonce_rest[..length] } else { b"" },
            capabilities,
            collation,
            status: StatusFlags(status),
            auth_plugin: if has(Capabilities::PLUGIN_AUTH) { &auth_plugin } else { b"" },
        };
        let payload = encoded(|out| greeting.encode(out).unwrap());
        prop_assert_eq!(Greeting::decode(&payload), Ok(greeting));
    }

    #[test]
    fn h20_ssl_request(capabilities in capabilities(), max_packet: u32, collation: u8) {
        let request = SslRequest { capabilities, max_packet, collation };
        let payload = encoded(|out| request.encode(out));
        prop_assert_eq!(payload.len(), SslRequest::SIZE);
        prop_assert_eq!(SslRequest::decode(&payload), Ok(request));
    }

    #[test]
    fn h30_login_request(
        capabilities in capabilities(),
        max_packet: u32,
        collation: u8,
        user in text(),
        auth_response in vec(1_u8..=255, 0..300),
        database in text(),
        auth_plugin in text(),
        attributes in attributes(),
        zstd_level: u8,
    ) {
        let has = |capability| capabilities.contains(capability);
        let lenenc = has(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA);
        let most = if lenenc || !has(Capabilities::SECURE_CONNECTION) { 300 } else { 255 };
        let login = LoginRequest {
            capabilities,
            max_packet,
            collation,
            user: &user,
            auth_response: &auth_response[..auth_response.len().min(most)],
            database: if has(Capabilities::CONNECT_WITH_DB) { &database } else { b"" },
            auth_plugin: if has(Capabilities::PLUGIN_AUTH) { &auth_plugin } else { b"" },
            attributes: match has(Capabilities::CONNECT_ATTRS) {
                true => ConnectAttributes::decode(&attributes).unwrap(),
                false => ConnectAttributes::default(),
            },
            zstd_level: if has(Capabilities::ZSTD_COMPRESSION_ALGORITHM) { zstd_level } else { 0 },
        };
        let payload = encoded(|out| login.encode(out).unwrap());
        // Its first bytes are the SSL request's (H-22).
        prop_assert_eq!(SslRequest::decode(&payload[..SslRequest::SIZE]), Ok(login.ssl_request()));
        prop_assert_eq!(LoginRequest::decode(&payload), Ok(login));
        let change = ChangeUser {
            user: &user,
            auth_response: &auth_response[..auth_response.len().min(255)],
            database: &database,
            collation: u16::from(collation) << 4,
            auth_plugin: login.auth_plugin,
            attributes: login.attributes,
        };
        let payload = encoded(|out| change.encode(capabilities, out).unwrap());
        prop_assert_eq!(ChangeUser::decode(&payload, capabilities), Ok(change));
    }

    #[test]
    fn t24_a_field_that_was_not_negotiated_is_refused(
        capabilities in capabilities(),
        field in 0..3,
    ) {
        let pair = encoded(|out| ConnectAttributes::push(out, b"a", b"b").unwrap());
        let none: &[u8] = b"";
        let (capability, database, auth_plugin, attributes) = match field {
            0 => (Capabilities::CONNECT_WITH_DB, &b"d"[..], none, none),
            1 => (Capabilities::PLUGIN_AUTH, none, &b"p"[..], none),
            _ => (Capabilities::CONNECT_ATTRS, none, none, &pair[..]),
        };
        let login = LoginRequest {
            capabilities: capabilities.without(capability),
            max_packet: 0,
            collation: 45,
            user: b"app",
            auth_response: b"",
            database,
            auth_plugin,
            attributes: ConnectAttributes::decode(attributes).unwrap(),
            zstd_level: 0,
        };
        prop_assert!(login.encode(&mut Vec::new()).is_err());
        let login = LoginRequest { capabilities: capabilities.with(capability), ..login };
        prop_assert!(login.encode(&mut Vec::new()).is_ok());
    }

    #[test]
    fn connect_attributes(pairs in vec((bytes(), bytes()), 0..4)) {
        let mut kept = Vec::new();
        let mut all = Vec::new();
        for (name, value) in &pairs {
            if ConnectAttributes::push(&mut all, name, value).is_ok() {
                kept.push((&name[..], &value[..]));
            }
        }
        prop_assert!(all.len() <= login::MAX_ATTRIBUTES);
        let attributes = ConnectAttributes::decode(&all).unwrap();
        prop_assert_eq!(attributes.iter().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn authentication(plugin in text(), data in bytes()) {
        let switch = AuthSwitchRequest { plugin: &plugin, data: &data };
        let payload = encoded(|out| switch.encode(out).unwrap());
        prop_assert_eq!(AuthSwitchRequest::decode(&payload), Ok(switch));
        let factor = AuthNextFactor { plugin: &plugin, data: &data };
        let payload = encoded(|out| factor.encode(out).unwrap());
        prop_assert_eq!(AuthNextFactor::decode(&payload), Ok(factor));
        let more = AuthMoreData { data: &data };
        let payload = encoded(|out| more.encode(out));
        prop_assert_eq!(AuthMoreData::decode(&payload), Ok(more));
    }

    #[test]
    fn command(
        argument in bytes(),
        (statement, rows, parameter, flags) in any::<(u32, u32, u16, u8)>(),
    ) {
        for command in [
            Command::Quit,
            Command::InitDb(&argument),
            Command::Query(&argument),
            Command::Ping,
            Command::ResetConnection,
            Command::StmtPrepare(&argument),
            Command::StmtExecute(Execute { statement, flags, parameters: &argument }),
            Command::StmtBulkExecute(BulkExecute {
                statement,
                flags: parameter,
                parameters: &argument,
            }),
            Command::StmtSendLongData { statement, parameter, data: &argument },
            Command::StmtClose(statement),
            Command::StmtReset(statement),
            Command::StmtFetch { statement, rows },
        ] {
            let payload = encoded(|out| command.encode(out));
            prop_assert_eq!(payload.len(), command.payload_len());
            prop_assert_eq!(Command::decode(&payload), Ok(command));
        }
    }

    #[test]
    fn ok_packet(
        capabilities in capabilities(),
        affected_rows in number(),
        last_insert_id in number(),
        status: u16,
        warnings: u16,
        info in bytes(),
        changes in vec(change(), 0..5),
        header in prop_oneof![Just(reply::OK), Just(reply::EOF)],
    ) {
        let state = encoded(|out| changes.iter().for_each(|change| change.borrow().encode(out)));
        let status = StatusFlags(status);
        let tracked = capabilities.contains(Capabilities::SESSION_TRACK)
            && status.contains(StatusFlags::SESSION_STATE_CHANGED);
        let state = if tracked { &state[..] } else { b"" };
        let ok = OkPacket {
            affected_rows,
            last_insert_id,
            status,
            warnings,
            info: &info,
            session_state: SessionState::decode(state).unwrap(),
        };
        let payload = encoded(|out| ok.encode(header, capabilities, out));
        prop_assert_eq!(payload[0], header);
        prop_assert_eq!(OkPacket::decode(&payload, capabilities), Ok(ok));
    }

    #[test]
    fn session_state(changes in vec(change(), 0..8)) {
        let blocks = encoded(|out| changes.iter().for_each(|change| change.borrow().encode(out)));
        let state = SessionState::decode(&blocks).unwrap();
        let found: Vec<_> = state.changes().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(found, changes.iter().map(Change::borrow).collect::<Vec<_>>());
    }

    #[test]
    fn err_packet(code: u16, sqlstate: Option<[u8; 5]>, message in bytes()) {
        // A message that starts as an SQLSTATE does would be taken for one.
        prop_assume!(sqlstate.is_some() || message.first() != Some(&b'#'));
        let err = ErrPacket { code, sqlstate, message: &message };
        let payload = encoded(|out| err.encode(out));
        prop_assert_eq!(ErrPacket::decode(&payload), Ok(err));
    }

    #[test]
    fn eof_packet(warnings: u16, status: u16) {
        let eof = EofPacket { warnings, status: StatusFlags(status) };
        let payload = encoded(|out| eof.encode(out));
        prop_assert_eq!(payload.len(), EofPacket::SIZE);
        prop_assert_eq!(EofPacket::decode(&payload), Ok(eof));
    }

    #[test]
    fn progress_report(stage: u8, max_stage: u8, progress in 0_u32..1 << 24, text in bytes()) {
        let report = ProgressReport { stage, max_stage, progress, text: &text };
        let payload = encoded(|out| report.encode(out));
        prop_assert!(ProgressReport::is_report(&payload, Capabilities::MARIADB_PROGRESS));
        prop_assert_eq!(ProgressReport::decode(&payload), Ok(report));
    }

    #[test]
    fn result_set_header(capabilities in capabilities(), columns in number(), follows: bool) {
        let told = capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA)
            || capabilities.contains(Capabilities::MARIADB_CACHE_METADATA);
        let header = ResultSetHeader { columns: columns.max(1), metadata_follows: follows || !told };
        let payload = encoded(|out| header.encode(capabilities, out));
        prop_assert_eq!(ResultSetHeader::decode(&payload, capabilities), Ok(header));
    }

    #[test]
    fn column_definition(
        capabilities in capabilities(),
        names in prop::array::uniform6(bytes()),
        pairs in vec((any::<u8>(), bytes()), 0..4),
        (collation, length, column_type, flags, decimals) in any::<(u16, u32, u8, u16, u8)>(),
    ) {
        let extended = encoded(|out| {
            pairs.iter().for_each(|(kind, value)| ExtendedMetadata::push(out, *kind, value));
        });
        let told = capabilities.contains(Capabilities::MARIADB_EXTENDED_METADATA);
        let [catalog, schema, table, org_table, name, org_name] = &names;
        let column = ColumnDefinition {
            catalog,
            schema,
            table,
            org_table,
            name,
            org_name,
            extended: ExtendedMetadata::decode(if told { &extended } else { b"" }).unwrap(),
            collation,
            length,
            column_type: ColumnType(column_type),
            flags: ColumnFlags(flags),
            decimals,
        };
        let payload = encoded(|out| column.encode(capabilities, out));
        prop_assert_eq!(ColumnDefinition::decode(&payload, capabilities), Ok(column));
        let pairs = pairs.iter().map(|(kind, value)| (*kind, &value[..]));
        if told {
            prop_assert_eq!(column.extended.iter().collect::<Vec<_>>(), pairs.collect::<Vec<_>>());
        }
    }

    #[test]
    fn text_row(cells in vec(option::of(bytes()), 0..12)) {
        let payload = encoded(|out| TextRow::encode(cells.iter().map(Option::as_deref), out));
        let row = TextRow::decode(&payload, cells.len()).unwrap();
        let mut walk = row.cells();
        for cell in &cells {
            prop_assert_eq!(walk.next_cell(), Ok(cell.as_deref()));
        }
        prop_assert_eq!(walk.finish(), Ok(()));
        // One column more or less is an error (E-76).
        prop_assert!(TextRow::decode(&payload, cells.len() + 1).is_err());
        if let Some(fewer) = cells.len().checked_sub(1) {
            prop_assert!(TextRow::decode(&payload, fewer).is_err());
        }
    }

    #[test]
    fn r40_prepare_ok(
        capabilities in capabilities(),
        (statement, columns, parameters, warnings) in any::<(u32, u16, u16, u16)>(),
        follows: bool,
    ) {
        let told = capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA);
        let metadata_follows = follows || !told;
        let ok = PrepareOk { statement, columns, parameters, warnings, metadata_follows };
        let payload = encoded(|out| ok.encode(capabilities, out));
        prop_assert_eq!(payload.len(), if told { 13 } else { 12 });
        prop_assert_eq!(PrepareOk::decode(&payload, capabilities), Ok(ok));
    }

    #[test]
    fn e61_r39_binary_row(values in vec(typed_value(), 0..20)) {
        let layouts = layouts(&values);
        let payload = encoded_row(&values);
        let row = BinaryRow::decode(&payload, &layouts).unwrap();
        let mut walk = row.cells(layouts.len()).unwrap();
        for ((_, value), layout) in values.iter().zip(&layouts) {
            // A column that is always NULL has no bytes, whatever its bit says.
            prop_assert_eq!(walk.next_cell(*layout), Ok(value.as_deref()));
        }
        prop_assert_eq!(walk.finish(), Ok(()));
        // A byte more or less is an error (E-76).
        let longer = [&payload[..], &[0]].concat();
        prop_assert!(BinaryRow::decode(&longer, &layouts).is_err());
        prop_assert!(BinaryRow::decode(&payload[..payload.len() - 1], &layouts).is_err());
    }

    #[test]
    fn e61_k11_parameters(values in vec(typed_value(), 1..40), again: bool) {
        let types: Vec<ParameterType> = values.iter().map(|(one, _)| *one).collect();
        let payload = encoded(|out| {
            let nulls = Parameters::reserve_nulls(values.len(), out).unwrap();
            for (index, (_, value)) in values.iter().enumerate() {
                if value.is_none() {
                    nulls.set(index, out);
                }
            }
            Parameters::encode_types((!again).then_some(&types[..]), out);
            for one in values.iter().filter(|(_, value)| value.is_some()) {
                // A row of one value is 0x00, a byte of NULL bits, and the value.
                out.extend_from_slice(&encoded_row(std::slice::from_ref(one))[2..]);
            }
        });
        let parameters = Parameters::decode(&payload, values.len()).unwrap();
        let new: Vec<ParameterType> = parameters.types().collect();
        prop_assert_eq!(&new[..], if again { &[][..] } else { &types[..] });
        let expected: Vec<_> = values.iter().map(|(_, value)| value.as_deref()).collect();
        prop_assert_eq!(parameters.values(&types), Ok(expected));
        let longer = [&payload[..], &[0]].concat();
        prop_assert!(Parameters::decode(&longer, values.len()).unwrap().values(&types).is_err());
        // The message that carries them keeps them as they are.
        let execute = Execute { statement: 1, flags: 0, parameters: &payload };
        let command = encoded(|out| Command::StmtExecute(execute).encode(out));
        prop_assert_eq!(Command::decode(&command), Ok(Command::StmtExecute(execute)));
    }

    #[test]
    fn local_infile_request(name in bytes()) {
        let request = LocalInfileRequest { name: &name };
        let payload = encoded(|out| request.encode(out));
        prop_assert_eq!(LocalInfileRequest::decode(&payload), Ok(request));
    }

    #[test]
    fn f04_packets_follow_each_other(payloads in vec(bytes(), 1..5), sequence: u8) {
        let mut next = sequence;
        let out = encoded(|out| {
            for payload in &payloads {
                next = packet::write(out, payload, next);
            }
        });
        let (joined, ids) = joined(&out);
        prop_assert_eq!(&joined, &payloads);
        for (index, id) in ids.iter().enumerate() {
            prop_assert_eq!(*id, sequence.wrapping_add(u8::try_from(index).unwrap()));
        }
        prop_assert_eq!(next, sequence.wrapping_add(u8::try_from(ids.len()).unwrap()));
    }

    #[test]
    fn packet_header(length in 0_u32..1 << 24, sequence: u8) {
        let header = PacketHeader { length, sequence };
        prop_assert_eq!(PacketHeader::decode(header.encode()), header);
        prop_assert_eq!(header.is_continued(), length == 0xFF_FFFF);
    }
}

proptest! {
    // A payload of 16 MiB takes a while in a debug build.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn e02_payloads_around_the_largest_packet(around in -2_isize..3, twice: bool, sequence: u8) {
        let chunks = if twice { 2 } else { 1 };
        let length = (packet::MAX_CHUNK * chunks).checked_add_signed(around).unwrap();
        let payload: Vec<u8> = (0_u8..251).cycle().take(length).collect();
        let mut out = Vec::new();
        packet::write(&mut out, &payload, sequence);
        let (joined, ids) = joined(&out);
        prop_assert!(joined == [payload], "{length} bytes");
        prop_assert_eq!(ids.len(), length / packet::MAX_CHUNK + 1);
    }
}

/// Joins the payloads of physical packets, and lists the ids of the packets (F-02).
fn joined(mut bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut payloads, mut ids, mut payload) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((header, rest)) = bytes.split_first_chunk() {
        let header = PacketHeader::decode(*header);
        let (chunk, rest) = rest.split_at(usize::try_from(header.length).unwrap());
        payload.extend_from_slice(chunk);
        ids.push(header.sequence);
        if !header.is_continued() {
            payloads.push(std::mem::take(&mut payload));
        }
        bytes = rest;
    }
    assert!(bytes.is_empty() && payload.is_empty(), "the packets are whole");
    (payloads, ids)
}

/// Bytes that look a little like messages: headers, lengths and text.
fn wild_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => any::<u8>(),
        2 => prop::sample::select(vec![0x00, 0x01, 0x02, 0x0A, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF]),
        3 => 0_u8..12,
    ];
    vec(byte, 0..120)
}

/// A well-formed message with some of its bytes changed, or its end cut off.
fn damaged_message() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        Just(encoded(|out| {
            let greeting = Greeting {
                server_version: b"9.7.0",
                connection_id: 1,
                nonce_first: *b"abcdefgh",
                nonce_rest: b"ijklmnopqrst",
                capabilities: Capabilities::from_words(0xDFFF_FFFF, 0),
                collation: 255,
                status: StatusFlags::AUTOCOMMIT,
                auth_plugin: b"caching_sha2_password",
            };
            greeting.encode(out).unwrap();
        })),
        Just(b"\x0d\xa2\xbe\x01\0\0\0\x40\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0app\0\x02ab\
            shop\0plugin\0\x04\x01a\x01b".to_vec()),
        vec(change(), 1..4).prop_map(|changes| {
            let state =
                encoded(|out| changes.iter().for_each(|change| change.borrow().encode(out)));
            let ok = OkPacket {
                affected_rows: 300,
                last_insert_id: 1,
                status: StatusFlags::SESSION_STATE_CHANGED,
                warnings: 0,
                info: b"info",
                session_state: SessionState::decode(&state).unwrap(),
            };
            encoded(|out| ok.encode(reply::OK, Capabilities::SESSION_TRACK, out))
        }),
        Just(b"\x03def\x01s\x01t\x01t\x01c\x01c\x08\x00\x06\x75uid\x0c\x2d\0\x10\0\0\0\xfe\0\0\0\0\0"
            .to_vec()),
    ];
    (message, vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), any::<prop::sample::Index>())
        .prop_map(|(mut message, changes, end)| {
            for (at, byte) in changes {
                let at = at.index(message.len());
                message[at] = byte;
            }
            let end = end.index(message.len() * 2);
            message.truncate(end.max(1));
            message
        })
}

/// Asserts that a decoder does not panic, and that what it makes of the bytes survives encoding.
macro_rules! survives {
    ($decoded:expr, |$value:ident, $out:ident| $encode:expr, |$again:ident| $decode:expr) => {
        if let Ok($value) = $decoded {
            let mut $out = Vec::new();
            $encode;
            let $again: &[u8] = &$out;
            prop_assert_eq!($decode, Ok($value));
        }
    };
}

fn check(payload: &[u8], capabilities: Capabilities, columns: usize) -> Result<(), TestCaseError> {
    survives!(
        Greeting::decode(payload),
        |value, out| {
            // A nonce of another length than servers send is padded to one when it is encoded.
            if value.nonce_rest.len() != 12
                && !value.capabilities.contains(Capabilities::PLUGIN_AUTH)
            {
                return Ok(());
            }
            value.encode(&mut out).unwrap()
        },
        |again| Greeting::decode(again)
    );
    survives!(SslRequest::decode(payload), |value, out| value.encode(&mut out), |again| {
        SslRequest::decode(again)
    });
    survives!(
        LoginRequest::decode(payload),
        |value, out| value.encode(&mut out).unwrap(),
        |again| { LoginRequest::decode(again) }
    );
    survives!(
        AuthSwitchRequest::decode(payload),
        |value, out| value.encode(&mut out).unwrap(),
        |again| { AuthSwitchRequest::decode(again) }
    );
    survives!(
        AuthNextFactor::decode(payload),
        |value, out| value.encode(&mut out).unwrap(),
        |again| { AuthNextFactor::decode(again) }
    );
    survives!(AuthMoreData::decode(payload), |value, out| value.encode(&mut out), |again| {
        AuthMoreData::decode(again)
    });
    survives!(
        ChangeUser::decode(payload, capabilities),
        |value, out| value.encode(capabilities, &mut out).unwrap(),
        |again| ChangeUser::decode(again, capabilities)
    );
    survives!(Command::decode(payload), |value, out| value.encode(&mut out), |again| {
        Command::decode(again)
    });
    survives!(
        OkPacket::decode(payload, capabilities),
        |value, out| {
            for change in value.session_state.changes() {
                if change.is_err() {
                    break;
                }
            }
            value.encode(reply::OK, capabilities, &mut out)
        },
        |again| OkPacket::decode(again, capabilities)
    );
    survives!(ErrPacket::decode(payload), |value, out| value.encode(&mut out), |again| {
        ErrPacket::decode(again)
    });
    survives!(EofPacket::decode(payload), |value, out| value.encode(&mut out), |again| {
        EofPacket::decode(again)
    });
    survives!(ProgressReport::decode(payload), |value, out| value.encode(&mut out), |again| {
        ProgressReport::decode(again)
    });
    survives!(
        ResultSetHeader::decode(payload, capabilities),
        |value, out| { value.encode(capabilities, &mut out) },
        |again| ResultSetHeader::decode(again, capabilities)
    );
    survives!(
        ColumnDefinition::decode(payload, capabilities),
        |value, out| { value.encode(capabilities, &mut out) },
        |again| ColumnDefinition::decode(again, capabilities)
    );
    survives!(LocalInfileRequest::decode(payload), |value, out| value.encode(&mut out), |again| {
        LocalInfileRequest::decode(again)
    });
    if let Ok(row) = TextRow::decode(payload, columns) {
        let mut walk = row.cells();
        let cells: Vec<_> = (0..columns).map(|_| walk.next_cell().unwrap()).collect();
        let again = encoded(|out| TextRow::encode(cells.iter().copied(), out));
        let mut walk = TextRow::decode(&again, columns).unwrap().cells();
        for cell in cells {
            prop_assert_eq!(walk.next_cell(), Ok(cell));
        }
    }
    survives!(
        PrepareOk::decode(payload, capabilities),
        |value, out| { value.encode(capabilities, &mut out) },
        |again| PrepareOk::decode(again, capabilities)
    );
    // Types from the payload's own end, so that any layout comes up anywhere.
    let types: Vec<ParameterType> = payload
        .iter()
        .rev()
        .take(columns)
        .map(|code| ParameterType::signed(ColumnType(*code)))
        .collect();
    let layouts: Vec<Layout> = types.iter().map(|one| Layout::of(one.column_type)).collect();
    if let Ok(row) = BinaryRow::decode(payload, &layouts) {
        let mut walk = row.cells(layouts.len()).unwrap();
        let cells: Vec<_> =
            layouts.iter().map(|layout| (*layout, walk.next_cell(*layout).unwrap())).collect();
        let again = encoded(|out| BinaryRow::encode(cells.iter().copied(), out));
        let mut walk = BinaryRow::decode(&again, &layouts).unwrap().cells(layouts.len()).unwrap();
        for (layout, cell) in cells {
            prop_assert_eq!(walk.next_cell(layout), Ok(cell));
        }
    }
    if let Ok(parameters) = Parameters::decode(payload, types.len()) {
        let _ = parameters.values(&types);
        prop_assert!([0, types.len()].contains(&parameters.types().count()));
    }
    if let Ok(state) = SessionState::decode(payload)
        && let Ok(changes) = state.changes().collect::<Result<Vec<_>, _>>()
    {
        let again = encoded(|out| changes.iter().for_each(|change| change.encode(out)));
        let again = SessionState::decode(&again).unwrap().changes().collect::<Result<Vec<_>, _>>();
        prop_assert_eq!(again, Ok(changes));
    }
    if let Ok(attributes) = ConnectAttributes::decode(payload) {
        let again = encoded(|out| {
            attributes
                .iter()
                .for_each(|(name, value)| ConnectAttributes::push(out, name, value).unwrap());
        });
        let again = ConnectAttributes::decode(&again).unwrap();
        prop_assert!(again.iter().eq(attributes.iter()));
    }
    let mut reader = Reader::new(payload, "test");
    while reader.lenenc_bytes().is_ok() && !reader.is_empty() {}
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4 * CASES) })]

    #[test]
    fn any_bytes_fail_or_survive(
        payload in wild_bytes(),
        capabilities in capabilities(),
        columns in 0_usize..8,
    ) {
        check(&payload, capabilities, columns)?;
    }

    #[test]
    fn damaged_messages_fail_or_survive(
        payload in damaged_message(),
        capabilities in capabilities(),
        columns in 0_usize..8,
    ) {
        check(&payload, capabilities, columns)?;
    }
}
