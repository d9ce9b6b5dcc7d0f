//! Random values of every type through parameters and both protocols.
//!
//! The seed of a run that failed is told, and kept in `random-seeds.txt` next to this file, whose seeds
//! come first in every run; `MYWIRE_TEST_SEED` asks for one of them alone.

use std::collections::hash_map::RandomState;
use std::fs::OpenOptions;
use std::hash::BuildHasher;
use std::io::Write;
use std::path::{Path, PathBuf};

use mywire::{Date, DateTime, OwnedRow, Session, Time, Value};
use proptest::collection::vec;
use proptest::num::{f32, f64};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::each_server;
use crate::target::Target;
use crate::values::lenient;

/// How many rows are written to each server.
const ROWS: usize = 200;

type Column = (&'static str, BoxedStrategy<Value>);

fn date() -> impl Strategy<Value = Date> {
    // With the dates that no calendar has, within the months' 31 days.
    let day = (1000_u16..=9999, 1_u8..=12, 1_u8..=31);
    prop_oneof![1 => Just(Date::default()), 9 => day.prop_map(|(y, m, d)| Date::new(y, m, d))]
}

fn fraction() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0_u32), Just(1), Just(999_999), 0_u32..1_000_000]
}

fn datetime() -> impl Strategy<Value = DateTime> {
    let clock = prop_oneof![Just((0, 0, 0)), (0_u8..24, 0_u8..60, 0_u8..60)];
    let day = date().prop_filter("a zero date has no clock", |date| !date.is_zero());
    (day, clock, fraction()).prop_map(|(day, (h, m, s), us)| DateTime::new(day, h, m, s, us))
}

fn time() -> impl Strategy<Value = Time> {
    // The hour 838 is a case of its own: MySQL refuses some of it.
    (any::<bool>(), 0_u16..838, 0_u8..60, 0_u8..60, fraction()).prop_map(
        |(negative, h, m, s, us)| Time::new(negative && (h, m, s, us) != (0, 0, 0, 0), h, m, s, us),
    )
}

fn timestamp() -> impl Strategy<Value = DateTime> {
    let day = (1971_u16..=2037, 1_u8..=12, 1_u8..=28).prop_map(|(y, m, d)| Date::new(y, m, d));
    (day, 0_u8..24, 0_u8..60, 0_u8..60, fraction())
        .prop_map(|(day, h, m, s, us)| DateTime::new(day, h, m, s, us))
}

/// The types that the session's server has, and what may be written into each.
async fn columns(session: &mut Session) -> Vec<Column> {
    fn value<T: Into<Value> + std::fmt::Debug + 'static>(
        strategy: impl Strategy<Value = T> + 'static,
    ) -> BoxedStrategy<Value> {
        prop_oneof![1 => Just(Value::Null), 6 => strategy.prop_map(Into::into)].boxed()
    }
    let finite32 = f32::NORMAL | f32::ZERO;
    let finite64 = f64::NORMAL | f64::ZERO;
    let decimal = "-?[1-9][0-9]{0,34}(\\.[0-9]{1,30})?"
        .prop_map(|text| text.parse::<mywire::Decimal>().unwrap());
    let text = |pattern: &'static str| value(pattern.prop_map(String::from));
    let json = vec(any::<i32>(), 0..5).prop_map(|list| format!("{list:?}"));
    let numbers = |count| vec(finite64, count);
    let point = numbers(2).prop_map(|place| {
        let head = b"\0\0\0\0\x01\x01\0\0\0".to_vec();
        place.iter().fold(head, |bytes, number| [&bytes[..], &number.to_le_bytes()].concat())
    });
    let mut columns = vec![
        ("TINYINT", value(any::<i8>())),
        ("TINYINT UNSIGNED", value(any::<u8>())),
        ("SMALLINT", value(any::<i16>())),
        ("SMALLINT UNSIGNED", value(any::<u16>())),
        ("MEDIUMINT", value(-8_388_608_i32..=8_388_607)),
        ("MEDIUMINT UNSIGNED", value(0_u32..=16_777_215)),
        ("INT", value(any::<i32>())),
        ("INT UNSIGNED", value(any::<u32>())),
        ("BIGINT", value(any::<i64>())),
        ("BIGINT UNSIGNED", value(any::<u64>())),
        ("BIT(9)", value(0_u16..512)),
        ("BIT(64)", value(any::<u64>())),
        ("YEAR", value(1901_u16..=2155)),
        ("DOUBLE", value(finite64)),
        ("FLOAT", value(finite32)),
        ("DECIMAL(65,30)", value(decimal)),
        ("DATE", value(date())),
        ("DATETIME(6)", value(datetime())),
        ("TIMESTAMP(6) NULL", value(timestamp())),
        ("TIME(6)", value(time())),
        ("VARCHAR(100)", value(vec(any::<char>(), 0..100).prop_map(String::from_iter))),
        ("CHAR(20)", text("[a-zäöü€😀]{0,20}")),
        ("TINYTEXT", text("[ -~]{0,50}")),
        ("TEXT", value(vec(any::<char>(), 0..300).prop_map(String::from_iter))),
        ("MEDIUMTEXT", text("[a-z ]{0,300}")),
        ("LONGTEXT", text("[a-z ]{0,300}")),
        ("ENUM('one','zwölf','')", text("one|zwölf")),
        ("SET('a','b','c')", text("|a|b|c|a,b|a,c|b,c|a,b,c")),
        ("JSON", value(json)),
        ("BINARY(8)", value(vec(any::<u8>(), 8))),
        ("VARBINARY(300)", value(vec(any::<u8>(), 0..300))),
        ("TINYBLOB", value(vec(any::<u8>(), 0..255))),
        ("BLOB", value(vec(any::<u8>(), 0..600))),
        ("MEDIUMBLOB", value(vec(any::<u8>(), 0..600))),
        ("LONGBLOB", value(vec(any::<u8>(), 0..600))),
        ("POINT", value(point)),
    ];
    if session.is_mariadb() {
        columns
            .push(("UUID", text("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}")));
        let v4 = any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string());
        columns.push(("INET4", value(v4)));
        let v6 = vec(1_u16.., 8).prop_map(|parts| {
            let parts: [u16; 8] = parts.try_into().unwrap();
            std::net::Ipv6Addr::from(parts).to_string()
        });
        columns.push(("INET6", value(v6)));
    }
    if !session.is_mariadb() || session.execute("SELECT VEC_FromText('[1]')", ()).await.is_ok() {
        // The squares have to fit into a float on MariaDB.
        let vector = vec(-1e18_f32..1e18, 3);
        let bytes =
            vector.prop_map(|v| v.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>());
        columns.push(("VECTOR(3)", value(bytes)));
    }
    columns
}

#[test]
fn random_values_of_every_type_come_back() {
    let seeds = seeds();
    each_server(async |target| {
        for &seed in &seeds {
            let told = Told(seed);
            values_come_back(target, seed).await;
            drop(told);
        }
    });
}

fn seeds() -> Vec<u64> {
    if let Ok(seed) = std::env::var(VARIABLE) {
        return vec![seed.parse().unwrap_or_else(|_| panic!("{VARIABLE} is a number"))];
    }
    let mut seeds: Vec<u64> = std::fs::read_to_string(kept())
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.parse().unwrap())
        .collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds.push(RandomState::new().hash_one(0));
    seeds
}

const VARIABLE: &str = "MYWIRE_TEST_SEED";

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/random-seeds.txt")
}

/// Tells of the seed, and keeps it, if its run fails.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Self(seed) = self;
        // Not `eprintln!`: a seed that was captured is lost.
        let _ = writeln!(std::io::stderr(), "repeat the random values: {VARIABLE}={seed}");
        if std::env::var_os(VARIABLE).is_none() {
            let file = OpenOptions::new().append(true).open(kept());
            let _ = file.and_then(|mut file| file.write_all(format!("{seed}\n").as_bytes()));
        }
    }
}

async fn values_come_back(target: &Target, seed: u64) {
    let mut session = lenient(target).await;
    let columns = columns(&mut session).await;
    let types: Vec<String> =
        columns.iter().enumerate().map(|(i, (sql, _))| format!("c{i} {sql}")).collect();
    let create =
        format!("CREATE TEMPORARY TABLE live_r (id INT PRIMARY KEY, {})", types.join(", "));
    session.execute(&create, ()).await.unwrap();
    let marks = vec!["?"; columns.len() + 1].join(", ");
    let insert = session.prepare(&format!("INSERT INTO live_r VALUES ({marks})")).await.unwrap();
    let bytes = [seed.to_le_bytes(); 4].concat();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut written = Vec::new();
    for id in 0..ROWS {
        let mut row = vec![Value::Int(i64::try_from(id).unwrap())];
        for (_, strategy) in &columns {
            row.push(strategy.new_tree(&mut runner).unwrap().current());
        }
        let done = session.execute(&insert, &row).await;
        done.unwrap_or_else(|error| panic!("{row:?}: {error}"));
        written.push(row);
    }
    let select = "SELECT * FROM live_r ORDER BY id";
    let text: Vec<OwnedRow> = session.fetch_all(select, ()).await.unwrap();
    let statement = session.prepare(select).await.unwrap();
    let binary: Vec<OwnedRow> = session.fetch_all(&statement, ()).await.unwrap();
    assert_eq!((text.len(), binary.len()), (ROWS, ROWS));
    for ((text, binary), written) in text.iter().zip(&binary).zip(&written) {
        for (column, value) in written.iter().enumerate() {
            let sql_type = column.checked_sub(1).map_or("INT", |column| columns[column].0);
            let place = format!("{sql_type}: {value:?}");
            assert_eq!(&binary.get::<Value>(column).unwrap(), value, "{place}, binary");
            // A FLOAT's text has six digits.
            if matches!(value, Value::Float(_)) {
                continue;
            }
            assert_eq!(&text.get::<Value>(column).unwrap(), value, "{place}, text");
            let strings = [text, binary].map(|row| row.get::<Option<String>>(column).ok());
            assert_eq!(strings[0], strings[1], "{place}, as String");
        }
    }
}
