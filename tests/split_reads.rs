//! However a server's bytes are cut into reads, the connection says the same (G6).

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::as_conversions, reason = "numbers of a test")]
#![allow(dead_code, reason = "the other users of the shared file need the rest")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::conversation::{headers, without_rows};
use fuzz::drive::{Cuts, Event, Plain, Reading, run, stays_dead};
use fuzz::server::{
    Action, Conversation, LoginKind, Offer, Turn, Writer, conversation, conversation_of, login,
    login_turns,
};
use fuzz::source::Source;
use mywire::Limits;
use mywire::proto::{Connection, Transport};
use mywire::wire::packet::MAX_CHUNK;
use mywire::wire::{Capabilities, Greeting, StatusFlags};
use proptest::collection::vec;
use proptest::prelude::*;

const OFFER: Offer = Offer { mariadb: true, deprecate_eof: true, session_track: true, tls: false };
const OLD_OFFER: Offer = Offer { deprecate_eof: false, ..OFFER };

fn trace(conversation: &Conversation, cuts: &Cuts, reading: Reading) -> Vec<Event> {
    run(conversation, cuts, reading, &mut Plain::default(), &mut |_, _| {})
}

/// Every way to read the conversation tells what reading it whole, row by row, tells.
fn assert_same_however_cut(conversation: &Conversation, cuts: &[Cuts], skips: &[Reading]) {
    let expected = trace(conversation, &Cuts::Whole, Reading::Rows);
    for cuts in cuts {
        assert_eq!(trace(conversation, cuts, Reading::Rows), expected, "{cuts:?}");
        assert_eq!(trace(conversation, cuts, Reading::Batches), expected, "batches, {cuts:?}");
    }
    let expected = without_rows(expected);
    for cuts in cuts.iter().chain([&Cuts::Whole]) {
        for &skip in skips {
            let events = without_rows(trace(conversation, cuts, skip));
            assert_eq!(events, expected, "{skip:?}, {cuts:?}");
        }
    }
}

const SKIPS: [Reading; 6] = [
    Reading::SkipAfter(0),
    Reading::SkipAfter(1),
    Reading::SkipAfter(3),
    Reading::SkipWhenStarved(1),
    Reading::SkipWhenStarved(2),
    Reading::SkipWhenStarved(7),
];

/// Cuts around every packet header of the conversation: before, inside and behind it, each alone.
fn cuts_at_headers(conversation: &Conversation, around: &[usize]) -> Vec<Cuts> {
    let replies = conversation.turns.iter().map(|turn| &turn.reply);
    let (mut base, mut places) = (0, Vec::new());
    for bytes in conversation.login_turns.iter().chain(replies) {
        places.extend(headers(bytes).into_iter().map(|at| base + at));
        base += bytes.len();
    }
    around
        .iter()
        .map(|distance| Cuts::At(places.iter().map(|place| place + distance).collect()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn g6_a_healthy_conversation_may_be_cut_anywhere(
        bytes in vec(any::<u8>(), 0..600),
        sizes in vec(1_usize..5_000, 1..12),
        small in vec(1_usize..9, 1..12),
    ) {
        let conversation = conversation(&mut Source::new(&bytes));
        let mut cuts = cuts_at_headers(&conversation, &[0, 1, 3, 4, 5]);
        cuts.extend([Cuts::Sizes(vec![1]), Cuts::Sizes(sizes), Cuts::Sizes(small)]);
        assert_same_however_cut(&conversation, &cuts, &SKIPS);
    }

    /// The healthy part is understood, then an error or a wish for more; and dead is dead (G4).
    #[test]
    fn g4_garbage_behind_a_healthy_prefix_kills_at_most(
        bytes in vec(any::<u8>(), 0..300),
        garbage in vec(any::<u8>(), 1..80),
        keep in any::<prop::sample::Index>(),
        sizes in vec(1_usize..40, 1..8),
    ) {
        let mut conversation = conversation(&mut Source::new(&bytes));
        let login = conversation.login_turns.iter_mut();
        let replies = conversation.turns.iter_mut().map(|turn| &mut turn.reply);
        let mut all: Vec<_> = login.chain(replies).collect();
        let place = keep.index(all.iter().map(|turn| turn.len()).sum::<usize>() + 1);
        let mut left = place;
        for turn in &mut all {
            if left <= turn.len() {
                turn.truncate(left);
                turn.extend_from_slice(&garbage);
                break;
            }
            left -= turn.len();
        }
        let cuts = [Cuts::Sizes(vec![1]), Cuts::Sizes(sizes)];
        assert_same_however_cut(&conversation, &cuts, &SKIPS);
    }

    /// What the fuzzer does, on the inputs that proptest thinks of.
    #[test]
    fn g4_g6_damaged_conversations(bytes in vec(any::<u8>(), 0..400)) {
        fuzz::session::session(&bytes);
    }
}

/// A conversation of one query whose reply `write` makes.
fn one_query(offer: Offer, limits: Limits, write: impl FnOnce(&mut Writer)) -> Conversation {
    let login = login(Transport::Network);
    let (login_turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    let mut writer = Writer::new(1, capabilities);
    write(&mut writer);
    let turns = vec![
        Turn { actions: vec![Action::Query], reply: writer.out },
        Turn {
            actions: vec![Action::Ping],
            reply: {
                let mut writer = Writer::new(1, capabilities);
                writer.plain_ok(StatusFlags::AUTOCOMMIT);
                writer.out
            },
        },
    ];
    Conversation { login, limits, login_turns, turns }
}

fn errors(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Error { text, .. } => Some(&**text),
            _ => None,
        })
        .collect()
}

/// E-01, E-02, F-02: rows of 16 MiB and more, cut around each of their headers.
#[test]
fn f02_rows_over_16_mib() {
    // A cell's prefix takes 4 bytes below 16 MiB of cell, and 9 from there on.
    for cell in [MAX_CHUNK - 5, MAX_CHUNK - 4, MAX_CHUNK, MAX_CHUNK + 1, 2 * MAX_CHUNK - 9] {
        let value: Vec<u8> = (0..cell).map(|i| (i % 249) as u8).collect();
        let conversation = one_query(OFFER, Limits::default(), |writer| {
            writer.columns(&[b"v"]);
            writer.row([Some(&b"before"[..])]);
            writer.row([Some(&value[..])]);
            writer.row([Some(&b"after"[..])]);
            writer.end_of_rows(StatusFlags::AUTOCOMMIT);
        });
        let expected = trace(&conversation, &Cuts::Whole, Reading::Rows);
        let rows = expected.iter().filter(|event| matches!(event, Event::Row(_))).count();
        assert_eq!(rows, 3, "{cell}");
        assert_eq!(errors(&expected).len(), 1, "only the end of input: {expected:?}");
        let cuts = cuts_at_headers(&conversation, &[2, 4]);
        let skips = [Reading::SkipAfter(1), Reading::SkipWhenStarved(2)];
        assert_same_however_cut(&conversation, &cuts, &skips);
    }
}

/// F-09, T-32: the limit is met at the same packet, whole or cut, read or skipped.
#[test]
fn f09_the_packet_limit_does_not_depend_on_the_cuts() {
    for (length, refused) in [(65_533, false), (65_534, true), (200_000, true)] {
        let limits = Limits::default().max_packet(65_536);
        let value = vec![b'x'; length];
        let conversation = one_query(OFFER, limits, |writer| {
            writer.columns(&[b"v"]);
            writer.row([Some(&b"before"[..])]);
            writer.row([Some(&value[..])]);
            writer.end_of_rows(StatusFlags::AUTOCOMMIT);
        });
        let expected = trace(&conversation, &Cuts::Whole, Reading::Rows);
        assert_eq!(errors(&expected)[0].contains("max_packet"), refused, "{length}");
        let mut cuts = cuts_at_headers(&conversation, &[0, 1, 3, 4, 5]);
        cuts.extend([Cuts::Sizes(vec![1]), Cuts::Sizes(vec![4_096])]);
        assert_same_however_cut(&conversation, &cuts, &SKIPS);
    }
}

/// F-09: an announced length over the limit is refused before its first byte, skipped or not.
#[test]
fn f09_a_header_over_the_limit_is_refused_at_once() {
    let limits = Limits::default().max_packet(65_536);
    let conversation = one_query(OFFER, limits, |writer| {
        writer.columns(&[b"v"]);
        writer.row([Some(&b"before"[..])]);
        let sequence = writer.sequence;
        writer.out.extend_from_slice(&[0xFF, 0xFF, 0x7F, sequence]);
    });
    let expected = trace(&conversation, &Cuts::Whole, Reading::Rows);
    assert!(errors(&expected)[0].contains("max_packet"), "{expected:?}");
    assert_same_however_cut(&conversation, &[Cuts::Sizes(vec![1])], &SKIPS);
}

/// F-06: an error report with a wrong id is understood if it is short, and not waited for if it is
/// not, however it is cut.
#[test]
fn f06_misplaced_errors_do_not_depend_on_the_cuts() {
    for length in [0, 100, 8_000, 8_200, 9_000, 40_000] {
        let message = vec![b'm'; length];
        let conversation = one_query(OFFER, Limits::default(), |writer| {
            writer.columns(&[b"v"]);
            writer.row([Some(&b"before"[..])]);
            writer.sequence = writer.sequence.wrapping_add(77);
            writer.err(1153, &message);
        });
        let mut cuts = cuts_at_headers(&conversation, &[0, 1, 3, 4, 5]);
        cuts.extend([Cuts::Sizes(vec![1]), Cuts::Sizes(vec![4_096])]);
        assert_same_however_cut(&conversation, &cuts, &SKIPS);
        let expected = trace(&conversation, &Cuts::Whole, Reading::Rows);
        let understood = errors(&expected)[0].contains("1153");
        assert_eq!(understood, length <= 8_000, "{length}");
    }
}

/// 0xFE in a row's place, in every length class and in both modes of ending, read or
/// skipped.
#[test]
fn r20_what_starts_like_a_terminator() {
    for offer in [OFFER, OLD_OFFER] {
        for length in [1, 4, 5, 6, 7, 8, 9, 20, 70_000, MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 9] {
            let conversation = one_query(offer, Limits::default(), |writer| {
                writer.columns(&[b"v"]);
                writer.row([Some(&b"before"[..])]);
                let mut payload = vec![0; length];
                payload[0] = 0xFE;
                if let Some(rest) = (length as u64).checked_sub(9) {
                    payload[1..9].copy_from_slice(&rest.to_le_bytes());
                }
                writer.packet(&payload);
                writer.end_of_rows(StatusFlags::AUTOCOMMIT);
            });
            let mut cuts = cuts_at_headers(&conversation, &[4, 5]);
            cuts.push(Cuts::Sizes(vec![60_001]));
            if length < MAX_CHUNK - 1 {
                cuts.push(Cuts::Sizes(vec![1]));
            }
            let skips = [Reading::SkipAfter(1), Reading::SkipWhenStarved(1)];
            assert_same_however_cut(&conversation, &cuts, &skips);
        }
    }
}

/// R-15, T-33: the limit on progress reports counts those of one command, also when commands are
/// sent together.
#[test]
fn r15_progress_is_counted_for_each_command() {
    let mut conversation = one_query(OFFER, Limits::default().max_progress_packets(2), |writer| {
        for _ in 0..2 {
            writer.progress(b"altering");
        }
        writer.plain_ok(StatusFlags::AUTOCOMMIT);
    });
    let turn = &mut conversation.turns[0];
    turn.actions = vec![Action::Query; 3];
    turn.reply = turn.reply.repeat(3);
    let events = trace(&conversation, &Cuts::Whole, Reading::Rows);
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Progress(_))), 6, "{events:?}");
    assert_eq!(count(|event| matches!(event, Event::Done(_))), 4, "{events:?}");
    conversation.limits = Limits::default().max_progress_packets(1);
    let events = trace(&conversation, &Cuts::Whole, Reading::Rows);
    assert!(errors(&events)[0].contains("max_progress_packets"), "{events:?}");
    assert_same_however_cut(&conversation, &[Cuts::Sizes(vec![1])], &[]);
}

/// F-04: ids wrap from 255 to 0, in rows, in batches and in skipped results.
#[test]
fn f04_long_results_wrap_their_ids() {
    let conversation = one_query(OFFER, Limits::default(), |writer| {
        writer.columns(&[b"a", b"b"]);
        for number in 0..700_u32 {
            let text = number.to_string();
            writer.row([Some(text.as_bytes()), None]);
        }
        writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    });
    let cuts = [Cuts::Sizes(vec![1]), Cuts::Sizes(vec![7, 900]), Cuts::Sizes(vec![16_384])];
    assert_same_however_cut(&conversation, &cuts, &SKIPS);
}

/// A reply that ends exactly where the window does: there is space to read into all the same.
#[test]
fn there_is_space_after_a_reply_that_fills_the_window() {
    for size in [16_384_usize, 131_072] {
        for less in 0..8 {
            let conversation = one_query(OFFER, Limits::default(), |writer| {
                writer.columns(&[b"v"]);
                let mut ending = writer.clone();
                ending.out.clear();
                ending.end_of_rows(StatusFlags::AUTOCOMMIT);
                let head = writer.out.len() + ending.out.len() + 4 + 4;
                let value = vec![b'x'; size - head - less];
                writer.row([Some(&value[..])]);
                writer.end_of_rows(StatusFlags::AUTOCOMMIT);
            });
            let cuts = [Cuts::Sizes(vec![1]), Cuts::Sizes(vec![16_384])];
            assert_same_however_cut(&conversation, &cuts, &[Reading::SkipAfter(0)]);
        }
    }
}

/// G4: a connection that was never connected dies of anything, and stays so.
#[test]
fn g4_dead_before_the_greeting() {
    for bytes in
        [&b"HTTP/1.1 400 Bad Request"[..], b"\xFF\xFF\xFF\x00\xFF", b"\x01\x00\x00\x00\x09"]
    {
        let mut connection = Connection::new(login(Transport::Network), Limits::default());
        connection.spare()[..bytes.len()].copy_from_slice(bytes);
        connection.received(bytes.len());
        assert!(connection.step().is_err());
        stays_dead(&mut connection);
    }
}

/// H-33: a server that cannot take the database at login is not said to be in it.
#[test]
fn h33_the_database_is_what_was_asked_for_and_sent() {
    for (offered, expected) in [(true, Some("shop")), (false, None)] {
        let login = login(Transport::Network);
        let (mut turns, _) = login_turns(LoginKind::Native, OFFER, &login);
        let mut greeting = Greeting::decode(&turns[0][4..]).unwrap();
        if !offered {
            greeting.capabilities = greeting.capabilities.without(Capabilities::CONNECT_WITH_DB);
        }
        let mut payload = Vec::new();
        greeting.encode(&mut payload).unwrap();
        let mut writer = Writer::new(0, Capabilities::NONE);
        writer.packet(&payload);
        turns[0] = writer.out;
        let mut connection = Connection::new(login, Limits::default());
        for turn in turns {
            connection.spare()[..turn.len()].copy_from_slice(&turn);
            connection.received(turn.len());
            connection.step().unwrap();
        }
        assert!(connection.is_idle());
        assert_eq!(connection.server().database(), expected);
    }
}

mod tls {
    use super::*;
    use fuzz::drive::Wire;
    use mywire::proto::{TlsClient, TlsPlan};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
    use std::io::{Read, Write};
    use std::sync::Arc;

    const CA: &[u8] = include_bytes!("data/tls/ca.pem");
    const CERTIFICATE: &[u8] = include_bytes!("data/tls/server.pem");
    const KEY: &[u8] = include_bytes!("data/tls/server-key.pem");

    /// A server's end of TLS in memory; the greeting goes out in front of it.
    struct TlsServer {
        session: ServerConnection,
        /// The client's SSLRequest was taken.
        requested: bool,
        plaintext: Vec<u8>,
        /// Garbage behind this many sealed turns.
        breaks_after: usize,
        sealed: usize,
    }

    impl TlsServer {
        fn new(
            fragment: Option<usize>,
            version: &'static rustls::SupportedProtocolVersion,
        ) -> Self {
            let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap();
            config.max_fragment_size = fragment;
            let mut session = ServerConnection::new(Arc::new(config)).unwrap();
            session.set_buffer_limit(None);
            Self {
                session,
                requested: false,
                plaintext: Vec::new(),
                breaks_after: usize::MAX,
                sealed: 0,
            }
        }

        fn records(&mut self) -> Vec<u8> {
            let mut out = Vec::new();
            while self.session.wants_write() {
                self.session.write_tls(&mut out).unwrap();
            }
            out
        }
    }

    impl Wire for TlsServer {
        fn client_sent(&mut self, mut bytes: &[u8]) -> Vec<u8> {
            if !self.requested {
                // The SSLRequest is sent apart from what follows it.
                assert_eq!(bytes.len(), 36);
                self.requested = true;
                return Vec::new();
            }
            while !bytes.is_empty() {
                self.session.read_tls(&mut bytes).unwrap();
                self.session.process_new_packets().unwrap();
                let _ = self.session.reader().read_to_end(&mut self.plaintext);
            }
            self.records()
        }

        fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
            self.sealed += 1;
            if !self.requested {
                return bytes.to_vec();
            }
            self.session.writer().write_all(bytes).unwrap();
            let mut records = self.records();
            if self.sealed > self.breaks_after {
                records.extend_from_slice(&[23, 3, 3, 0, 40]);
                records.extend_from_slice(&[7; 40]);
            }
            records
        }
    }

    fn client() -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(CA).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsClient {
            config: Arc::new(config),
            server_name: ServerName::try_from("db.example.test").unwrap(),
            verifies: true,
            or_proof: None,
        }
    }

    fn tls_conversation(bytes: &[u8], kind: LoginKind) -> Conversation {
        let mut source = Source::new(bytes);
        let mut login = login(Transport::Network);
        login.tls = TlsPlan::Always(client());
        let offer = Offer { tls: true, ..Offer::draw(&mut source) };
        conversation_of(&mut source, kind, offer, login)
    }

    fn tls_trace(
        conversation: &Conversation,
        cuts: &Cuts,
        reading: Reading,
        mut server: TlsServer,
    ) -> Vec<Event> {
        let events = run(conversation, cuts, reading, &mut server, &mut |_, _| {});
        if server.requested && server.sealed > 1 {
            let text = server.plaintext.windows(3).any(|window| window == b"app");
            assert!(text, "the login request came through TLS");
        }
        events
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// Over TLS the connection says what it says without, whatever the records and the reads.
        #[test]
        fn g6_tls_may_be_cut_anywhere(
            bytes in vec(any::<u8>(), 0..300),
            fragment in prop::option::of(32_usize..16_000),
            sizes in vec(1_usize..9_000, 1..12),
            old in any::<bool>(),
            breaks_after in prop::option::of(2_usize..5),
        ) {
            let version = if old { &rustls::version::TLS12 } else { &rustls::version::TLS13 };
            let server = || {
                let mut server = TlsServer::new(fragment, version);
                server.breaks_after = breaks_after.unwrap_or(usize::MAX);
                server
            };
            for kind in [LoginKind::Native, LoginKind::Sha2Full] {
                let conversation = tls_conversation(&bytes, kind);
                let expected = tls_trace(&conversation, &Cuts::Whole, Reading::Rows, server());
                prop_assert!(expected.contains(&Event::Connected), "{:?}", expected);
                for cuts in [Cuts::Sizes(vec![1]), Cuts::Sizes(sizes.clone())] {
                    for reading in [Reading::Rows, Reading::Batches] {
                        let events = tls_trace(&conversation, &cuts, reading, server());
                        prop_assert_eq!(&events, &expected, "{:?} {:?}", cuts, reading);
                    }
                    let skip = Reading::SkipWhenStarved(1);
                    let events = tls_trace(&conversation, &cuts, skip, server());
                    prop_assert_eq!(without_rows(events), without_rows(expected.clone()));
                }
            }
        }
    }

    /// T-06: text behind the greeting never gets into the encrypted session.
    #[test]
    fn t06_text_before_tls_is_fatal_however_it_is_cut() {
        let mut conversation = tls_conversation(&[], LoginKind::Native);
        let mut forged = Writer::new(2, Capabilities::NONE);
        forged.plain_ok(StatusFlags::AUTOCOMMIT);
        conversation.login_turns[0].extend(forged.out);
        for cuts in [Cuts::Whole, Cuts::Sizes(vec![1]), Cuts::Sizes(vec![100])] {
            let server = TlsServer::new(None, &rustls::version::TLS13);
            let events = tls_trace(&conversation, &cuts, Reading::Rows, server);
            assert_eq!(events.len(), 1, "{events:?}");
            assert!(matches!(&events[0], Event::Error { text, fatal: true } if text == "Tls"));
        }
    }
}
