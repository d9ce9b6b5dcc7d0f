//! Who logs in to kill a statement: the account that the session has by now, with the password of
//! that moment (E-98).

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mywire::{Config, Limits, Session};

use crate::change_user::account;
use crate::queries::{allow_recursion, counting};
use crate::target::{connect, usable};
use crate::{Target, each_server};

/// An account of this case's own.
struct Account {
    owner: Session,
    name: String,
}

impl Account {
    async fn create(target: &Target, password: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("kill_{}_{number}", std::process::id());
        let mut owner = target.local().await;
        let sql = format!("CREATE USER {name}@'%' IDENTIFIED BY '{password}'");
        owner.execute(&sql, ()).await.unwrap();
        Self { owner, name }
    }

    async fn set_password(&mut self, password: &str) {
        let sql = format!("ALTER USER {}@'%' IDENTIFIED BY '{password}'", self.name);
        self.owner.execute(&sql, ()).await.unwrap();
    }

    async fn drop(mut self) {
        self.owner.execute(&format!("DROP USER {}@'%'", self.name), ()).await.unwrap();
    }
}

/// Over TCP and over the socket. Only a kill leaves what is more than a MB.
fn ways(target: &Target) -> [Config; 2] {
    let limits = Limits::default().max_discard(1 << 20);
    [target.config(), target.local_config()]
        .map(|config| config.database("").limits(limits.clone()))
}

/// Leaves 20 MB, more than the buffers of the transport hold, after a row: that takes a kill.
async fn leave_early(session: &mut Session) {
    allow_recursion(session).await;
    let sql = format!("SELECT i, REPEAT('x', 10000) FROM ({}) n", counting(2000));
    let mut rows = session.query(&sql, ()).await.unwrap();
    assert!(rows.next().await.unwrap().is_some());
    drop(rows);
    usable(session).await;
}

#[test]
fn e98_after_a_change_of_the_user_the_new_account_kills() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        for config in ways(target) {
            let old = Account::create(target, "pw-old").await;
            let mut session = connect(&config.clone().user(&*old.name).password("pw-old")).await;
            leave_early(&mut session).await;
            session.change_user(&account(target)).await.unwrap();
            // Nobody logs in as the old one any more.
            old.drop().await;
            leave_early(&mut session).await;
            // And as often as one likes.
            session.change_user(&config).await.unwrap();
            leave_early(&mut session).await;
        }
    });
}

#[test]
fn e98_a_kill_asks_the_source_of_the_password_again() {
    each_server(async |target| {
        for config in ways(target) {
            let mut account = Account::create(target, "pw-first").await;
            let token = Arc::new(Mutex::new("pw-first"));
            let asked = Arc::new(AtomicUsize::new(0));
            let source = (token.clone(), asked.clone());
            let config = config.user(&*account.name).password_from(move || {
                source.1.fetch_add(1, Ordering::Relaxed);
                Ok((*source.0.lock().unwrap()).into())
            });
            let mut session = connect(&config).await;
            account.set_password("pw-second").await;
            *token.lock().unwrap() = "pw-second";
            leave_early(&mut session).await;
            assert_eq!(asked.load(Ordering::Relaxed), 2, "once for each login");
            // A change of the user asks, and so does the kill behind it.
            session.change_user(&config).await.unwrap();
            account.set_password("pw-third").await;
            *token.lock().unwrap() = "pw-third";
            leave_early(&mut session).await;
            assert_eq!(asked.load(Ordering::Relaxed), 4, "once for each login");
            account.drop().await;
        }
    });
}

asynchronous! {
/// The statement ends because it is cancelled, once the server runs it.
async fn cancel_a_sleep(session: &mut Session, watcher: &mut Session) {
    let id = u64::from(session.connection_id());
    let handle = session.cancel_handle();
    let cancelled = async {
        let sleeps = |sql: Vec<u8>| sql.starts_with(b"SELECT SLEEP");
        while !crate::target::running(watcher, id).await.is_some_and(sleeps) {
            tokio::task::yield_now().await;
        }
        handle.cancel().await
    };
    let (_, cancelled) = tokio::join!(session.execute("SELECT SLEEP(1000)", ()), cancelled);
    assert!(cancelled.unwrap(), "it ran");
    usable(session).await;
}

#[test]
fn e98_after_a_change_of_the_user_a_handle_cancels() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let mut watcher = target.local().await;
        for config in ways(target) {
            let mut session = connect(&config).await;
            session.change_user(&account(target)).await.unwrap();
            cancel_a_sleep(&mut session, &mut watcher).await;
            // One whose future is dropped is finished by the next command. A server can answer
            // within the first poll: then there was nothing to drop, and the other account is next.
            let accounts = [config, account(target)];
            let mut left = false;
            for config in accounts.iter().cycle().take(1_000) {
                let mut change = std::pin::pin!(session.change_user(config));
                let first = std::future::poll_fn(|cx| std::task::Poll::Ready(change.as_mut().poll(cx))).await;
                left = first.map(Result::unwrap).is_pending();
                if left {
                    break;
                }
            }
            assert!(left, "each change of the user ended within its first poll");
            cancel_a_sleep(&mut session, &mut watcher).await;
        }
    });
}

#[test]
fn e98_a_cancel_asks_the_source_of_the_password_again() {
    each_server(async |target| {
        let mut watcher = target.local().await;
        for config in ways(target) {
            let mut account = Account::create(target, "pw-first").await;
            let path = std::env::temp_dir().join(format!("mywire-{}", account.name));
            std::fs::write(&path, "pw-first\n").unwrap();
            let config = config.user(&*account.name).password_file(&path);
            let mut session = connect(&config).await;
            account.set_password("pw-second").await;
            std::fs::write(&path, "pw-second\n").unwrap();
            cancel_a_sleep(&mut session, &mut watcher).await;
            // Without its source there is no login, and the error says why.
            std::fs::remove_file(&path).unwrap();
            let rows = session.query("SELECT 1", ()).await.unwrap();
            let error = rows.cancel_handle().cancel().await.unwrap_err();
            assert!(error.to_string().contains("cannot be read"), "{error}");
            drop(rows);
            usable(&mut session).await;
            account.drop().await;
        }
    });
}
}
