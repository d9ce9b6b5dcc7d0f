//! What a configuration says of the session and of the socket, as the server sees it.

use std::time::Duration;

use mywire::{Error, Limits};

use crate::each_server;
use crate::target::{code, connect, exclusively, refused, usable};

#[test]
fn t64_session_options_hold_after_the_login_and_after_a_reset() {
    each_server(async |target| {
        let config = target
            .config()
            .collation("utf8mb4_bin")
            .sql_mode("ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
            .time_zone("+02:00")
            .init_command("SET @first = 'a'")
            .init_command("SELECT 1")
            .init_command("SET @second = CONCAT(@first, 'b'), SESSION sort_buffer_size = 65536");
        let mut session = connect(&config).await;
        for reset in [false, true] {
            if reset {
                session.execute("SET @first = 'x', @second = 'y'", ()).await.unwrap();
                session.execute("SET time_zone = '+05:00', sql_mode = ''", ()).await.unwrap();
                session.reset().await.unwrap();
            }
            let (collation, mode, zone, value, size): (String, String, String, String, u64) =
                session
                    .fetch_one(
                        "SELECT @@collation_connection, @@sql_mode, @@time_zone, @second, \
                         @@sort_buffer_size",
                        (),
                    )
                    .await
                    .unwrap();
            assert_eq!(collation, "utf8mb4_bin");
            assert_eq!(mode, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
            assert_eq!((zone.as_str(), value.as_str(), size), ("+02:00", "ab", 65_536));
        }
    });
}

#[test]
fn a_failing_option_or_init_command_is_named() {
    each_server(async |target| {
        let config = target.config();
        for (config, name, number) in [
            (config.clone().collation("utf8mb4_no_such_ci"), "the option `collation`", 1273),
            (config.clone().sql_mode("NO_SUCH_MODE"), "the option `sql-mode`", 1231),
            (config.clone().time_zone("No/Such"), "the option `time-zone`", 1298),
            (
                config.clone().init_command("SET @a = 1").init_command("SELEC 's3nt1nel'"),
                "init command 2",
                1064,
            ),
            // One statement each.
            (config.clone().init_command("SET @a = 1; SET @b = 2"), "init command 1", 1064),
        ] {
            let error = refused(&config).await;
            let server = error.as_server().unwrap_or_else(|| panic!("{error:?}"));
            assert_eq!((server.setup(), server.code()), (Some(name), number), "{error}");
            assert!(error.to_string().starts_with(name), "{error}");
        }
    });
}

#[test]
fn an_interactive_session_has_the_interactive_timeout() {
    each_server(async |target| {
        let mut lock = exclusively(target, "interactive_timeout").await;
        let before: u64 = lock.fetch_one("SELECT @@GLOBAL.interactive_timeout", ()).await.unwrap();
        lock.execute("SET GLOBAL interactive_timeout = 12345", ()).await.unwrap();
        let mut timeouts = Vec::new();
        for interactive in [true, false] {
            let mut session = connect(&target.config().interactive(interactive)).await;
            let timeout: u64 = session.fetch_one("SELECT @@wait_timeout", ()).await.unwrap();
            timeouts.push(timeout);
        }
        let back = format!("SET GLOBAL interactive_timeout = {before}");
        lock.execute(&back, ()).await.unwrap();
        assert_eq!(timeouts[0], 12345);
        assert_ne!(timeouts[1], 12345);
    });
}

/// T-113: with the server's own limit a statement that is too long costs no session.
#[test]
fn t113_the_servers_limit_known_to_the_client() {
    each_server(async |target| {
        let mut session = target.session().await;
        let server: u64 = session.fetch_one("SELECT @@max_allowed_packet", ()).await.unwrap();
        let known = usize::try_from(server).unwrap().min(1 << 20);
        let config = target.config().limits(Limits::default().max_command(known));
        let mut session = connect(&config).await;
        let sql = format!("SELECT LENGTH('{}')", "x".repeat(known));
        let error = session.execute(&sql, ()).await.unwrap_err();
        assert!(matches!(error, Error::Usage(_)) && !error.is_fatal(), "{error}");
        usable(&mut session).await;
    });
}

#[test]
fn t91_t99_sockets_as_configured() {
    each_server(async |target| {
        let config = target.config().tcp_nodelay(false).keepalive(Duration::from_secs(5));
        #[cfg(target_os = "linux")]
        let config = config.tcp_user_timeout(Duration::from_secs(30));
        let here = target.server.host == "127.0.0.1" && cfg!(target_os = "linux");
        if !here {
            return usable(&mut connect(&config).await).await;
        }
        // Every address of 127.0.0.0/8 is this machine's.
        let mut session = connect(&config.bind_address([127, 0, 0, 5])).await;
        let from: String = session.fetch_one("SELECT USER()", ()).await.unwrap();
        assert_eq!(from, "root@127.0.0.5");
        // `localhost` may have an address at which nobody listens.
        usable(&mut connect(&target.config().host("localhost")).await).await;
    });
}

#[test]
fn a_reset_that_fails_half_way_leaves_a_usable_session() {
    each_server(async |target| {
        let mut admin = target.local().await;
        let database = target.database(&mut admin).await;
        let table = format!("{database}.gone");
        admin.execute(&format!("CREATE TABLE {table} (a INT)"), ()).await.unwrap();
        let config = target
            .config()
            .init_command(format!("DO (SELECT COUNT(*) FROM {table})"))
            .init_command("SET @after = 1");
        let mut session = connect(&config).await;
        admin.execute(&format!("DROP TABLE {table}"), ()).await.unwrap();
        let failed = session.reset().await;
        let error = failed.unwrap_err();
        assert_eq!(error.as_server().unwrap().setup(), Some("init command 1"), "{error}");
        assert_eq!(code::<()>(Err(error)), 1146);
        usable(&mut session).await;
    });
}
