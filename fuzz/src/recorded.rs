//! The sessions that were recorded from real servers, damaged, mixed and cut: their replies in any
//! order, for the command that they were recorded for or for another one, one by one or several
//! commands at a time.

use std::sync::OnceLock;

use mywire::wire::{Capabilities, Command, LocalInfileRequest, PacketHeader, StatusFlags};
use mywire::{Limits, Secret};

use super::conversation::{Damage, limits, same_however_read};
use super::drive::Cuts;
use super::server::{Action, Conversation, Turn, Writer, negotiated};
use super::source::Source;
use super::vectors::{Block, parse};

macro_rules! sessions {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../protocol-spec/vectors/sessions/", $name, ".txt")))),+]
    };
}

/// All that are in `protocol-spec/vectors/sessions`; `tests/fuzz_corpus.rs` sees to it.
pub const SESSIONS: [(&str, &str); 20] = sessions![
    "mariadb1011-call-fails",
    "mariadb1011-refused",
    "mariadb1011-state",
    "mariadb1011-statements",
    "mariadb1011-text",
    "mariadb1011-types",
    "mariadb118-call-fails",
    "mariadb118-progress",
    "mariadb118-refused",
    "mariadb118-state",
    "mariadb118-statements-eof",
    "mariadb118-statements",
    "mariadb118-text",
    "mariadb118-types",
    "mysql97-call-fails",
    "mysql97-state",
    "mysql97-statements-eof",
    "mysql97-statements",
    "mysql97-text",
    "mysql97-types",
];

/// The most exchanges of one run.
const MAX_EXCHANGES: usize = 24;

/// Decisions: the session, how to cut, which limits, what to damage, then which exchanges.
pub fn recorded(data: &[u8]) {
    let mut source = Source::new(data);
    let recordings = recordings();
    let recording = &recordings[source.below(recordings.len())];
    let cuts = [Cuts::draw(&mut source), Cuts::draw(&mut source)];
    let limits = match source.rarely(4) {
        true => limits(&mut source),
        false => Limits::default(),
    };
    let skip = source.below(4);
    let starved = 1 + source.below(4);
    let damages = source.below(4);
    let damage: Vec<_> = (0..damages).map(|_| Damage::draw(&mut source)).collect();
    let mut conversation = recording.login.clone();
    conversation.limits = limits;
    conversation.turns = turns(&mut source, recording, &conversation);
    for damage in damage {
        damage.apply(&mut conversation);
    }
    same_however_read(&conversation, cuts, skip, starved);
}

/// A recorded session.
#[derive(Debug)]
pub struct Recording {
    /// Its login, and no turns.
    pub login: Conversation,
    /// Commands and their replies, in order.
    pub exchanges: Vec<(Action, Vec<u8>)>,
}

fn turns(source: &mut Source<'_>, recording: &Recording, conversation: &Conversation) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let exchanges = &recording.exchanges;
    let mut next = 0;
    for _ in 0..MAX_EXCHANGES {
        if source.is_empty() || exchanges.is_empty() {
            break;
        }
        let (choice, pipelined) = (source.below(8), source.rarely(4));
        let (action, reply) = match choice {
            0 => exchanges[source.below(exchanges.len())].clone(),
            // The reply of another command.
            1 => {
                let action = exchanges[source.below(exchanges.len())].0;
                (action, exchanges[source.below(exchanges.len())].1.clone())
            }
            // Something other than recorded is asked for.
            2 => (source.pick(&Action::ALL), exchanges[source.below(exchanges.len())].1.clone()),
            3 => (Action::Load, file(conversation)),
            _ => {
                let exchange = exchanges[next % exchanges.len()].clone();
                next += 1;
                exchange
            }
        };
        match turns.last_mut() {
            Some(turn) if pipelined => {
                turn.actions.push(action);
                turn.reply.extend_from_slice(&reply);
            }
            _ => turns.push(Turn { actions: vec![action], reply }),
        }
    }
    turns
}

/// The reply to a LOAD DATA LOCAL whose data are two packets and an empty one.
fn file(conversation: &Conversation) -> Vec<u8> {
    let greeting = conversation.login_turns.first().and_then(|turn| turn.get(4..));
    let capabilities = negotiated(&conversation.login, greeting.unwrap_or_default());
    let mut payload = Vec::new();
    LocalInfileRequest { name: b"x" }.encode(&mut payload);
    let mut writer = Writer::new(1, capabilities);
    writer.packet(&payload);
    // Behind the three packets of the client.
    writer.sequence = 5;
    writer.plain_ok(StatusFlags::AUTOCOMMIT);
    writer.out
}

pub fn recordings() -> &'static [Recording] {
    static RECORDINGS: OnceLock<Vec<Recording>> = OnceLock::new();
    RECORDINGS
        .get_or_init(|| SESSIONS.iter().map(|(name, text)| recording(&parse(name, text))).collect())
}

fn recording(blocks: &[Block]) -> Recording {
    let (head, packets) = blocks.split_first().expect("a session has a head");
    let password = Secret::from(head.header("password"));
    let mut login = mywire::proto::Login::new(head.header("user"), password);
    login.database = head.find("database").map(str::to_owned);
    login.options = options(head.header("options"));
    let mut recording = Recording {
        login: Conversation {
            login,
            limits: Limits::default(),
            login_turns: vec![Vec::new()],
            turns: Vec::new(),
        },
        exchanges: Vec::new(),
    };
    for packet in packets {
        if packet.header("direction") == "server" {
            let turn = match recording.exchanges.last_mut() {
                Some((_, reply)) => reply,
                None => recording.login.login_turns.last_mut().expect("there is one"),
            };
            let length = u32::try_from(packet.bytes.len()).expect("a short packet");
            let sequence = packet.header("sequence").parse().expect("a number");
            turn.extend_from_slice(&PacketHeader { length, sequence }.encode());
            turn.extend_from_slice(&packet.bytes);
            continue;
        }
        if packet.header("message") != "Command" {
            recording.login.login_turns.push(Vec::new());
            continue;
        }
        let action = match Command::decode(&packet.bytes).expect("a command") {
            Command::Quit => continue,
            Command::Query(_) => Action::Query,
            Command::InitDb(_) => Action::InitDb,
            Command::Ping => Action::Ping,
            Command::ResetConnection => Action::Reset,
            Command::StmtPrepare(_) => Action::Prepare,
            Command::StmtExecute(execute) => Action::ExecuteOne(execute.statement),
            Command::StmtBulkExecute(execute) => Action::ExecuteBulk(execute.statement),
            Command::StmtFetch { statement, .. } => Action::Fetch(statement),
            Command::StmtReset(statement) => Action::ResetStatement(statement),
            Command::StmtClose(statement) => Action::CloseStatement(statement),
            Command::StmtSendLongData { statement, .. } => Action::LongData(statement),
            other => panic!("{other:?} needs an action"),
        };
        recording.exchanges.push((action, Vec::new()));
    }
    recording.login.login_turns.retain(|turn| !turn.is_empty());
    recording
}

/// The capabilities of these names.
fn options(names: &str) -> Capabilities {
    let named = |name: &str| Capabilities::NAMES.iter().find(|(_, known)| *known == name);
    let known = names.split(" | ").filter_map(named);
    known.fold(Capabilities::LOCAL_FILES, |all, (one, _)| all | *one)
}
