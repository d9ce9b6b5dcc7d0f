//! Another account on the same session: what of the old one is left, and what a refusal leaves.

use std::time::Duration;

use mywire::error::{ServerErrorKind, UsageError};
use mywire::{Config, Error};

use crate::servers::Flavor;
use crate::target::{connect, running, usable};
use crate::{Target, each_server};

/// An account with a password that every build can log in as, and what it is.
pub fn account(target: &Target) -> Config {
    match target.server.flavor {
        Flavor::MySql => target.config().user("u_sha2").password("pw-sha2"),
        _ => target.config().user("u_native").password("pw-native"),
    }
}

async fn current_user(session: &mut mywire::Session) -> String {
    session.fetch_one("SELECT CURRENT_USER()", ()).await.unwrap()
}

#[test]
fn k42_nothing_of_the_old_session_is_left() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let mut session = target.session().await;
        let database = target.database(&mut session).await;
        session.execute("CREATE TABLE kept (id INT)", ()).await.unwrap();
        session.execute("CREATE TEMPORARY TABLE gone (id INT)", ()).await.unwrap();
        session.execute("SET @mine = 7", ()).await.unwrap();
        session.execute("SET NAMES latin1", ()).await.unwrap();
        let statement = session.prepare("SELECT ? + 1").await.unwrap();
        let two: i64 = session.fetch_one(&statement, (1,)).await.unwrap();
        assert_eq!(two, 2);
        // A transaction whose guard is gone, and rows that nobody read.
        let mut open = session.begin().await.unwrap();
        open.execute("INSERT INTO kept VALUES (1)", ()).await.unwrap();
        drop(open);
        drop(session.query("SELECT 1 UNION SELECT 2", ()).await.unwrap());
        let id = session.connection_id();

        session.change_user(&account(target).database("test")).await.unwrap();
        assert_eq!(session.connection_id(), id);
        assert!(current_user(&mut session).await.starts_with("u_"));
        assert_eq!(session.database(), Some("test"));
        assert!(!session.in_transaction());
        let state: (String, Option<i64>, String, String) = session
            .fetch_one(
                "SELECT DATABASE(), @mine, @@character_set_client, @@character_set_results",
                (),
            )
            .await
            .unwrap();
        assert_eq!(state, ("test".into(), None, "utf8mb4".into(), "utf8mb4".into()));
        let error = session.query(&statement, (1,)).await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::ForeignStatement)), "{error}");
        // The statements of the cache are prepared anew.
        let two: i64 = session.fetch_one("SELECT ? + 1", (1,)).await.unwrap();
        assert_eq!(two, 2);

        // And back: without a database, whatever the account had.
        session.change_user(&target.config().database("")).await.unwrap();
        assert!(current_user(&mut session).await.starts_with(target.user()));
        assert_eq!(session.database(), None);
        let none: Option<String> = session.fetch_one("SELECT DATABASE()", ()).await.unwrap();
        assert_eq!(none, None);
        let rows: i64 =
            session.fetch_one(&format!("SELECT COUNT(*) FROM {database}.kept"), ()).await.unwrap();
        assert_eq!(rows, 0, "the transaction was rolled back");
        let error = session.query(&format!("SELECT * FROM {database}.gone"), ()).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1146);
        // The collation of the configuration is that of the session again.
        let collation = "utf8mb4_unicode_520_ci";
        session.change_user(&target.config().collation(collation)).await.unwrap();
        let set: String = session.fetch_one("SELECT @@collation_connection", ()).await.unwrap();
        assert_eq!(set, collation);
        session.reset().await.unwrap();
        let set: String = session.fetch_one("SELECT @@collation_connection", ()).await.unwrap();
        assert_eq!(set, collation);
    });
}

/// E-41, K-41: what the servers do with the connection, seen from another one, and that the session
/// is dead either way.
#[test]
fn e41_a_refused_change_leaves_a_dead_session() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let mut watcher = target.local().await;
        let mut session = target.session().await;
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        let error = session.change_user(&account(target).password("pw-wrong")).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().kind(), ServerErrorKind::AccessDenied, "{error}");
        assert!(error.is_fatal() && !error.is_retryable());
        assert!(session.is_dead());
        let after = session.ping().await.unwrap_err();
        assert!(after.is_fatal() && after.was_sent() == mywire::Sent::No, "{after}");
        // The socket is still open on our side.
        let mut there = running(&mut watcher, id).await.is_some();
        let mysql = target.server.flavor == Flavor::MySql;
        for _ in 0..600 {
            if !mysql || !there {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            there = running(&mut watcher, id).await.is_some();
        }
        assert_eq!(there, !mysql, "MySQL closes the connection, MariaDB keeps it");
    });
}

#[test]
fn a_configuration_that_is_not_valid_costs_nothing() {
    each_server(async |target| {
        let mut session = target.session().await;
        let before = current_user(&mut session).await;
        for bad in [target.config().user("a\0b"), target.config().password("a\0b")] {
            let error = session.change_user(&bad).await.unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{error}");
            assert!(!session.is_dead());
        }
        let from_nowhere = target.config().password_env("MYWIRE_TEST_NO_SUCH_VARIABLE");
        assert!(session.change_user(&from_nowhere).await.is_err());
        assert_eq!(current_user(&mut session).await, before);
        usable(&mut session).await;
    });
}

/// A password from a function is asked for at each login: a token that has run out is not sent again.
#[test]
fn a_rotating_password_is_asked_for_at_each_connect() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let (user, right) = match target.server.flavor {
            Flavor::MySql => ("u_sha2", "pw-sha2"),
            _ => ("u_native", "pw-native"),
        };
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let config = target.config().user(user).password_from(move || {
            // The second one is stale.
            let stale = count.fetch_add(1, Ordering::Relaxed) == 1;
            Ok(if stale { "stale" } else { right }.into())
        });
        let mut session = connect(&config).await;
        let error = mywire::Session::connect_with(&config).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().kind(), ServerErrorKind::AccessDenied);
        session.change_user(&config).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        let file = std::env::temp_dir().join(format!(
            "mywire-{}-pw-{user}-{}",
            std::process::id(),
            target.server.name
        ));
        std::fs::write(&file, format!("{right}\n")).unwrap();
        let from_file =
            mywire::Session::connect_with(&target.config().user(user).password_file(&file)).await;
        std::fs::remove_file(&file).unwrap();
        usable(&mut from_file.unwrap()).await;
    });
}
