//! The byte vectors of `protocol-spec/vectors/`: each decodes to the fields that it names and encodes
//! back to its bytes, every message that is built has one, and the recorded sessions replay, however
//! their bytes are cut.
#![allow(
    clippy::print_stdout,
    unreachable_pub,
    reason = "it prints the table of what is covered, and its modules are private"
)]

#[path = "support/vector_fields.rs"]
mod vector_fields;
#[path = "support/vector_sessions.rs"]
mod vector_sessions;
#[path = "support/vector_statements.rs"]
mod vector_statements;
#[path = "support/vectors.rs"]
mod vectors;

use std::collections::{BTreeMap, BTreeSet};

use mywire::wire::{ColumnType, Malformed};
use vector_sessions::{Cut, Session};
use vectors::Block;

/// Every message that `mywire::wire` builds, with the sides that a vector must come from: `true` if a
/// real server or client sends it to the servers at hand, `false` if only a hand-made vector can be.
const MESSAGES: [(&str, bool); 22] = [
    ("PacketHeader", false),
    ("CompressedHeader", false),
    ("LengthEncodedInteger", false),
    ("Greeting", true),
    ("SslRequest", true),
    ("LoginRequest", true),
    ("AuthSwitchRequest", true),
    ("AuthMoreData", true),
    // Only MySQL has it, and by itself no second factor that asks the client for something.
    ("AuthNextFactor", true),
    ("AuthResponse", true),
    ("Command", true),
    ("ChangeUser", true),
    ("OkPacket", true),
    ("ErrPacket", true),
    ("EofPacket", true),
    ("ProgressReport", true),
    ("ResultSetHeader", true),
    ("ColumnDefinition", true),
    ("TextRow", true),
    ("PrepareOk", true),
    ("BinaryRow", true),
    ("LocalInfileRequest", true),
];

const COMMANDS: [&str; 12] = [
    "QUIT",
    "INIT_DB",
    "QUERY",
    "PING",
    "RESET_CONNECTION",
    "STMT_PREPARE",
    "STMT_EXECUTE",
    "STMT_BULK_EXECUTE",
    "STMT_SEND_LONG_DATA",
    "STMT_CLOSE",
    "STMT_RESET",
    "STMT_FETCH",
];

const STATE_BLOCKS: [&str; 6] = [
    "SYSTEM_VARIABLES",
    "SCHEMA",
    "STATE_CHANGE",
    "GTIDS",
    "TRANSACTION_CHARACTERISTICS",
    "TRANSACTION_STATE",
];

/// All plugins, with whatever features: those whose feature is off are not computed, but there.
const PLUGINS: [&str; 7] = [
    "mysql_native_password",
    "caching_sha2_password",
    "sha256_password",
    "mysql_clear_password",
    "dialog",
    "client_ed25519",
    "parsec",
];

/// The types that columns of real servers have.
const COLUMN_TYPES: [ColumnType; 21] = [
    ColumnType::TINY,
    ColumnType::SHORT,
    ColumnType::LONG,
    ColumnType::FLOAT,
    ColumnType::DOUBLE,
    ColumnType::NULL,
    ColumnType::TIMESTAMP,
    ColumnType::LONGLONG,
    ColumnType::INT24,
    ColumnType::DATE,
    ColumnType::TIME,
    ColumnType::DATETIME,
    ColumnType::YEAR,
    ColumnType::BIT,
    ColumnType::VECTOR,
    ColumnType::JSON,
    ColumnType::NEWDECIMAL,
    ColumnType::BLOB,
    ColumnType::VAR_STRING,
    ColumnType::STRING,
    ColumnType::GEOMETRY,
];

const EXTENDED_TYPES: [&str; 9] = [
    "json",
    "uuid",
    "inet4",
    "inet6",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "geometrycollection",
];

const SOURCES: [&str; 4] = ["MySQL 9.7", "MariaDB 11.8", "MariaDB 10.11", "hand-made"];

/// Why a vector may encode to other bytes than its own.
const DIFFERENCES: [&str; 8] = [
    "non-minimal-length",
    "trailing-bytes",
    "missing-nul",
    "missing-warnings",
    "nonce-padding",
    "ignored-bytes",
    "bare-info",
    "empty-info",
];

fn all_vectors() -> Vec<Block> {
    vectors::files("").into_iter().flat_map(|(_, blocks)| blocks).collect()
}

#[test]
fn s12_each_vector_decodes_to_its_fields_and_encodes_back() {
    let vectors = all_vectors();
    let mut names = BTreeSet::new();
    for vector in &vectors {
        let (name, place) = (vector.name(), &vector.place);
        assert_eq!(vector.kind(), "vector", "{place}");
        assert!(names.insert(name), "{place}: a second {name}");
        let expected: BTreeMap<_, _> = vector.fields.iter().cloned().collect();
        assert_eq!(expected.len(), vector.fields.len(), "{place}: a field twice");
        let decoded = match vector_fields::decode(vector) {
            Ok(decoded) => decoded,
            Err(error) => {
                // A length that a small address space has no number for is cut short in a large one.
                let malformed = match error.malformed {
                    Malformed::LengthOverflow => Malformed::Truncated,
                    malformed => malformed,
                };
                let malformed = format!("{malformed:?}");
                assert_eq!(expected.get("error"), Some(&malformed), "{place}: {name}: {error}");
                assert_eq!(expected.len(), 1, "{place}: {name} has an error and fields");
                continue;
            }
        };
        let found: BTreeMap<_, _> = decoded.fields.into_iter().collect();
        assert_eq!(found, expected, "{place}: {name}");
        match vector.find("encodes") {
            None => assert!(decoded.encoded == vector.bytes, "{place}: {name} encodes differently"),
            Some(difference) => {
                assert!(DIFFERENCES.contains(&difference), "{place}: {difference}");
                assert!(decoded.encoded != vector.bytes, "{place}: {name} encodes to its bytes");
                let again = vector.with_bytes(decoded.encoded.clone());
                let again = vector_fields::decode(&again).expect(name);
                assert_eq!(
                    again.fields.into_iter().collect::<BTreeMap<_, _>>(),
                    expected,
                    "{place}"
                );
                assert!(again.encoded == decoded.encoded, "{place}");
            }
        }
    }
}

#[test]
fn each_message_has_a_vector_from_each_kind_of_server() {
    let mut table: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let vectors = all_vectors();
    for vector in &vectors {
        let source = vector.header("source");
        let source = SOURCES.into_iter().find(|known| source.starts_with(known));
        let source = source.unwrap_or_else(|| panic!("{}: unknown source", vector.place));
        let message = vector.header("message");
        assert!(MESSAGES.iter().any(|(known, _)| *known == message), "{}", vector.place);
        *table.entry((message, source)).or_default() += 1;
    }
    println!("{:22}{}", "", SOURCES.map(|source| format!("{source:>15}")).concat());
    for (message, recorded) in MESSAGES {
        let counts = SOURCES.map(|source| table.get(&(message, source)).copied().unwrap_or(0));
        println!("{message:22}{}", counts.map(|count| format!("{count:>15}")).concat());
        let [mysql, mariadb, older, hand_made] = counts;
        match message {
            _ if !recorded => assert!(hand_made > 0, "{message} has no vector"),
            "ProgressReport" => assert!(mariadb > 0 && older > 0, "{message} is not recorded"),
            "AuthMoreData" | "AuthNextFactor" => assert!(mysql > 0, "{message} is not recorded"),
            _ => assert!(mysql > 0 && mariadb > 0 && older > 0, "{message} is not recorded"),
        }
    }
}

/// The recorded vectors that hold this field value, or a value that starts so.
fn recorded(vectors: &[Block], message: &str, field: &str, value: &str) -> usize {
    let holds = |vector: &&Block| {
        vector.header("message") == message
            && vector.header("source") != "hand-made"
            && vector.fields.iter().any(|(name, found)| {
                name.split('[').next() == Some(field) && found.starts_with(value)
            })
    };
    vectors.iter().filter(holds).count()
}

#[test]
fn each_command_plugin_and_state_block_has_a_recorded_vector() {
    let vectors = all_vectors();
    for command in COMMANDS {
        assert!(recorded(&vectors, "Command", "command", command) > 0, "{command}");
    }
    for block in STATE_BLOCKS {
        assert!(recorded(&vectors, "OkPacket", "state", block) > 0, "{block}");
    }
    for variable in ["last_gtid", "redirect_url", "autocommit", "character_set_client"] {
        let value = format!("SYSTEM_VARIABLES \"{variable}\"");
        assert!(recorded(&vectors, "OkPacket", "state", &value) > 0, "{variable}");
    }
    for plugin in mywire::auth::supported() {
        assert!(PLUGINS.contains(&plugin), "{plugin} is not in the list");
    }
    for plugin in PLUGINS {
        let offs =
            [("client_ed25519", cfg!(feature = "ed25519")), ("parsec", cfg!(feature = "parsec"))];
        let built = offs.iter().all(|(name, on)| *name != plugin || *on);
        assert_eq!(mywire::auth::is_supported(plugin.as_bytes()), built, "{plugin}");
        let answers = |vector: &&Block| {
            vector.header("message") == "AuthResponse"
                && vector.find("plugin") == Some(plugin)
                && vector.find("password").is_some_and(|password| !password.is_empty())
        };
        assert!(vectors.iter().any(|vector| answers(&vector)), "{plugin}");
    }
}

#[test]
fn each_column_type_has_a_vector() {
    let vectors = all_vectors();
    for code in 0..=u8::MAX {
        let column_type = ColumnType(code);
        let Some(name) = column_type.name() else { continue };
        let found = recorded(&vectors, "ColumnDefinition", "column_type", name);
        if COLUMN_TYPES.contains(&column_type) {
            assert!(found > 0, "{name} is not recorded");
        }
        let any = |vector: &Block| {
            vector.fields.iter().any(|(key, value)| key == "column_type" && value == name)
        };
        assert!(vectors.iter().any(any), "{name} has no vector");
    }
    for name in EXTENDED_TYPES {
        let is = |vector: &&Block| {
            let value = format!("\"{name}\"");
            vector.fields.iter().any(|(key, v)| key.starts_with("extended[") && v.ends_with(&value))
        };
        let found = vectors.iter().filter(is).count();
        assert!(found > 0, "extended type {name} has no vector");
    }
}

#[test]
fn r39_each_column_type_has_a_value_in_a_recorded_binary_row() {
    let vectors = all_vectors();
    for column_type in COLUMN_TYPES {
        let name = column_type.name().unwrap();
        let holds = |vector: &&Block| {
            let types = vector.find("types").unwrap_or_default().split(" | ");
            vector.header("message") == "BinaryRow"
                && vector.header("source") != "hand-made"
                && types.zip(&vector.fields).any(|(found, (_, value))| {
                    let null = value == "NULL";
                    found.trim_end_matches(" UNSIGNED") == name
                        && null == (column_type == ColumnType::NULL)
                })
        };
        assert!(vectors.iter().any(|vector| holds(&vector)), "{name} has no value");
    }
}

fn sessions() -> Vec<Session> {
    let files = vectors::files("sessions");
    files.iter().map(|(_, blocks)| Session::new(blocks)).collect()
}

#[test]
fn e08_each_session_replays_byte_by_byte() {
    for session in sessions() {
        for cut in [Cut::Nowhere, Cut::Everywhere] {
            assert_eq!(session.replay(cut), session.expected, "{}, {cut:?}", session.name);
        }
    }
}

#[test]
fn e08_s12_each_session_replays_with_a_cut_at_each_byte() {
    let mut cuts = 0;
    for session in sessions() {
        for at in 1..session.server_len() {
            let events = session.replay(Cut::At(at));
            assert!(events == session.expected, "{}, cut at {at}", session.name);
            cuts += 1;
        }
    }
    println!("{cuts} cuts");
}
