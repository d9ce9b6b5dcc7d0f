//! Transports of the caller's own: one that buffers, and one that damages what it carries.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use mywire::error::TlsError;
use mywire::wire::Command;
use mywire::{Error, Sent, Session, SslMode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scripted::*;

/// Holds what is written until it is flushed, and asks to be flushed twice each time.
struct Buffered {
    pipe: Tap,
    held: Vec<u8>,
    asked: bool,
}

impl AsyncRead for Buffered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.asked = !this.asked;
        if this.asked {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while !this.held.is_empty() {
            match Pin::new(&mut this.pipe).poll_write(cx, &this.held) {
                Poll::Ready(n) => drop(this.held.drain(..n?)),
                Poll::Pending => {
                    this.asked = true;
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

#[test]
fn a_transport_that_buffers_is_flushed_until_it_has_flushed() {
    run(async {
        let (pipe, script) = serve(|mut server| async move {
            server.login_as(&mysql()).await;
            server.echo().await;
        });
        let stream = Buffered { pipe, held: Vec::new(), asked: false };
        let mut session = Session::from_stream(stream, &config()).await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// Flips a bit of the last byte of each read, once it is told to.
struct Damaging {
    pipe: Tap,
    damage: Arc<AtomicBool>,
}

impl AsyncRead for Damaging {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.pipe).poll_read(cx, buf);
        if let (true, Some(last)) =
            (self.damage.load(Ordering::Relaxed), buf.filled_mut().last_mut())
        {
            *last ^= 1;
        }
        polled
    }
}

impl AsyncWrite for Damaging {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The statement arrived and was executed, only its answer was damaged: whoever reads `No` and
/// tries again executes it twice (T-90).
#[test]
fn t90_a_broken_record_after_a_command_says_that_it_may_have_been_executed() {
    run(async {
        let (pipe, script) = serve(|mut server| async move {
            server.greet_tls(&mysql()).await.unwrap();
            server.login_request().await;
            server.send(server.reply().ok()).await;
            server.expect(Command::Query(b"INSERT")).await;
            server.send(server.reply().ok()).await;
            server.until_closed().await;
        });
        let damage = Arc::new(AtomicBool::new(false));
        let stream = Damaging { pipe, damage: damage.clone() };
        let config = config()
            .ssl_mode(SslMode::VerifyIdentity)
            .host(TLS_NAME)
            .ssl_ca_file(tls_file("ca.pem"));
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        damage.store(true, Ordering::Relaxed);
        let error = session.execute("INSERT", ()).await.unwrap_err();
        let Error::Tls(tls) = &error else { panic!("{error}") };
        assert!(matches!(**tls, TlsError::Broken { .. }), "{error}");
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert!(error.is_fatal() && !error.is_retryable());
        drop(session);
        script.done().await;
    });
}
