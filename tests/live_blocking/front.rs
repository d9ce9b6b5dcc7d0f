//! The blocking front under the names of the other one, so that one suite serves both: each future
//! here is ready when it is polled first, because the call within has returned.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use library::blocking;
use library::error::Result;
use library::wire::StatusFlags;
use library::{
    Batch, BulkDone, BulkRow, Column, Columns, Compression, Config, Cursor, Done, FromRow, Params,
    Query, Row, Statement, TransactionOptions,
};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use crate::metered::Metered;

#[derive(Debug)]
pub struct Session(pub blocking::Session);

#[derive(Debug)]
pub struct Transaction<'s>(blocking::Transaction<'s>);

#[derive(Debug)]
pub struct Rows<'s>(blocking::Rows<'s>);

#[derive(Debug)]
pub struct Pipeline<'s>(blocking::Pipeline<'s>);

impl Pipeline<'_> {
    pub async fn query(&mut self, query: impl Query, params: impl Params) -> Result<()> {
        self.0.query(query, params)
    }

    pub async fn ping(&mut self) -> Result<()> {
        self.0.ping()
    }

    pub async fn next_reply(&mut self) -> Option<Result<Rows<'_>>> {
        self.0.next_reply().map(|reply| reply.map(Rows))
    }

    pub fn has_room(&self) -> bool {
        self.0.has_room()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Debug)]
pub struct ChunkedRow<'r>(blocking::ChunkedRow<'r>);

#[derive(Debug)]
pub struct Field<'f>(blocking::Field<'f>);

/// A stream of tokio's, as one that blocks.
pub trait Stream {
    fn open(self, config: &Config) -> Result<blocking::Session>;
}

impl Stream for TcpStream {
    fn open(self, config: &Config) -> Result<blocking::Session> {
        let stream = self.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        blocking::Session::from_stream(stream, config)
    }
}

impl Stream for Metered<TcpStream> {
    fn open(self, config: &Config) -> Result<blocking::Session> {
        let stream = self.map(|stream| {
            let stream = stream.into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            stream
        });
        blocking::Session::from_stream(stream, config)
    }
}

impl Session {
    pub async fn connect(url: &str) -> Result<Self> {
        blocking::Session::connect(url).map(Self)
    }

    pub async fn connect_with(config: &Config) -> Result<Self> {
        blocking::Session::connect_with(config).map(Self)
    }

    pub async fn from_stream(stream: impl Stream, config: &Config) -> Result<Self> {
        stream.open(config).map(Self)
    }

    pub async fn close(self) -> Result<()> {
        self.0.close()
    }
}

/// What a transaction, which is a session, can do as well.
macro_rules! session {
    ($($type:ty),+) => {
        $(impl $type {
            pub async fn query(&mut self, query: impl Query, params: impl Params) -> Result<Rows<'_>> {
                self.0.query(query, params).map(Rows)
            }

            pub async fn execute(&mut self, query: impl Query, params: impl Params) -> Result<Done> {
                self.0.execute(query, params)
            }

            pub async fn fetch_one<T>(&mut self, query: impl Query, params: impl Params) -> Result<T>
            where
                T: for<'r> FromRow<'r>,
            {
                self.0.fetch_one(query, params)
            }

            pub async fn fetch_optional<T>(
                &mut self,
                query: impl Query,
                params: impl Params,
            ) -> Result<Option<T>>
            where
                T: for<'r> FromRow<'r>,
            {
                self.0.fetch_optional(query, params)
            }

            pub async fn fetch_all<T>(
                &mut self,
                query: impl Query,
                params: impl Params,
            ) -> Result<Vec<T>>
            where
                T: for<'r> FromRow<'r>,
            {
                self.0.fetch_all(query, params)
            }

            pub async fn prepare(&mut self, sql: &str) -> Result<Statement> {
                self.0.prepare(sql)
            }

            pub async fn send_long_data(
                &mut self,
                statement: &Statement,
                parameter: u16,
                reader: impl AsyncRead + Unpin,
            ) -> Result<u64> {
                self.0.send_long_data(statement, parameter, Reader(reader))
            }

            pub async fn load_local(
                &mut self,
                sql: &str,
                reader: impl AsyncRead + Unpin,
            ) -> Result<Done> {
                self.0.load_local(sql, Reader(reader))
            }

            pub async fn resume(&mut self, cursor: Cursor) -> Result<Rows<'_>> {
                self.0.resume(cursor).map(Rows)
            }

            pub async fn reset_statement(&mut self, statement: &Statement) -> Result<()> {
                self.0.reset_statement(statement)
            }

            pub fn pipeline(&mut self) -> Pipeline<'_> {
                Pipeline(self.0.pipeline())
            }

            pub async fn bulk<P: Params>(
                &mut self,
                statement: &Statement,
                rows: impl IntoIterator<Item = P>,
            ) -> Result<BulkDone> {
                self.0.bulk(statement, rows)
            }

            pub async fn bulk_each<P: Params>(
                &mut self,
                statement: &Statement,
                rows: impl IntoIterator<Item = P>,
                each: impl FnMut(BulkRow),
            ) -> Result<BulkDone> {
                self.0.bulk_each(statement, rows, each)
            }

            pub async fn begin(&mut self) -> Result<Transaction<'_>> {
                self.0.begin().map(Transaction)
            }

            pub async fn begin_with(&mut self, options: TransactionOptions) -> Result<Transaction<'_>> {
                self.0.begin_with(options).map(Transaction)
            }

            pub async fn ping(&mut self) -> Result<()> {
                self.0.ping()
            }

            pub async fn use_database(&mut self, database: &str) -> Result<()> {
                self.0.use_database(database)
            }

            pub async fn reset(&mut self) -> Result<()> {
                self.0.reset()
            }

            pub async fn change_user(&mut self, config: &Config) -> Result<()> {
                self.0.change_user(config)
            }

            pub fn server_version(&self) -> &str {
                self.0.server_version()
            }

            pub fn is_mariadb(&self) -> bool {
                self.0.is_mariadb()
            }

            pub fn connection_id(&self) -> u32 {
                self.0.connection_id()
            }

            pub fn status(&self) -> StatusFlags {
                self.0.status()
            }

            pub fn database(&self) -> Option<&str> {
                self.0.database()
            }

            pub fn in_transaction(&self) -> bool {
                self.0.in_transaction()
            }

            pub fn warnings(&self) -> u16 {
                self.0.warnings()
            }

            pub fn is_encrypted(&self) -> bool {
                self.0.is_encrypted()
            }

            pub fn auth_plugin(&self) -> &'static str {
                self.0.auth_plugin()
            }

            pub fn compression(&self) -> Option<Compression> {
                self.0.compression()
            }

            pub fn is_dead(&self) -> bool {
                self.0.is_dead()
            }
        })+
    };
}

session!(Session, Transaction<'_>);

impl Transaction<'_> {
    pub async fn commit(self) -> Result<()> {
        self.0.commit()
    }

    pub async fn rollback(self) -> Result<()> {
        self.0.rollback()
    }

    pub async fn savepoint(&mut self) -> Result<Transaction<'_>> {
        self.0.savepoint().map(Transaction)
    }
}

impl Rows<'_> {
    pub fn columns(&self) -> &Columns {
        self.0.columns()
    }

    pub fn status(&self) -> StatusFlags {
        self.0.status()
    }

    pub async fn next(&mut self) -> Result<Option<Row<'_>>> {
        self.0.next()
    }

    pub async fn next_batch(&mut self) -> Result<Option<Batch<'_>>> {
        self.0.next_batch()
    }

    pub async fn next_chunked(&mut self) -> Result<Option<ChunkedRow<'_>>> {
        Ok(self.0.next_chunked()?.map(ChunkedRow))
    }

    pub async fn for_each(&mut self, f: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
        self.0.for_each(f)
    }

    pub async fn collect<T>(&mut self) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r>,
    {
        self.0.collect()
    }

    pub async fn is_out_params(&mut self) -> Result<bool> {
        self.0.is_out_params()
    }

    pub async fn suspend(self) -> Result<Cursor> {
        self.0.suspend()
    }

    pub async fn next_result(&mut self) -> Result<bool> {
        self.0.next_result()
    }

    pub async fn finish(self) -> Result<Done> {
        self.0.finish()
    }
}

impl ChunkedRow<'_> {
    pub async fn next_field(&mut self) -> Result<Option<Field<'_>>> {
        Ok(self.0.next_field()?.map(Field))
    }
}

impl Field<'_> {
    pub fn index(&self) -> usize {
        self.0.index()
    }

    pub fn column(&self) -> Option<Column<'_>> {
        self.0.column()
    }

    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    pub fn len(&self) -> u64 {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub async fn chunk(&mut self) -> Result<Option<&[u8]>> {
        self.0.chunk()
    }
}

impl AsyncRead for Field<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.0.read(buf.initialize_unfilled())?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

/// A reader of tokio's that never has to wait, as one of `std`.
struct Reader<R>(R);

impl<R: AsyncRead + Unpin> Read for Reader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        let reading = poll_fn(|cx| Pin::new(&mut self.0).poll_read(cx, &mut buf));
        let mut reading = std::pin::pin!(reading);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match reading.as_mut().poll(&mut cx) {
            Poll::Ready(read) => read?,
            Poll::Pending => return Err(io::Error::other("a reader that has to wait")),
        }
        Ok(buf.filled().len())
    }
}
