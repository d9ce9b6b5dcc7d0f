//! Leaving early, cancelling and timeouts, of what only the blocking front does its own way: it
//! waits by itself.

use std::thread;
use std::time::Duration;

use library::blocking::Session;
use library::error::Timeout;
use library::{Config, Error};

use crate::each_server;

fn digits(tables: u32) -> String {
    let ten = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
               SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    let tables: Vec<_> = (0..tables).map(|table| format!("{ten} a{table}")).collect();
    tables.join(", ")
}

fn endless() -> String {
    format!("SELECT SUM(a0.d) FROM {}", digits(15))
}

#[track_caller]
fn usable(session: &mut Session) {
    assert_eq!(session.fetch_one::<i64>("SELECT 4711", ()).unwrap(), 4711);
}

#[test]
fn s4_t111_a_stream_of_three_gigabytes_is_left_after_ten_rows() {
    each_server(async |target| {
        let config: Config = target.local_config();
        for config in [config, target.config()] {
            let mut session = Session::connect_with(&config).unwrap();
            let sql = format!("SELECT REPEAT('x', 1000) FROM {} LIMIT 3000000", digits(7));
            for dropped in [true, false] {
                let mut rows = session.query(&sql, ()).unwrap();
                for _ in 0..10 {
                    assert!(rows.next().unwrap().is_some());
                }
                match dropped {
                    true => drop(rows),
                    false => rows.cancel().unwrap(),
                }
                usable(&mut session);
            }
            let (_, sent): (String, String) =
                session.fetch_one("SHOW SESSION STATUS LIKE 'Bytes_sent'", ()).unwrap();
            assert!(sent.parse::<u64>().unwrap() < 300_000_000, "{sent} bytes were sent");
        }
    });
}

#[test]
fn e94_t93_a_handle_cancels_from_another_thread_and_never_the_next_statement() {
    each_server(async |target| {
        let mut session = Session::connect_with(&target.config()).unwrap();
        let handle = session.cancel_handle();
        let cancelled = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            handle.cancel()
        });
        let error = session.execute(&endless(), ()).unwrap_err();
        assert_eq!(error.as_server().map(|error| error.code()), Some(1317), "{error}");
        assert!(cancelled.join().unwrap().unwrap());
        for round in 0..50_u64 {
            let handle = session.cancel_handle();
            let cancelled = thread::spawn(move || handle.cancel());
            let _ = session.execute("SELECT SLEEP(0.002)", ());
            assert_eq!(session.fetch_one::<u64>("SELECT ?", (round,)).unwrap(), round);
            cancelled.join().unwrap().unwrap();
        }
    });
}

/// E-98: the second connection logs in as the account that the session has by now.
#[test]
fn e98_after_a_change_of_the_user_a_handle_cancels() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let mut session = Session::connect_with(&target.config()).unwrap();
        session.change_user(&crate::change_user::account(target)).unwrap();
        let handle = session.cancel_handle();
        let id = u64::from(session.connection_id());
        let mut watcher = target.local().await;
        let sleeping = thread::spawn(move || {
            let _ = session.execute("SELECT SLEEP(1000)", ());
            session
        });
        let sleeps = |sql: Vec<u8>| sql.starts_with(b"SELECT SLEEP");
        while !crate::target::running(&mut watcher, id).await.is_some_and(sleeps) {
            thread::yield_now();
        }
        assert!(handle.cancel().unwrap(), "it ran");
        usable(&mut sleeping.join().unwrap());
    });
}

#[test]
fn s17_timeouts_end_statements_and_sessions() {
    each_server(async |target| {
        let limit = Duration::from_millis(100);
        let config = target.config().statement_timeout(limit);
        let mut session = Session::connect_with(&config).unwrap();
        for _ in 0..2 {
            let error = session.execute(&endless(), ()).unwrap_err();
            let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
            assert_eq!((timeout.timeout(), timeout.after()), (Timeout::Statement, limit));
            assert!(!error.is_fatal(), "{error}");
            usable(&mut session);
        }
        let config = target.config().read_timeout(limit);
        let mut session = Session::connect_with(&config).unwrap();
        let error = session.execute("DO SLEEP(3)", ()).unwrap_err();
        let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
        assert_eq!((timeout.timeout(), timeout.after()), (Timeout::Read, limit));
        assert!(error.is_fatal() && session.ping().is_err());
    });
}
