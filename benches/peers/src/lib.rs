//! mywire side by side with other MySQL clients: see `README.md`.

mod measure;
pub mod peers;
mod proxy;
mod report;
mod shape;

use std::net::SocketAddr;

pub use report::run;
pub use shape::{SHAPES, Shape, Sum};

/// The database that the tables are in.
const DATABASE: &str = "mywire_peers";

/// The account that is used. It has a password that every client can send without TLS.
#[derive(Clone, Debug)]
pub struct Account {
    pub address: SocketAddr,
    pub user: String,
    pub password: String,
}

impl Account {
    pub fn url(&self) -> String {
        format!("mysql://{}:{}@{}/{DATABASE}", self.user, self.password, self.address)
    }
}

/// What a client is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Read the rows of a shape, repeated.
    Rows { shape: Shape, binary: bool, repeats: u64 },
    /// That many point queries by prepared statement.
    Point { count: u64 },
    /// The same, by clients that can many at a time.
    Pipeline { count: u64 },
    /// That many rows inserted in a transaction, which is rolled back.
    Insert { count: u64 },
    /// That many connections, one after the other.
    Connect { count: u64 },
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Shape {}

impl Task {
    /// The rows, queries or connections.
    pub fn count(&self) -> u64 {
        match *self {
            Self::Rows { shape, repeats, .. } => shape.block * repeats,
            Self::Point { count }
            | Self::Pipeline { count }
            | Self::Insert { count }
            | Self::Connect { count } => count,
        }
    }

    /// The statement; the proxy repeats its rows.
    pub fn sql(&self) -> String {
        match self {
            Self::Rows { shape, repeats, .. } => {
                format!("SELECT * FROM {} /* repeat={repeats} */", shape.name)
            }
            Self::Point { .. } | Self::Pipeline { .. } => {
                "SELECT a FROM point WHERE id = ?".to_owned()
            }
            Self::Insert { .. } => "INSERT INTO sink VALUES (?, ?)".to_owned(),
            Self::Connect { .. } => String::new(),
        }
    }

    /// As arguments of the client's process.
    pub fn arguments(&self) -> [String; 3] {
        match self {
            Self::Rows { shape, binary, repeats } => {
                let format = if *binary { "binary" } else { "text" };
                [format.to_owned(), shape.name.to_owned(), repeats.to_string()]
            }
            Self::Point { count } => ["point".into(), "-".into(), count.to_string()],
            Self::Pipeline { count } => ["pipeline".into(), "-".into(), count.to_string()],
            Self::Insert { count } => ["insert".into(), "-".into(), count.to_string()],
            Self::Connect { count } => ["connect".into(), "-".into(), count.to_string()],
        }
    }

    fn parse(kind: &str, shape: &str, count: &str) -> Self {
        let count = count.parse().expect("a number");
        match kind {
            "point" => Self::Point { count },
            "pipeline" => Self::Pipeline { count },
            "insert" => Self::Insert { count },
            "connect" => Self::Connect { count },
            format => Self::Rows {
                shape: Shape::named(shape),
                binary: format == "binary",
                repeats: count,
            },
        }
    }
}

/// The client's side: does one task and prints its checksum, and what it cost where that is known.
pub fn client(arguments: &[String], count_allocations: bool) {
    let [peer, kind, shape, count, host, port, user, password] = arguments else {
        panic!("client PEER KIND SHAPE COUNT HOST PORT USER PASSWORD");
    };
    let address = format!("{host}:{port}").parse().expect("an address");
    let account = Account { address, user: user.clone(), password: password.clone() };
    let task = Task::parse(kind, shape, count);
    let sum = peers::run(peer, &account, &task);
    let allocations =
        if count_allocations { counting_alloc::calls().to_string() } else { "-".into() };
    println!("{} {allocations} {}", sum.0, measure::peak_memory_kib());
}
