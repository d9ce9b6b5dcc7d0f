//! What a session knows of itself, as the server tells it.

use mywire::wire::{StateChange, StatusFlags};
use mywire::{Done, Session};

use crate::each_server;
use crate::target::{Target, code, connect, running, usable};

#[test]
fn the_greetings_facts() {
    each_server(async |target| {
        let mut session = target.session().await;
        let version: String = session.fetch_one("SELECT VERSION()", ()).await.unwrap();
        // MariaDB 10 puts a prefix before it for the sake of old replicas.
        assert_eq!(session.server_version().trim_start_matches("5.5.5-"), version);
        assert_eq!(session.is_mariadb(), version.contains("MariaDB"));
        let id: u32 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        assert_eq!(session.connection_id(), id);
        let charsets: (String, String, String) = session
            .fetch_one(
                "SELECT @@character_set_client, @@character_set_connection, @@character_set_results",
                (),
            )
            .await
            .unwrap();
        let utf8 = "utf8mb4".to_owned();
        assert_eq!(charsets, (utf8.clone(), utf8.clone(), utf8));
    });
}

#[test]
fn the_database_is_followed() {
    each_server(async |target| {
        let mut session = target.session().await;
        let current = async |session: &mut Session| {
            session.fetch_one::<Option<String>>("SELECT DATABASE()", ()).await.unwrap()
        };
        let started = current(&mut session).await;
        assert_eq!(session.database(), started.as_deref());
        let ours = target.database(&mut session).await;
        assert_eq!(session.database(), Some(&*ours));
        assert_eq!(current(&mut session).await.as_deref(), Some(&*ours));
        session.execute("USE information_schema", ()).await.unwrap();
        assert_eq!(session.database(), Some("information_schema"));
        session.use_database(&ours).await.unwrap();
        assert_eq!(code(session.use_database("no such database").await), 1049);
        assert_eq!(session.database(), Some(&*ours), "it stays after an error");
        assert_eq!(code(session.execute("USE no_such_database", ()).await), 1049);
        assert_eq!(current(&mut session).await.as_deref(), Some(&*ours));
        session.reset().await.unwrap();
        assert_eq!(session.database(), Some(&*ours));
        assert_eq!(current(&mut session).await.as_deref(), Some(&*ours), "E-96");
        session.execute(&format!("DROP DATABASE {ours}"), ()).await.unwrap();
        assert_eq!(current(&mut session).await, None);
        assert_eq!(session.database(), None);
    });
}

#[test]
fn transactions_show_in_the_status() {
    each_server(async |target| {
        let mut session = target.session().await;
        let database = target.database(&mut session).await;
        session.execute("CREATE TABLE tx (id INT) ENGINE = InnoDB", ()).await.unwrap();
        assert!(!session.in_transaction());
        for end in ["COMMIT", "ROLLBACK"] {
            session.execute("BEGIN", ()).await.unwrap();
            assert!(session.in_transaction());
            session.execute("INSERT INTO tx VALUES (1)", ()).await.unwrap();
            assert!(session.in_transaction());
            assert_eq!(code(session.execute("SELEKT", ()).await), 1064);
            assert!(session.in_transaction(), "an error says nothing of it (R-17)");
            session.execute(end, ()).await.unwrap();
            assert!(!session.in_transaction());
        }
        session.execute("SET autocommit = 0", ()).await.unwrap();
        assert!(!session.in_transaction());
        assert!(!session.status().contains(StatusFlags::AUTOCOMMIT));
        // It begins with the reading, so the end of the rows is what tells (R-80).
        session.fetch_all::<i64>("SELECT id FROM tx", ()).await.unwrap();
        assert!(session.in_transaction());
        session.execute("COMMIT", ()).await.unwrap();
        assert!(!session.in_transaction());
        session.execute("SET autocommit = 1", ()).await.unwrap();
        assert!(session.status().contains(StatusFlags::AUTOCOMMIT));
        session.execute("START TRANSACTION READ ONLY", ()).await.unwrap();
        assert!(session.in_transaction());
        session.reset().await.unwrap();
        assert!(!session.in_transaction());
        let rows: i64 =
            session.fetch_one(&format!("SELECT COUNT(*) FROM {database}.tx"), ()).await.unwrap();
        assert_eq!(rows, 1);
    });
}

#[test]
fn warnings_are_counted() {
    each_server(async |target| {
        let mut session = target.session().await;
        let done = session.execute("SET sql_mode = ''", ()).await.unwrap();
        assert_eq!((done.warnings, session.warnings()), (0, 0));
        let mut rows =
            session.query("SELECT CAST('1x' AS SIGNED), CAST('y' AS SIGNED)", ()).await.unwrap();
        assert!(rows.next().await.unwrap().is_some());
        let done = rows.finish().await.unwrap();
        assert_eq!((done.warnings, session.warnings()), (2, 2));
        let shown: Vec<(String, u16, String)> =
            session.fetch_all("SHOW WARNINGS", ()).await.unwrap();
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0].1, 1292);
        let done = session.execute("DROP TABLE IF EXISTS live_no_such_table", ()).await.unwrap();
        assert_eq!(done.warnings, 1);
        session.execute("SET @a = 1", ()).await.unwrap();
        assert_eq!(session.warnings(), 0);
    });
}

/// E-97, T-66: what literals mean depends on it, and it can change at any time.
#[test]
fn e97_no_backslash_escapes_is_followed() {
    each_server(async |target| {
        let mut session = target.session().await;
        let flag = StatusFlags::NO_BACKSLASH_ESCAPES;
        assert!(!session.status().contains(flag));
        assert_eq!(session.fetch_one::<i64>(r"SELECT LENGTH('\n')", ()).await.unwrap(), 1);
        for _ in 0..2 {
            session.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", ()).await.unwrap();
            assert!(session.status().contains(flag));
            assert_eq!(session.fetch_one::<i64>(r"SELECT LENGTH('\n')", ()).await.unwrap(), 2);
            assert!(session.status().contains(flag));
            session.execute("SET sql_mode = ''", ()).await.unwrap();
            assert!(!session.status().contains(flag));
        }
        session.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", ()).await.unwrap();
        session.reset().await.unwrap();
        assert!(!session.status().contains(flag));
    });
}

async fn changes(session: &mut Session) -> (Done, Done) {
    session.execute("CREATE TEMPORARY TABLE live_rows (a INT, b INT)", ()).await.unwrap();
    let inserted =
        session.execute("INSERT INTO live_rows VALUES (1,1),(2,1),(3,2)", ()).await.unwrap();
    assert_eq!(inserted.affected_rows, 3);
    assert_eq!(inserted.info, "Records: 3  Duplicates: 0  Warnings: 0");
    let same = session.execute("UPDATE live_rows SET b = 1 WHERE a < 3", ()).await.unwrap();
    let one = session.execute("UPDATE live_rows SET b = 2", ()).await.unwrap();
    assert_eq!(
        session.execute("DELETE FROM live_rows WHERE a = 9", ()).await.unwrap().affected_rows,
        0
    );
    assert_eq!(session.execute("DELETE FROM live_rows", ()).await.unwrap().affected_rows, 3);
    (same, one)
}

#[test]
fn affected_rows_are_those_changed_or_with_found_rows_those_found() {
    each_server(async |target| {
        let (same, one) = changes(&mut target.session().await).await;
        assert_eq!((same.affected_rows, one.affected_rows), (0, 2));
        assert_eq!(same.info, "Rows matched: 2  Changed: 0  Warnings: 0");
        let mut found = connect(&target.config().found_rows(true)).await;
        let (same, one) = changes(&mut found).await;
        assert_eq!((same.affected_rows, one.affected_rows), (2, 3));
        assert_eq!(one.info, "Rows matched: 3  Changed: 2  Warnings: 0");
    });
}

/// E-50.
#[test]
fn e50_last_insert_ids_have_64_bits() {
    each_server(async |target| {
        let mut session = target.session().await;
        let sql = "CREATE TEMPORARY TABLE live_ids (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, a \
                   INT)";
        session.execute(sql, ()).await.unwrap();
        let insert = "INSERT INTO live_ids (a) VALUES (1), (2)";
        assert_eq!(session.execute(insert, ()).await.unwrap().last_insert_id, 1);
        assert_eq!(session.execute(insert, ()).await.unwrap().last_insert_id, 3);
        for id in [(1 << 32) + 5, 1 << 63, u64::MAX - 5] {
            let sql = format!("INSERT INTO live_ids (id, a) VALUES ({id}, 1)");
            session.execute(&sql, ()).await.unwrap();
            let done = session.execute("INSERT INTO live_ids (a) VALUES (2)", ()).await.unwrap();
            assert_eq!(done.last_insert_id, id + 1);
        }
        let done =
            session.execute(&format!("SELECT LAST_INSERT_ID({})", u64::MAX), ()).await.unwrap();
        assert_eq!(done.last_insert_id, 0, "a SELECT makes none");
        let sql =
            format!("UPDATE live_ids SET a = LAST_INSERT_ID({}) - {0} WHERE id = 1", u64::MAX);
        assert_eq!(session.execute(&sql, ()).await.unwrap().last_insert_id, u64::MAX);
        assert_eq!(session.execute("DELETE FROM live_ids", ()).await.unwrap().last_insert_id, 0);
    });
}

/// E-96.
#[test]
fn e96_a_reset_session_is_as_good_as_new() {
    each_server(async |target| {
        for collation in [None, Some("utf8mb4_unicode_ci")] {
            let config = target.config();
            let config = match collation {
                Some(name) => config.collation(name),
                None => config,
            };
            let mut session = connect(&config).await;
            let id = session.connection_id();
            let fresh = charsets(&mut session).await;
            session.execute("CREATE TEMPORARY TABLE live_gone (a INT)", ()).await.unwrap();
            session.execute("SET @gone = 7, SESSION sort_buffer_size = 65536", ()).await.unwrap();
            session.execute("SET NAMES latin1", ()).await.unwrap();
            session.execute("PREPARE gone FROM 'SELECT 1'", ()).await.unwrap();
            session.execute("BEGIN", ()).await.unwrap();
            session.reset().await.unwrap();
            assert_eq!(code(session.execute("SELECT * FROM live_gone", ()).await), 1146);
            assert_eq!(code(session.execute("EXECUTE gone", ()).await), 1243);
            let gone: Option<i64> = session.fetch_one("SELECT @gone", ()).await.unwrap();
            assert_eq!(gone, None);
            let differs: bool = session
                .fetch_one("SELECT @@SESSION.sort_buffer_size <> @@GLOBAL.sort_buffer_size", ())
                .await
                .unwrap();
            assert!(!differs);
            assert_eq!(charsets(&mut session).await, fresh);
            assert_eq!(fresh.0, "utf8mb4");
            match collation {
                Some(name) => assert_eq!(fresh.1, name),
                // MariaDB from 11.5 on puts the server's own in its place.
                None => assert!(fresh.1.starts_with("utf8mb4_"), "{fresh:?}"),
            }
            let now: u32 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
            assert_eq!(now, id, "it is the same session");
        }
    });
}

async fn charsets(session: &mut Session) -> (String, String, String) {
    session
        .fetch_one(
            "SELECT @@character_set_client, @@collation_connection, @@character_set_results",
            (),
        )
        .await
        .unwrap()
}

#[test]
fn a_closed_or_dropped_session_is_gone_from_the_server() {
    each_server(async |target| {
        let mut watcher = target.local().await;
        for in_order in [true, false] {
            let mut session = target.session().await;
            session.ping().await.unwrap();
            let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
            if in_order {
                session.close().await.unwrap();
            } else {
                drop(session);
            }
            while running(&mut watcher, id).await.is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    });
}

/// Values of system variables come with the statement that changes them.
#[test]
fn r05_r06_session_state_is_tracked() {
    each_server(async |target| {
        let mut session = target.session().await;
        session.execute("SET SESSION session_track_system_variables = '*'", ()).await.unwrap();
        let done = session.execute("SET SESSION lock_wait_timeout = 77", ()).await.unwrap();
        assert!(done.status.contains(StatusFlags::SESSION_STATE_CHANGED));
        assert!(has_variable(&done, "lock_wait_timeout", "77"), "{done:?}");
        let done = session.execute("SET autocommit = 0", ()).await.unwrap();
        assert!(has_variable(&done, "autocommit", "OFF"), "{done:?}");
        let done = session.execute("USE information_schema", ()).await.unwrap();
        let schema = StateChange::Schema(b"information_schema");
        assert!(done.session_state().changes().any(|change| change == Ok(schema)), "{done:?}");
        let done = session.execute("SELECT 1", ()).await.unwrap();
        assert!(!has_variable(&done, "autocommit", "OFF"), "it did not change again");
        // A transaction's state, in MySQL's letters.
        session.execute("SET SESSION session_track_transaction_info = 'STATE'", ()).await.unwrap();
        let done = session.execute("BEGIN", ()).await.unwrap();
        let state = StateChange::TransactionState(b"T_______");
        assert!(done.session_state().changes().any(|change| change == Ok(state)), "{done:?}");
        usable(&mut session).await;
    });
}

fn has_variable(done: &Done, wanted: &str, is: &str) -> bool {
    let wanted =
        StateChange::SystemVariable { name: wanted.as_bytes(), value: Some(is.as_bytes()) };
    done.session_state().changes().any(|change| change == Ok(wanted))
}

async fn attributes(session: &mut Session) -> Option<Vec<(String, Option<String>)>> {
    let on: bool = session.fetch_one("SELECT @@performance_schema", ()).await.unwrap();
    if !on {
        return None;
    }
    let sql = "SELECT attr_name, attr_value FROM performance_schema.session_connect_attrs WHERE \
               processlist_id = CONNECTION_ID() ORDER BY attr_name";
    Some(session.fetch_all(sql, ()).await.unwrap())
}

/// T-86: what is said, and that nothing else is.
#[test]
fn t86_connection_attributes() {
    each_server(async |target: &Target| {
        let mut session = target.session().await;
        let Some(own) = attributes(&mut session).await else {
            // Only a server of MYWIRE_TEST_URL runs without it.
            assert!(target.server.certs.is_none());
            return;
        };
        let names: Vec<&str> = own
            .iter()
            .map(|(name, _)| name.as_str())
            // The servers' own findings.
            .filter(|name| !name.starts_with("_server_"))
            .collect();
        assert_eq!(names, ["_client_name", "_client_version", "_os", "_platform"]);
        let value = |name: &str| {
            own.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone())
        };
        assert_eq!(value("_client_name").as_deref(), Some("mywire"));
        assert_eq!(value("_client_version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        let config = target
            .config()
            .connect_attribute("program_name", "größe")
            .connect_attribute("empty", "");
        let more = attributes(&mut connect(&config).await).await.unwrap();
        assert!(more.contains(&("program_name".into(), Some("größe".into()))), "{more:?}");
        assert!(more.iter().any(|(name, _)| name == "empty"), "{more:?}");
        let config = target.config().connect_attributes(false);
        let none = attributes(&mut connect(&config).await).await.unwrap();
        assert!(none.iter().all(|(name, _)| name.starts_with("_server_")), "{none:?}");
    });
}
