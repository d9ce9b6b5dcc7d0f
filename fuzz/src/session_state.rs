//! The session-state blocks of OK packets, of the login's and of statements'.

use mywire::Limits;
use mywire::proto::{Done, Transport};
use mywire::wire::code::StateKind;
use mywire::wire::{Capabilities, OkPacket, SessionState, StateChange, StatusFlags};

use super::drive::{Cuts, Plain, Reading, run};
use super::meter::bounded;
use super::server::{Action, Conversation, LoginKind, Offer, Turn, Writer, login, login_turns, ok};
use super::source::Source;

pub fn session_state(data: &[u8]) {
    bounded(data, replies);
}

/// Replies with state: what is told of them is what the blocks say one by one, and the connection
/// tells the same however they come.
fn replies(data: &[u8]) {
    let mut source = Source::new(data);
    let cuts = Cuts::draw(&mut source);
    let offer = Offer { session_track: true, ..Offer::draw(&mut source) };
    let limits = Limits::default().max_state_bytes(source.pick(&[1 << 20, 1 << 20, 0, 24]));
    let login = login(Transport::Network);
    let (mut login_turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    if source.flag() {
        let mut writer = Writer::new(2, capabilities);
        let state = blocks(&mut source);
        reply(&mut source, &mut writer, &state);
        *login_turns.last_mut().expect("the OK") = writer.out;
    }
    let mut turns = Vec::new();
    for _ in 0..=source.below(4) {
        let mut writer = Writer::new(1, capabilities);
        let state = blocks(&mut source);
        reply(&mut source, &mut writer, &state);
        turns.push(Turn { actions: vec![Action::Query], reply: writer.out });
    }
    let conversation = Conversation { login, limits, login_turns, turns };
    let whole = run(
        &conversation,
        &Cuts::Whole,
        Reading::Rows,
        &mut Plain::default(),
        &mut |connection, _| agree(&connection.done()),
    );
    let cut = run(&conversation, &cuts, Reading::Rows, &mut Plain::default(), &mut |_, _| {});
    assert_eq!(cut, whole, "{cuts:?}");
}

fn reply(source: &mut Source<'_>, writer: &mut Writer, state: &[u8]) {
    let status = StatusFlags::AUTOCOMMIT.with(StatusFlags::SESSION_STATE_CHANGED);
    let info = source.slice(12);
    let Ok(session_state) = SessionState::decode(state) else {
        // By hand: the encoder takes no blocks that are none.
        let mut payload = Vec::new();
        OkPacket { status, info, ..ok() }.encode(0, Capabilities::SESSION_TRACK, &mut payload);
        payload.pop();
        mywire::wire::TextRow::encode([Some(state)], &mut payload);
        return writer.packet(&payload);
    };
    let packet = OkPacket { status, info, session_state, ..ok() };
    let mut payload = Vec::new();
    packet.encode(0x00, writer.capabilities, &mut payload);
    let again = OkPacket::decode(&payload, writer.capabilities).expect("it was just encoded");
    if writer.capabilities.contains(Capabilities::SESSION_TRACK) {
        assert_eq!(again, packet);
    }
    writer.packet(&payload);
}

fn blocks(source: &mut Source<'_>) -> Vec<u8> {
    let mut blocks = Vec::new();
    for _ in 0..source.below(6) {
        match source.below(9) {
            0 => StateChange::Schema(source.slice(9)).encode(&mut blocks),
            1 => StateChange::State(source.slice(2)).encode(&mut blocks),
            2 => {
                let name = source.pick(&[&b"autocommit"[..], b"last_gtid", b"redirect_url", b""]);
                let value = (!source.rarely(4)).then(|| source.slice(12));
                StateChange::SystemVariable { name, value }.encode(&mut blocks);
            }
            3 => {
                let (encoding, text) = (source.byte(), source.slice(12));
                StateChange::Gtids { encoding, text }.encode(&mut blocks);
            }
            4 => StateChange::TransactionCharacteristics(source.slice(12)).encode(&mut blocks),
            5 => StateChange::TransactionState(source.slice(9)).encode(&mut blocks),
            6 => {
                let kind = StateKind(source.byte());
                StateChange::Unknown { kind, data: source.slice(12) }.encode(&mut blocks);
            }
            _ => blocks.extend_from_slice(source.slice(80)),
        }
    }
    if source.rarely(4) && !blocks.is_empty() {
        let at = source.below(blocks.len());
        blocks[at] = source.byte();
    }
    blocks
}

/// What is told is the first change of its kind, in front of what cannot be read.
fn agree(done: &Done) {
    let state = done.session_state();
    let changes: Vec<_> = state.changes().map_while(Result::ok).collect();
    let text = |bytes| String::from_utf8_lossy(bytes);
    let schema = changes.iter().find_map(|change| match change {
        StateChange::Schema(name) => Some(text(name)),
        _ => None,
    });
    assert_eq!(done.new_database(), schema);
    let gtids = changes.iter().find_map(|change| match *change {
        StateChange::Gtids { text: ids, .. } => Some(text(ids)),
        StateChange::SystemVariable { name: b"last_gtid", value } => value.map(text),
        _ => None,
    });
    assert_eq!(done.gtids(), gtids);
    let url = changes.iter().find_map(|change| match *change {
        StateChange::SystemVariable { name: b"redirect_url", value } => {
            Some(text(value.unwrap_or_default()))
        }
        _ => None,
    });
    assert_eq!(done.redirect_url(), url);
    let characteristics = changes.iter().find_map(|change| match change {
        StateChange::TransactionCharacteristics(sql) => Some(text(sql)),
        _ => None,
    });
    assert_eq!(done.transaction_characteristics(), characteristics);
    let variables = changes.iter().filter_map(|change| match *change {
        StateChange::SystemVariable { name, value } => Some((text(name), value.map(text))),
        _ => None,
    });
    assert!(done.system_variables().eq(variables));
    let changed = changes.iter().any(|change| matches!(change, StateChange::State(b"1")));
    assert_eq!(done.state_changed(), changed);
    let in_transaction = changes.iter().any(|c| matches!(c, StateChange::TransactionState(_)));
    assert_eq!(done.transaction_state().is_some(), in_transaction);
}
