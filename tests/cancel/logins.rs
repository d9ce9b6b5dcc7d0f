//! Each way to log in, and each way to change the user, dropped at every poll.

use mywire::{Config, Secret, Session, SslMode};

use super::{LARGE_PORTION, PORTION, Tally, each_server, is_right, open, transports, unique, warm};
use super::{drop_after, servers};
use servers::{Flavor, Server};

/// A way to log in.
struct Way {
    user: String,
    passwords: &'static [&'static str],
    /// The plugin that answers last.
    plugin: &'static str,
    /// The password is handed over, so the server has to be verified.
    verified: bool,
    /// Makes the server forget that it has seen the password.
    cool: Option<String>,
}

impl Way {
    fn new(user: &str, passwords: &'static [&'static str], plugin: &'static str) -> Self {
        Self { user: user.to_owned(), passwords, plugin, verified: false, cool: None }
    }

    fn config(&self, config: &Config, server: &Server) -> Config {
        let mut config = config
            .clone()
            .user(&*self.user)
            .database("")
            .allow_clear_text_passwords(true)
            .answer_questions(|_| Some(Secret::from("yes, of course")));
        config = match *self.passwords {
            [first, second, third] => config.password(first).password2(second).password3(third),
            [first, second] => config.password(first).password2(second),
            _ => config.password(self.passwords[0]),
        };
        #[cfg(feature = "rsa")]
        {
            config = config.fetch_server_public_key(true);
        }
        match &server.certs {
            Some(certs) if self.verified => {
                config.ssl_mode(SslMode::VerifyIdentity).ssl_ca_file(certs.join("ca.pem"))
            }
            _ => config,
        }
    }
}

/// The ways of a server beside the one that every test takes; `cold` is an account of caching_sha2
/// whose password the server has not seen.
fn ways(server: &Server, cold: &str, encrypted: bool) -> Vec<Way> {
    let mut ways = Vec::new();
    let handed_over = |way: Way| Way { verified: true, ..way };
    match server.flavor {
        Flavor::MySql => {
            if encrypted || cfg!(feature = "rsa") {
                let sql = format!("ALTER USER {cold} IDENTIFIED BY 'pw-cold'");
                let way = Way::new(cold, &["pw-cold"], "caching_sha2_password");
                ways.push(Way { cool: Some(sql), ..way });
                let sha256 = Way::new("u_sha256", &["pw-sha256"], "sha256_password");
                ways.push(Way { verified: encrypted, ..sha256 });
            }
            if encrypted {
                ways.push(handed_over(Way::new("u_clear", &["pw-clear"], "mysql_clear_password")));
                let three = &["pw-1", "pw-2", "pw-3"];
                ways.push(handed_over(Way::new("u_3fa", three, "mysql_clear_password")));
                ways.push(handed_over(Way::new("u_dialog", &["Answer 1"], "dialog")));
            }
        }
        Flavor::MariaDb => {
            ways.push(Way::new("u_native", &["pw-native"], "mysql_native_password"));
            if cfg!(feature = "ed25519") {
                ways.push(Way::new("u_ed25519", &["pw-ed25519"], "client_ed25519"));
            }
            if cfg!(feature = "parsec") {
                ways.push(Way::new("u_parsec", &["pw-parsec"], "parsec"));
            }
            if encrypted {
                // 11.8 has PAM ask through `dialog`, 10.11 takes the password in the clear.
                let clear = server.name == "mariadb1011";
                let pam = if clear { "mysql_clear_password" } else { "dialog" };
                ways.push(handed_over(Way::new("u_pam", &["pw-pam"], pam)));
            }
        }
        Flavor::Unknown => {}
    }
    ways
}

/// The account that nobody else logs in as, with who made it. It goes with [`gone`].
async fn cold_account(server: &Server) -> (Session, String) {
    let config: Config = server.url.parse().unwrap();
    let mut owner = Session::connect_with(&config).await.unwrap();
    let user = format!("cold_{}_{}", std::process::id(), unique());
    if server.flavor == Flavor::MySql {
        let sql = format!("CREATE USER {user} IDENTIFIED BY 'pw-cold'");
        owner.execute(&sql, ()).await.unwrap();
    }
    (owner, user)
}

async fn gone(mut owner: Session, user: &str) {
    owner.execute(&format!("DROP USER IF EXISTS {user}"), ()).await.unwrap();
}

/// Those of the ways whose accounts the server has: plugins of the test-suite packages, and parsec,
/// are not everywhere.
async fn there(owner: &mut Session, ways: Vec<Way>) -> Vec<Way> {
    let mut there = Vec::new();
    for way in ways {
        let sql = "SELECT COUNT(*) FROM mysql.user WHERE User = ?";
        if owner.fetch_one::<i64>(sql, (&*way.user,)).await.unwrap() > 0 {
            there.push(way);
        }
    }
    there
}

async fn user_of(session: &mut Session) -> mywire::Result<String> {
    let who: String = session.fetch_one("SELECT CURRENT_USER()", ()).await?;
    Ok(who.split('@').next().unwrap_or_default().to_owned())
}

/// T-60: RSA, passwords in the clear, dialogs, several factors and what MariaDB has.
#[test]
fn t60_every_plugin_dropped_at_every_poll_of_the_login() {
    each_server(async |server| {
        let (mut owner, cold) = cold_account(server).await;
        for (transport, config) in transports(server) {
            let tally = Tally::default();
            let encrypted = transport.contains("TLS");
            let ways = there(&mut owner, ways(server, &cold, encrypted)).await;
            let mut seen = Vec::new();
            for way in &ways {
                let config = way.config(&config, server);
                for polls in 0.. {
                    if let Some(sql) = &way.cool {
                        owner.execute(sql, ()).await.unwrap();
                    }
                    let connecting = open(server, &config, 3, LARGE_PORTION);
                    if let Some(session) = drop_after(polls, connecting).await {
                        let mut session =
                            session.unwrap_or_else(|error| panic!("{}: {error}", way.user));
                        assert_eq!(session.auth_plugin(), way.plugin);
                        assert!(is_right(&mut session, "a whole connect").await);
                        assert_eq!(user_of(&mut session).await.unwrap(), way.user);
                        break;
                    }
                    tally.dropped();
                }
                seen.push(way.plugin);
            }
            if !ways.is_empty() {
                tally.print(&format!("connect with {}", seen.join(", ")), server, transport);
            }
        }
        gone(owner, &cold).await;
    });
}

/// T-60: the session is the one account's or the other's, never something between them.
#[test]
fn t60_a_change_of_the_user_dropped_at_every_poll() {
    each_server(async |server| {
        let (mut owner, cold) = cold_account(server).await;
        for (transport, config) in transports(server) {
            let tally = Tally::default();
            warm(server).await;
            let root: Config = server.url.parse().unwrap();
            let encrypted = transport.contains("TLS");
            // Those that need a verified server are not for this session.
            let mut ways = there(&mut owner, ways(server, &cold, encrypted)).await;
            ways.retain(|way| !way.verified);
            let mut session = open(server, &config, 1, PORTION).await.unwrap();
            let first = user_of(&mut session).await.unwrap();
            for way in &ways {
                let changed = way.config(&config, server);
                for polls in 0.. {
                    if let Some(sql) = &way.cool {
                        owner.execute(sql, ()).await.unwrap();
                    }
                    session.execute("SET @mine = 7", ()).await.unwrap();
                    let outcome = drop_after(polls, session.change_user(&changed)).await;
                    let after = format!("{}, dropped after {polls} polls", way.user);
                    if let Some(outcome) = &outcome {
                        outcome.as_ref().unwrap_or_else(|error| panic!("{after}: {error}"));
                    } else {
                        tally.dropped();
                    }
                    if is_right(&mut session, &after).await {
                        let who = user_of(&mut session).await.unwrap();
                        assert!(
                            who == way.user || outcome.is_none() && who == first,
                            "{who} {after}"
                        );
                        let mine: Option<i64> =
                            session.fetch_one("SELECT @mine", ()).await.unwrap();
                        assert_eq!(mine, (who == first).then_some(7), "{who} {after}");
                        session.change_user(&root).await.unwrap();
                    } else {
                        assert!(outcome.is_none(), "{after}");
                        tally.died();
                        session = open(server, &config, unique(), PORTION).await.unwrap();
                    }
                    if outcome.is_some() {
                        break;
                    }
                }
            }
            if !ways.is_empty() {
                tally.print("change_user", server, transport);
            }
        }
        gone(owner, &cold).await;
    });
}
