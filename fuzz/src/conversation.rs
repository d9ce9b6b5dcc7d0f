//! Whole conversations: a healthy one, damaged in a few places, cut in several ways.

use mywire::Limits;
use mywire::wire::PacketHeader;

use super::drive::{Cuts, Event, Leave, Plain, Reading, run};
use super::meter::METER;
use super::server::{self, Conversation};
use super::source::Source;

/// Reads of one run, so that large rows do not take all the time.
pub const MAX_READS: usize = 1_500;

/// The same conversation has the same events however it is cut and however its rows are taken; and
/// what [`run`] checks.
pub fn conversation(data: &[u8]) {
    let mut source = Source::new(data);
    let (first, second) = (Cuts::draw(&mut source), Cuts::draw(&mut source));
    let limits = limits(&mut source);
    let skip = source.below(4);
    let starved = 1 + source.below(4);
    let damages = source.below(4);
    let damage: Vec<_> = (0..damages).map(|_| Damage::draw(&mut source)).collect();
    let mut conversation = server::conversation(&mut source);
    conversation.limits = limits;
    for damage in damage {
        damage.apply(&mut conversation);
    }
    same_however_read(&conversation, [first, second], skip, starved);
}

/// The conversation has the same events for every cut and every way to take its rows.
pub fn same_however_read(
    conversation: &Conversation,
    [first, second]: [Cuts; 2],
    skip: usize,
    starved: usize,
) {
    let total = conversation.len();
    let whole = &Cuts::Whole;
    let first = &first.at_most(MAX_READS, total);
    let second = &second.at_most(MAX_READS, total);
    let expected = metered(conversation, whole, Reading::Rows);
    for (cuts, reading) in [
        (first, Reading::Rows),
        (second, Reading::Rows),
        (whole, Reading::Batches),
        (first, Reading::Batches),
    ] {
        let (events, sent) = metered(conversation, cuts, reading);
        assert_eq!(events, expected.0, "{cuts:?} {reading:?}");
        // A server that speaks out of turn may kill the connection before it said its own.
        let common = sent.len().min(expected.1.len());
        assert_eq!(sent[..common], expected.1[..common], "{cuts:?} {reading:?}");
    }
    let pieces = metered(conversation, whole, Reading::Chunks).0;
    assert_same_up_to_damage(&pieces, &expected.0);
    for cuts in [first, second] {
        assert_eq!(metered(conversation, cuts, Reading::Chunks).0, pieces, "{cuts:?}");
    }
    for leave in [Leave::Field, Leave::Row, Leave::RowForWhole, Leave::Result] {
        // What is left may be what is damaged: it has to end, and `run` looks after how.
        metered(conversation, first, Reading::Leaving(leave, starved + skip));
    }
    let expected = without_rows(expected.0);
    for (cuts, reading) in [
        (whole, Reading::SkipAfter(skip)),
        (first, Reading::SkipAfter(skip)),
        (first, Reading::SkipWhenStarved(starved)),
        (second, Reading::SkipWhenStarved(starved)),
    ] {
        let (events, _) = metered(conversation, cuts, reading);
        assert_eq!(without_rows(events), expected, "{cuts:?} {reading:?}");
    }
}

/// Whoever reads rows in pieces is told what one who reads them whole is told, and dies of a row
/// that the other may look at, or may still wait for.
pub fn assert_same_up_to_damage(pieces: &[Event], whole: &[Event]) {
    if pieces == whole {
        return;
    }
    let Some((Event::Error { text, fatal: true }, before)) = pieces.split_last() else {
        panic!("{pieces:?} for {whole:?}");
    };
    assert!(text.contains("Malformed"), "{pieces:?} for {whole:?}");
    assert_eq!(before, &whole[..before.len().min(whole.len())]);
}

/// What remains for a caller who skips some rows.
pub fn without_rows(mut events: Vec<Event>) -> Vec<Event> {
    events.retain(|event| !matches!(event, Event::Row(_)));
    events
}

/// Runs and checks that the heap follows the bytes received, not the bytes announced (G2).
pub fn metered(
    conversation: &Conversation,
    cuts: &Cuts,
    reading: Reading,
) -> (Vec<Event>, Vec<u8>) {
    let mut plain = Plain::default();
    let Some(meter) = METER.get() else {
        let events = run(conversation, cuts, reading, &mut plain, &mut |_, _| {});
        return (events, plain.sent);
    };
    let total = conversation.len();
    let before = (meter.start)();
    // The trace is part of what is measured: texts are several times as long as their bytes.
    let events = run(conversation, cuts, reading, &mut plain, &mut |_, received| {
        let held = (meter.peak)().saturating_sub(before);
        let most = (1 << 20) + 4 * total + 32 * received;
        assert!(held <= most, "{held} bytes held after {received} of {total}");
    });
    (events, plain.sent)
}

/// Limits that a small input can reach, or the default ones.
pub fn limits(source: &mut Source<'_>) -> Limits {
    let default = Limits::default();
    if source.flag() {
        return default;
    }
    default
        .max_packet(source.pick(&[1 << 30, 1024, 65_536, 70_000]))
        .max_columns(source.pick(&[4096, 1, 3]))
        .max_metadata_bytes(source.pick(&[1 << 20, 32, 64]))
        .max_auth_packets(source.pick(&[32, 0, 1]))
        .max_progress_packets(source.pick(&[1 << 20, 0, 1]))
        .max_error_message(source.pick(&[4096, 0, 3]))
        .max_state_bytes(source.pick(&[1 << 20, 0, 16]))
}

/// One change to the server's bytes.
#[derive(Clone, Debug)]
pub struct Damage {
    turn: usize,
    kind: usize,
    place: usize,
    length: usize,
    bytes: Vec<u8>,
}

impl Damage {
    pub fn draw(source: &mut Source<'_>) -> Self {
        Self {
            turn: source.below(16),
            kind: source.below(8),
            place: usize::from(source.u16()),
            length: source.below(32),
            bytes: source.slice(12).to_vec(),
        }
    }

    pub fn apply(&self, conversation: &mut Conversation) {
        let login = conversation.login_turns.iter_mut();
        let replies = conversation.turns.iter_mut().map(|turn| &mut turn.reply);
        let mut turns: Vec<_> = login.chain(replies).collect();
        let count = turns.len();
        let Some(bytes) = turns.get_mut(self.turn % count.max(1)) else { return };
        let headers = headers(bytes);
        let header = headers.get(self.place % headers.len().max(1)).copied().unwrap_or(0);
        let place = self.place % (bytes.len() + 1);
        let end = (place + self.length).min(bytes.len());
        match self.kind {
            0 => bytes.truncate(place),
            1 => drop(bytes.drain(place..end)),
            2 => drop(bytes.splice(place..end, self.bytes.iter().copied())),
            3 => drop(bytes.splice(place..place, self.bytes.iter().copied())),
            // Sequence id, payload length, first byte of a packet.
            4 => set(bytes, header + 3, self.bytes.first().copied().unwrap_or(1)),
            5 => {
                for (i, &byte) in self.bytes.iter().take(3).enumerate() {
                    set(bytes, header + i, byte);
                }
            }
            6 => set(bytes, header + 4, self.bytes.first().copied().unwrap_or(0xFF)),
            _ => bytes.extend_from_slice(&self.bytes),
        }
    }
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

/// Where the packets of a stream begin.
pub fn headers(bytes: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        places.push(at);
        let length = PacketHeader::decode(*header).length;
        at += 4 + usize::try_from(length).unwrap_or(usize::MAX / 2);
    }
    places
}
