//! Every type as a parameter, and read back through both protocols.

use mywire::{Date, DateTime, Decimal, FromValue, OwnedRow, Session, Time, ToValue, Value};

use crate::each_server;
use crate::target::{Target, code, usable};

/// A column type and the values to write into it.
type Column = (&'static str, Vec<Value>);

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn datetime(text: &str) -> Value {
    Value::DateTime(text.parse().unwrap())
}

fn time(text: &str) -> Value {
    Value::Time(text.parse().unwrap())
}

fn numbers() -> Vec<Column> {
    let ints = |values: &[i64]| values.iter().map(|&v| Value::Int(v)).collect::<Vec<_>>();
    let uints = |values: &[u64]| values.iter().map(|&v| Value::UInt(v)).collect::<Vec<_>>();
    vec![
        ("TINYINT", ints(&[-128, -1, 0, 1, 127])),
        ("TINYINT UNSIGNED", uints(&[0, 128, 255])),
        ("SMALLINT", ints(&[-32_768, 0, 300, 32_767])),
        ("SMALLINT UNSIGNED", uints(&[0, 32_768, 65_535])),
        ("MEDIUMINT", ints(&[-8_388_608, -1, 0, 8_388_607])),
        ("MEDIUMINT UNSIGNED", uints(&[0, 70_000, 16_777_215])),
        ("INT", ints(&[-2_147_483_648, 0, 42, 2_147_483_647])),
        ("INT UNSIGNED", uints(&[0, 2_147_483_648, 4_294_967_295])),
        ("INT(8) ZEROFILL", uints(&[0, 42, 4_294_967_295])),
        ("BIGINT", ints(&[i64::MIN, -1, 0, i64::MAX])),
        ("BIGINT UNSIGNED", uints(&[0, 1 << 63, u64::MAX])),
        ("YEAR", uints(&[0, 1901, 2024, 2155])),
        // The other widths have a case of their own.
        ("BIT(9)", uints(&[0, 257, 511])),
        ("BIT(64)", uints(&[0, 1 << 63, u64::MAX])),
        (
            "FLOAT",
            [0.0, 0.1, -1.5, 16_777_216.0, 1.0 / 3.0, 7e-20, f32::MIN_POSITIVE, f32::MAX, f32::MIN]
                .map(Value::Float)
                .to_vec(),
        ),
        (
            "DOUBLE",
            [
                0.0,
                0.1,
                -1.5,
                1e14,
                1e15,
                -1e100,
                1e-15,
                1e-16,
                123_456_789_012_345_680.0,
                1_234_567_890_123_456.7,
                0.000_012_345,
                f64::MIN_POSITIVE,
                f64::MAX,
                f64::MIN,
            ]
            .map(Value::Double)
            .to_vec(),
        ),
        ("DOUBLE(20,3)", [0.0, 1.5, -123.125, 1e15].map(Value::Double).to_vec()),
        (
            "DECIMAL(65,30)",
            [
                "-99999999999999999999999999999999999.999999999999999999999999999999",
                "99999999999999999999999999999999999.999999999999999999999999999999",
                "0",
                "-0.000000000000000000000000000001",
                "12.5",
            ]
            .map(decimal)
            .to_vec(),
        ),
        ("DECIMAL(65,0)", [&*"9".repeat(65), "0", "-17"].map(decimal).to_vec()),
        ("DECIMAL(10,2)", ["99999999.99", "-0.05", "0.00", "1.50"].map(decimal).to_vec()),
    ]
}

/// `last` is the last second of a TIMESTAMP, which MariaDB has moved in 11.5.
fn temporal(last: &str) -> Vec<Column> {
    let clocks = |fraction: &str| {
        ["1000-01-01 00:00:00", "2024-02-29 12:34:56", "9999-12-31 23:59:59"]
            .map(|text| datetime(&format!("{text}{fraction}")))
            .into_iter()
            .chain([DateTime::default().into(), datetime("2024-02-29 00:00:00")])
            .collect()
    };
    let moments = |fraction: &str| {
        let first = datetime("1970-01-01 00:00:01");
        let most = datetime(&format!("{last}{fraction}"));
        let usual = datetime(&format!("2024-07-01 12:00:00{fraction}"));
        vec![DateTime::default().into(), first, usual, datetime("2024-07-01 00:00:00"), most]
    };
    let spans = |fraction: &str| {
        ["-837:59:59", "-00:00:00", "00:00:01", "34:22:59", "837:59:59"]
            .map(|text| time(&format!("{text}{fraction}")))
            .into_iter()
            .chain(["-838:59:59", "00:00:00", "838:59:59"].map(time))
            .collect()
    };
    vec![
        (
            "DATE",
            ["1000-01-01", "0000-00-00", "2024-02-29", "9999-12-31", "2024-00-15", "2024-02-31"]
                .map(date)
                .to_vec(),
        ),
        ("DATETIME", clocks("")),
        ("DATETIME(3)", clocks(".123")),
        ("DATETIME(6)", clocks(".999999")),
        // E-64, E-66: midnight, zero dates and dates that no calendar has.
        (
            "DATETIME(6)",
            [
                "0000-00-00 00:00:00",
                "2024-02-29 00:00:00",
                "2024-00-15 00:00:00.1",
                "2024-02-31 23:00:00",
                "2024-02-29 00:00:00.000001",
            ]
            .map(datetime)
            .to_vec(),
        ),
        ("TIMESTAMP NULL", moments("")),
        ("TIMESTAMP(3) NULL", moments(".999")),
        ("TIMESTAMP(6) NULL", moments(".999999")),
        ("TIMESTAMP(6) NULL", vec![datetime("2024-07-01 12:00:00.000001")]),
        // E-67, R-91.
        ("TIME", ["-838:59:59", "838:59:59", "00:00:00", "-00:00:01", "12:34:56"].map(time).into()),
        ("TIME(3)", spans(".125")),
        ("TIME(6)", spans(".500000")),
    ]
}

fn strings() -> Vec<Column> {
    let text = |values: &[&str]| values.iter().map(|&v| Value::from(v)).collect::<Vec<_>>();
    let bytes = |values: &[&[u8]]| values.iter().map(|&v| Value::from(v)).collect::<Vec<_>>();
    let every_byte: Vec<u8> = (0..=255).collect();
    let long = "äöü😀€\0'\\\"`".repeat(5000);
    let widest = "€".repeat(255);
    // SRID, then well-known binary.
    let shape = |kind: u8, count: Option<u32>, places: &[f64]| {
        let mut bytes = vec![0, 0, 0, 0, 1, kind, 0, 0, 0];
        bytes.extend(count.into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(places.iter().flat_map(|place| place.to_le_bytes()));
        Value::from(bytes)
    };
    let point = shape(1, None, &[1.0, 2.0]);
    vec![
        ("CHAR(5)", text(&["", "a b", "äöü😀€"])),
        ("CHAR(255)", text(&["", "a b", &widest])),
        ("VARCHAR(250)", text(&["", "a b  ", "?", "it's \\ \"x\" `y` \0 \u{1a}", "😀"])),
        ("VARCHAR(300)", text(&[&"😀".repeat(300)])),
        ("VARCHAR(9) CHARACTER SET latin1", text(&["äöü", ""])),
        ("VARCHAR(9) COLLATE utf8mb4_bin", text(&["€"])),
        ("TINYTEXT", text(&["", "t", &"€".repeat(85)])),
        ("TEXT", text(&["", "text", &"x".repeat(65_535)])),
        ("MEDIUMTEXT", text(&[&long, ""])),
        ("LONGTEXT", text(&[&long, ""])),
        ("ENUM('one','zwölf','')", text(&["one", "zwölf", ""])),
        ("SET('a','b','c')", text(&["", "b", "a,c", "a,b,c"])),
        ("BINARY(4)", bytes(&[&[0, 255, 0, 0], &[0; 4], &[255; 4]])),
        ("BINARY(255)", bytes(&[&[b' '; 255]])),
        ("VARBINARY(256)", bytes(&[b"", &[0], &every_byte])),
        ("TINYBLOB", bytes(&[b"", &[0xFE], &[0xFF; 255]])),
        ("BLOB", bytes(&[b"", &every_byte, &[0xFF; 251], &[0xFB; 65_535]])),
        ("MEDIUMBLOB", bytes(&[b"", &[0x80; 65_536]])),
        ("LONGBLOB", bytes(&[b"", &[0; 70_000], &every_byte])),
        ("POINT", vec![point.clone(), shape(1, None, &[0.0, -0.0])]),
        (
            "GEOMETRY",
            vec![
                point,
                shape(2, Some(2), &[0.0, 0.5, -1e300, 1e-300]),
                // A collection of nothing.
                shape(7, Some(0), &[]),
            ],
        ),
        ("JSON", text(&["{\"a\": [1, null]}", "[]", "\"äöü😀\"", "null", "-0.5"])),
    ]
}

async fn columns(session: &mut Session) -> Vec<Column> {
    let text = |values: &[&str]| values.iter().map(|&v| Value::from(v)).collect::<Vec<_>>();
    let mut all = numbers();
    all.extend(temporal(last_second(session).await));
    all.extend(strings());
    let vector = |floats: [f32; 2]| Value::from(floats.map(f32::to_le_bytes).concat());
    if !session.is_mariadb() || session.execute("SELECT VEC_FromText('[1]')", ()).await.is_ok() {
        // The squares have to fit into a float on MariaDB.
        let vectors = [[1.0, -2.0], [0.0, -0.0], [1e18, -1e18], [f32::MIN_POSITIVE, 0.1]];
        all.push(("VECTOR(2)", vectors.map(vector).to_vec()));
    }
    if session.is_mariadb() {
        let uuid = "123e4567-e89b-12d3-a456-426655440000";
        let [least, most] =
            ["0", "f"].map(|digit| uuid.replace(|c: char| c.is_ascii_hexdigit(), digit));
        all.push(("UUID", text(&[uuid, &least, &most])));
        let most = ["ffff"; 8].join(":");
        all.push(("INET6", text(&["2001:db8::ff00:42:8329", "::", "::ffff:192.0.2.33", &most])));
        all.push(("INET4", text(&["192.0.2.33", "0.0.0.0", "255.255.255.255"])));
    } else {
        // The squares do not matter.
        all.push(("VECTOR(2)", vec![vector([f32::MAX, f32::MIN])]));
    }
    all
}

/// The last second that the server's TIMESTAMP holds.
async fn last_second(session: &mut Session) -> &'static str {
    let late = "2106-02-07 06:28:15";
    session.execute("CREATE TEMPORARY TABLE live_last (c TIMESTAMP NULL)", ()).await.unwrap();
    session.execute("INSERT INTO live_last VALUES (?)", (late,)).await.unwrap();
    let held: DateTime = session.fetch_one("SELECT c FROM live_last", ()).await.unwrap();
    session.execute("DROP TEMPORARY TABLE live_last", ()).await.unwrap();
    if held == late.parse().unwrap() { late } else { "2038-01-19 03:14:07" }
}

/// A session that takes dates as they are written.
pub async fn lenient(target: &Target) -> Session {
    let mut session = target.local().await;
    let sql = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'";
    session.execute(sql, ()).await.unwrap();
    session
}

/// The same query through the text and through the binary protocol.
async fn both(session: &mut Session, sql: &str) -> [Vec<OwnedRow>; 2] {
    let text = session.fetch_all(sql, ()).await.unwrap();
    let statement = session.prepare(sql).await.unwrap();
    [text, session.fetch_all(&statement, ()).await.unwrap()]
}

fn is_float(value: &Value) -> bool {
    matches!(value, Value::Float(_))
}

/// E-64 to E-72: what is written through a parameter is what both protocols read, as `Value`, as
/// `String`, and by the server's own account.
#[test]
fn every_type_through_parameters_and_both_protocols() {
    each_server(async |target| {
        let mut session = lenient(target).await;
        for (sql_type, mut values) in columns(&mut session).await {
            let create =
                format!("CREATE TEMPORARY TABLE live_v (id INT PRIMARY KEY, c {sql_type})");
            session.execute(&create, ()).await.unwrap();
            values.push(Value::Null);
            let insert = session.prepare("INSERT INTO live_v VALUES (?, ?)").await.unwrap();
            for (id, value) in values.iter().enumerate() {
                let done = session.execute(&insert, (id, value)).await;
                done.unwrap_or_else(|error| panic!("{sql_type}: {value:?}: {error}"));
            }
            let select = "SELECT c FROM live_v ORDER BY id";
            let [text, binary] = both(&mut session, select).await;
            assert_eq!((text.len(), binary.len()), (values.len(), values.len()));
            for ((text, binary), value) in text.iter().zip(&binary).zip(&values) {
                let place = format!("{sql_type}: {value:?}");
                assert_eq!(&binary.get::<Value>(0).unwrap(), value, "{place}, binary");
                if is_float(value) {
                    // Six digits, which is the servers' way of showing it.
                    let shown: f32 = text.get(0).unwrap();
                    let Value::Float(written) = value else { unreachable!() };
                    let slack = written.abs() * 1e-5;
                    assert!((shown - written).abs() <= slack, "{place}: {shown}");
                    continue;
                }
                assert_eq!(&text.get::<Value>(0).unwrap(), value, "{place}, text");
                let strings = [text, binary].map(|row| row.get::<Option<String>>(0).ok());
                assert_eq!(strings[0], strings[1], "{place}, as String");
                // What has no form of its own in the binary protocol is the same bytes in both.
                if matches!(value, Value::Text(_) | Value::Bytes(_) | Value::Decimal(_))
                    || sql_type.starts_with("BIT")
                {
                    let raws = [text, binary].map(|row| row.as_row().raw(0).unwrap());
                    assert_eq!(raws[0], raws[1], "{place}, as it came");
                }
            }
            server_agrees(&mut session, sql_type, &values).await;
            let again = format!("CREATE TEMPORARY TABLE live_w (id INT PRIMARY KEY, c {sql_type})");
            session.execute(&again, ()).await.unwrap();
            // What both protocols read, written once more, is the same table to the server, and so is
            // what SQL says of the values.
            let sum = checksum(&mut session, "live_v").await;
            for (id, value) in values.iter().enumerate() {
                let sql = format!("INSERT INTO live_w VALUES ({id}, {})", literal(value));
                let done = session.execute(&sql, ()).await;
                done.unwrap_or_else(|error| panic!("{sql_type}: {value:?}: {error}"));
            }
            assert_eq!(checksum(&mut session, "live_w").await, sum, "{sql_type}, as literals");
            for rows in [&binary, &text] {
                session.execute("DELETE FROM live_w", ()).await.unwrap();
                let insert = session.prepare("INSERT INTO live_w VALUES (?, ?)").await.unwrap();
                for (id, row) in rows.iter().enumerate() {
                    let value: Value = row.get(0).unwrap();
                    session.execute(&insert, (id, value)).await.unwrap();
                }
                assert_eq!(checksum(&mut session, "live_w").await, sum, "{sql_type}, copied");
                // A FLOAT's text has six digits.
                if values.iter().any(is_float) {
                    break;
                }
            }
            session.execute("DROP TEMPORARY TABLE live_w", ()).await.unwrap();
            session.execute("DROP TEMPORARY TABLE live_v", ()).await.unwrap();
        }
        usable(&mut session).await;
    });
}

async fn checksum(session: &mut Session, table: &str) -> u64 {
    let sql = format!("CHECKSUM TABLE {table}");
    let (_, sum): (String, Option<u64>) = session.fetch_one(&sql, ()).await.unwrap();
    sum.unwrap()
}

/// The value in SQL.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => format!("{:e}", f64::from(*number)),
        Value::Double(number) => format!("{number:e}"),
        Value::Decimal(number) => number.to_string(),
        Value::Date(date) => format!("'{date}'"),
        Value::DateTime(datetime) => format!("'{datetime}'"),
        Value::Time(time) => format!("'{time}'"),
        Value::Text(text) => format!("_utf8mb4 x'{}'", hex(text.as_bytes())),
        Value::Bytes(bytes) => format!("x'{}'", hex(bytes)),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The server's CAST and HEX tell the same of the column.
async fn server_agrees(session: &mut Session, sql_type: &str, values: &[Value]) {
    let is_bytes = values.iter().any(|value| matches!(value, Value::Bytes(_)));
    if is_bytes || sql_type.starts_with("BIT") {
        let [text, binary] = both(session, "SELECT c, HEX(c) FROM live_v ORDER BY id").await;
        for row in text.iter().chain(&binary).take(values.len() * 2) {
            let Some(bytes) = row.get::<Option<Vec<u8>>>(0).unwrap() else { continue };
            let shown: String = row.get(1).unwrap();
            // HEX of a BIT is that of a number.
            let bare = |hex: &str| match sql_type.starts_with("BIT") {
                true => hex.trim_start_matches('0').to_owned(),
                false => hex.to_owned(),
            };
            assert_eq!(bare(&hex(&bytes)), bare(&shown), "{sql_type}");
        }
        return;
    }
    if values.iter().any(is_float) {
        // The server's own widening: all bits.
        let [text, binary] =
            both(session, "SELECT c, CAST(c AS DOUBLE) FROM live_v ORDER BY id").await;
        for ((binary, text), value) in binary.iter().zip(&text).zip(values) {
            let (own, wide): (Option<f32>, Option<f64>) = binary.decode().unwrap();
            assert_eq!(
                own.map(|own| f64::from(own).to_bits()),
                wide.map(f64::to_bits),
                "{value:?}"
            );
            let wide_text: Option<f64> = text.get(1).unwrap();
            assert_eq!(wide_text.map(f64::to_bits), wide.map(f64::to_bits), "{value:?}");
        }
        return;
    }
    let sql = "SELECT c, CAST(c AS CHAR) FROM live_v ORDER BY id";
    let [text, binary] = both(session, sql).await;
    for (row, value) in text.iter().zip(values).chain(binary.iter().zip(values)) {
        let (own, cast): (Option<String>, Option<String>) = row.decode().unwrap();
        assert_eq!(own, cast, "{sql_type}: {value:?}");
    }
}

/// E-69: BIT of every width, whose bytes are as few as hold it.
#[test]
fn e69_bits_of_every_width() {
    each_server(async |target| {
        let mut session = target.local().await;
        let list = |of: &dyn Fn(u32) -> String| (1..=64).map(of).collect::<Vec<_>>().join(", ");
        for table in ["live_v", "live_w"] {
            let types = list(&|width| format!("c{width} BIT({width})"));
            let sql = format!("CREATE TEMPORARY TABLE {table} (id INT PRIMARY KEY, {types})");
            session.execute(&sql, ()).await.unwrap();
        }
        let most = |width: u32| u64::MAX >> (64 - width);
        let values: [fn(u64) -> Option<u64>; 6] = [
            |_| Some(0),
            |_| Some(1),
            |most| Some(most),
            |most| Some(most ^ (most >> 1)),
            |most| Some(0x5AA5_0FF0_1234_8765 & most),
            |_| None,
        ];
        let marks = list(&|_| "?".into());
        let insert =
            session.prepare(&format!("INSERT INTO live_v VALUES (?, {marks})")).await.unwrap();
        for (id, value) in (0_u64..).zip(values) {
            let row: Vec<_> = (1..=64).map(|width| value(most(width))).collect();
            let params: Vec<_> = std::iter::once(Some(id)).chain(row.iter().copied()).collect();
            session.execute(&insert, params).await.unwrap();
            let shown = list(&|width| match value(most(width)) {
                Some(value) => format!("b'{value:b}'"),
                None => "NULL".into(),
            });
            session
                .execute(&format!("INSERT INTO live_w VALUES ({id}, {shown})"), ())
                .await
                .unwrap();
        }
        let sum = checksum(&mut session, "live_v").await;
        assert_eq!(checksum(&mut session, "live_w").await, sum);
        let hexes = list(&|width| format!("HEX(c{width})"));
        let columns = list(&|width| format!("c{width}"));
        let select = format!("SELECT {columns}, {hexes} FROM live_v ORDER BY id");
        for rows in both(&mut session, &select).await {
            for (row, value) in rows.iter().zip(values) {
                for (place, width) in (1..=64_u32).enumerate() {
                    let value = value(most(width));
                    assert_eq!(row.get::<Option<u64>>(place).unwrap(), value, "{width}");
                    let length = width.div_ceil(8) as usize;
                    let bytes = value.map(|value| value.to_be_bytes()[8 - length..].to_vec());
                    assert_eq!(row.as_row().raw(place).unwrap(), bytes.as_deref(), "{width}");
                    let shown: Option<String> = row.get(place + 64).unwrap();
                    assert_eq!(shown, value.map(|value| format!("{value:X}")), "{width}");
                }
            }
        }
        usable(&mut session).await;
    });
}

/// A BINARY is padded with zeros and a CHAR is not, by the server, and both protocols tell.
#[test]
fn what_is_shorter_than_its_column() {
    each_server(async |target| {
        let mut session = target.local().await;
        let create = "CREATE TEMPORARY TABLE live_p (b BINARY(6), c CHAR(6))";
        session.execute(create, ()).await.unwrap();
        let given = (&b"\xFF\0"[..], "ab ");
        session.execute("INSERT INTO live_p VALUES (?, ?)", given).await.unwrap();
        for rows in both(&mut session, "SELECT b, c, HEX(b), HEX(c) FROM live_p").await {
            let row: (Vec<u8>, String, String, String) = rows[0].decode().unwrap();
            assert_eq!(row.0, b"\xFF\0\0\0\0\0");
            assert_eq!((&*row.1, &*row.2, &*row.3), ("ab", "FF0000000000", "6162"));
        }
    });
}

/// What each Rust type writes is what it reads, and what a neighbour of another size reads.
#[test]
fn e71_e72_every_rust_type_through_both_protocols() {
    each_server(async |target| {
        let mut session = lenient(target).await;
        let s = &mut session;
        back(s, "TINYINT", &[i8::MIN, -1, 0, i8::MAX]).await;
        back(s, "TINYINT UNSIGNED", &[0, u8::MAX]).await;
        back(s, "SMALLINT", &[i16::MIN, 0, i16::MAX]).await;
        back(s, "SMALLINT UNSIGNED", &[0, u16::MAX]).await;
        back(s, "MEDIUMINT", &[-8_388_608_i32, -1, 8_388_607]).await;
        back(s, "MEDIUMINT UNSIGNED", &[0_u32, 16_777_215]).await;
        back(s, "INT", &[i32::MIN, -1, 0, i32::MAX]).await;
        back(s, "INT UNSIGNED", &[0, u32::MAX]).await;
        back(s, "BIGINT", &[i64::MIN, -1, 0, i64::MAX]).await;
        back(s, "BIGINT UNSIGNED", &[0, u64::MAX]).await;
        back(s, "BIGINT", &[isize::MIN, isize::MAX]).await;
        back(s, "BIGINT UNSIGNED", &[usize::MAX]).await;
        back(s, "BIGINT", &[i8::MIN, i8::MAX]).await;
        back(s, "DECIMAL(65,0)", &[i128::MIN, -1, i128::MAX]).await;
        back(s, "DECIMAL(65,0)", &[0, u128::MAX]).await;
        back(s, "BOOLEAN", &[true, false]).await;
        back(s, "YEAR", &[0_u16, 1901, 2155]).await;
        back(s, "BIT(64)", &[0, u64::MAX]).await;
        back(s, "DOUBLE", &[f64::MIN, f64::MIN_POSITIVE, 0.1, f64::MAX]).await;
        back(s, "LONGTEXT", &[String::new(), "äöü😀".repeat(20_000)]).await;
        back(s, "LONGBLOB", &[vec![], vec![0xFF_u8; 251], vec![0_u8; 65_536]]).await;
        back(s, "DATE", &[Date::default(), Date::new(9999, 12, 31)]).await;
        let late = DateTime::new(Date::new(2024, 2, 29), 23, 59, 59, 999_999);
        back(s, "DATETIME(6)", &[DateTime::default(), late]).await;
        back(s, "TIME(6)", &[Time::default(), Time::new(true, 0, 0, 0, 500_000)]).await;
        back(s, "DECIMAL(65,30)", &["-0.5", "12"].map(|d| d.parse::<Decimal>().unwrap())).await;
        back(s, "BIGINT", &[None, Some(7_i64)]).await;
        back(s, "VARCHAR(20)", &[None, Some("x".to_owned())]).await;
        usable(s).await;
    });
}

async fn back<T>(session: &mut Session, sql_type: &str, values: &[T])
where
    T: ToValue + for<'r> FromValue<'r> + PartialEq + std::fmt::Debug,
{
    let create = format!("CREATE TEMPORARY TABLE live_b (id INT PRIMARY KEY, c {sql_type})");
    session.execute(&create, ()).await.unwrap();
    // A new one each time: MySQL remembers the parameters' types of the table that was dropped.
    let insert = session.prepare("INSERT INTO live_b VALUES (?, ?)").await.unwrap();
    for (id, value) in values.iter().enumerate() {
        let done = session.execute(&insert, (id, value)).await;
        done.unwrap_or_else(|error| panic!("{sql_type}: {value:?}: {error}"));
        let text: T =
            session.fetch_one(&format!("SELECT c FROM live_b WHERE id = {id}"), ()).await.unwrap();
        assert_eq!(&text, value, "{sql_type}, text");
        let sql = "SELECT c FROM live_b WHERE id = ?";
        let binary: T = session.fetch_one(sql, (id,)).await.unwrap();
        assert_eq!(&binary, value, "{sql_type}, binary");
    }
    session.execute("DROP TEMPORARY TABLE live_b", ()).await.unwrap();
}

/// E-78: a NULL has its own type, in both protocols.
#[test]
fn e78_select_null_in_both_protocols() {
    each_server(async |target| {
        let mut session = target.local().await;
        let [text, binary] = both(&mut session, "SELECT NULL, 1, NULL").await;
        for row in text.iter().chain(&binary) {
            assert_eq!(row.columns().get(0).unwrap().type_name(), "NULL");
            let row: (Option<i64>, i64, Option<String>) = row.decode().unwrap();
            assert_eq!(row, (None, 1, None));
        }
        let row: (Value, Option<i64>) =
            session.fetch_one("SELECT ?, ?", (Value::Null, None::<i64>)).await.unwrap();
        assert_eq!(row, (Value::Null, None));
    });
}

/// the last hour of TIME. MySQL 9.7 takes it as a parameter only without a fraction.
#[test]
fn e67_the_longest_spans_of_time() {
    each_server(async |target| {
        let mut session = lenient(target).await;
        session.execute("CREATE TEMPORARY TABLE live_t (c TIME(6))", ()).await.unwrap();
        let most = Time::new(true, 838, 59, 59, 999_999);
        let insert = session.execute("INSERT INTO live_t VALUES (?)", (most,)).await;
        if session.is_mariadb() {
            insert.unwrap();
            for rows in both(&mut session, "SELECT c FROM live_t").await {
                assert_eq!(rows[0].get::<Time>(0).unwrap(), most);
            }
        } else {
            assert_eq!(code(insert), 1690);
        }
        usable(&mut session).await;
    });
}
