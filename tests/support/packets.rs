//! Server packets, one after another, for a script to send or to cut to pieces.

use mywire::wire::binary_row::{BinaryRow, Layout};
use mywire::wire::{
    AuthMoreData, AuthSwitchRequest, Capabilities, ColumnDefinition, ColumnFlags, ColumnType,
    EofPacket, ErrPacket, ExtendedMetadata, Greeting, OkPacket, PrepareOk, ProgressReport,
    ResultSetHeader, SessionState, StatusFlags, TextRow, packet, reply,
};

/// Framed packets under construction. Each method appends one, with the next sequence id, as a
/// server with these capabilities would write it.
#[derive(Clone, Debug)]
pub struct Packets {
    bytes: Vec<u8>,
    sequence: u8,
    capabilities: Capabilities,
}

impl Packets {
    /// Packets from `sequence` on: 0 for a greeting, 1 for the reply to a short command.
    pub fn new(capabilities: Capabilities, sequence: u8) -> Self {
        Self { bytes: Vec::new(), sequence, capabilities }
    }

    /// The packets' bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id that the next packet gets.
    pub fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Gives the next packet another id.
    pub fn with_sequence(mut self, sequence: u8) -> Self {
        self.sequence = sequence;
        self
    }

    /// Any payload, cut into chunks as the protocol wants it.
    pub fn payload(mut self, payload: &[u8]) -> Self {
        self.sequence = packet::write(&mut self.bytes, payload, self.sequence);
        self
    }

    /// Bytes that need not be packets.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn message(self, encode: impl FnOnce(Capabilities, &mut Vec<u8>)) -> Self {
        let mut payload = Vec::new();
        encode(self.capabilities, &mut payload);
        self.payload(&payload)
    }

    pub fn greeting(self, greeting: &Greeting<'_>) -> Self {
        self.message(|_, out| greeting.encode(out).expect("a greeting that can be written"))
    }

    pub fn auth_switch(self, plugin: &str, data: &[u8]) -> Self {
        let plugin = plugin.as_bytes();
        self.message(|_, out| AuthSwitchRequest { plugin, data }.encode(out).expect("a name"))
    }

    pub fn more_data(self, data: &[u8]) -> Self {
        self.message(|_, out| AuthMoreData { data }.encode(out))
    }

    pub fn ok(self) -> Self {
        self.ok_with(&ok())
    }

    pub fn ok_with(self, ok: &OkPacket<'_>) -> Self {
        self.message(|capabilities, out| ok.encode(reply::OK, capabilities, out))
    }

    pub fn err(self, code: u16, message: &str) -> Self {
        let message = message.as_bytes();
        self.message(|_, out| ErrPacket { code, sqlstate: Some(*b"HY000"), message }.encode(out))
    }

    pub fn eof(self, status: StatusFlags) -> Self {
        self.message(|_, out| EofPacket { warnings: 0, status }.encode(out))
    }

    pub fn progress(self, report: &ProgressReport<'_>) -> Self {
        self.message(|_, out| report.encode(out))
    }

    /// The head of a result set: the count, the definitions, and the EOF packet if one belongs
    /// there.
    pub fn columns(mut self, definitions: &[ColumnDefinition<'_>]) -> Self {
        let columns = u64::try_from(definitions.len()).expect("a count");
        let header = ResultSetHeader { columns, metadata_follows: true };
        self = self.message(|capabilities, out| header.encode(capabilities, out));
        for definition in definitions {
            self = self.message(|capabilities, out| definition.encode(capabilities, out));
        }
        match self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            true => self,
            false => self.eof(StatusFlags::AUTOCOMMIT),
        }
    }

    /// The head of a result set whose `columns` definitions are left out.
    pub fn known_columns(mut self, columns: u64) -> Self {
        let header = ResultSetHeader { columns, metadata_follows: false };
        self = self.message(|capabilities, out| header.encode(capabilities, out));
        match self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            true => self,
            false => self.eof(StatusFlags::AUTOCOMMIT),
        }
    }

    /// The reply to COM_STMT_PREPARE, with its groups of definitions.
    pub fn prepared(
        mut self,
        statement: u32,
        parameters: u16,
        columns: &[ColumnDefinition<'_>],
    ) -> Self {
        let count = u16::try_from(columns.len()).expect("a count");
        let ok = PrepareOk {
            statement,
            columns: count,
            parameters,
            warnings: 0,
            metadata_follows: true,
        };
        self = self.message(|capabilities, out| ok.encode(capabilities, out));
        let parameter = column("?", ColumnType::VAR_STRING);
        let deprecated = self.capabilities.contains(Capabilities::DEPRECATE_EOF);
        for group in [&vec![parameter; usize::from(parameters)], columns] {
            for definition in group {
                self = self.message(|capabilities, out| definition.encode(capabilities, out));
            }
            if !group.is_empty() && !deprecated {
                self = self.eof(StatusFlags::AUTOCOMMIT);
            }
        }
        self
    }

    /// A row of the binary protocol.
    pub fn binary_row(self, cells: &[(Layout, Option<&[u8]>)]) -> Self {
        self.message(|_, out| BinaryRow::encode(cells.iter().copied(), out))
    }

    /// A row of text values.
    pub fn row(self, cells: &[&str]) -> Self {
        self.message(|_, out| TextRow::encode(cells.iter().map(|cell| Some(cell.as_bytes())), out))
    }

    /// A row of any values; `None` is NULL.
    pub fn row_of(self, cells: &[Option<&[u8]>]) -> Self {
        self.message(|_, out| TextRow::encode(cells.iter().copied(), out))
    }

    /// The end of the rows.
    pub fn end(self) -> Self {
        self.end_with(&ok())
    }

    pub fn end_with(self, ok: &OkPacket<'_>) -> Self {
        let OkPacket { status, warnings, .. } = *ok;
        self.message(|capabilities, out| match capabilities.contains(Capabilities::DEPRECATE_EOF) {
            true => ok.encode(reply::EOF, capabilities, out),
            false => EofPacket { warnings, status }.encode(out),
        })
    }

    /// A whole result set of one column of numbers, `n`.
    pub fn numbers(mut self, numbers: impl IntoIterator<Item = u64>) -> Self {
        self = self.columns(&[column("n", ColumnType::LONGLONG)]);
        for number in numbers {
            self = self.row(&[&number.to_string()]);
        }
        self.end()
    }
}

/// An OK packet that says nothing.
pub fn ok() -> OkPacket<'static> {
    ok_status(StatusFlags::AUTOCOMMIT)
}

/// An OK packet with a status.
pub fn ok_status(status: StatusFlags) -> OkPacket<'static> {
    OkPacket {
        affected_rows: 0,
        last_insert_id: 0,
        status,
        warnings: 0,
        info: b"",
        session_state: SessionState::default(),
    }
}

/// A column of utf8mb4 text or of numbers.
pub fn column(name: &str, column_type: ColumnType) -> ColumnDefinition<'_> {
    ColumnDefinition {
        catalog: b"def",
        schema: b"",
        table: b"",
        org_table: b"",
        name: name.as_bytes(),
        org_name: b"",
        extended: ExtendedMetadata::default(),
        collation: 45,
        length: 1024,
        column_type,
        flags: ColumnFlags::default(),
        decimals: 0,
    }
}

/// The greeting of a MySQL server without TLS.
pub fn mysql() -> Greeting<'static> {
    Greeting {
        server_version: b"9.7.0",
        connection_id: 17,
        nonce_first: *b"abcdefgh",
        nonce_rest: b"ijklmnopqrst",
        capabilities: Capabilities::from_words(0xDFFF_FFFF, 0).without(Capabilities::SSL),
        collation: 255,
        status: StatusFlags::AUTOCOMMIT,
        auth_plugin: b"caching_sha2_password",
    }
}

/// The greeting of a MariaDB server without TLS.
pub fn mariadb() -> Greeting<'static> {
    let without = Capabilities::SSL | Capabilities::LONG_PASSWORD;
    Greeting {
        server_version: b"11.8.6-MariaDB",
        capabilities: Capabilities::from_words(0x81FF_F7FE, 0x3D).without(without),
        collation: 45,
        auth_plugin: b"mysql_native_password",
        ..mysql()
    }
}

/// The 20 bytes of both greetings' nonce.
pub const NONCE: &[u8; 20] = b"abcdefghijklmnopqrst";
