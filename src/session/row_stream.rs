//! Rows as a stream of values that can be kept.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::Rows;
use crate::error::Result;
use crate::row::OwnedRow;

/// The rows of a result set, owned: a stream that ends behind the last one, or behind the first
/// error, which it gives.
///
/// It is `Send`, and reads as it is polled: whoever stops polling makes the server wait. Dropping
/// it is dropping [`Rows`]. A stream does not know whether it is still waited for: once it was
/// pending, the time until it is polled again counts for
/// [`Config::statement_timeout`](crate::Config::statement_timeout).
#[derive(Debug)]
#[must_use = "streams do nothing unless they are polled"]
pub struct RowStream<'s> {
    rows: Rows<'s>,
    over: bool,
}

impl<'s> Rows<'s> {
    /// The rows that are left of the result set, owned, as a [`Stream`]. Cost: one allocation a row.
    pub fn into_stream(self) -> RowStream<'s> {
        RowStream { rows: self, over: false }
    }
}

impl<'s> RowStream<'s> {
    /// The rows that the stream has not given yet, to be lent again, or to go to the next result.
    #[must_use]
    pub fn into_rows(self) -> Rows<'s> {
        self.rows
    }
}

impl Stream for RowStream<'_> {
    type Item = Result<OwnedRow>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let row = match ready!(self.rows.poll_advance(cx)) {
            Ok(true) => Some(Ok(self.rows.row().to_owned())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        };
        self.over = !matches!(row, Some(Ok(_)));
        Poll::Ready(row)
    }
}

impl FusedStream for RowStream<'_> {
    fn is_terminated(&self) -> bool {
        self.over
    }
}
