//! the EOF packet with which MySQL ends the rows of a statement that failed within a
//! procedure, whatever was agreed on. The bytes are MySQL 9.7.4's and MariaDB 11.8.6's own.
#![allow(missing_docs, unreachable_pub, reason = "a test target has no users")]

use mywire::proto::{Connection, Login, Step};
use mywire::wire::{Capabilities, Greeting, StatusFlags, packet};
use mywire::{Limits, Result};

/// `SELECT a, (…)` of two columns; one row; then the statement fails and a handler takes over.
const BEGUN: &str = "0100000102\
    2100000203646566066c6976655f780178027432016101610c3f0014000000080000000000\
    17000003036465660000000163000c3f0014000000088000000000\
    0400000401330133";
const MYSQL_END: &str = "05000005fe00002a00";
const MARIADB_END: &str = "07000005fe00002a000000";
/// The handler's `RESIGNAL`.
const ERROR: &str = "29000006ffda042332313030305375627175657279207265\
    7475726e73206d6f7265207468616e203120726f77";
/// The end of a call whose handler did nothing.
const OK: &str = "0700000600000022000000";

#[test]
fn r23_an_error_behind_the_old_eof_is_the_commands() {
    for end in [MYSQL_END, MARIADB_END] {
        let mut connection = asked(&[BEGUN, end, ERROR]);
        let steps = steps(&mut connection);
        let error = steps[3].as_ref().unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1242);
        assert!(!error.is_fatal());
        assert!(matches!(steps[..3], [Ok(Step::Columns), Ok(Step::Row), Ok(Step::Done)]));
        assert!(matches!(steps[4..], [Ok(Step::Idle)]));
    }
}

#[test]
fn r23_more_results_follow_the_old_eof() {
    for end in [MYSQL_END, MARIADB_END] {
        let mut connection = asked(&[BEGUN, end, OK]);
        for want in [Step::Columns, Step::Row, Step::Done, Step::Done] {
            assert_eq!(connection.step().unwrap(), want);
        }
        assert!(!connection.done().more_results());
        assert_eq!(connection.step().unwrap(), Step::Idle);
    }
}

/// The same through rows that are skipped, byte by byte.
#[test]
fn r23_skipped_in_pieces() {
    let mut connection = asked(&[]);
    let mut seen = Vec::new();
    for byte in bytes(&[BEGUN, MYSQL_END, ERROR]) {
        connection.spare()[0] = byte;
        connection.received(1);
        loop {
            connection.skip_rows();
            match connection.step() {
                Ok(Step::NeedInput | Step::Idle) => break,
                Ok(step) => seen.push(Some(step)),
                Err(error) => {
                    assert_eq!(error.as_server().unwrap().code(), 1242);
                    seen.push(None);
                }
            }
        }
    }
    assert_eq!(seen, [Some(Step::Columns), Some(Step::Done), None]);
}

/// E-46: servers that end all rows so, without more to come.
#[test]
fn e46_an_old_eof_without_more_results_ends_the_command() {
    let mut connection = asked(&[BEGUN, "05000005fe01000200"]);
    for want in [Step::Columns, Step::Row, Step::Done, Step::Idle] {
        assert_eq!(connection.step().unwrap(), want);
    }
    assert_eq!(connection.done().warnings, 1);
    // An error behind it would be nobody's answer: it is shown, and ends the connection, rather
    // than being taken for the reply to the next command.
    let error = bytes(&[ERROR]);
    connection.query(b"SELECT 1").unwrap();
    feed(&mut connection, &error);
    let error = connection.step().unwrap_err();
    assert_eq!(error.as_server().unwrap().code(), 1242);
    assert!(error.is_fatal() && connection.is_dead());
}

/// A handler in the caller that does nothing: the servers send no terminator, and the call's OK
/// stands where a row is due. Waiting for the end of the rows would take for ever.
#[test]
fn r23_an_ok_packet_in_a_rows_place_is_no_row() {
    for way in [Way::Step, Way::Batch, Way::Skip] {
        let ok = "0700000500000022000000";
        let mut connection = asked(&[BEGUN, ok]);
        assert_eq!(connection.step().unwrap(), Step::Columns);
        match way {
            Way::Step => assert_eq!(connection.step().unwrap(), Step::Row),
            Way::Batch => {
                assert_eq!(connection.step().unwrap(), Step::Row);
                assert_eq!(connection.batch().len(), 1);
            }
            Way::Skip => connection.skip_rows(),
        }
        let error = connection.step().unwrap_err();
        assert!(error.is_fatal() && connection.is_dead(), "{error}");
    }
}

/// A row whose first value is empty starts as an OK packet does, and is one.
#[test]
fn e45_a_row_of_empty_values_is_a_row() {
    for way in [Way::Step, Way::Batch, Way::Skip] {
        // '' and '', then '' and 'hello sea'.
        let rows = "0200000500000b000006000968656c6c6f20736561";
        let mut connection = asked(&[BEGUN, rows, "07000007fe000002000000"]);
        assert_eq!(connection.step().unwrap(), Step::Columns);
        match way {
            Way::Step => {
                for want in [&b"3"[..], b"", b""] {
                    assert_eq!(connection.step().unwrap(), Step::Row);
                    assert_eq!(connection.row().raw(0).unwrap(), Some(want));
                }
            }
            Way::Batch => {
                assert_eq!(connection.step().unwrap(), Step::Row);
                assert_eq!(connection.batch().len(), 3);
            }
            Way::Skip => connection.skip_rows(),
        }
        assert_eq!(connection.step().unwrap(), Step::Done);
    }
}

#[derive(Clone, Copy)]
enum Way {
    Step,
    Batch,
    Skip,
}

/// A connection that agreed on `DEPRECATE_EOF` and has asked something, with this reply.
fn asked(reply: &[&str]) -> Connection {
    let capabilities = Capabilities::LONG_PASSWORD
        | Capabilities::PROTOCOL_41
        | Capabilities::SECURE_CONNECTION
        | Capabilities::PLUGIN_AUTH
        | Capabilities::SESSION_TRACK
        | Capabilities::DEPRECATE_EOF;
    let greeting = Greeting {
        server_version: b"9.7.4",
        connection_id: 1,
        nonce_first: *b"12345678",
        nonce_rest: b"123456789012",
        capabilities,
        collation: 45,
        status: StatusFlags(2),
        auth_plugin: b"mysql_native_password",
    };
    let (mut payload, mut input) = (Vec::new(), Vec::new());
    greeting.encode(&mut payload).unwrap();
    packet::write(&mut input, &payload, 0);
    packet::write(&mut input, &[0, 0, 0, 2, 0, 0, 0], 2);
    let mut connection = Connection::new(Login::new("root", ""), Limits::default());
    feed(&mut connection, &input);
    assert_eq!(connection.step().unwrap(), Step::Connected);
    connection.query(b"CALL p()").unwrap();
    let n = connection.send_buf().len();
    connection.sent(n);
    feed(&mut connection, &bytes(reply));
    connection
}

fn feed(connection: &mut Connection, input: &[u8]) {
    if input.is_empty() {
        return;
    }
    connection.spare()[..input.len()].copy_from_slice(input);
    connection.received(input.len());
}

fn steps(connection: &mut Connection) -> Vec<Result<Step>> {
    let mut steps = Vec::new();
    loop {
        let step = connection.step();
        let last = matches!(step, Ok(Step::Idle | Step::NeedInput)) || connection.is_dead();
        steps.push(step);
        if last {
            return steps;
        }
    }
}

fn bytes(hex: &[&str]) -> Vec<u8> {
    let hex = hex.concat();
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
