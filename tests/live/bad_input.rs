//! What a caller can do wrong with statements and values: one clear sentence each, and the session is
//! usable behind it.

use mywire::{Date, DateTime, Limits, LongData, NamedSql, Row, Sent, Session, Time, ToValue};

use crate::each_server;
use crate::target::{connect, usable};

/// The sentence of an error that is the caller's, after which the session answers as before.
async fn told<T>(session: &mut Session, result: mywire::Result<T>) -> String {
    let Err(error) = result else { panic!("no error came") };
    assert!(!error.is_fatal(), "{error}");
    assert!(error.as_server().is_none(), "the server was asked: {error}");
    usable(session).await;
    error.to_string()
}

/// The same of an error before the first byte.
async fn told_at_once<T>(session: &mut Session, result: mywire::Result<T>) -> String {
    if let Err(error) = &result {
        assert_eq!(error.was_sent(), Sent::No, "{error}");
    }
    told(session, result).await
}

#[test]
fn e88_wrong_numbers_of_parameters() {
    each_server(async |target| {
        let mut session = target.local().await;
        let s = &mut session;
        let statement = s.prepare("SELECT ?").await.unwrap();
        let result = s.execute(&statement, (1, 2)).await;
        assert_eq!(
            told_at_once(s, result).await,
            "the statement has 1 parameter, 2 were given: give one for each `?`"
        );
        let result = s.execute("SELECT ?, ?", (1,)).await;
        assert_eq!(
            told_at_once(s, result).await,
            "the statement has 2 parameters, 1 was given: give one for each `?`"
        );
        let result = s.send_long_data(&statement, 1, &b"x"[..]).await;
        assert_eq!(
            told_at_once(s, result).await,
            "there is no parameter 1: the statement has 1 parameter, counted from 0"
        );
        let result = s.execute("SELECT ?", vec![1_i64; 70_000]).await;
        assert_eq!(
            told_at_once(s, result).await,
            "the statement has 1 parameter, 70000 were given: give one for each `?`"
        );
        let result = s.execute(&statement, (LongData,)).await;
        assert_eq!(
            told_at_once(s, result).await,
            "no value was sent for parameter 0, counted from 0: send it before each execution with \
             `LongData`, through a statement of the same fetch size"
        );
        assert_eq!(s.fetch_one::<i64>(&statement, (7,)).await.unwrap(), 7);
    });
}

/// T-20: what is longer than a command may be is not begun, whatever it is made of.
#[test]
fn t20_values_that_are_too_long() {
    each_server(async |target| {
        let config = target.local_config().limits(Limits::default().max_command(128 << 10));
        let mut session = connect(&config).await;
        let s = &mut session;
        let statement = s.prepare("SELECT LENGTH(?) + LENGTH(?)").await.unwrap();
        let half = "x".repeat(70_000);
        let (long, fits) = ("x".repeat(128 << 10), "x".repeat(60_000));
        for values in [(&*long, ""), (&*half, &*half)] {
            let result = s.execute(&statement, values).await;
            assert_eq!(
                told_at_once(s, result).await,
                "the parameter list is longer than the 131072 bytes that a command may have: raise \
                 `Limits::max_command`, which goes up to the protocol's 1 GiB, or send large values by \
                 `send_long_data`"
            );
            assert_eq!(s.fetch_one::<i64>(&statement, (&*fits, &*fits)).await.unwrap(), 120_000);
        }
        // The way out.
        assert_eq!(s.send_long_data(&statement, 0, long.as_bytes()).await.unwrap(), 128 << 10);
        let sum: i64 = s.fetch_one(&statement, (LongData, "yz")).await.unwrap();
        assert_eq!(sum, (128 << 10) + 2);
    });
}

#[test]
fn names_that_do_not_fit() {
    each_server(async |target| {
        let mut session = target.local().await;
        let s = &mut session;
        let sql = NamedSql::parse("SELECT :id, :name, :id").unwrap();
        let bind = |given| sql.bind(given).map(drop);
        let unknown = bind(&[("id", &1), ("nmae", &2)]);
        assert_eq!(
            told_at_once(s, unknown).await,
            "the statement has no parameter `:nmae`; there are: `:id`, `:name`"
        );
        let missing = bind(&[("id", &1)]);
        assert_eq!(told_at_once(s, missing).await, "the parameter `:name` was not given");
        let twice = bind(&[("id", &1), ("name", &2), ("id", &3)]);
        assert_eq!(
            told_at_once(s, twice).await,
            "the parameter `:id` was given 2 times: give it once"
        );
        let mixed = NamedSql::parse("SELECT :id, ?");
        assert_eq!(
            told_at_once(s, mixed).await,
            "the statement has both named parameters and `?`, whose order would be anybody's guess: \
             name all of them, or none"
        );
        let by_place = s.execute(&sql, (1, 2)).await;
        assert_eq!(
            told_at_once(s, by_place).await,
            "the statement has 3 parameters, 2 were given: give one for each `?`"
        );
    });
}

type Read = fn(Row<'_>) -> mywire::Result<()>;

#[test]
fn values_that_do_not_fit_the_type_asked_for() {
    each_server(async |target| {
        let mut session = target.local().await;
        let s = &mut session;
        for prepared in [false, true] {
            let sql = "SELECT CAST(-300 AS SIGNED) AS number, x'C328' AS bytes, NULL AS nothing, \
                       1.5 AS fraction, x'00000000FF' AS floats";
            let cases: [(Read, &str); 7] = [
                (
                    |row| row.get::<i8>("number").map(drop),
                    "column 0 `number` (BIGINT) cannot be read as `i8`: its value is out of range; \
                     ask for a wider type",
                ),
                (
                    |row| row.get::<u64>("number").map(drop),
                    "column 0 `number` (BIGINT) cannot be read as `u64`: its value is out of range; \
                     ask for a wider type",
                ),
                (
                    |row| row.get::<&str>("bytes").map(drop),
                    "column 1 `bytes` (VARBINARY) cannot be read as `&str`: its value is not UTF-8; \
                     ask for bytes, such as `&[u8]`",
                ),
                (
                    |row| row.get::<i64>("nothing").map(drop),
                    "column 2 `nothing` (NULL) cannot be read as `i64`: it is NULL; ask for \
                     `Option<i64>`",
                ),
                (
                    |row| row.get::<i64>("fraction").map(drop),
                    "column 3 `fraction` (DECIMAL) cannot be read as `i64`: the type cannot hold it \
                     exactly; ask for `Decimal`, a wider type or `String`",
                ),
                (
                    |row| row.get::<Vec<f32>>("floats").map(drop),
                    "column 4 `floats` (VARBINARY) cannot be read as `Vec<f32>`: its value is no \
                     vector, for the number of its bytes is no multiple of 4; ask for bytes, such as \
                     `&[u8]`",
                ),
                (
                    |row| row.get::<Date>("number").map(drop),
                    "column 0 `number` (BIGINT) cannot be read as `mywire::Date`: the types do not \
                     match; ask for the column's own type, or cast it in SQL",
                ),
            ];
            for (read, sentence) in cases {
                let statement = s.prepare(sql).await.unwrap();
                let mut rows = match prepared {
                    false => s.query(sql, ()).await.unwrap(),
                    true => s.query(&statement, ()).await.unwrap(),
                };
                let result = read(rows.next().await.unwrap().unwrap());
                // The row and the result set go on, too.
                assert!(rows.next().await.unwrap().is_none());
                drop(rows);
                let said = told(s, result).await;
                // Paths of modules that the names do not need; and a MariaDB's numbers are as small
                // as they can be.
                let said = said.replace("(INT)", "(BIGINT)");
                let said = said
                    .replace("mywire::value::temporal::", "mywire::")
                    .replace("alloc::vec::", "");
                assert_eq!(said, sentence);
            }
        }
        // MySQL makes a zero date of what is out of range, with a warning.
        let day = |month| Date::new(2024, month, 1);
        let impossible: [&dyn ToValue; 7] = [
            &f64::NAN,
            &f32::NEG_INFINITY,
            &day(13),
            &DateTime::new(day(12), 24, 0, 0, 0),
            &DateTime::new(day(12), 23, 59, 59, 1_000_000),
            &Time::new(false, 839, 0, 0, 0),
            &vec![1.0, f32::NAN],
        ];
        for value in impossible {
            let result = s.execute("SELECT ?, ?", (1, value)).await;
            assert_eq!(
                told_at_once(s, result).await,
                "parameter 1, counted from 0, cannot be sent: no server has such a value: it is NaN \
                 or infinite, or out of its type's range; send another one, or NULL"
            );
        }
    });
}

#[cfg(feature = "chrono")]
#[test]
fn e66_a_zero_date_asked_for_as_another_crates() {
    each_server(async |target| {
        let mut session = crate::values::lenient(target).await;
        let s = &mut session;
        s.execute("CREATE TEMPORARY TABLE live_z (c DATE)", ()).await.unwrap();
        s.execute("INSERT INTO live_z VALUES ('0000-00-00')", ()).await.unwrap();
        for prepared in [false, true] {
            let statement = s.prepare("SELECT c FROM live_z").await.unwrap();
            let result = match prepared {
                false => s.fetch_one::<chrono::NaiveDate>("SELECT c FROM live_z", ()).await,
                true => s.fetch_one::<chrono::NaiveDate>(&statement, ()).await,
            };
            let said = told(s, result).await;
            assert!(said.starts_with("column 0 `c` (DATE) cannot be read as `chrono::"), "{said}");
            assert!(
                said.ends_with(
                    "NaiveDate`: its value is a zero or partial date, or one that no calendar has; \
                     ask for `mywire::Date` or `mywire::DateTime`, or turn it into NULL in SQL"
                ),
                "{said}"
            );
        }
    });
}

#[test]
fn a_statement_of_another_session() {
    each_server(async |target| {
        let (mut session, mut other) = (target.local().await, target.local().await);
        let statement = session.prepare("SELECT ?").await.unwrap();
        let sentence = "the statement belongs to another session, or was lost when this one was \
                        reset: prepare it again";
        let executed = other.execute(&statement, (1,)).await;
        assert_eq!(told_at_once(&mut other, executed).await, sentence);
        let sent = other.send_long_data(&statement, 0, &b"x"[..]).await;
        assert_eq!(told_at_once(&mut other, sent).await, sentence);
        let reset = other.reset_statement(&statement).await;
        assert_eq!(told_at_once(&mut other, reset).await, sentence);
        session.reset().await.unwrap();
        let lost = session.execute(&statement, (1,)).await;
        assert_eq!(told_at_once(&mut session, lost).await, sentence);
    });
}

#[cfg(feature = "serde")]
#[test]
fn structs_that_do_not_fit_the_columns() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors matter")]
    struct User {
        id: u8,
        name: String,
    }
    each_server(async |target| {
        let mut session = target.local().await;
        let s = &mut session;
        for (sql, sentence) in [
            (
                "SELECT 1 AS id, 'x' AS nmae",
                "the row cannot be deserialized: unknown field `nmae`, expected `id` or `name`; the \
                 columns are: `id`, `nmae`",
            ),
            (
                "SELECT 1 AS id",
                "the row cannot be deserialized: missing field `name`; the columns are: `id`",
            ),
            (
                "SELECT 1 AS id, 'x' AS name, 2 AS id",
                "the row cannot be deserialized: duplicate field `id`: several columns are for it, so \
                 give them other names with `AS`; the columns are: `id`, `name`, `id`",
            ),
            (
                "SELECT 'x' AS name, CAST(256 AS SIGNED) AS id",
                "column 1 `id` (BIGINT) cannot be read as `u8`: its value is out of range; ask for a \
                 wider type",
            ),
        ] {
            let mut rows = s.query(sql, ()).await.unwrap();
            let result = rows.next().await.unwrap().unwrap().deserialize::<User>();
            drop(rows);
            assert!(!matches!(
                result,
                Err(mywire::Error::Usage(mywire::error::UsageError::ColumnCount { .. }))
            ));
            let said = told(s, result).await;
            // A MariaDB's numbers are as small as they can be.
            assert_eq!(said.replace("(INT)", "(BIGINT)"), sentence);
        }
    });
}
