//! What several threads do with blocking sessions.

use std::thread;

use library::blocking::Session;
use library::{Error, Sent};

use crate::servers;

/// A case on every server, each in its own thread.
fn each_server(case: impl Fn(&servers::Server) + Sync) {
    thread::scope(|scope| {
        for server in servers::all() {
            let case = &case;
            let name = format!("on {}", server.name);
            thread::Builder::new().name(name).spawn_scoped(scope, move || case(server)).unwrap();
        }
    });
}

#[test]
fn a_session_killed_in_the_middle_of_a_statement_may_have_run_it() {
    each_server(|server| {
        let mut session = Session::connect(&server.url).unwrap();
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).unwrap();
        let sleeping = thread::spawn(move || {
            let error = session.execute("DO SLEEP(1000)", ()).unwrap_err();
            assert!(session.is_dead() || !error.is_fatal(), "{error}");
            error
        });
        let mut watcher = Session::connect(&server.url).unwrap();
        loop {
            let sql = "SELECT COUNT(*) FROM information_schema.processlist \
                       WHERE id = ? AND info LIKE 'DO SLEEP%'";
            let found = watcher.fetch_one::<u64>(sql, (id,)).unwrap() == 1;
            if found {
                break;
            }
            thread::yield_now();
        }
        watcher.execute(&format!("KILL {id}"), ()).unwrap();
        let error = sleeping.join().unwrap();
        assert_ne!(error.was_sent(), Sent::No, "{error}");
        if let Error::Server(killed) = &error {
            assert!(matches!(killed.code(), 1317 | 1927 | 1053 | 3169), "{error}");
        }
    });
}

/// A session goes from thread to thread, and many work at the same time.
#[test]
fn sessions_in_many_threads() {
    each_server(|server| {
        let threads: Vec<_> = (0..8_u64)
            .map(|n| {
                let mut session = Session::connect(&server.url).unwrap();
                thread::spawn(move || {
                    for i in 0..50 {
                        let sum: u64 =
                            session.fetch_one("SELECT CAST(? + ? AS UNSIGNED)", (n, i)).unwrap();
                        assert_eq!(sum, n + i);
                    }
                    session
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap().close().unwrap();
        }
    });
}
