//! Whole conversations as a server would hold them, built with the crate's own encoders.

use mywire::proto::{Connection, Login, Transport};
use mywire::wire::binary_row::Layout;
use mywire::wire::{
    AuthMoreData, AuthSwitchRequest, BinaryRow, Capabilities, ColumnDefinition, ColumnFlags,
    ColumnType, EofPacket, ErrPacket, ExtendedMetadata, Greeting, OkPacket, PrepareOk,
    ProgressReport, ResultSetHeader, SessionState, StateChange, StatusFlags, TextRow, packet,
};
use mywire::{Limits, Secret};

use super::source::Source;

/// The password of every login here. It must not be found in anything that is sent.
pub const PASSWORD: &str = "s3nt1nel-Pa55w0rd";

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Query,
    Ping,
    InitDb,
    Reset,
    Prepare,
    Execute,
    /// LOAD DATA LOCAL, whose data are two packets and the empty one behind them.
    Load,
    /// Executes the statement of this id; [`Execute`](Self::Execute) the one that is always there.
    ExecuteOne(u32),
    ExecuteBulk(u32),
    Fetch(u32),
    ResetStatement(u32),
    CloseStatement(u32),
    LongData(u32),
}

impl Action {
    pub const ALL: [Self; 13] = [
        Self::Query,
        Self::Ping,
        Self::InitDb,
        Self::Reset,
        Self::Prepare,
        Self::Execute,
        Self::Load,
        Self::ExecuteOne(1),
        Self::ExecuteBulk(1),
        Self::Fetch(1),
        Self::ResetStatement(1),
        Self::CloseStatement(1),
        Self::LongData(1),
    ];
}

/// Commands that are given together, and the bytes that answer them.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    pub actions: Vec<Action>,
    pub reply: Vec<u8>,
}

/// A conversation: the turns of the login, where the client speaks unasked, then the commands'.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub login: Login,
    pub limits: Limits,
    pub login_turns: Vec<Vec<u8>>,
    pub turns: Vec<Turn>,
}

impl Conversation {
    /// The bytes of all turns.
    pub fn len(&self) -> usize {
        let login: usize = self.login_turns.iter().map(Vec::len).sum();
        login + self.turns.iter().map(|turn| turn.reply.len()).sum::<usize>()
    }
}

/// The account that every conversation logs in with.
pub fn login(transport: Transport) -> Login {
    let mut login = Login::new("app", Secret::from(PASSWORD));
    login.database = Some("shop".to_owned());
    login.options = Capabilities::MULTI_STATEMENTS | Capabilities::MARIADB_PROGRESS;
    login.transport = transport;
    login
}

/// What a server offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub mariadb: bool,
    pub deprecate_eof: bool,
    pub session_track: bool,
    pub tls: bool,
}

impl Offer {
    pub fn draw(source: &mut Source<'_>) -> Self {
        let bits = source.byte();
        Self {
            mariadb: bits & 1 != 0,
            deprecate_eof: bits & 2 == 0,
            session_track: bits & 4 == 0,
            tls: false,
        }
    }

    fn capabilities(self) -> Capabilities {
        let mut mysql = 0xDFFF_F7FF;
        if self.mariadb {
            mysql &= !Capabilities::LONG_PASSWORD.mysql_word();
        }
        let mut all = Capabilities::from_words(mysql, if self.mariadb { 0x3D } else { 0 });
        if !self.deprecate_eof {
            all = all.without(Capabilities::DEPRECATE_EOF);
        }
        if !self.session_track {
            all = all.without(Capabilities::SESSION_TRACK);
        }
        if self.tls { all.with(Capabilities::SSL) } else { all }
    }

    pub fn greeting(self, plugin: &[u8]) -> Vec<u8> {
        let version: &[u8] = if self.mariadb { b"11.8.6-MariaDB" } else { b"9.7.0" };
        let greeting = Greeting {
            server_version: version,
            connection_id: 11,
            nonce_first: *b"abcdefgh",
            nonce_rest: b"ijklmnopqrst",
            capabilities: self.capabilities(),
            collation: 45,
            status: StatusFlags::AUTOCOMMIT,
            auth_plugin: plugin,
        };
        let mut payload = Vec::new();
        greeting.encode(&mut payload).expect("it has no NUL");
        payload
    }
}

/// How an account logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Native,
    Sha2Fast,
    /// The password itself is asked for, which only a private channel allows.
    Sha2Full,
    SwitchToNative,
}

/// Writes packets one after the other, as one side of an exchange.
#[derive(Clone, Debug)]
pub struct Writer {
    pub out: Vec<u8>,
    pub sequence: u8,
    pub capabilities: Capabilities,
}

impl Writer {
    pub fn new(sequence: u8, capabilities: Capabilities) -> Self {
        Self { out: Vec::new(), sequence, capabilities }
    }

    pub fn packet(&mut self, payload: &[u8]) {
        self.sequence = packet::write(&mut self.out, payload, self.sequence);
    }

    pub fn ok(&mut self, header: u8, ok: &OkPacket<'_>) {
        let mut payload = Vec::new();
        ok.encode(header, self.capabilities, &mut payload);
        self.packet(&payload);
    }

    pub fn plain_ok(&mut self, status: StatusFlags) {
        self.ok(0x00, &OkPacket { status, ..ok() });
    }

    pub fn err(&mut self, code: u16, message: &[u8]) {
        let mut payload = Vec::new();
        ErrPacket { code, sqlstate: Some(*b"HY000"), message }.encode(&mut payload);
        self.packet(&payload);
    }

    pub fn eof(&mut self, status: StatusFlags) {
        let mut payload = Vec::new();
        EofPacket { warnings: 1, status }.encode(&mut payload);
        self.packet(&payload);
    }

    /// Reports progress, if that was agreed on.
    pub fn progress(&mut self, text: &[u8]) {
        if self.capabilities.contains(Capabilities::MARIADB_PROGRESS) {
            let mut payload = Vec::new();
            let report = ProgressReport { stage: 1, max_stage: 3, progress: 12_345, text };
            report.encode(&mut payload);
            self.packet(&payload);
        }
    }

    /// The head of a result set.
    pub fn columns(&mut self, names: &[&[u8]]) {
        let columns: Vec<_> = names.iter().map(|name| column(name)).collect();
        self.head(&columns);
    }

    /// The head of a result set of columns of these types.
    pub fn typed_columns(&mut self, types: &[ColumnType]) {
        let columns: Vec<_> = types
            .iter()
            .map(|&column_type| ColumnDefinition { column_type, ..column(b"typed") })
            .collect();
        self.head(&columns);
    }

    pub fn head(&mut self, columns: &[ColumnDefinition<'_>]) {
        let mut payload = Vec::new();
        let count = u64::try_from(columns.len()).unwrap_or(u64::MAX);
        let header = ResultSetHeader { columns: count, metadata_follows: true };
        header.encode(self.capabilities, &mut payload);
        self.packet(&payload);
        self.definitions(columns);
    }

    /// The head of a result set whose definitions are left out, as far as that was agreed on.
    pub fn known_columns(&mut self, types: &[ColumnType]) {
        if !self.capabilities.contains(Capabilities::MARIADB_CACHE_METADATA) {
            return self.typed_columns(types);
        }
        let mut payload = Vec::new();
        let count = u64::try_from(types.len()).unwrap_or(u64::MAX);
        let header = ResultSetHeader { columns: count, metadata_follows: false };
        header.encode(self.capabilities, &mut payload);
        self.packet(&payload);
        if !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            self.eof(StatusFlags::AUTOCOMMIT);
        }
    }

    /// The reply to a preparation.
    pub fn prepared(&mut self, parameters: u16, types: &[ColumnType]) {
        let columns: Vec<_> = types
            .iter()
            .map(|&column_type| ColumnDefinition { column_type, ..column(b"typed") })
            .collect();
        let ok = PrepareOk {
            statement: 7,
            columns: u16::try_from(columns.len()).unwrap_or(u16::MAX),
            parameters,
            warnings: 0,
            metadata_follows: true,
        };
        let mut payload = Vec::new();
        ok.encode(self.capabilities, &mut payload);
        self.packet(&payload);
        if parameters > 0 {
            self.definitions(&vec![column(b"?"); usize::from(parameters)]);
        }
        if !columns.is_empty() {
            self.definitions(&columns);
        }
    }

    fn definitions(&mut self, columns: &[ColumnDefinition<'_>]) {
        for column in columns {
            let mut payload = Vec::new();
            column.encode(self.capabilities, &mut payload);
            self.packet(&payload);
        }
        if !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            self.eof(StatusFlags::AUTOCOMMIT);
        }
    }

    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = Option<&'c [u8]>>) {
        let mut payload = Vec::new();
        TextRow::encode(cells, &mut payload);
        self.packet(&payload);
    }

    /// A row of the binary protocol.
    pub fn binary_row(&mut self, cells: &[(Layout, Option<&[u8]>)]) {
        let mut payload = Vec::new();
        BinaryRow::encode(cells.iter().copied(), &mut payload);
        self.packet(&payload);
    }

    /// The end of the rows, in the form that was agreed on.
    pub fn end_of_rows(&mut self, status: StatusFlags) {
        if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            self.ok(0xFE, &OkPacket { status, ..ok() });
        } else {
            self.eof(status);
        }
    }
}

pub fn ok() -> OkPacket<'static> {
    OkPacket {
        affected_rows: 0,
        last_insert_id: 0,
        status: StatusFlags::AUTOCOMMIT,
        warnings: 0,
        info: b"",
        session_state: SessionState::default(),
    }
}

pub fn column(name: &[u8]) -> ColumnDefinition<'_> {
    ColumnDefinition {
        catalog: b"def",
        schema: b"shop",
        table: b"t",
        org_table: b"t",
        name,
        org_name: b"own",
        extended: ExtendedMetadata::default(),
        collation: 45,
        length: 1 << 20,
        column_type: if name == b"id" { ColumnType::LONGLONG } else { ColumnType::VAR_STRING },
        flags: ColumnFlags::NOT_NULL,
        decimals: 0,
    }
}

/// What both sides agree on when `login` meets this greeting.
pub fn negotiated(login: &Login, greeting: &[u8]) -> Capabilities {
    let mut connection = Connection::new(login.clone(), Limits::default());
    let mut bytes = Vec::new();
    packet::write(&mut bytes, greeting, 0);
    connection.spare()[..bytes.len()].copy_from_slice(&bytes);
    connection.received(bytes.len());
    let _ = connection.step();
    connection.capabilities()
}

/// The server's turns of a login that succeeds, and what was agreed on. With `tls` the client's
/// SSLRequest takes one number more.
pub fn login_turns(kind: LoginKind, offer: Offer, login: &Login) -> (Vec<Vec<u8>>, Capabilities) {
    const SHA2: &[u8] = b"caching_sha2_password";
    const NATIVE: &[u8] = b"mysql_native_password";
    let plugin = if kind == LoginKind::Native { NATIVE } else { SHA2 };
    let greeting = offer.greeting(plugin);
    let capabilities = negotiated(login, &greeting);
    let mut first = Writer::new(0, capabilities);
    first.packet(&greeting);
    let mut turns = vec![first.out];
    let mut writer = Writer::new(if offer.tls { 3 } else { 2 }, capabilities);
    let mut payload = Vec::new();
    match kind {
        LoginKind::Native => {}
        LoginKind::Sha2Fast => {
            AuthMoreData { data: b"\x03" }.encode(&mut payload);
            writer.packet(&payload);
        }
        LoginKind::Sha2Full | LoginKind::SwitchToNative => {
            match kind {
                LoginKind::Sha2Full => AuthMoreData { data: b"\x04" }.encode(&mut payload),
                _ => {
                    let switch =
                        AuthSwitchRequest { plugin: NATIVE, data: b"ABCDEFGHIJKLMNOPQRST\0" };
                    switch.encode(&mut payload).expect("it has no NUL");
                }
            }
            writer.packet(&payload);
            turns.push(std::mem::take(&mut writer.out));
            writer.sequence = writer.sequence.wrapping_add(1);
        }
    }
    writer.plain_ok(StatusFlags::AUTOCOMMIT);
    turns.push(writer.out);
    (turns, capabilities)
}

/// A conversation that no server is ashamed of.
pub fn conversation(source: &mut Source<'_>) -> Conversation {
    let offer = Offer::draw(source);
    let kind = source.pick(&[
        LoginKind::Native,
        LoginKind::Sha2Fast,
        LoginKind::Sha2Full,
        LoginKind::SwitchToNative,
    ]);
    let transport = match kind {
        LoginKind::Sha2Full => Transport::UnixSocket,
        _ => Transport::Network,
    };
    conversation_of(source, kind, offer, login(transport))
}

/// The same with a given login.
pub fn conversation_of(
    source: &mut Source<'_>,
    kind: LoginKind,
    offer: Offer,
    login: Login,
) -> Conversation {
    let (login_turns, capabilities) = login_turns(kind, offer, &login);
    let mut turns = Vec::new();
    for _ in 0..source.below(5) {
        let mut turn = Turn::default();
        for _ in 0..=source.below(3) {
            let action = source.pick(&[
                Action::Query,
                Action::Query,
                Action::Ping,
                Action::InitDb,
                Action::Reset,
            ]);
            let mut writer = Writer::new(1, capabilities);
            match action {
                Action::Query => results(source, &mut writer),
                _ if source.rarely(8) => writer.err(1049, b"no"),
                _ => writer.plain_ok(StatusFlags::AUTOCOMMIT),
            }
            turn.actions.push(action);
            turn.reply.extend_from_slice(&writer.out);
        }
        turns.push(turn);
    }
    // Behind everything else, so that inputs from before there were statements mean what they did.
    turns.extend(statement_turns(source, capabilities));
    Conversation { login, limits: Limits::default(), login_turns, turns }
}

/// Preparations and executions.
pub fn statement_turns(source: &mut Source<'_>, capabilities: Capabilities) -> Vec<Turn> {
    let mut turns = Vec::new();
    // The columns that the client knows of the one statement.
    let mut known = Vec::new();
    for _ in 0..source.below(4) {
        let mut turn = Turn::default();
        for _ in 0..=source.below(3) {
            let mut writer = Writer::new(1, capabilities);
            if source.rarely(4) {
                let types: Vec<_> = (0..source.below(3)).map(|_| source.pick(&TYPES)).collect();
                writer.prepared(source.pick(&[0, 1, 3]), &types);
                if !types.is_empty() {
                    known = types;
                }
                turn.actions.push(Action::Prepare);
            } else {
                binary_results(source, &mut writer, &mut known);
                turn.actions.push(Action::Execute);
            }
            turn.reply.extend_from_slice(&writer.out);
        }
        turns.push(turn);
    }
    turns
}

/// The results of one statement.
fn results(source: &mut Source<'_>, writer: &mut Writer) {
    for left in (0..=source.below(3)).rev() {
        let status = match left {
            0 => StatusFlags::AUTOCOMMIT,
            _ => StatusFlags::AUTOCOMMIT.with(StatusFlags::MORE_RESULTS),
        };
        if source.rarely(4) {
            writer.progress(b"altering");
        }
        match source.below(4) {
            0 => {
                writer.err(1064, b"near 'x'");
                return;
            }
            1 => tracked_ok(source, writer, status),
            _ => {
                if !result_set(source, writer, status) {
                    return;
                }
            }
        }
    }
}

fn tracked_ok(source: &mut Source<'_>, writer: &mut Writer, status: StatusFlags) {
    let mut state = Vec::new();
    StateChange::Schema(source.slice(9)).encode(&mut state);
    StateChange::SystemVariable { name: b"autocommit", value: Some(b"ON") }.encode(&mut state);
    let ok = OkPacket {
        affected_rows: u64::from(source.u32()),
        status: status.with(StatusFlags::SESSION_STATE_CHANGED),
        info: source.slice(20),
        session_state: SessionState::decode(&state).expect("it was just encoded"),
        ..ok()
    };
    writer.ok(0x00, &ok);
}

/// A result set; `false` if an error ends it.
fn result_set(source: &mut Source<'_>, writer: &mut Writer, status: StatusFlags) -> bool {
    const NAMES: [&[u8]; 4] = [b"id", b"", b"name\xFF", b"a rather long name of a column"];
    let names = &NAMES[..=source.below(NAMES.len())];
    writer.columns(names);
    for _ in 0..source.below(12) {
        if source.rarely(16) {
            writer.progress(b"copying");
        }
        if source.rarely(24) {
            writer.err(1317, b"killed");
            return false;
        }
        let cells: Vec<_> = names.iter().map(|_| cell(source)).collect();
        writer.row(cells.iter().map(Option::as_deref));
    }
    writer.end_of_rows(status);
    true
}

/// A value: NULL (0xFB), empty (0x00), short, or one of each class of length.
pub fn cell(source: &mut Source<'_>) -> Option<Vec<u8>> {
    let length = match source.below(48) {
        0 => return None,
        1 => 0,
        2 => 250 + source.below(3),
        3 => 65_535 + source.below(2),
        4 => 3_000 + source.below(8_000),
        _ => return Some(source.slice(40).to_vec()),
    };
    let fill = source.byte();
    Some(vec![fill; length])
}

/// One type of each layout, and those of strings more often.
pub const TYPES: [ColumnType; 8] = [
    ColumnType::VAR_STRING,
    ColumnType::LONGLONG,
    ColumnType::DATETIME,
    ColumnType::BLOB,
    ColumnType::TINY,
    ColumnType::TIME,
    ColumnType::NULL,
    ColumnType::JSON,
];

/// The results of one execution.
fn binary_results(source: &mut Source<'_>, writer: &mut Writer, known: &mut Vec<ColumnType>) {
    for left in (0..=source.below(2)).rev() {
        let status = match left {
            0 => StatusFlags::AUTOCOMMIT,
            _ => StatusFlags::AUTOCOMMIT.with(StatusFlags::MORE_RESULTS),
        };
        if source.rarely(6) {
            tracked_ok(source, writer, status);
            continue;
        }
        let mut types: Vec<_> = (0..=source.below(12)).map(|_| source.pick(&TYPES)).collect();
        if !known.is_empty() && source.rarely(3) {
            types.clone_from(known);
            writer.known_columns(&types);
        } else {
            writer.typed_columns(&types);
            known.clone_from(&types);
        }
        for _ in 0..source.below(8) {
            if source.rarely(24) {
                writer.err(1317, b"killed");
                return;
            }
            let cells: Vec<_> = types.iter().map(|&of| binary_cell(source, of)).collect();
            let cells: Vec<_> =
                cells.iter().map(|(layout, cell)| (*layout, cell.as_deref())).collect();
            writer.binary_row(&cells);
        }
        writer.end_of_rows(status);
    }
}

pub fn binary_cell(source: &mut Source<'_>, column_type: ColumnType) -> (Layout, Option<Vec<u8>>) {
    let layout = Layout::of(column_type);
    let cell = match layout {
        Layout::Nothing | Layout::Unknown => None,
        Layout::LengthEncoded => cell(source),
        Layout::Fixed(_) | Layout::Temporal if source.rarely(5) => None,
        Layout::Fixed(length) => Some(vec![source.byte(); usize::from(length)]),
        Layout::Temporal => {
            let length = match column_type {
                ColumnType::TIME => source.pick(&[0, 8, 12]),
                _ => source.pick(&[0, 4, 7, 11]),
            };
            Some(vec![source.byte(); length])
        }
    };
    (layout, cell)
}
