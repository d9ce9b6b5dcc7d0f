//! What the rows look like, and how a row becomes a checksum.

/// Rows of one kind, in a table of their own.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub name: &'static str,
    /// What the report calls it.
    pub title: &'static str,
    /// The table's columns.
    pub columns: &'static str,
    /// The values of row `n`.
    pub values: &'static str,
    /// Rows in the table. A block of a multiple of 256 is repeated as it is.
    pub block: u64,
    /// Rows of a run, at least.
    pub rows: u64,
    /// Whether a column is read as `&str`: to be compared with clients that check UTF-8.
    pub text: bool,
}

/// The number of columns of the widest shape.
pub const WIDE: usize = 50;

pub const SHAPES: [Shape; 11] = [
    Shape {
        name: "ints8",
        title: "8 integers",
        columns: "a BIGINT NOT NULL, b BIGINT NOT NULL, c BIGINT NOT NULL, d BIGINT NOT NULL, \
                  e BIGINT NOT NULL, f BIGINT NOT NULL, g BIGINT NOT NULL, h BIGINT NOT NULL",
        values: "n*7919+1, n*7919+10, n*7919+100, n*7919+1000, n*7919+10000, n*7919+100000, \
                 n*7919+1000000, n*7919+10000000",
        block: 4096,
        rows: 3_000_000,
        text: false,
    },
    Shape {
        name: "mixed7",
        title: "bigint, 2 strings, double, datetime(6), tinyint, nullable string",
        columns: "id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, mail VARCHAR(60) NOT NULL, \
                  score DOUBLE NOT NULL, at DATETIME(6) NOT NULL, flag TINYINT NOT NULL, \
                  note VARCHAR(40)",
        values: "n*1000003, CONCAT('customer number ', LPAD(n, 6, '0')), \
                 CONCAT('user', n, '@example.com'), (n % 1000) + 0.25, \
                 TIMESTAMPADD(MICROSECOND, n * 654321, '2026-11-01 12:34:00.123456'), n % 2, \
                 IF(n % 4 = 0, NULL, 'a note')",
        block: 4096,
        rows: 2_000_000,
        text: true,
    },
    Shape {
        name: "strings4",
        title: "4 strings of 32 bytes",
        columns: STRINGS4,
        values: STRINGS4_VALUES,
        block: 4096,
        rows: 2_000_000,
        text: true,
    },
    Shape {
        name: "bytes4",
        title: "the same as `&[u8]`",
        columns: STRINGS4,
        values: STRINGS4_VALUES,
        block: 4096,
        rows: 2_000_000,
        text: false,
    },
    Shape {
        name: "accents4",
        title: "4 strings of 32 bytes that are not ASCII",
        columns: STRINGS4,
        values: "CONCAT('Grüße aus Köln ', LPAD(n, 12, '0'), 'é'), \
                 CONCAT('Ærøskøbing åben ', LPAD(n, 11, '0'), 'ß'), \
                 CONCAT('日本語の文字 ', LPAD(n, 13, '0')), \
                 CONCAT('Привет ', LPAD(n, 19, '0'))",
        block: 4096,
        rows: 1_000_000,
        text: true,
    },
    Shape {
        name: "one",
        title: "one bigint",
        columns: "a BIGINT NOT NULL",
        values: "n*7919",
        block: 4096,
        rows: 6_000_000,
        text: false,
    },
    Shape {
        name: "cols50",
        title: "50 columns, bigint and varchar by turns",
        columns: "",
        values: "",
        block: 1024,
        rows: 400_000,
        text: true,
    },
    Shape {
        name: "nulls16",
        title: "16 columns, 15 of them NULL",
        columns: "",
        values: "",
        block: 4096,
        rows: 2_000_000,
        text: true,
    },
    Shape {
        name: "money6",
        title: "2 decimals, 2 dates, 2 datetimes",
        columns: "a DECIMAL(12,2) NOT NULL, b DECIMAL(20,6) NOT NULL, c DATE NOT NULL, \
                  d DATE NOT NULL, e DATETIME NOT NULL, f DATETIME NOT NULL",
        values: "n * 1.25, n * 1234.567891, TIMESTAMPADD(DAY, n, '2020-01-01'), \
                 TIMESTAMPADD(DAY, -n, '2020-01-01'), \
                 TIMESTAMPADD(SECOND, n * 77777, '2020-01-01'), \
                 TIMESTAMPADD(SECOND, -n * 77777 - 1, '2020-01-01')",
        block: 4096,
        rows: 2_000_000,
        text: true,
    },
    Shape {
        name: "blob64k",
        title: "a blob of 64 KiB",
        columns: "a LONGBLOB NOT NULL",
        values: "RPAD(CAST(n AS CHAR), 65536, 'blob')",
        block: 16,
        rows: 20_000,
        text: false,
    },
    Shape {
        name: "big300k",
        title: "3 blobs of 100 KB",
        columns: "a LONGBLOB NOT NULL, b LONGBLOB NOT NULL, c LONGBLOB NOT NULL",
        values: "RPAD(CAST(n AS CHAR), 100000, 'first'), RPAD('x', 100000, 'second'), \
                 RPAD(CAST(n AS CHAR), 100000, 'third')",
        block: 8,
        rows: 4_000,
        text: false,
    },
];

const STRINGS4: &str = "a VARCHAR(32) NOT NULL, b VARCHAR(32) NOT NULL, c VARCHAR(32) NOT NULL, \
                        d VARCHAR(32) NOT NULL";
const STRINGS4_VALUES: &str = "CONCAT(LPAD(n, 20, '0'), 'aaaaaaaaaaa1'), \
                               CONCAT(LPAD(n, 20, 'x'), 'bbbbbbbbbb22'), \
                               CONCAT(LPAD(n, 20, 'y'), 'ccccccccc333'), \
                               CONCAT(LPAD(n, 20, 'z'), 'dddddddd4444')";

impl Shape {
    pub fn named(name: &str) -> Self {
        SHAPES.into_iter().find(|shape| shape.name == name).expect("a known shape")
    }

    /// The definition of the table's columns.
    pub fn columns(&self) -> String {
        match self.name {
            "cols50" => list(WIDE, |i| match i % 2 {
                0 => format!("c{i} BIGINT NOT NULL"),
                _ => format!("c{i} VARCHAR(20) NOT NULL"),
            }),
            "nulls16" => list(16, |i| match i % 2 {
                0 => format!("c{i} BIGINT"),
                _ => format!("c{i} VARCHAR(20)"),
            }),
            _ => self.columns.to_owned(),
        }
    }

    /// The values of row `n`, in SQL.
    pub fn values(&self) -> String {
        match self.name {
            "cols50" => list(WIDE, |i| match i % 2 {
                0 => format!("n*7919+{i}"),
                _ => format!("CONCAT('value ', n, ' of {i}')"),
            }),
            "nulls16" => list(16, |i| format!("IF(n % 16 = {i}, n, NULL)")),
            _ => self.values.to_owned(),
        }
    }

    /// The rows of a run: whole blocks.
    pub fn repeats(&self, share: u64) -> u64 {
        (self.rows / share.max(1)).div_ceil(self.block).max(1)
    }
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

/// Expands to one arm for each shape; `$run!` gets `$args` and the kinds of its columns.
#[macro_export]
macro_rules! for_each_shape {
    ($shape:expr, $run:ident $args:tt) => {
        match $shape {
            "ints8" => $run!($args int int int int int int int int),
            "mixed7" => $run!($args int str str double datetime int opt_str),
            "strings4" | "accents4" => $run!($args str str str str),
            "bytes4" => $run!($args bytes bytes bytes bytes),
            "one" => $run!($args int),
            "cols50" => $run!($args
                int str int str int str int str int str
                int str int str int str int str int str
                int str int str int str int str int str
                int str int str int str int str int str
                int str int str int str int str int str
            ),
            "nulls16" => $run!($args opt_int opt_str opt_int opt_str opt_int opt_str opt_int opt_str
                opt_int opt_str opt_int opt_str opt_int opt_str opt_int opt_str
            ),
            "money6" => $run!($args decimal decimal date date datetime datetime),
            "blob64k" => $run!($args bytes),
            "big300k" => $run!($args bytes bytes bytes),
            other => panic!("no shape {other}"),
        }
    };
}

/// A checksum over values in their order; the same in the C client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(pub u64);

impl Sum {
    #[inline(always)]
    pub fn add(&mut self, x: u64) {
        self.0 = self.0.rotate_left(5) ^ x;
    }

    #[inline(always)]
    pub fn int(&mut self, x: i64) {
        self.add(x as u64);
    }

    #[inline(always)]
    pub fn double(&mut self, x: f64) {
        self.add(x.to_bits());
    }

    /// A string's length and its last byte.
    #[inline(always)]
    pub fn bytes(&mut self, x: &[u8]) {
        self.add(x.len() as u64 ^ (u64::from(x.last().copied().unwrap_or(0)) << 32));
    }

    #[inline(always)]
    pub fn str(&mut self, x: &str) {
        self.bytes(x.as_bytes());
    }

    #[inline(always)]
    pub fn null(&mut self) {
        self.add(u64::MAX);
    }

    #[inline(always)]
    pub fn date(&mut self, year: u16, month: u8, day: u8) {
        self.datetime((year, month, day), (0, 0, 0), 0);
    }

    #[inline(always)]
    pub fn datetime(&mut self, (y, m, d): (u16, u8, u8), (h, min, s): (u8, u8, u8), us: u32) {
        let day = u64::from(y) << 46 | u64::from(m) << 42 | u64::from(d) << 37;
        self.add(
            day | u64::from(h) << 32 | u64::from(min) << 26 | u64::from(s) << 20 | u64::from(us),
        );
    }
}
