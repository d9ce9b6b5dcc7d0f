//! Prepared statements: parameters, the cache, and what ends a statement.

use std::fmt::Write;
use std::time::Duration;

use mywire::error::{UsageError, ValueError};
use mywire::wire::StatusFlags;
use mywire::{DateTime, Decimal, Error, OwnedRow, Sent, Session, Value};
use tokio::time::timeout;

use crate::calls::procedures;
use crate::each_server;
use crate::target::{Target, code, connect, usable};

/// How many statements the session has open on the server, by the server's own account. Asking
/// costs no statement.
async fn open_statements(session: &mut Session) -> i64 {
    if !session.is_mariadb() {
        // Its counter of closed statements is behind.
        let sql = "SELECT COUNT(*) FROM performance_schema.prepared_statements_instances \
                   WHERE OWNER_THREAD_ID = PS_CURRENT_THREAD_ID()";
        return session.fetch_one(sql, ()).await.unwrap();
    }
    let mut open = 0;
    for (counter, sign) in [("Com_stmt_prepare", 1), ("Com_stmt_close", -1)] {
        let sql = format!("SHOW SESSION STATUS LIKE '{counter}'");
        let (_, count): (String, String) = session.fetch_one(&sql, ()).await.unwrap();
        open += sign * count.parse::<i64>().unwrap();
    }
    open
}

fn usage(error: &Error) -> &UsageError {
    match error {
        Error::Usage(error) => error,
        other => panic!("not the caller's mistake: {other}"),
    }
}

#[test]
fn e61_null_bits_of_parameters_and_of_columns() {
    each_server(async |target| {
        let mut session = target.local().await;
        for count in 1..=40 {
            let sql = format!("SELECT {}", vec!["?"; count].join(", "));
            let statement = session.prepare(&sql).await.unwrap();
            assert_eq!(statement.parameters(), count);
            assert_eq!(statement.columns().len(), count);
            let full: Vec<Option<i64>> = (0..count).map(|i| Some(i as i64 * 1000 - 7)).collect();
            let mut cases = vec![full.clone()];
            cases.extend((0..count).map(|null| {
                let mut case = full.clone();
                case[null] = None;
                case
            }));
            cases.push(vec![None; count]);
            cases.push((0..count).map(|i| full[i].filter(|_| i % 2 == 0)).collect());
            cases.push(full);
            for case in cases {
                let row: OwnedRow = session.fetch_one(&statement, &case).await.unwrap();
                let back: Vec<Option<i64>> =
                    (0..count).map(|column| row.get(column).unwrap()).collect();
                assert_eq!(back, case);
            }
        }
        usable(&mut session).await;
    });
}

#[test]
fn e62_the_table_is_altered_between_executions() {
    each_server(async |target| {
        let mut session = target.local().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (a INT, b VARCHAR(20))", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (1, '2024-02-29')", ()).await.unwrap();
        let statement = session.prepare("SELECT * FROM t WHERE 1 = ?").await.unwrap();
        let row: (i32, String) = session.fetch_one(&statement, (1,)).await.unwrap();
        assert_eq!(row, (1, "2024-02-29".to_owned()));
        for (alter, types) in [
            ("MODIFY a BIGINT UNSIGNED", &["BIGINT UNSIGNED", "VARCHAR"][..]),
            ("ADD c DOUBLE NULL FIRST", &["DOUBLE", "BIGINT UNSIGNED", "VARCHAR"]),
            ("MODIFY b DATE", &["DOUBLE", "BIGINT UNSIGNED", "DATE"]),
            ("DROP c", &["BIGINT UNSIGNED", "DATE"]),
        ] {
            session.execute(&format!("ALTER TABLE t {alter}"), ()).await.unwrap();
            let row: OwnedRow = session.fetch_one(&statement, (1,)).await.unwrap();
            let names: Vec<&str> = row.columns().iter().map(|column| column.type_name()).collect();
            assert_eq!(names, types, "{alter}");
            assert_eq!(row.get::<u8>("a").unwrap(), 1, "{alter}");
            let b = row.get::<Value>("b").unwrap();
            match types.last() {
                Some(&"DATE") => assert_eq!(b, Value::Date("2024-02-29".parse().unwrap())),
                _ => assert_eq!(b, Value::from("2024-02-29")),
            }
        }
        assert_eq!(statement.columns().get(0).unwrap().type_name(), "INT", "as it was prepared");
        session.execute("DROP TABLE t", ()).await.unwrap();
        assert_eq!(code(session.execute(&statement, (1,)).await), 1146);
        session.execute("CREATE TABLE t (z TINYINT)", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (-5)", ()).await.unwrap();
        assert_eq!(session.fetch_one::<i8>(&statement, (1,)).await.unwrap(), -5);
        usable(&mut session).await;
    });
}

#[test]
fn e83_dropped_statements_leave_the_next_reply_alone() {
    each_server(async |target| {
        let mut session = target.local().await;
        let start = open_statements(&mut session).await;
        for round in 0..20 {
            let dropped: Vec<_> = {
                let mut all = Vec::new();
                for i in 0..5 {
                    all.push(session.prepare(&format!("SELECT {i}, ?")).await.unwrap());
                }
                all
            };
            assert_eq!(open_statements(&mut session).await, start + 5);
            let clone = dropped[0].clone();
            drop(dropped);
            let row: (i64, i64) = session.fetch_one(&clone, (round,)).await.unwrap();
            assert_eq!(row, (0, round));
            assert_eq!(open_statements(&mut session).await, start + 1);
            drop(clone);
            match round % 4 {
                0 => session.ping().await.unwrap(),
                1 => usable(&mut session).await,
                2 => drop(session.prepare("SELECT 1").await.unwrap()),
                _ => session.use_database("information_schema").await.unwrap(),
            }
            assert_eq!(open_statements(&mut session).await, start);
        }
    });
}

/// E-84, E-47: descriptions of statements with and without parameters and columns, in any order
/// with OK packets that are not read.
#[test]
fn e47_e84_statements_without_parameters_and_columns() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        for (sql, parameters, columns) in [
            ("DO 1", 0, 0),
            ("SELECT 1", 0, 1),
            ("SET @a = ?", 1, 0),
            ("SELECT ?, ?, 3", 2, 3),
            ("CALL p1()", 0, 0),
            ("UPDATE t SET a = a", 0, 0),
        ] {
            drop(session.query("CALL p2()", ()).await.unwrap());
            let statement = session.prepare(sql).await.unwrap();
            let counts = (statement.parameters(), statement.columns().len());
            // A MariaDB counts the columns of a CALL's first result set.
            if !sql.starts_with("CALL") {
                assert_eq!(counts, (parameters, columns), "{sql}");
            }
            let values = vec![5; parameters];
            session.execute(&statement, &values).await.unwrap();
            drop(session.query(&statement, &values).await.unwrap());
            usable(&mut session).await;
        }
        assert_eq!(code(session.prepare("SELEC 1").await), 1064);
        assert_eq!(code(session.prepare("").await), 1065);
        assert_eq!(code(session.prepare("SELECT 1; SELECT 2").await), 1064);
        usable(&mut session).await;
    });
}

#[test]
fn e85_prepared_calls_with_result_sets_and_out_parameters() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        let p0 = session.prepare("CALL p0()").await.unwrap();
        let p1 = session.prepare("CALL p1()").await.unwrap();
        let p2 = session.prepare("CALL p2()").await.unwrap();
        let pout = session.prepare("CALL pout(?, ?)").await.unwrap();
        for _ in 0..3 {
            let rows = session.query(&p0, ()).await.unwrap();
            assert!(rows.columns().is_empty());
            rows.finish().await.unwrap();

            let mut rows = session.query(&p1, ()).await.unwrap();
            assert_eq!(rows.collect::<i64>().await.unwrap(), [1, 2, 3]);
            assert!(rows.next_result().await.unwrap());
            assert!(rows.columns().is_empty());
            assert!(!rows.next_result().await.unwrap());
            drop(rows);

            let mut rows = session.query(&p2, ()).await.unwrap();
            assert_eq!(rows.collect::<i64>().await.unwrap(), [1]);
            assert!(rows.next_result().await.unwrap());
            let three: Vec<(i64, String)> = rows.collect().await.unwrap();
            assert_eq!(three[2], (3, "x".to_owned()));
            rows.finish().await.unwrap();
            assert!(!session.status().contains(StatusFlags::PS_OUT_PARAMS));

            // Left at every point; behind the OUT parameters' row the last status word is theirs.
            for results in 0..4 {
                let mut rows = session.query(&pout, (21, None::<i64>)).await.unwrap();
                assert_eq!(rows.collect::<i64>().await.unwrap(), [21]);
                for result in 0..results {
                    let next = rows.next_result().await.unwrap();
                    assert_eq!(next, result < 2, "result {result}");
                    if result == 0 {
                        assert_eq!(rows.collect::<i64>().await.unwrap(), [42]);
                    }
                }
                drop(rows);
                let marked = session.status().contains(StatusFlags::PS_OUT_PARAMS);
                assert_eq!(marked, results == 1, "after {results} results");
            }
            usable(&mut session).await;
        }
    });
}

#[test]
fn e88_a_wrong_number_of_parameters_is_not_sent() {
    each_server(async |target| {
        let mut session = target.local().await;
        let statement = session.prepare("SELECT ?, ?").await.unwrap();
        for given in [0, 1, 3, 65_535, 65_536, 100_000] {
            let error = session.execute(&statement, vec![1_i64; given]).await.unwrap_err();
            assert_eq!(*usage(&error), UsageError::ParameterCount { statement: 2, given });
            assert_eq!((error.was_sent(), error.is_fatal()), (Sent::No, false));
        }
        let error = session.fetch_one::<i64>("SELECT 1", (1,)).await.unwrap_err();
        assert_eq!(*usage(&error), UsageError::ParameterCount { statement: 0, given: 1 });
        assert_eq!(session.fetch_one::<(i64, i64)>(&statement, (1, 2)).await.unwrap(), (1, 2));
        // The most that a statement can have, and one more.
        let many = |count: usize| format!("SELECT 7 IN ({})", vec!["?"; count].join(","));
        let mut values = vec![1_i64; 65_535];
        assert!(!session.fetch_one::<bool>(&many(65_535), &values).await.unwrap());
        values[65_534] = 7;
        assert!(session.fetch_one::<bool>(&many(65_535), &values).await.unwrap());
        values.push(7);
        assert_eq!(code(session.execute(&many(65_536), &values).await), 1390);
        usable(&mut session).await;
    });
}

#[test]
fn t75_parameters_that_no_server_has_are_not_sent() {
    each_server(async |target| {
        let mut session = target.local().await;
        let statement = session.prepare("SELECT ? + 1, ? + 2").await.unwrap();
        for _ in 0..2 {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let error = session.execute(&statement, (1.5, bad)).await.unwrap_err();
                let Error::Param(param) = &error else { panic!("{error}") };
                assert_eq!((param.index(), param.reason()), (1, ValueError::Range));
                assert_eq!((error.was_sent(), error.is_fatal()), (Sent::No, false));
            }
            let row: (f64, f64) = session.fetch_one(&statement, (1.5, 2.5)).await.unwrap();
            assert_eq!(row, (2.5, 4.5));
        }
    });
}

#[test]
fn e89_changing_types_and_nulls() {
    each_server(async |target| {
        let mut session = target.local().await;
        let sql = "SELECT CONCAT(?, ''), ? IS NULL, LENGTH(?)";
        let statement = session.prepare(sql).await.unwrap();
        let decimal: Decimal = "-12.50".parse().unwrap();
        let datetime: DateTime = "2024-02-29 01:02:03.123456".parse().unwrap();
        let kinds: [(Value, Option<&str>); 8] = [
            (Value::Int(-7), Some("-7")),
            (Value::Null, None),
            (Value::from("äöü"), Some("äöü")),
            (Value::UInt(u64::MAX), Some("18446744073709551615")),
            (Value::Decimal(decimal), Some("-12.50")),
            (Value::Double(1.5), Some("1.5")),
            (Value::Bytes(b"bytes".to_vec()), Some("bytes")),
            (Value::DateTime(datetime), Some("2024-02-29 01:02:03.123456")),
        ];
        let open = open_statements(&mut session).await;
        // Steps that share no divisor with 8 or with each other: all triples come.
        for i in 0..100_000_usize {
            let [a, b, c] = [i % 8, i / 8 % 8, i * 5 / 3 % 8].map(|kind| &kinds[kind]);
            let row: (Option<Vec<u8>>, bool, Option<usize>) =
                session.fetch_one(&statement, (&a.0, &b.0, &c.0)).await.unwrap();
            let shown = row.0.as_deref().map(|bytes| std::str::from_utf8(bytes).unwrap());
            if shown != a.1 || row.1 != b.1.is_none() || row.2.is_some() != c.1.is_some() {
                panic!("execution {i}: {:?}, {:?}, {:?} gave {row:?}", a.0, b.0, c.0);
            }
        }
        assert_eq!(open_statements(&mut session).await, open);
        drop(statement);
        assert_eq!(open_statements(&mut session).await, open - 1);
        usable(&mut session).await;
    });
}

#[test]
fn e90_t38_the_cache_gives_back_what_it_does_not_keep() {
    each_server(async |target| {
        for capacity in [0, 1, 4] {
            let config = target.local_config().statement_cache(capacity);
            let mut session = connect(&config).await;
            let start = open_statements(&mut session).await;
            for round in 0..3 {
                for i in 0..10_i64 {
                    let sql = format!("SELECT {i}, ?");
                    let row: (i64, i64) = session.fetch_one(&sql, (round,)).await.unwrap();
                    assert_eq!(row, (i, round));
                }
            }
            // Without room nothing is kept, and what was dropped goes out with the next command.
            let open = open_statements(&mut session).await - start;
            assert_eq!(open, capacity as i64);
            // What is kept alive is not closed when it leaves the cache.
            let kept = session.prepare("SELECT 'kept', ?").await.unwrap();
            for i in 0..10_i64 {
                session.execute(&format!("SELECT {i}, ?"), (1,)).await.unwrap();
            }
            let row: (String, i64) = session.fetch_one(&kept, (7,)).await.unwrap();
            assert_eq!(row, ("kept".to_owned(), 7));
            assert_eq!(open_statements(&mut session).await - start, capacity as i64 + 1);
        }
    });
}

#[test]
fn e90_a_cached_statement_is_prepared_once() {
    each_server(async |target| {
        let mut session = target.local().await;
        let prepared = |counts: (String, String)| counts.1.parse::<u64>().unwrap();
        let sql = "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'";
        let before = prepared(session.fetch_one(sql, ()).await.unwrap());
        for i in 0..100_i64 {
            assert_eq!(session.fetch_one::<i64>("SELECT ? + 1", (i,)).await.unwrap(), i + 1);
        }
        let after = prepared(session.fetch_one(sql, ()).await.unwrap());
        assert_eq!(after, before + 1);
    });
}

/// The server binds a statement's names to the default database of when it was prepared.
#[test]
fn cached_statements_follow_the_default_database() {
    each_server(async |target| {
        let mut session = target.local().await;
        let mut names = Vec::new();
        for n in 0..2_i64 {
            names.push(target.database(&mut session).await);
            session.execute("CREATE TABLE t (n INT)", ()).await.unwrap();
            session.execute("INSERT INTO t VALUES (?)", (n,)).await.unwrap();
        }
        let sql = "SELECT CAST(n AS SIGNED) FROM t WHERE n >= ?";
        for (n, name) in [(1, &names[1]), (0, &names[0]), (1, &names[1])] {
            session.use_database(name).await.unwrap();
            assert_eq!(session.fetch_one::<i64>(sql, (0,)).await.unwrap(), n);
        }
        session.execute(&format!("USE {}", names[0]), ()).await.unwrap();
        assert_eq!(session.fetch_one::<i64>(sql, (0,)).await.unwrap(), 0);
        // Polled once: it is written, and its answer is not there yet.
        let _ = timeout(Duration::ZERO, session.use_database(&names[1])).await;
        let here: String = session.fetch_one("SELECT DATABASE()", ()).await.unwrap();
        let n = names.iter().position(|name| *name == here).unwrap();
        assert_eq!(session.fetch_one::<i64>(sql, (0,)).await.unwrap(), n as i64);
    });
}

#[test]
fn e96_statements_end_with_a_reset_and_belong_to_their_session() {
    each_server(async |target| {
        let (mut session, mut other) = (target.local().await, target.local().await);
        let statement = session.prepare("SELECT ?").await.unwrap();
        let foreign = other.execute(&statement, (1,)).await.unwrap_err();
        assert_eq!(*usage(&foreign), UsageError::ForeignStatement);
        usable(&mut other).await;
        session.fetch_one::<i64>("SELECT ? + 1", (1,)).await.unwrap();
        session.reset().await.unwrap();
        let lost = session.execute(&statement, (1,)).await.unwrap_err();
        assert_eq!(*usage(&lost), UsageError::ForeignStatement);
        assert_eq!((lost.was_sent(), lost.is_fatal()), (Sent::No, false));
        // The ids begin anew: the old statement's drop must not close a new one.
        let new = session.prepare("SELECT ? + 2").await.unwrap();
        drop(statement);
        assert_eq!(session.fetch_one::<i64>("SELECT ? + 1", (1,)).await.unwrap(), 2);
        assert_eq!(session.fetch_one::<i64>(&new, (1,)).await.unwrap(), 3);
        // A statement outlives its session.
        drop(session);
        assert_eq!(new.parameters(), 1);
        drop(new);
        usable(&mut other).await;
    });
}

#[test]
fn errors_of_an_execution_leave_the_statement_usable() {
    each_server(async |target: &Target| {
        let mut session = target.local().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (id INT PRIMARY KEY)", ()).await.unwrap();
        let insert = session.prepare("INSERT INTO t VALUES (?)").await.unwrap();
        session.execute(&insert, (1,)).await.unwrap();
        assert_eq!(code(session.execute(&insert, (1,)).await), 1062);
        let done = session.execute(&insert, (2,)).await.unwrap();
        assert_eq!(done.affected_rows, 1);
        assert_eq!(code(session.execute(&insert, (None::<i64>,)).await), 1048);
        session.execute(&insert, ("3",)).await.unwrap();
        let mut all = String::new();
        for id in session.fetch_all::<i64>("SELECT id FROM t ORDER BY id", ()).await.unwrap() {
            write!(all, "{id} ").unwrap();
        }
        assert_eq!(all, "1 2 3 ");
    });
}

/// E-62, E-63: the definitions that a MariaDB leaves out are those that it sent last, of whatever
/// statement ran in between, and new ones take their place.
#[test]
fn e62_e63_definitions_of_every_execution() {
    each_server(async |target| {
        let mut session = target.local().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (a INT, b VARCHAR(9))", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (1, 'x')", ()).await.unwrap();
        let all = session.prepare("SELECT * FROM t").await.unwrap();
        let one = session.prepare("SELECT b FROM t WHERE a >= ?").await.unwrap();
        let names = async |session: &mut Session| {
            let rows = session.query(&all, ()).await.unwrap();
            let columns = rows.columns().iter();
            columns.map(|column| format!("{} {}", column.name(), column.type_name())).collect()
        };
        for (alter, now) in [
            ("DO 0", &["a INT", "b VARCHAR"][..]),
            ("ALTER TABLE t MODIFY a BIGINT UNSIGNED", &["a BIGINT UNSIGNED", "b VARCHAR"]),
            (
                "ALTER TABLE t ADD COLUMN c INT, MODIFY b VARCHAR(90)",
                &["a BIGINT UNSIGNED", "b VARCHAR", "c INT"],
            ),
            ("ALTER TABLE t CHANGE a first BIGINT", &["first BIGINT", "b VARCHAR", "c INT"]),
            ("ALTER TABLE t CHANGE first a INT, DROP COLUMN c", &["a INT", "b VARCHAR"]),
        ] {
            session.execute(alter, ()).await.unwrap();
            for round in 0..3 {
                let seen: Vec<String> = names(&mut session).await;
                assert_eq!(seen, now, "{alter}, {round}");
                let b: Option<String> = match alter.contains("first BIGINT") {
                    // The other statement's column is gone for a while.
                    true => None,
                    false => session.fetch_one(&one, (1,)).await.unwrap(),
                };
                assert_eq!(b.is_some(), !alter.contains("first BIGINT"));
                let row: OwnedRow = session.fetch_one(&all, ()).await.unwrap();
                assert_eq!((row.get::<i64>(0).unwrap(), row.get::<&str>("b").unwrap()), (1, "x"));
                usable(&mut session).await;
            }
        }
        // The result's type is that of the parameter; on MySQL, that of the first one.
        let echo = session.prepare("SELECT ? AS p").await.unwrap();
        for _ in 0..3 {
            let row: OwnedRow = session.fetch_one(&echo, (7_i64,)).await.unwrap();
            assert_eq!(row.get::<i64>("p").unwrap(), 7);
            if session.is_mariadb() {
                let row: OwnedRow = session.fetch_one(&echo, ("seven",)).await.unwrap();
                assert_eq!(row.get::<&str>("p").unwrap(), "seven");
            }
        }
    });
}

/// MySQL takes a parameter for a number once it was one, and a JSON column refuses numbers made of
/// strings (3144) until the statement is prepared anew.
#[test]
fn k24_a_cached_statement_that_is_spoilt_is_prepared_anew() {
    each_server(async |target| {
        let mut session = target.local().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (j JSON)", ()).await.unwrap();
        let insert = "INSERT INTO t VALUES (?)";
        let json = "{\"a\": 1}";
        for round in 0..3 {
            session.execute(insert, (json,)).await.unwrap();
            let number = session.execute(insert, (17_i64,)).await;
            assert_eq!(number.is_err(), !session.is_mariadb(), "round {round}: {number:?}");
            let spoilt = session.execute(insert, (json,)).await;
            assert_eq!(spoilt.is_err(), !session.is_mariadb(), "round {round}: {spoilt:?}");
            if spoilt.is_err() {
                assert_eq!(code(spoilt), 3144);
            }
        }
        session.execute(insert, (json,)).await.unwrap();
        usable(&mut session).await;
    });
}

#[test]
fn parameters_from_iterators() {
    each_server(async |target| {
        let mut session = target.local().await;
        let row: (i64, String, Option<i64>) = {
            let values = [Value::Int(7), Value::from("x"), Value::Null];
            let params = mywire::params_from_iter(values);
            session.fetch_one("SELECT ?, ?, ?", params).await.unwrap()
        };
        assert_eq!(row, (7, "x".to_owned(), None));
        let many: Vec<i64> = {
            let sql = vec!["SELECT ?"; 100].join(" UNION ALL ");
            session.fetch_all(&sql, mywire::params_from_iter((0..100_i64).map(|n| n * 3))).await
        }
        .unwrap();
        assert_eq!(many, (0..100).map(|n| n * 3).collect::<Vec<_>>());
        let error = session
            .fetch_one::<i64>("SELECT ?", mywire::params_from_iter([1, 2]))
            .await
            .unwrap_err();
        assert_eq!(*usage(&error), UsageError::ParameterCount { statement: 1, given: 2 });
        usable(&mut session).await;
    });
}

/// K-24: a procedure can execute statements of SQL that are not there, and has done more by then: it
/// is not called again. What the server says of a statement of the protocol names its id.
#[test]
fn k24_a_procedure_is_not_called_twice() {
    each_server(async |target| {
        let mut session = target.local().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE calls (n INT) ENGINE=InnoDB", ()).await.unwrap();
        let sql = "CREATE PROCEDURE p(IN n INT) BEGIN INSERT INTO calls VALUES (n); \
                   IF n > 1 THEN EXECUTE gone; END IF; END";
        session.execute(sql, ()).await.unwrap();
        session.execute("CALL p(?)", (1,)).await.unwrap();
        assert_eq!(code(session.execute("CALL p(?)", (2,)).await), 1243);
        let calls: Vec<i64> = session.fetch_all("SELECT n FROM calls", ()).await.unwrap();
        assert_eq!(calls, [1, 2]);
    });
}
