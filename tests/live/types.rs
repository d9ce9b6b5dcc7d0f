//! Every column type through the text protocol, against the server's own `HEX` and `CAST`.

use mywire::{FromValue, OwnedRow, Session};

use crate::each_server;
use crate::target::{Target, usable};

/// A column type, its values as SQL, and how the server shows each: the text that `String` gives,
/// or the bytes in hex for what is no text.
struct Column {
    sql_type: &'static str,
    type_name: &'static str,
    values: &'static [(&'static str, Shown)],
}

#[derive(Clone, Copy)]
enum Shown {
    Text(&'static str),
    Hex(&'static str),
}

use Shown::{Hex, Text};

const fn column(
    sql_type: &'static str,
    type_name: &'static str,
    values: &'static [(&'static str, Shown)],
) -> Column {
    Column { sql_type, type_name, values }
}

/// The types that all servers have.
const COMMON: &[Column] = &[
    column("TINYINT", "TINYINT", &[("-128", Text("-128")), ("127", Text("127"))]),
    column("TINYINT UNSIGNED", "TINYINT UNSIGNED", &[("0", Text("0")), ("255", Text("255"))]),
    column("SMALLINT", "SMALLINT", &[("-32768", Text("-32768")), ("32767", Text("32767"))]),
    column("SMALLINT UNSIGNED", "SMALLINT UNSIGNED", &[("65535", Text("65535"))]),
    column("MEDIUMINT", "MEDIUMINT", &[("-8388608", Text("-8388608")), ("-1", Text("-1"))]),
    column("MEDIUMINT UNSIGNED", "MEDIUMINT UNSIGNED", &[("16777215", Text("16777215"))]),
    column(
        "INT",
        "INT",
        &[("-2147483648", Text("-2147483648")), ("2147483647", Text("2147483647"))],
    ),
    column("INT UNSIGNED", "INT UNSIGNED", &[("4294967295", Text("4294967295"))]),
    column(
        "BIGINT",
        "BIGINT",
        &[
            ("-9223372036854775808", Text("-9223372036854775808")),
            ("9223372036854775807", Text("9223372036854775807")),
        ],
    ),
    column(
        "BIGINT UNSIGNED",
        "BIGINT UNSIGNED",
        &[("18446744073709551615", Text("18446744073709551615"))],
    ),
    column("INT(8) ZEROFILL", "INT UNSIGNED", &[("42", Text("00000042"))]),
    column("YEAR", "YEAR", &[("0", Text("0000")), ("1901", Text("1901")), ("2155", Text("2155"))]),
    column("BIT(1)", "BIT", &[("b'1'", Hex("01")), ("b'0'", Hex("00"))]),
    column("BIT(9)", "BIT", &[("b'100000001'", Hex("0101"))]),
    column("BIT(64)", "BIT", &[("0xFFFFFFFFFFFFFFFE", Hex("FFFFFFFFFFFFFFFE"))]),
    column(
        "DECIMAL(65,30)",
        "DECIMAL",
        &[
            (
                "-99999999999999999999999999999999999.999999999999999999999999999999",
                Text("-99999999999999999999999999999999999.999999999999999999999999999999"),
            ),
            ("0.5", Text("0.500000000000000000000000000000")),
        ],
    ),
    column("DECIMAL(10,0)", "DECIMAL", &[("-17", Text("-17"))]),
    column("FLOAT", "FLOAT", &[("1.5", Text("1.5")), ("-0.25", Text("-0.25"))]),
    column(
        "DOUBLE",
        "DOUBLE",
        &[("1.5", Text("1.5")), ("-1e100", Text("-1e100")), ("0.1", Text("0.1"))],
    ),
    column(
        "DATE",
        "DATE",
        &[("'1000-01-01'", Text("1000-01-01")), ("'0000-00-00'", Text("0000-00-00"))],
    ),
    column(
        "TIME",
        "TIME",
        &[("'-838:59:59'", Text("-838:59:59")), ("'-00:00:01'", Text("-00:00:01"))],
    ),
    column("TIME(6)", "TIME", &[("'-00:00:00.000001'", Text("-00:00:00.000001"))]),
    column("DATETIME", "DATETIME", &[("'2024-02-29 12:34:56'", Text("2024-02-29 12:34:56"))]),
    column(
        "DATETIME(6)",
        "DATETIME",
        &[
            ("'9999-12-31 23:59:59.999999'", Text("9999-12-31 23:59:59.999999")),
            ("'0000-00-00 00:00:00'", Text("0000-00-00 00:00:00.000000")),
            ("'2024-00-15 00:00:00.1'", Text("2024-00-15 00:00:00.100000")),
        ],
    ),
    column(
        "TIMESTAMP(3) NULL",
        "TIMESTAMP",
        &[("'2024-02-29 12:34:56.789'", Text("2024-02-29 12:34:56.789"))],
    ),
    column(
        "CHAR(5)",
        "CHAR",
        &[("'a b  '", Text("a b")), ("'äöü😀€'", Text("äöü😀€")), ("''", Text(""))],
    ),
    column("VARCHAR(50)", "VARCHAR", &[("'a b  '", Text("a b  ")), ("'😀'", Text("😀"))]),
    column("VARCHAR(9) CHARACTER SET latin1", "VARCHAR", &[("'äöü'", Text("äöü"))]),
    column("VARCHAR(9) COLLATE utf8mb4_bin", "VARCHAR", &[("'€'", Text("€"))]),
    column("TINYTEXT", "TEXT", &[("'t'", Text("t"))]),
    column("TEXT", "TEXT", &[("'text'", Text("text")), ("''", Text(""))]),
    column("MEDIUMTEXT", "TEXT", &[("'medium'", Text("medium"))]),
    column("LONGTEXT", "TEXT", &[("'long'", Text("long"))]),
    column("TEXT COLLATE utf8mb4_bin", "TEXT", &[("'bin'", Text("bin"))]),
    column("BINARY(4)", "BINARY", &[("x'00FF'", Hex("00FF0000"))]),
    column("VARBINARY(4)", "VARBINARY", &[("x'00FF'", Hex("00FF")), ("''", Hex(""))]),
    column("TINYBLOB", "BLOB", &[("x'FE'", Hex("FE"))]),
    column("BLOB", "BLOB", &[("x'FFFEFDFCFB00'", Hex("FFFEFDFCFB00"))]),
    column("MEDIUMBLOB", "BLOB", &[("x'80'", Hex("80"))]),
    column("LONGBLOB", "BLOB", &[("x'C3'", Hex("C3"))]),
    column("ENUM('one','zwölf')", "ENUM", &[("'zwölf'", Text("zwölf"))]),
    column("SET('a','b','c')", "SET", &[("'c,a'", Text("a,c")), ("''", Text(""))]),
    column(
        "POINT",
        "GEOMETRY",
        // The SRID, then well-known binary.
        &[(
            "ST_GeomFromText('POINT(1 2)')",
            Hex("000000000101000000000000000000F03F0000000000000040"),
        )],
    ),
];

/// The types and type names that only one family has.
const MYSQL: &[Column] = &[
    column("JSON", "JSON", &[("'{\"a\": [1, null]}'", Text("{\"a\": [1, null]}"))]),
    column("VECTOR(2)", "VECTOR", &[("STRING_TO_VECTOR('[1,-2]')", Hex("0000803F000000C0"))]),
];
const MARIADB: &[Column] = &[
    // An alias of LONGTEXT that is checked.
    column("JSON", "JSON", &[("'{\"a\": [1, null]}'", Text("{\"a\": [1, null]}"))]),
    column(
        "UUID",
        "UUID",
        &[("'123e4567-e89b-12d3-a456-426655440000'", Text("123e4567-e89b-12d3-a456-426655440000"))],
    ),
    column("INET6", "INET6", &[("'2001:db8::ff00:42:8329'", Text("2001:db8::ff00:42:8329"))]),
    column("INET4", "INET4", &[("'192.0.2.33'", Text("192.0.2.33"))]),
];
const MARIADB_VECTOR: &[Column] =
    &[column("VECTOR(2)", "VARBINARY", &[("VEC_FromText('[1,-2]')", Hex("0000803F000000C0"))])];

async fn columns(session: &mut Session) -> Vec<&'static Column> {
    let families: &[&[Column]] = if !session.is_mariadb() {
        &[COMMON, MYSQL]
    } else if session.execute("SELECT VEC_FromText('[1]')", ()).await.is_ok() {
        &[COMMON, MARIADB, MARIADB_VECTOR]
    } else {
        &[COMMON, MARIADB]
    };
    families.iter().flat_map(|family| family.iter()).collect()
}

/// A session that takes dates as they are written.
async fn lenient(target: &Target) -> Session {
    let mut session = target.session().await;
    session.execute("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'", ()).await.unwrap();
    session
}

#[test]
fn s13_every_type_as_the_server_shows_it() {
    each_server(async |target| {
        let mut session = lenient(target).await;
        for column in columns(&mut session).await {
            let Column { sql_type, type_name, values } = column;
            let sql =
                format!("CREATE TEMPORARY TABLE live_type (id INT PRIMARY KEY, c {sql_type})");
            session.execute(&sql, ()).await.unwrap();
            for (i, (value, _)) in values.iter().enumerate() {
                let sql = format!("INSERT INTO live_type VALUES ({i}, {value})");
                session.execute(&sql, ()).await.unwrap_or_else(|e| panic!("{sql_type}: {e}"));
            }
            let null = values.len();
            session
                .execute(&format!("INSERT INTO live_type VALUES ({null}, NULL)"), ())
                .await
                .unwrap();
            let sql = "SELECT c, HEX(CAST(c AS CHAR CHARACTER SET utf8mb4)), HEX(c) FROM live_type \
                       ORDER BY id";
            // Not every type can be cast, nor is HEX of a number that of its text.
            let sql = match values[0].1 {
                Text(_) => sql.to_owned(),
                Hex(_) => sql.replace("HEX(CAST(c AS CHAR CHARACTER SET utf8mb4))", "NULL"),
            };
            let rows: Vec<OwnedRow> = session.fetch_all(&sql, ()).await.unwrap();
            assert_eq!(rows.len(), null + 1, "{sql_type}");
            for (row, (value, shown)) in rows.iter().zip(*values) {
                assert_eq!(row.columns().get(0).unwrap().type_name(), *type_name, "{sql_type}");
                let raw = row.as_row().raw(0).unwrap().unwrap();
                match shown {
                    Text(text) => {
                        assert_eq!(row.get::<String>(0).unwrap(), *text, "{sql_type} {value}");
                        let cast: String = row.get(1).unwrap();
                        assert_eq!(cast, hex(raw), "{sql_type} {value}");
                    }
                    Hex(bytes) => {
                        assert_eq!(hex(&row.get::<Vec<u8>>(0).unwrap()), *bytes, "{sql_type}");
                        // HEX of a BIT is that of a number, without leading zeros.
                        let server: String = row.get(2).unwrap();
                        let zeros = |hex: &str| hex.trim_start_matches('0').to_owned();
                        assert_eq!(zeros(&server), zeros(bytes), "{sql_type} {value}");
                    }
                }
            }
            let row = rows[null].as_row();
            assert_eq!(row.raw(0).unwrap(), None, "{sql_type}");
            assert_eq!(row.get::<Option<String>>(0).unwrap(), None, "{sql_type}");
            assert!(row.get::<String>(0).is_err(), "{sql_type}");
            session.execute("DROP TEMPORARY TABLE live_type", ()).await.unwrap();
        }
        usable(&mut session).await;
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// E-69 to E-72: numbers as numbers.
#[test]
fn e72_numbers_of_every_width() {
    each_server(async |target| {
        let mut session = lenient(target).await;
        assert_eq!(typed::<i8>(&mut session, "TINYINT", "-128").await, -128);
        assert_eq!(typed::<u8>(&mut session, "TINYINT UNSIGNED", "255").await, 255);
        assert_eq!(typed::<i16>(&mut session, "SMALLINT", "-32768").await, i16::MIN);
        assert_eq!(typed::<u16>(&mut session, "SMALLINT UNSIGNED", "65535").await, u16::MAX);
        assert_eq!(typed::<i32>(&mut session, "MEDIUMINT", "-1").await, -1);
        assert_eq!(typed::<i32>(&mut session, "MEDIUMINT", "8388607").await, 8_388_607);
        assert_eq!(typed::<i32>(&mut session, "INT", "-2147483648").await, i32::MIN);
        assert_eq!(typed::<u32>(&mut session, "INT UNSIGNED", "4294967295").await, u32::MAX);
        assert_eq!(typed::<i64>(&mut session, "BIGINT", "-9223372036854775808").await, i64::MIN);
        let max = "18446744073709551615";
        assert_eq!(typed::<u64>(&mut session, "BIGINT UNSIGNED", max).await, u64::MAX);
        assert_eq!(typed::<u128>(&mut session, "BIGINT UNSIGNED", max).await, u128::from(u64::MAX));
        assert_eq!(typed::<i64>(&mut session, "INT(8) ZEROFILL", "42").await, 42);
        assert_eq!(typed::<u16>(&mut session, "YEAR", "2155").await, 2155);
        assert_eq!(typed::<u16>(&mut session, "YEAR", "0").await, 0);
        assert!(typed::<bool>(&mut session, "BIT(1)", "b'1'").await);
        assert_eq!(typed::<u16>(&mut session, "BIT(9)", "b'100000001'").await, 257);
        assert_eq!(typed::<u64>(&mut session, "BIT(64)", "0xFFFFFFFFFFFFFFFF").await, u64::MAX);
        assert!(!typed::<bool>(&mut session, "BOOLEAN", "FALSE").await);
        assert_eq!(typed::<i64>(&mut session, "DECIMAL(10,2)", "-17").await, -17);
        assert_eq!(typed::<f32>(&mut session, "FLOAT", "1.5").await, 1.5);
        for text in ["0.1", "-1e-307", "1.7976931348623157e308", "2.2250738585072014e-308", "3"] {
            let value = typed::<f64>(&mut session, "DOUBLE", text).await;
            assert_eq!(value, text.parse::<f64>().unwrap(), "{text}");
        }
        // FLOAT in text is rounded to six digits by the servers; it is read as it is shown.
        let shown = typed::<String>(&mut session, "FLOAT", "0.1").await;
        assert_eq!(typed::<f32>(&mut session, "FLOAT", "0.1").await, shown.parse::<f32>().unwrap());
    });
}

async fn typed<T: for<'r> FromValue<'r>>(session: &mut Session, sql_type: &str, value: &str) -> T {
    let create = format!("CREATE OR REPLACE TEMPORARY TABLE live_typed (c {sql_type})");
    let create = match session.is_mariadb() {
        true => create,
        false => {
            session.execute("DROP TEMPORARY TABLE IF EXISTS live_typed", ()).await.unwrap();
            create.replace("OR REPLACE ", "")
        }
    };
    session.execute(&create, ()).await.unwrap();
    session.execute(&format!("INSERT INTO live_typed VALUES ({value})"), ()).await.unwrap();
    session.fetch_one("SELECT c FROM live_typed", ()).await.unwrap()
}

/// What the server tells of a type beyond its number.
#[test]
fn r33_mariadb_tells_the_types_behind_char() {
    each_server(async |target| {
        let mut session = target.session().await;
        if !session.is_mariadb() {
            return;
        }
        for sql_type in ["UUID", "INET6", "INET4"] {
            let sql = format!("CREATE OR REPLACE TEMPORARY TABLE live_typed (c {sql_type})");
            session.execute(&sql, ()).await.unwrap();
            let rows = session.query("SELECT c FROM live_typed", ()).await.unwrap();
            let extended = rows.columns().get(0).unwrap().extended();
            let shown = String::from_utf8_lossy(extended.encoded()).to_lowercase();
            assert!(shown.contains(&sql_type.to_lowercase()), "{shown:?}");
            rows.finish().await.unwrap();
        }
    });
}

/// E-78: the type of NULL itself.
#[test]
fn e78_select_null() {
    each_server(async |target| {
        let mut session = target.session().await;
        let row: OwnedRow = session.fetch_one("SELECT NULL", ()).await.unwrap();
        assert_eq!(row.columns().get(0).unwrap().type_name(), "NULL");
        assert_eq!(row.get::<Option<i64>>(0).unwrap(), None);
        assert_eq!(row.get::<Option<String>>(0).unwrap(), None);
    });
}
