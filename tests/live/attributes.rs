//! Query attributes (K-01, K-11, K-13), and what the trackers tell.

use mywire::{Config, QueryAttributes, Session};

use crate::each_server;
use crate::target::{Target, connect, exclusively, usable};

fn attributes() -> QueryAttributes {
    QueryAttributes::default()
        .with("tenant", "größe")
        .and_then(|attributes| attributes.with("nothing", None::<u64>))
        .and_then(|attributes| attributes.with("number", 7_u64))
        .unwrap()
        .traceparent(1, 2, true)
}

fn config(target: &Target) -> Config {
    target.config().query_attributes(true).local_infile(true)
}

/// Everything that a session runs, with and without attributes, in the layouts that they bring.
async fn all_kinds(session: &mut Session) {
    usable(session).await;
    session.execute("DO 1", ()).await.unwrap();
    for number in 0..3_i64 {
        let row: (i64, Option<String>, String) =
            session.fetch_one("SELECT ?, ?, ?", (number, None::<&str>, "text")).await.unwrap();
        assert_eq!(row, (number, None, "text".into()));
        // Other types for the same statement.
        let row: (String, i64, f64) =
            session.fetch_one("SELECT ?, ?, ?", ("a", 5, 2.5)).await.unwrap();
        assert_eq!(row, ("a".into(), 5, 2.5));
    }
    let statement = session.prepare("SELECT 7").await.unwrap();
    assert_eq!(session.fetch_one::<i64>(&statement, ()).await.unwrap(), 7);
    let many: Vec<i64> = (0..300).collect();
    let marks = vec!["?"; many.len()].join(" + ");
    let sum: f64 = session.fetch_one(&format!("SELECT 0e0 + {marks}"), &many[..]).await.unwrap();
    assert_eq!(sum as i64, 299 * 150);
    let mut transaction = session.begin().await.unwrap();
    transaction.execute("DO 2", ()).await.unwrap();
    transaction.rollback().await.unwrap();
    session.ping().await.unwrap();
    session.execute("CREATE TEMPORARY TABLE attr_l (n INT)", ()).await.unwrap();
    let sql = "LOAD DATA LOCAL INFILE '' INTO TABLE attr_l";
    assert_eq!(session.load_local(sql, &b"1\n2\n"[..]).await.unwrap().affected_rows, 2);
    session.execute("DROP TEMPORARY TABLE attr_l", ()).await.unwrap();
}

/// Commands that are on their way together.
async fn all_at_once(session: &mut Session) {
    session
        .execute("CREATE TEMPORARY TABLE IF NOT EXISTS attr_t (n INT, s TEXT)", ())
        .await
        .unwrap();
    let insert = session.prepare("INSERT INTO attr_t VALUES (?, ?)").await.unwrap();
    let done = session.bulk(&insert, (0..500).map(|n| (n, "x".repeat(n % 90)))).await.unwrap();
    assert_eq!(done.rows, 500);
    let plus = session.prepare("SELECT CAST(? AS SIGNED) + 1").await.unwrap();
    let mut pipeline = session.pipeline();
    for n in 0..20_i64 {
        pipeline.query("SELECT COUNT(*) FROM attr_t", ()).await.unwrap();
        pipeline.query(&plus, (n,)).await.unwrap();
    }
    let mut numbers = Vec::new();
    while let Some(reply) = pipeline.next_reply().await {
        numbers.extend(reply.unwrap().collect::<i64>().await.unwrap());
    }
    let expected: Vec<i64> = (0..20).flat_map(|n| [500, n + 1]).collect();
    assert_eq!(numbers, expected);
    session.execute("DROP TEMPORARY TABLE attr_t", ()).await.unwrap();
}

#[test]
fn e87_k13_statements_with_and_without_attributes() {
    each_server(async |target| {
        let mut session = connect(&config(target)).await;
        all_kinds(&mut session).await;
        let taken = session.set_query_attributes(attributes());
        assert_eq!(taken, !session.is_mariadb(), "{}", session.server_version());
        all_kinds(&mut session).await;
        session.reset().await.unwrap();
        session.set_query_attributes(QueryAttributes::default());
        all_kinds(&mut session).await;
        // Each command begins its own frames, whatever it carries.
        #[cfg(feature = "compress")]
        {
            let compressed = config(target).compression([mywire::Compression::Zlib]);
            let mut session = connect(&compressed).await;
            assert!(session.compression().is_some());
            session.set_query_attributes(attributes());
            all_kinds(&mut session).await;
            all_at_once(&mut session).await;
        }
        session.set_query_attributes(attributes());
        all_at_once(&mut session).await;
        // Nobody asked for them: nothing is announced.
        assert!(!target.session().await.set_query_attributes(attributes()));
    });
}

/// The server's component reads what was sent.
#[test]
fn k01_k11_the_server_sees_the_attributes() {
    each_server(async |target| {
        let mut lock = exclusively(target, "query attributes").await;
        if lock.is_mariadb() {
            return;
        }
        let component = "'file://component_query_attributes'";
        // A server of MYWIRE_TEST_URL may have it already.
        let ours = lock.execute(&format!("INSTALL COMPONENT {component}"), ()).await.is_ok();
        let mut session = connect(&config(target)).await;
        assert!(session.set_query_attributes(attributes()));
        let get = "mysql_query_attribute_string";
        let sql = format!(
            "SELECT {get}('tenant'), {get}('nothing'), {get}('number'), {get}('traceparent')"
        );
        type Found = (Option<String>, Option<String>, Option<String>, Option<String>);
        let trace = "00-00000000000000000000000000000001-0000000000000002-01";
        let wanted: Found = (Some("größe".into()), None, Some("7".into()), Some(trace.into()));
        let text: Found = session.fetch_one(&sql, ()).await.unwrap();
        assert_eq!(text, wanted);
        let statement = session.prepare(&sql).await.unwrap();
        let binary: Found = session.fetch_one(&statement, ()).await.unwrap();
        assert_eq!(binary, wanted, "without parameters");
        let sql = format!("SELECT ?, {get}('tenant'), {get}('number')");
        let row: (i64, String, String) = session.fetch_one(&sql, (5,)).await.unwrap();
        assert_eq!(row, (5, "größe".into(), "7".into()));
        session.set_query_attributes(QueryAttributes::default());
        let tenant = format!("SELECT {get}('tenant')");
        let gone: Option<String> = session.fetch_one(&tenant, ()).await.unwrap();
        assert_eq!(gone, None);
        drop(statement);
        // What makes a session as good as new takes them, too.
        for change_user in [false, true] {
            assert!(session.set_query_attributes(attributes()));
            let there: Option<String> = session.fetch_one(&tenant, ()).await.unwrap();
            assert!(there.is_some());
            match change_user {
                false => session.reset().await.unwrap(),
                true => session.change_user(&config(target)).await.unwrap(),
            }
            let gone: Option<String> = session.fetch_one(&tenant, ()).await.unwrap();
            assert_eq!(gone, None, "{change_user}");
            let row: (i64, Option<String>) =
                session.fetch_one(&format!("SELECT ?, {get}('tenant')"), (5,)).await.unwrap();
            assert_eq!(row, (5, None), "{change_user}");
        }
        session.close().await.unwrap();
        if ours {
            lock.execute(&format!("UNINSTALL COMPONENT {component}"), ()).await.unwrap();
        }
    });
}

/// every tracker, typed.
#[test]
fn r04_r10_the_trackers_tell() {
    each_server(async |target| {
        let mut session = target.session().await;
        let database = target.database(&mut session).await;
        session.execute("CREATE TABLE tracked (a INT) ENGINE = InnoDB", ()).await.unwrap();
        session.execute("SET SESSION session_track_system_variables = '*'", ()).await.unwrap();
        session.execute("SET SESSION session_track_state_change = 1", ()).await.unwrap();
        let info = "SET SESSION session_track_transaction_info = 'CHARACTERISTICS'";
        session.execute(info, ()).await.unwrap();
        if !session.is_mariadb() {
            session.execute("SET SESSION session_track_gtids = 'OWN_GTID'", ()).await.unwrap();
        }
        let done = session.execute("SET SESSION lock_wait_timeout = 77", ()).await.unwrap();
        let known = done
            .system_variables()
            .any(|(name, value)| name == "lock_wait_timeout" && value.as_deref() == Some("77"));
        assert!(known && done.state_changed(), "{done:?}");
        let done = session.execute("USE information_schema", ()).await.unwrap();
        assert_eq!(done.new_database().as_deref(), Some("information_schema"));
        session.use_database(&database).await.unwrap();

        let done = session.execute("START TRANSACTION READ WRITE", ()).await.unwrap();
        let sql = done.transaction_characteristics();
        assert_eq!(sql.as_deref(), Some("START TRANSACTION READ WRITE;"), "{done:?}");
        session.execute("INSERT INTO tracked VALUES (1)", ()).await.unwrap();
        let state = session.transaction_state().unwrap();
        assert!(state.explicit && state.wrote && !state.implicit && state.is_open(), "{state:?}");
        let done = session.execute("COMMIT", ()).await.unwrap();
        assert!(!session.transaction_state().unwrap().is_open());
        assert_eq!(done.transaction_characteristics().as_deref(), Some(""));
        let gtids = session.gtids().map(str::to_owned).unwrap_or_default();
        assert_eq!(done.gtids().unwrap_or_default(), gtids);
        // MariaDB's have the form domain-server-number, MySQL's begin with the server's uuid.
        let dashes = gtids.matches('-').count();
        assert_eq!(dashes, if session.is_mariadb() { 2 } else { 4 }, "{gtids}");
        assert_eq!(session.redirect_url(), None);
        let told = session.login_state().changes().filter(|change| change.is_ok()).count();
        assert!(told > 0, "every server tells of the login's database");
    });
}

/// what the tracker of changes tells, and what it does not; `PoolReset::WhenChanged` rests on it.
#[test]
fn r07_what_the_state_change_tells() {
    each_server(async |target| {
        let mut session = target.session().await;
        target.database(&mut session).await;
        session.execute("SET SESSION session_track_state_change = 1", ()).await.unwrap();
        let mut wrong = Vec::new();
        for (told, sql) in [
            (true, "SET @a = 1"),
            (true, "SET SESSION sort_buffer_size = 65536"),
            (true, "SET NAMES latin1"),
            (true, "SET NAMES utf8mb4"),
            (true, "USE mysql"),
            (true, "CREATE TEMPORARY TABLE test.told_temporary (a INT)"),
            (true, "DROP TEMPORARY TABLE test.told_temporary"),
            (true, "PREPARE p FROM 'SELECT 1'"),
            (false, "SELECT 1"),
            (false, "SELECT 1 INTO @a"),
            (false, "SELECT @a := 2"),
            (false, "SELECT GET_LOCK('mywire told', 0)"),
            (false, "SELECT RELEASE_ALL_LOCKS()"),
        ] {
            let done = session.execute(sql, ()).await.unwrap();
            if done.state_changed() != told {
                wrong.push(sql);
            }
        }
        let mut session = target.session().await;
        let database = target.database(&mut session).await;
        for sql in [
            "CREATE TABLE told (a INT)",
            "CREATE FUNCTION sets_a() RETURNS INT NO SQL BEGIN SET @a = 1; RETURN 1; END",
            "CREATE PROCEDURE makes_b() CREATE TEMPORARY TABLE b (a INT)",
            "SET SESSION session_track_state_change = 1",
        ] {
            session.execute(sql, ()).await.unwrap();
        }
        for (told, sql) in [
            (true, "SELECT sets_a()"),
            (true, "CALL makes_b()"),
            (false, "INSERT INTO told VALUES (1)"),
            (false, "BEGIN"),
            (false, "DELETE FROM told"),
            (false, "COMMIT"),
            (false, "LOCK TABLES told READ"),
            (false, "UNLOCK TABLES"),
        ] {
            let done = session.execute(sql, ()).await.unwrap();
            if done.state_changed() != told {
                wrong.push(sql);
            }
        }
        assert_eq!(wrong, [""; 0], "in {database}");
        // Nor do prepared statements of the binary protocol.
        let one: i64 =
            session.fetch_one("SELECT COUNT(*) FROM told WHERE a = ?", (1,)).await.unwrap();
        assert_eq!(one, 0);
    });
}
