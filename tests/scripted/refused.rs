//! What a connection refuses of its caller: at the wrong time, or too much of it. Nothing is sent, and
//! nothing is lost.

use mywire::error::{ProtocolErrorKind, UsageError};
use mywire::proto::{Connection, Login, Step};
use mywire::wire::{Capabilities, ColumnType, Command, Greeting, StatusFlags};
use mywire::{Error, Limits, Sent};

use crate::scripted::*;

fn login() -> Login {
    Login::new("app", PASSWORD)
}

/// A connection behind its login.
fn connected(greeting: &Greeting<'_>) -> Bare {
    let mut bare = Bare::new(login());
    log_in(&mut bare, greeting);
    bare
}

fn log_in(bare: &mut Bare, greeting: &Greeting<'_>) {
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(greeting).bytes()).unwrap();
    let ok = reply_to(bare, 2).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
}

fn reply_to(bare: &Bare, sequence: u8) -> Packets {
    Packets::new(bare.connection.capabilities(), sequence)
}

/// Fails unless it was refused with nothing written and nothing lost.
fn assert_refused(
    bare: &mut Bare,
    call: impl FnOnce(&mut Connection) -> mywire::Result<()>,
) -> UsageError {
    let before = bare.connection.send_buf().to_vec();
    let error = call(&mut bare.connection).unwrap_err();
    assert_eq!((error.is_fatal(), error.was_sent()), (false, Sent::No), "{error}");
    assert_eq!(bare.connection.send_buf(), before, "{error}");
    let Error::Usage(error) = error else { panic!("{error:?}") };
    error
}

/// K-41: only what is logged in and waits for nothing can change its user.
#[test]
fn k41_a_change_of_the_user_at_the_wrong_time() {
    let mut bare = Bare::new(login());
    let error = assert_refused(&mut bare, |connection| connection.change_user(login()));
    assert_eq!(error, UsageError::NotReady);

    let mut bare = connected(&mysql());
    bare.connection.ping().unwrap();
    let error = assert_refused(&mut bare, |connection| connection.change_user(login()));
    assert_eq!(error, UsageError::NotReady);
    assert_eq!(bare.feed(reply_to(&bare, 1).ok().bytes()).unwrap(), [Step::Done]);
    bare.connection.change_user(login()).unwrap();
    let error = assert_refused(&mut bare, |connection| connection.change_user(login()));
    assert_eq!(error, UsageError::NotReady);

    let mut bare = connected(&mysql());
    bare.connection.quit().unwrap();
    let error = bare.connection.change_user(login()).unwrap_err();
    assert!(matches!(&error, Error::Protocol(error) if error.kind() == ProtocolErrorKind::Dead));
    assert_eq!(error.was_sent(), Sent::No);
}

/// A good-bye in the middle of a login would be taken for an answer; behind one, there is none.
#[test]
fn a_good_bye_at_the_wrong_time() {
    let mut bare = Bare::new(login());
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
    let error = assert_refused(&mut bare, Connection::quit);
    assert_eq!(error, UsageError::NotReady);
    assert_eq!(bare.feed(reply_to(&bare, 2).ok().bytes()).unwrap(), [Step::Connected]);
    bare.connection.quit().unwrap();
    let error = bare.connection.quit().unwrap_err();
    assert!(matches!(&error, Error::Protocol(error) if error.kind() == ProtocolErrorKind::Dead));
}

/// Commands without a reply are counted, and one reply makes room for one more.
#[test]
fn too_many_unanswered_commands() {
    let mut bare = connected(&mysql());
    for _ in 0..1024 {
        bare.connection.ping().unwrap();
    }
    let error = assert_refused(&mut bare, Connection::ping);
    assert_eq!(error, UsageError::TooManyCommands { max: 1024 });
    assert!(error.to_string().contains("1024 commands are unanswered"), "{error}");
    let error = assert_refused(&mut bare, |connection| connection.send_long_data(1, 0, b"x"));
    assert_eq!(error, UsageError::TooManyCommands { max: 1024 });
    assert_eq!(bare.feed(reply_to(&bare, 1).ok().bytes()).unwrap(), [Step::Done]);
    bare.connection.query(b"DO 1").unwrap();
    let error = assert_refused(&mut bare, Connection::ping);
    assert_eq!(error, UsageError::TooManyCommands { max: 1024 });
    let mut query = Vec::new();
    Command::Query(b"DO 1").encode(&mut query);
    assert!(bare.connection.send_buf().ends_with(&query));
}

/// whether rows are the OUT parameters of a CALL is told by the packet in front of them or by
/// the one behind them, as was agreed; without rows, by the last status.
#[test]
fn r72_out_parameters_are_told_in_both_modes() {
    let old = mysql().capabilities.without(Capabilities::DEPRECATE_EOF);
    for greeting in [mysql(), Greeting { capabilities: old, ..mysql() }] {
        for marked in [false, true] {
            let status = match marked {
                true => StatusFlags::AUTOCOMMIT.with(StatusFlags::PS_OUT_PARAMS),
                false => StatusFlags::AUTOCOMMIT,
            };
            let mut bare = connected(&greeting);
            assert_eq!(bare.connection.out_params().unwrap(), Some(false));
            bare.connection.query(b"CALL p()").unwrap();
            let mut definition = Vec::new();
            let number = column("n", ColumnType::LONGLONG);
            number.encode(bare.connection.capabilities(), &mut definition);
            let mut head = reply_to(&bare, 1).payload(&[1]).payload(&definition);
            let behind = bare.connection.capabilities().contains(Capabilities::DEPRECATE_EOF);
            if !behind {
                head = head.eof(status);
            }
            let sequence = head.sequence();
            assert_eq!(bare.feed(head.bytes()).unwrap(), [Step::Columns]);
            let told = Some(marked).filter(|_| !behind);
            assert_eq!(bare.connection.out_params().unwrap(), told);
            let row = reply_to(&bare, sequence).row(&["7"]);
            let sequence = row.sequence();
            let spare = bare.connection.spare();
            spare[..row.bytes().len()].copy_from_slice(row.bytes());
            bare.connection.received(row.bytes().len());
            assert_eq!(bare.connection.out_params().unwrap(), told);
            let end = reply_to(&bare, sequence).end_with(&ok_status(status));
            let spare = bare.connection.spare();
            spare[..end.bytes().len()].copy_from_slice(end.bytes());
            bare.connection.received(end.bytes().len());
            assert_eq!(bare.connection.out_params().unwrap(), Some(marked));
            assert_eq!(bare.feed(b"").unwrap(), [Step::Row, Step::Done]);
            assert_eq!(bare.connection.out_params().unwrap(), Some(marked));
        }
    }
}

/// T-20: a command may be as long as it may be, and no longer.
#[test]
fn t20_the_last_byte_of_a_command() {
    let limits = Limits::default().max_command(100);
    let mut bare = Bare::with_limits(login(), limits);
    log_in(&mut bare, &mysql());
    let error = assert_refused(&mut bare, |connection| connection.query(&[b'x'; 100]));
    assert!(matches!(error, UsageError::TooLong { what: "statement", max: 100 }), "{error}");
    bare.connection.query(&[b'x'; 99]).unwrap();
    assert_eq!(bare.connection.send_buf().len(), 4 + 100);
}

/// T-01: whether a part of the file was sent is told, and an empty part is none.
#[test]
fn t01_a_file_is_begun_by_its_first_byte() {
    let mut login = login();
    login.options = Capabilities::LOCAL_FILES;
    let mut bare = Bare::new(login);
    let offer = mysql().capabilities.with(Capabilities::LOCAL_FILES);
    log_in(&mut bare, &Greeting { capabilities: offer, ..mysql() });
    let error = assert_refused(&mut bare, |connection| connection.send_file(b"x"));
    assert_eq!(error, UsageError::NotReady);
    bare.connection.load_local(b"LOAD").unwrap();
    let request = reply_to(&bare, 1).payload(b"\xFBfile");
    let spare = bare.connection.spare();
    spare[..request.bytes().len()].copy_from_slice(request.bytes());
    bare.connection.received(request.bytes().len());
    assert_eq!(bare.connection.step().unwrap(), Step::LocalInfile);
    bare.connection.send_file(b"").unwrap();
    assert!(!bare.connection.has_begun_file());
    bare.connection.send_file(b"x").unwrap();
    assert!(bare.connection.has_begun_file());
    bare.connection.end_file().unwrap();
    bare.connection.received(0);
    bare.connection.step().unwrap_err();
    for error in [bare.connection.send_file(b"x"), bare.connection.end_file()] {
        let Err(Error::Protocol(error)) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), ProtocolErrorKind::Dead);
    }
}
