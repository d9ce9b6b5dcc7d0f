//! Values of types that the wire does not name (VECTOR on MariaDB, UUID, INET4, INET6), of other
//! crates, and parameters by name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mywire::error::{UsageError, ValueError};
use mywire::{Error, FromValue, NamedSql, Session, ToValue};

use crate::each_server;
use crate::target::usable;

/// Makes the temporary table `live_foreign` with the column `c`; `false` if the server has no such
/// type.
async fn table(session: &mut Session, sql_type: &str) -> bool {
    // It drops the table, and the statements prepared for it: MySQL converts parameters to the
    // column's type at that time.
    session.reset().await.unwrap();
    let sql = format!("CREATE TEMPORARY TABLE live_foreign (c {sql_type})");
    match session.execute(&sql, ()).await {
        Ok(_) => true,
        Err(error) => {
            // A syntax error on MySQL, an unknown type on MariaDB.
            let code = error.as_server().map(mywire::error::ServerError::code);
            assert!(matches!(code, Some(1064 | 4161)), "{sql_type}: {error}");
            false
        }
    }
}

/// Writes a value, reads it through both protocols, and finds it by itself.
async fn round_trip<T>(session: &mut Session, value: &T)
where
    T: for<'r> FromValue<'r> + ToValue + PartialEq + std::fmt::Debug,
{
    session.execute("DELETE FROM live_foreign", ()).await.unwrap();
    session.execute("INSERT INTO live_foreign VALUES (?)", (value,)).await.unwrap();
    let text: T = session.fetch_one("SELECT c FROM live_foreign", ()).await.unwrap();
    assert_eq!(text, *value);
    let statement = session.prepare("SELECT c FROM live_foreign").await.unwrap();
    let binary: T = session.fetch_one(&statement, ()).await.unwrap();
    assert_eq!(binary, *value);
    let found: i64 =
        session.fetch_one("SELECT COUNT(*) FROM live_foreign WHERE c = ?", (value,)).await.unwrap();
    assert_eq!(found, 1, "{value:?}");
}

#[test]
fn e74_vectors_round_trip() {
    each_server(async |target| {
        let mut session = target.session().await;
        let has_type = table(&mut session, "VECTOR(3)").await;
        // MariaDB before 11.7 is the only one without.
        let old = session.is_mariadb() && session.server_version().contains("10.");
        assert_eq!(has_type, !old);
        if has_type {
            round_trip(&mut session, &vec![1.5_f32, -0.0, 1e-30]).await;
            let show = if session.is_mariadb() { "VEC_ToText" } else { "VECTOR_TO_STRING" };
            let sql = format!("SELECT {show}(?)");
            let shown: String = session.fetch_one(&sql, ([1.0_f32, -2.0],)).await.unwrap();
            let numbers: Vec<f32> = shown
                .trim_matches(['[', ']'])
                .split(',')
                .map(|number| number.parse().unwrap())
                .collect();
            assert_eq!(numbers, [1.0, -2.0]);
        }
        let odd: mywire::Result<Vec<f32>> = session.fetch_one("SELECT x'000000'", ()).await;
        assert_eq!(reason(odd), ValueError::VectorLength);
        usable(&mut session).await;
    });
}

fn reason<T>(result: mywire::Result<T>) -> ValueError {
    match result {
        Err(Error::Column(error)) => error.reason(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("no error came"),
    }
}

/// R-33: MariaDB's types that arrive as CHAR in both protocols.
#[test]
fn r33_addresses_round_trip() {
    let v4 = Ipv4Addr::new(192, 0, 2, 33);
    let v6: Ipv6Addr = "2001:db8::ff00:42:8329".parse().unwrap();
    let mapped: Ipv6Addr = "::ffff:1.2.3.4".parse().unwrap();
    each_server(async |target| {
        let mut session = target.session().await;
        assert_eq!(table(&mut session, "INET4").await, session.is_mariadb());
        if session.is_mariadb() {
            round_trip(&mut session, &v4).await;
            round_trip(&mut session, &IpAddr::V4(v4)).await;
            assert!(table(&mut session, "INET6").await);
            round_trip(&mut session, &v6).await;
            round_trip(&mut session, &mapped).await;
            round_trip(&mut session, &IpAddr::V6(v6)).await;
        }
        assert!(table(&mut session, "VARCHAR(45)").await);
        round_trip(&mut session, &IpAddr::V6(v6)).await;
        let bytes: IpAddr = session.fetch_one("SELECT INET6_ATON(?)", (v6,)).await.unwrap();
        assert_eq!(bytes, v6);
        let bytes: IpAddr = session.fetch_one("SELECT INET6_ATON(?)", (v4,)).await.unwrap();
        assert_eq!(bytes, v4);
    });
}

#[cfg(feature = "uuid")]
#[test]
fn r33_uuids_round_trip() {
    let uuid = uuid::Uuid::from_u128(0x123E_4567_E89B_12D3_A456_4266_5544_00FF);
    each_server(async |target| {
        let mut session = target.session().await;
        assert_eq!(table(&mut session, "UUID").await, session.is_mariadb());
        if session.is_mariadb() {
            round_trip(&mut session, &uuid).await;
        }
        assert!(table(&mut session, "BINARY(16)").await);
        round_trip(&mut session, &uuid).await;
        let insert = "INSERT INTO live_foreign VALUES (?)";
        assert!(table(&mut session, "CHAR(36)").await);
        session.execute(insert, (uuid.hyphenated(),)).await.unwrap();
        let read: uuid::Uuid = session.fetch_one("SELECT c FROM live_foreign", ()).await.unwrap();
        assert_eq!(read, uuid);
    });
}

/// E-66: what no calendar has is an error, and the session goes on.
#[cfg(all(feature = "chrono", feature = "time", feature = "jiff"))]
#[test]
fn e66_dates_and_times_of_other_crates() {
    each_server(async |target| {
        let mut session = target.session().await;
        let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let noon = day.and_hms_micro_opt(12, 30, 59, 123_456).unwrap();
        assert!(table(&mut session, "DATE").await);
        round_trip(&mut session, &day).await;
        round_trip(&mut session, &jiff::civil::date(9999, 12, 31)).await;
        let month = time::Month::February;
        let other = time::Date::from_calendar_date(1000, month, 28).unwrap();
        round_trip(&mut session, &other).await;
        assert!(table(&mut session, "DATETIME(6)").await);
        round_trip(&mut session, &noon).await;
        round_trip(&mut session, &jiff::civil::datetime(2024, 2, 29, 0, 0, 0, 1_000)).await;
        round_trip(&mut session, &other.with_hms_micro(1, 2, 3, 4).unwrap()).await;
        assert!(table(&mut session, "TIME(6)").await);
        // MySQL takes no parameter with a fraction in the 839th hour.
        let longest = if session.is_mariadb() { 3_020_399_999_999 } else { 3_016_799_999_999 };
        round_trip(&mut session, &chrono::TimeDelta::microseconds(-longest)).await;
        round_trip(&mut session, &time::Duration::microseconds(-1)).await;
        round_trip(&mut session, &jiff::SignedDuration::from_secs(3_020_399)).await;
        round_trip(&mut session, &noon.time()).await;
        round_trip(&mut session, &time::Time::MIDNIGHT).await;
        round_trip(&mut session, &jiff::civil::time(23, 59, 59, 999_999_000)).await;

        assert!(table(&mut session, "TIMESTAMP(6) NULL").await);
        session.execute("SET time_zone = '+00:00'", ()).await.unwrap();
        round_trip(&mut session, &noon.and_utc()).await;
        let seconds: i64 = session
            .fetch_one("SELECT FLOOR(UNIX_TIMESTAMP(c)) FROM live_foreign", ())
            .await
            .unwrap();
        assert_eq!(seconds, noon.and_utc().timestamp());

        assert!(table(&mut session, "DATE").await);
        session.execute("SET sql_mode = ''", ()).await.unwrap();
        session.execute("INSERT INTO live_foreign VALUES ('2024-00-15')", ()).await.unwrap();
        let sql = "SELECT c FROM live_foreign";
        let statement = session.prepare(sql).await.unwrap();
        let none = ValueError::NotInCalendar;
        assert_eq!(reason(session.fetch_one::<chrono::NaiveDate>(sql, ()).await), none);
        assert_eq!(reason(session.fetch_one::<time::Date>(&statement, ()).await), none);
        assert_eq!(reason(session.fetch_one::<jiff::civil::Date>(&statement, ()).await), none);
        usable(&mut session).await;
    });
}

#[cfg(all(feature = "rust_decimal", feature = "bigdecimal", feature = "serde_json"))]
#[test]
fn e73_e79_decimals_and_json_of_other_crates() {
    each_server(async |target| {
        let mut session = target.session().await;
        assert!(table(&mut session, "DECIMAL(65,30)").await);
        let most = format!("-{}.{}", "9".repeat(35), "9".repeat(30));
        round_trip(&mut session, &most.parse::<bigdecimal::BigDecimal>().unwrap()).await;
        let wide =
            session.fetch_one::<rust_decimal::Decimal>("SELECT c FROM live_foreign", ()).await;
        assert_eq!(reason(wide), ValueError::Range);
        assert!(table(&mut session, "DECIMAL(28,10)").await);
        round_trip(&mut session, &rust_decimal::Decimal::new(-12_345_678_901, 10)).await;
        assert!(table(&mut session, "JSON").await);
        let json = serde_json::json!({"name": "Zoë 🦀", "list": [1, -2.5, null, true]});
        session.execute("INSERT INTO live_foreign VALUES (?)", (&json,)).await.unwrap();
        let sql = "SELECT c FROM live_foreign";
        let statement = session.prepare(sql).await.unwrap();
        assert_eq!(session.fetch_one::<serde_json::Value>(sql, ()).await.unwrap(), json);
        assert_eq!(session.fetch_one::<serde_json::Value>(&statement, ()).await.unwrap(), json);
    });
}

#[cfg(feature = "serde")]
#[test]
fn rows_deserialize_alike_through_both_protocols() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Thing {
        id: u64,
        size: Size,
        price: String,
        made: String,
        weight: Option<f64>,
        raw: Vec<u8>,
    }
    each_server(async |target| {
        let mut session = target.session().await;
        session
            .execute(
                "CREATE TEMPORARY TABLE live_things (id BIGINT UNSIGNED, size ENUM('small', 'large'), \
                 price DECIMAL(10,2), made DATETIME(3), weight DOUBLE, raw VARBINARY(9), more INT)",
                (),
            )
            .await
            .unwrap();
        let sql = "INSERT INTO live_things VALUES (18446744073709551615, 'large', 1.5, \
                   '2024-02-29 01:02:03.5', NULL, x'00FF', 1), (1, 'small', -1, \
                   '2024-02-29', 0.1, '', NULL)";
        session.execute(sql, ()).await.unwrap();
        let thing = |id, size, price: &str, made: &str, weight, raw: &[u8]| {
            let (price, made, raw) = (price.to_owned(), made.to_owned(), raw.to_owned());
            Thing { id, size, price, made, weight, raw }
        };
        let wanted = [
            thing(u64::MAX, Size::Large, "1.50", "2024-02-29 01:02:03.500", None, b"\0\xFF"),
            thing(1, Size::Small, "-1.00", "2024-02-29 00:00:00.000", Some(0.1), b""),
        ];
        let statement = session.prepare("SELECT * FROM live_things").await.unwrap();
        for binary in [false, true] {
            let mut rows = match binary {
                false => session.query("SELECT * FROM live_things", ()).await.unwrap(),
                true => session.query(&statement, ()).await.unwrap(),
            };
            let mut all = Vec::new();
            while let Some(row) = rows.next().await.unwrap() {
                all.push(row.deserialize::<Thing>().unwrap());
            }
            assert_eq!(all, wanted, "binary {binary}");
            rows.finish().await.unwrap();
        }
    });
}

#[test]
fn parameters_by_name() {
    each_server(async |target| {
        let mut session = target.session().await;
        let sql = NamedSql::parse(
            "SELECT :n + 0, ':n', /* :x */ CONCAT(:text, '\\':', :text), `:n` -- :y\n FROM \
             (SELECT 5 AS `:n`) AS t # :z",
        )
        .unwrap();
        let params = sql.bind(&[("text", &"ü"), ("n", &7)]).unwrap();
        let row: (i64, String, String, i64) = session.fetch_one(&sql, params).await.unwrap();
        assert_eq!(row, (7, ":n".into(), "ü':ü".into(), 5));
        let statement = session.prepare(sql.sql()).await.unwrap();
        let row: (i64, String, String, i64) = session.fetch_one(&statement, params).await.unwrap();
        assert_eq!(row.0, 7);
        let error = session.execute(sql.sql(), (1,)).await.unwrap_err();
        let Error::Usage(UsageError::ParameterCount { statement: 3, given: 1 }) = error else {
            panic!("{error}");
        };
        usable(&mut session).await;
    });
}

/// The server counts as many parameters as the tokenizer found.
#[test]
fn names_are_where_the_server_sees_parameters() {
    const CORPUS: &[&str] = &[
        "SELECT :a",
        "SELECT :a,:b,:a",
        "SELECT(:a)+:b-:c*:d",
        "SELECT ':a', \":b\", ':''c', \":\"\"d\", :e",
        r"SELECT '\':a', '\\', :b, '\\\':c', :d",
        r"SELECT 1 AS `:a\`, :b AS `:``c`",
        "SELECT 1 -- :a\n, :b",
        "SELECT 1 --\t:a\n, :b",
        "SELECT 1 --\n, :b",
        "SELECT 1--:a",
        "SELECT 1 # :a\n, :b # :c",
        "SELECT /* :a ' */ :b /*/ :c */ /**/ , :d",
        "SELECT /*! :a, */ :b",
        "SELECT /*!40000 :a, */ ':c' /* ' */, :b",
        "SELECT /*! :a /* :c */ , */ :b",
        "SELECT /*+ MAX_EXECUTION_TIME(1000) */ :a",
        "SELECT @x:=:a, @y := :b",
        "SELECT _utf8mb4':a', N':b', x'3A', :c",
        "SELECT 'ü:a', :ü, 'é'':é', :_1",
        "SELECT 1 WHERE :a IN (:b, :c) AND ':d' LIKE :e ORDER BY 1 LIMIT :f",
        "SELECT 'a\n:b' , :c --",
        "SELECT ':a\\\\', :b",
    ];
    each_server(async |target| {
        let mut session = target.session().await;
        for sql in CORPUS {
            let named = NamedSql::parse(sql).unwrap();
            let text = named.sql();
            match session.prepare(text).await {
                Ok(statement) => {
                    let marks = text.matches('?').count();
                    assert_eq!(statement.parameters(), marks, "{sql} as {text}");
                }
                // The corpus may be no SQL for one of the families, but never for want of a `?`.
                Err(error) => panic!("{sql} as {text}: {error}"),
            }
        }
        usable(&mut session).await;
    });
}
