//! A vector's bytes through `mywire::wire`: what they decode to, and what that encodes to.

use mywire::Secret;
use mywire::auth::{Channel, Exchange, Policy, Response};
use mywire::wire::reader::Reader;
use mywire::wire::session_state::StateChange;
use mywire::wire::*;

use crate::vector_statements;
use crate::vectors::{Block, flags, quoted};

/// Field names and values as a vector writes them, and the bytes they encode to.
pub struct Decoded {
    pub fields: Vec<(String, String)>,
    pub encoded: Vec<u8>,
}

/// A message's fields, written one after another.
#[derive(Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn put(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    pub fn bytes(self, name: impl Into<String>, value: &[u8]) -> Self {
        self.put(name, quoted(value))
    }
}

/// The set that a `capabilities:` line names.
pub fn capabilities(names: &str) -> Capabilities {
    let mut set = Capabilities::NONE;
    for name in names.split(" | ").filter(|name| *name != "none") {
        let known = Capabilities::NAMES.iter().find(|(_, known)| *known == name);
        set = set | known.unwrap_or_else(|| panic!("no capability is called {name}")).0;
    }
    set
}

pub fn decode(block: &Block) -> Result<Decoded, DecodeError> {
    let payload = &block.bytes;
    let negotiated = capabilities(block.find("capabilities").unwrap_or("none"));
    let fields = Fields::default();
    let mut out = Vec::new();
    let fields = match block.header("message") {
        "PacketHeader" => {
            let bytes = payload.as_slice().try_into().expect("a packet header has four bytes");
            let header = PacketHeader::decode(bytes);
            out.extend_from_slice(&header.encode());
            fields
                .put("length", header.length)
                .put("sequence", header.sequence)
                .put("continued", header.is_continued())
        }
        "CompressedHeader" => {
            let bytes = payload.as_slice().try_into().expect("a frame's header has seven bytes");
            let header = CompressedHeader::decode(bytes);
            out.extend_from_slice(&header.encode());
            fields
                .put("length", header.length)
                .put("sequence", header.sequence)
                .put("plain_length", header.plain_length)
                .put("stored", header.is_stored())
        }
        "LengthEncodedInteger" => {
            let mut reader = Reader::new(payload, "vector");
            let value = reader.lenenc()?;
            reader.finish()?;
            // The writer is private: a result set header is nothing but such an integer.
            ResultSetHeader { columns: value, metadata_follows: true }
                .encode(Capabilities::NONE, &mut out);
            fields.put("value", value)
        }
        "Greeting" => {
            let greeting = Greeting::decode(payload)?;
            greeting.encode(&mut out).unwrap();
            fields
                .bytes("server_version", greeting.server_version)
                .put("connection_id", greeting.connection_id)
                .bytes("nonce_first", &greeting.nonce_first)
                .bytes("nonce_rest", greeting.nonce_rest)
                .put("capabilities", flags(greeting.capabilities))
                .put("collation", greeting.collation)
                .put("status", flags(greeting.status))
                .bytes("auth_plugin", greeting.auth_plugin)
        }
        "SslRequest" => {
            let request = SslRequest::decode(payload)?;
            request.encode(&mut out);
            fields
                .put("capabilities", flags(request.capabilities))
                .put("max_packet", request.max_packet)
                .put("collation", request.collation)
        }
        "LoginRequest" => {
            let login = LoginRequest::decode(payload)?;
            login.encode(&mut out).unwrap();
            let mut fields = fields
                .put("capabilities", flags(login.capabilities))
                .put("max_packet", login.max_packet)
                .put("collation", login.collation)
                .bytes("user", login.user)
                .bytes("auth_response", login.auth_response)
                .bytes("database", login.database)
                .bytes("auth_plugin", login.auth_plugin)
                .put("zstd_level", login.zstd_level);
            for (index, (name, value)) in login.attributes.iter().enumerate() {
                let pair = format!("{} {}", quoted(name), quoted(value));
                fields = fields.put(format!("attribute[{index}]"), pair);
            }
            fields
        }
        "AuthSwitchRequest" => {
            let request = AuthSwitchRequest::decode(payload)?;
            request.encode(&mut out).unwrap();
            fields.bytes("plugin", request.plugin).bytes("data", request.data)
        }
        "AuthMoreData" => {
            let more = AuthMoreData::decode(payload)?;
            more.encode(&mut out);
            fields.bytes("data", more.data)
        }
        "AuthNextFactor" => {
            let factor = AuthNextFactor::decode(payload)?;
            factor.encode(&mut out).unwrap();
            fields.bytes("plugin", factor.plugin).bytes("data", factor.data)
        }
        "AuthResponse" => {
            out = auth_response(block).unwrap_or_else(|| payload.clone());
            fields.bytes("data", payload)
        }
        "Command" => {
            let command = Command::decode(payload)?;
            command.encode(&mut out);
            let (name, argument) = match command {
                Command::Quit => ("QUIT", &b""[..]),
                Command::InitDb(schema) => ("INIT_DB", schema),
                Command::Query(sql) => ("QUERY", sql),
                Command::Ping => ("PING", &b""[..]),
                Command::ResetConnection => ("RESET_CONNECTION", &b""[..]),
                Command::StmtPrepare(sql) => ("STMT_PREPARE", sql),
                other => {
                    let fields = vector_statements::command(other, block, &mut out)?;
                    return Ok(Decoded { fields: fields.0, encoded: out });
                }
            };
            fields.put("command", name).bytes("argument", argument)
        }
        "ChangeUser" => {
            let change = ChangeUser::decode(payload, negotiated)?;
            change.encode(negotiated, &mut out).unwrap();
            let mut fields = fields
                .bytes("user", change.user)
                .bytes("auth_response", change.auth_response)
                .bytes("database", change.database)
                .put("collation", change.collation)
                .bytes("auth_plugin", change.auth_plugin);
            for (index, (name, value)) in change.attributes.iter().enumerate() {
                let pair = format!("{} {}", quoted(name), quoted(value));
                fields = fields.put(format!("attribute[{index}]"), pair);
            }
            fields
        }
        "OkPacket" => {
            let ok = OkPacket::decode(payload, negotiated)?;
            ok.encode(payload[0], negotiated, &mut out);
            let fields = fields
                .put("header", format!("0x{:02x}", payload[0]))
                .put("affected_rows", ok.affected_rows)
                .put("last_insert_id", ok.last_insert_id)
                .put("status", flags(ok.status))
                .put("warnings", ok.warnings)
                .bytes("info", ok.info);
            state_changes(ok.session_state, fields)?
        }
        "ErrPacket" => {
            let err = ErrPacket::decode(payload)?;
            err.encode(&mut out);
            let sqlstate =
                err.sqlstate.map_or_else(|| String::from("none"), |state| quoted(&state));
            fields.put("code", err.code).put("sqlstate", sqlstate).bytes("message", err.message)
        }
        "EofPacket" => {
            let eof = EofPacket::decode(payload)?;
            eof.encode(&mut out);
            fields.put("warnings", eof.warnings).put("status", flags(eof.status))
        }
        "ProgressReport" => {
            assert!(ProgressReport::is_report(payload, negotiated), "{}", block.place);
            let report = ProgressReport::decode(payload)?;
            report.encode(&mut out);
            fields
                .put("stage", report.stage)
                .put("max_stage", report.max_stage)
                .put("progress", report.progress)
                .bytes("text", report.text)
        }
        "ResultSetHeader" => {
            let header = ResultSetHeader::decode(payload, negotiated)?;
            header.encode(negotiated, &mut out);
            fields.put("columns", header.columns).put("metadata_follows", header.metadata_follows)
        }
        "ColumnDefinition" => {
            let column = ColumnDefinition::decode(payload, negotiated)?;
            column.encode(negotiated, &mut out);
            let mut fields = fields
                .bytes("catalog", column.catalog)
                .bytes("schema", column.schema)
                .bytes("table", column.table)
                .bytes("org_table", column.org_table)
                .bytes("name", column.name)
                .bytes("org_name", column.org_name)
                .put("collation", column.collation)
                .put("length", column.length)
                .put("column_type", format!("{:?}", column.column_type))
                .put("flags", flags(column.flags))
                .put("decimals", column.decimals);
            for (index, (kind, value)) in column.extended.iter().enumerate() {
                let pair = format!("{kind} {}", quoted(value));
                fields = fields.put(format!("extended[{index}]"), pair);
            }
            fields
        }
        "TextRow" => {
            let columns: usize = block.header("columns").parse().unwrap();
            let row = TextRow::decode(payload, columns)?;
            let mut walk = row.cells();
            let cells: Vec<_> = (0..columns).map(|_| walk.next_cell().unwrap()).collect();
            TextRow::encode(cells.iter().copied(), &mut out);
            let put = |fields: Fields, (index, cell): (usize, &Option<&[u8]>)| {
                fields.put(
                    format!("cell[{index}]"),
                    cell.map_or_else(|| String::from("NULL"), quoted),
                )
            };
            cells.iter().enumerate().fold(fields, put)
        }
        "PrepareOk" => {
            let ok = PrepareOk::decode(payload, negotiated)?;
            ok.encode(negotiated, &mut out);
            fields
                .put("statement", ok.statement)
                .put("columns", ok.columns)
                .put("parameters", ok.parameters)
                .put("warnings", ok.warnings)
                .put("metadata_follows", ok.metadata_follows)
        }
        "BinaryRow" => vector_statements::row(block, fields, &mut out)?,
        "LocalInfileRequest" => {
            let request = LocalInfileRequest::decode(payload)?;
            request.encode(&mut out);
            fields.bytes("name", request.name)
        }
        message => panic!("{}: no message is called {message}", block.place),
    };
    Ok(Decoded { fields: fields.0, encoded: out })
}

fn state_changes(state: SessionState<'_>, mut fields: Fields) -> Result<Fields, DecodeError> {
    for (index, change) in state.changes().enumerate() {
        let text = match change? {
            StateChange::SystemVariable { name, value } => {
                let value = value.map_or_else(|| String::from("NULL"), quoted);
                format!("SYSTEM_VARIABLES {} {value}", quoted(name))
            }
            StateChange::Schema(name) => format!("SCHEMA {}", quoted(name)),
            StateChange::State(text) => format!("STATE_CHANGE {}", quoted(text)),
            StateChange::Gtids { encoding, text } => format!("GTIDS {encoding} {}", quoted(text)),
            StateChange::TransactionCharacteristics(sql) => {
                format!("TRANSACTION_CHARACTERISTICS {}", quoted(sql))
            }
            StateChange::TransactionState(text) => format!("TRANSACTION_STATE {}", quoted(text)),
            StateChange::Unknown { kind, data } => format!("{kind:?} {}", quoted(data)),
            other => panic!("{other:?} needs a name here"),
        };
        fields = fields.put(format!("state[{index}]"), text);
    }
    Ok(fields)
}

/// What `mywire::auth` answers to the vector's nonce, or its question, where a password is given. A
/// plugin that the build does without answers nothing.
fn auth_response(block: &Block) -> Option<Vec<u8>> {
    let password = Secret::from(block.find("password")?);
    let bytes = |text: &str| -> Vec<u8> {
        text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    };
    let nonce = bytes(block.header("nonce"));
    let plugin = block.header("plugin").as_bytes();
    if !mywire::auth::is_supported(plugin) {
        return None;
    }
    let channel = match block.find("channel") {
        None => Channel::Plain,
        Some("TLS") => Channel::TlsVerified,
        Some("Unix socket") => Channel::UnixSocket,
        Some(other) => panic!("{}: no channel is called {other}", block.place),
    };
    let policy = Policy::default().allow_clear_text(true);
    let (mut exchange, response) =
        Exchange::start(plugin, &nonce, Some(&password), channel, &policy).unwrap();
    let Response::Send(response) = response else {
        panic!("{}: the plugin answers nothing", block.place)
    };
    let Some(salt) = block.find("salt") else { return Some(response.to_vec()) };
    // The second answer begins with random bytes and is another one each time: what it is signed
    // with is the same.
    assert!(response.is_empty(), "{}", block.place);
    let signed = exchange.more_data(&bytes(salt), Some(&password), &policy).unwrap();
    let Response::Send(signed) = signed else { panic!("{}: no signature", block.place) };
    assert_eq!(signed.len(), block.bytes.len(), "{}", block.place);
    let stored = exchange.certificate_secret(&password).unwrap();
    assert_eq!(*stored, bytes(block.header("stored")), "{}", block.place);
    None
}
