//! Whole conversations, cut off after each byte and cut up in every way.

use mywire::Error;
use mywire::proto::{Connection, Login, Step};
use mywire::wire::{Capabilities, ColumnType, Greeting, OkPacket, ProgressReport, StatusFlags};

use crate::scripted::*;

/// What a server says, and what makes it say so.
struct Transcript {
    name: &'static str,
    /// The greeting, the answer to the login request, and one reply to each command.
    turns: Vec<Vec<u8>>,
}

impl Transcript {
    fn len(&self) -> usize {
        self.turns.iter().map(Vec::len).sum()
    }
}

fn transcript(
    name: &'static str,
    greeting: Greeting<'static>,
    login: impl FnOnce(Packets) -> Packets,
    replies: &[fn(Packets) -> Packets],
) -> Transcript {
    let mut bare = Bare::new(client());
    let hello = Packets::new(Capabilities::NONE, 0).greeting(&greeting);
    bare.feed(hello.bytes()).unwrap();
    let capabilities = bare.connection.capabilities();
    let login = login(Packets::new(capabilities, 2));
    let replies = replies.iter().map(|reply| reply(Packets::new(capabilities, 1)));
    let turns = [hello, login].into_iter().chain(replies);
    Transcript { name, turns: turns.map(|packets| packets.bytes().to_vec()).collect() }
}

fn client() -> Login {
    let mut login = Login::new("app", PASSWORD);
    login.options = Capabilities::MARIADB_PROGRESS;
    login
}

fn transcripts() -> Vec<Transcript> {
    let old = mysql().capabilities.without(Capabilities::DEPRECATE_EOF);
    let old = Greeting { capabilities: old, ..mysql() };
    let replies: [fn(Packets) -> Packets; 7] = [
        |reply| reply.ok(),
        |reply| reply.err(1064, "You have an error in your SQL syntax"),
        |reply| reply.numbers([1, 2, 3]),
        |reply| {
            let text = column("name", ColumnType::VAR_STRING);
            reply.columns(&[text, text]).row(&["", "x"]).row_of(&[None, None]).end()
        },
        |reply| {
            let more = ok_status(StatusFlags::MORE_RESULTS);
            let n = column("n", ColumnType::LONGLONG);
            reply
                .columns(&[n])
                .row(&["1"])
                .end_with(&more)
                .ok_with(&OkPacket { info: b"Records: 2  Duplicates: 0  Warnings: 0", ..more })
                .numbers([7])
        },
        |reply| {
            let n = column("n", ColumnType::LONGLONG);
            reply.columns(&[n]).row(&["1"]).err(1317, "Query execution was interrupted")
        },
        |reply| {
            reply.columns(&[column("s", ColumnType::VAR_STRING)]).row(&[&"x".repeat(300)]).end()
        },
    ];
    let progress: [fn(Packets) -> Packets; 1] = [|reply| {
        let report = ProgressReport { stage: 1, max_stage: 2, progress: 9, text: b"copy" };
        reply.progress(&report).progress(&report).numbers([1])
    }];
    vec![
        transcript("MySQL", mysql(), |login| login.more_data(&[3]).ok(), &replies),
        transcript("old EOF", old, |login| login.ok(), &replies),
        transcript("MariaDB", mariadb(), |login| login.ok(), &replies),
        transcript("progress", mariadb(), |login| login.ok(), &progress),
        transcript(
            "switch",
            mysql(),
            |login| {
                let login = login.auth_switch("mysql_native_password", NONCE);
                let answered = login.sequence() + 1;
                login.with_sequence(answered).ok()
            },
            &replies[..1],
        ),
        transcript("refused", mysql(), |login| login.err(1045, "Access denied"), &[]),
        transcript("shutdown", mysql(), |login| login.ok(), &[|reply| reply.err(1053, "shutdown")]),
    ]
}

/// Everything that can be seen of a connection that gets these bytes in pieces.
fn observe(transcript: &Transcript, pieces: &mut dyn Iterator<Item = usize>, end: usize) -> Seen {
    let mut seen = Seen::default();
    let mut connection = Connection::new(client(), mywire::Limits::default());
    let mut left = end;
    for (turn, said) in transcript.turns.iter().enumerate() {
        if turn > 1 && connection.query(b"SELECT").is_err() {
            break;
        }
        let mut said = &said[..said.len().min(left)];
        left -= said.len();
        loop {
            if !seen.steps(&mut connection) {
                return seen;
            }
            if said.is_empty() {
                break;
            }
            let n = pieces.next().unwrap_or(1).clamp(1, said.len()).min(connection.spare().len());
            connection.spare()[..n].copy_from_slice(&said[..n]);
            connection.received(n);
            said = &said[n..];
        }
        if left == 0 {
            break;
        }
    }
    connection.received(0);
    // The end of the input is told once; afterwards nothing is.
    seen.steps(&mut connection);
    assert!(connection.is_dead(), "{}: alive after the end of its input", transcript.name);
    assert!(connection.send_buf().is_empty());
    assert!(connection.step().is_err());
    seen
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    events: Vec<String>,
    written: Vec<u8>,
}

impl Seen {
    /// Notes every step until more input is needed; `false` after a fatal error.
    fn steps(&mut self, connection: &mut Connection) -> bool {
        for _ in 0..10_000 {
            let step = connection.step();
            let out = connection.send_buf();
            self.written.extend_from_slice(out);
            let n = out.len();
            connection.sent(n);
            match step {
                Ok(Step::NeedInput | Step::Idle) => return true,
                Ok(step) => self.event(step, connection),
                Err(error) => {
                    self.events.push(format!("{error}"));
                    if error.is_fatal() {
                        assert!(connection.is_dead() && connection.send_buf().is_empty());
                        return false;
                    }
                    assert!(matches!(error, Error::Server(_)), "{error}");
                }
            }
        }
        panic!("steps without end");
    }

    fn event(&mut self, step: Step, connection: &Connection) {
        self.events.push(match step {
            Step::Row => format!("Row {:?}", connection.row().payload()),
            Step::Columns => format!("Columns {:?}", connection.columns()),
            Step::Done => format!("Done {:?}", connection.done()),
            step => format!("{step:?}"),
        });
    }
}

#[test]
fn t50_every_conversation_cut_after_each_byte_ends_in_an_error() {
    for transcript in transcripts() {
        let length = transcript.len();
        let whole = observe(&transcript, &mut std::iter::repeat(usize::MAX), length);
        for cut in 0..length {
            let seen = observe(&transcript, &mut std::iter::repeat(usize::MAX), cut);
            let (end, before) = seen.events.split_last().expect("at least the end is told");
            // What was seen before the cut is what the whole conversation shows.
            assert_eq!(before, &whole.events[..before.len()], "{} at {cut}", transcript.name);
            assert!(whole.written.starts_with(&seen.written), "{} at {cut}", transcript.name);
            assert!(end.contains("connection"), "{} at {cut}: {end}", transcript.name);
        }
    }
}

#[test]
fn e08_g6_the_same_bytes_in_other_pieces_are_the_same_events() {
    for transcript in transcripts() {
        let length = transcript.len();
        let whole = observe(&transcript, &mut std::iter::repeat(usize::MAX), length);
        assert!(whole.events.len() > 1 || transcript.name == "refused", "{whole:?}");
        let single = observe(&transcript, &mut std::iter::repeat(1), length);
        assert_eq!(single, whole, "{}", transcript.name);
        for first in 1..length.min(300) {
            let pieces = &mut std::iter::once(first).chain(std::iter::repeat(7));
            assert_eq!(observe(&transcript, pieces, length), whole, "{}", transcript.name);
        }
    }
}

#[test]
fn t50_every_byte_of_a_conversation_changed_is_an_error_or_another_answer() {
    for transcript in transcripts() {
        let length = transcript.len();
        for (turn, said) in transcript.turns.iter().enumerate() {
            for at in 0..said.len() {
                for value in [0x00, 0x01, 0xFB, 0xFC, 0xFE, 0xFF] {
                    let name = transcript.name;
                    let mut changed = Transcript { name, turns: transcript.turns.clone() };
                    changed.turns[turn][at] = value;
                    // `observe` holds it to the end: no panic, no steps without end, dead after a
                    // fatal error.
                    let seen = observe(&changed, &mut std::iter::repeat(usize::MAX), length);
                    assert!(!seen.events.is_empty(), "{name}: byte {at} of turn {turn}");
                }
            }
        }
    }
}
