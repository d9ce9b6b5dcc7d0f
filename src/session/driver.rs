//! Moves bytes between the connection and the transport.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::clock::Overdue;
use super::stream::Wanted;
use super::{Session, time};
use crate::error::{
    Error, IoError, IoTask, Lost, ProtocolErrorKind, Result, Sent, Timeout, TimeoutError,
    UsageError,
};
use crate::proto::Step;

/// How long a session that closes waits for the transport to take its farewell (T-101).
const FAREWELL: Duration = Duration::from_secs(1);

/// From how many bytes on commands are written while more of them may come, in bytes: enough to
/// make the system call cheap, and few enough that the server has something to do meanwhile.
const WORTH_A_WRITE: usize = 16 << 10;

impl Session {
    /// The connection's next step that is not a wish for input.
    pub(super) async fn step(&mut self) -> Result<Step> {
        let step = self.connection.step();
        self.wait_for(step).await
    }

    /// [`step`](Self::step) of a command that is not over; fails if it is.
    pub(super) async fn due_step(&mut self) -> Result<Step> {
        match self.step().await? {
            // Nothing more comes: who waits for it would do so for ever.
            Step::Idle => Err(UsageError::RowsOver.into()),
            step => Ok(step),
        }
    }

    /// `step`, or the next one for which there was input enough.
    pub(super) async fn wait_for(&mut self, mut step: Result<Step>) -> Result<Step> {
        self.clock.enter();
        while let Ok(Step::NeedInput) = step {
            self.more_input().await?;
            step = self.connection.step();
        }
        self.clock.arrived();
        step.map_err(|error| self.explain(error))
    }

    /// Waits until some input came, as a part of a wait that the clock knows.
    pub(super) async fn more_input(&mut self) -> Result<()> {
        match self.transfer().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.end_if_overdue(error).await),
        }
    }

    /// A statement whose time is over is ended before its error is told.
    #[cold]
    async fn end_if_overdue(&mut self, error: Error) -> Error {
        match error {
            Error::Timeout(error) if !error.fatal => {
                // On the heap: it is rare, and every wait would have room for it otherwise.
                let ended: Pin<Box<dyn Future<Output = Error> + Send + '_>> =
                    Box::pin(self.give_up(error));
                ended.await
            }
            error => error,
        }
    }

    /// [`step`](Self::step) for callers that poll. A statement whose time is over is ended by the
    /// next command.
    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step>> {
        loop {
            match self.connection.step() {
                Ok(Step::NeedInput) => match ready!(self.poll_transfer(cx)) {
                    Ok(()) => {}
                    Err(error) => {
                        if !error.is_fatal() {
                            self.hurry();
                        }
                        return Poll::Ready(Err(error));
                    }
                },
                step => {
                    self.clock.arrived();
                    return Poll::Ready(step.map_err(|error| self.explain(error)));
                }
            }
        }
    }

    /// Writes until nothing is left to write, without waiting for input. If the peer sends
    /// meanwhile, that is taken.
    pub(super) async fn flush(&mut self) -> Result<()> {
        match self.write_out().await? {
            None => Ok(()),
            Some(failed) => Err(self.io_error(IoTask::Write, failed)),
        }
    }

    /// [`flush`](Self::flush) that gives the transport's failure to the caller, if it fails.
    pub(super) async fn write_out(&mut self) -> Result<Option<io::Error>> {
        self.clock.enter();
        let written = poll_fn(|cx| self.poll_write_out(cx)).await;
        // What is done before the next write is the caller's time.
        self.clock.arrived();
        match written {
            Ok(failed) => Ok(failed),
            Err(error) => Err(self.end_if_overdue(error).await),
        }
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<io::Error>>> {
        loop {
            match self.poll_send(cx) {
                Poll::Ready(sent) => return Poll::Ready(Ok(sent.err())),
                Poll::Pending => {}
            }
            // A peer that sends before it reads on is not left waiting (T-40), but nothing is
            // asked for, so what it sends takes no more than the space that is there.
            let read = self.connection.can_read_ahead();
            if read {
                match self.poll_receive(cx) {
                    Poll::Ready(Ok(_)) => continue,
                    Poll::Ready(Err(error)) => return Poll::Ready(Ok(Some(error))),
                    Poll::Pending => {}
                }
            }
            ready!(self.poll_pause(cx, Wanted { read, write: true }))?;
        }
    }

    /// Writes what the transport takes now, once it is worth a write.
    pub(super) async fn write_some(&mut self) {
        if self.connection.send_buf().len() < WORTH_A_WRITE || self.write_error.is_some() {
            return;
        }
        poll_fn(|cx| {
            // The server may have said why it stopped listening: whoever reads on tells.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                self.write_error = Some(error);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Writes what is to be written and reads what is there, until some input came.
    ///
    /// Both go on at the same time, so that neither side waits for the other with full buffers
    /// (T-40). All progress is the connection's: the future can be dropped anywhere.
    pub(super) async fn transfer(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_transfer(cx)).await
    }

    pub(super) fn poll_transfer(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let mut writing = false;
            if self.write_error.is_none() {
                match self.poll_send(cx) {
                    // The server may have said why it stopped listening (E-07): read on first.
                    Poll::Ready(sent) => self.write_error = sent.err(),
                    Poll::Pending => writing = true,
                }
            }
            let read = match self.poll_receive(cx) {
                Poll::Ready(read) => read.map(drop),
                Poll::Pending => {
                    let wanted = Wanted { read: true, write: writing };
                    ready!(self.poll_pause(cx, wanted))?;
                    continue;
                }
            };
            return Poll::Ready(read.map_err(|error| match self.write_error.take() {
                Some(first) => self.io_error(IoTask::Write, first),
                None => self.io_error(IoTask::Read, error),
            }));
        }
    }

    /// To be called when what is wanted was pending. Pending, or ready if it is worth trying again;
    /// fails if the server, or the statement, takes longer than the configuration allows.
    ///
    /// Over a blocking stream it waits; pending then means that it is time for `self.wake`.
    fn poll_pause(&mut self, cx: &mut Context<'_>, wanted: Wanted) -> Poll<Result<()>> {
        let (received, packet) = (self.received, self.connection.packet_due());
        if !self.stream.is_blocking() {
            return match self.clock.poll(cx, received, packet) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Overdue::Look) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Ready(Overdue::Over(which)) => Poll::Ready(Err(self.overdue(which))),
            };
        }
        let end = self.clock.end(received, packet);
        let until = [end.map(|(at, _)| at), self.wake].into_iter().flatten().min();
        match ready!(self.stream.poll_wait(wanted, until)) {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => match end {
                Some((at, which)) if at <= time::now() => Poll::Ready(Err(self.overdue(which))),
                _ => Poll::Pending,
            },
            Err(error) => Poll::Ready(Err(match self.write_error.take() {
                Some(first) => self.io_error(IoTask::Write, first),
                None => self.io_error(IoTask::Read, error),
            })),
        }
    }

    /// A time is over.
    #[cold]
    fn overdue(&mut self, which: Timeout) -> Error {
        let after = self.clock.give_up(which);
        let fatal = which != Timeout::Statement;
        let sent = self.connection.unanswered_sent();
        if fatal {
            self.connection.abort();
        }
        TimeoutError { which, after, sent, fatal }.into()
    }

    /// Writes until nothing is left to write.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.connection.send_buf().is_empty() {
            let Poll::Ready(written) = self.poll_write(cx) else {
                self.clock.write_waits();
                return Poll::Pending;
            };
            self.clock.written();
            let n = written?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.connection.sent(n);
            self.flush_due = true;
        }
        if self.flush_due {
            ready!(self.stream.poll_flush(cx))?;
            self.flush_due = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what the transport takes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let bytes = self.connection.send_buf();
        match self.stream.poll_write(cx, bytes) {
            // A task that has had its share of the runtime's time is told to pause although the
            // socket is ready. If its caller gives up meanwhile, the command goes out with the next
            // one, whenever that is, so the first bytes do not wait for it.
            Poll::Pending
                if self.connection.unanswered_sent() == Sent::No && !self.stream.is_blocking() =>
            {
                match self.stream.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                    written => Poll::Ready(written),
                }
            }
            polled => polled,
        }
    }

    /// Reads what is there; tells how much, 0 at the end.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let n = ready!(self.stream.poll_read(cx, self.connection.spare()))?;
        self.connection.received(n);
        self.received = self.received.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        Poll::Ready(Ok(n))
    }

    /// Takes what the server may have sent while nothing was asked for, such as the reason why it
    /// closed the connection, without waiting. Costs no system call unless something is there; on a
    /// blocking socket it is one.
    pub(super) async fn look(&mut self) {
        if !self.stream.can_look() {
            return;
        }
        // A failure shows again when the command is sent.
        let _ = self.receive_now().await;
    }

    /// Reads what is there, without waiting. A task that has had its share of the runtime's time
    /// would be told that nothing is, and send its command behind the reason not to.
    pub(super) async fn receive_now(&mut self) -> Poll<io::Result<usize>> {
        let received = poll_fn(|cx| Poll::Ready(self.poll_receive(cx)));
        #[cfg(feature = "tokio")]
        let received = tokio::task::unconstrained(received);
        received.await
    }

    /// Adds to an error what only the driver knows.
    #[cold]
    pub(super) fn explain(&mut self, error: Error) -> Error {
        self.note_transaction(&error);
        let lost = match &error {
            Error::Protocol(error) => {
                matches!(error.kind(), ProtocolErrorKind::ConnectionLost(lost) if lost != Lost::Idle)
            }
            _ => false,
        };
        match self.write_error.take() {
            // The input ended without an explanation: what failed first is the reason.
            Some(first) if lost => {
                let sent = error.was_sent();
                IoError::new(IoTask::Write, self.peer.clone(), sent, first).into()
            }
            _ => error,
        }
    }

    #[cold]
    pub(super) fn io_error(&mut self, task: IoTask, error: io::Error) -> Error {
        let sent = self.connection.unanswered_sent();
        self.connection.abort();
        IoError::new(task, self.peer.clone(), sent, error).into()
    }

    pub(super) async fn close_in_order(&mut self) {
        if !self.connection.is_idle() && !self.connection.send_buf().is_empty() {
            // The rest of what nobody waits for is not sent, so a farewell would be a part of it.
            self.connection.abort();
        }
        let _ = self.connection.quit();
        let deadline = time::after(FAREWELL);
        self.stream.set_deadline(deadline);
        let farewell = poll_fn(|cx| {
            while self.poll_send(cx)?.is_pending() {
                ready!(self.stream.poll_wait(Wanted { read: false, write: true }, None))?;
            }
            self.stream.poll_shutdown(cx)
        });
        let _ = time::before(deadline, farewell).await;
        self.connection.abort();
    }
}
