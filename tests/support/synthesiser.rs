//! A server in memory that costs nothing: what it says was made before.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mywire::proto::Transport;
use mywire::wire::{Capabilities, ColumnType, StatusFlags};
use mywire::{Config, Session, SslMode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::fuzz::server::{LoginKind, Offer, Writer, login, login_turns};

pub const OFFER: Offer =
    Offer { mariadb: false, deprecate_eof: true, session_track: true, tls: false };

/// Bytes, and how often they are said.
pub type Piece = (Arc<[u8]>, usize);

/// It answers every query and every execution the same, over and over, and allocates nothing while
/// it does.
pub struct Synthesiser {
    pieces: VecDeque<Piece>,
    at: usize,
    answers: Answers,
}

/// Everything it may say after the greeting.
#[derive(Clone)]
struct Answers {
    login_ok: Arc<[u8]>,
    ok: Arc<[u8]>,
    /// What a preparation gets: a statement of one parameter.
    prepared: Arc<[u8]>,
    result: Arc<[Piece]>,
}

impl Synthesiser {
    /// A result of `blocks` times 256 rows, so that the ids of a block follow on themselves.
    pub fn new(columns: &[&[u8]], blocks: usize, row: impl Fn(u32, &mut Writer)) -> Self {
        Self::repeating(|head| head.columns(columns), blocks, row)
    }

    /// The same with columns of these types.
    pub fn typed(types: &[ColumnType], blocks: usize, row: impl Fn(u32, &mut Writer)) -> Self {
        Self::repeating(|head| head.typed_columns(types), blocks, row)
    }

    fn repeating(
        columns: impl FnOnce(&mut Writer),
        blocks: usize,
        row: impl Fn(u32, &mut Writer),
    ) -> Self {
        let mut head = Writer::new(1, capabilities());
        columns(&mut head);
        let mut block = Writer::new(head.sequence, capabilities());
        for number in 0..256 {
            row(number, &mut block);
        }
        assert_eq!(block.sequence, head.sequence, "each row is one packet");
        let mut tail = Writer::new(block.sequence, capabilities());
        tail.end_of_rows(StatusFlags::AUTOCOMMIT);
        Self::playing(vec![(head.out.into(), 1), (block.out.into(), blocks), (tail.out.into(), 1)])
    }

    /// Every execution is answered with an OK packet.
    pub fn without_rows() -> Self {
        let mut ok = Writer::new(1, capabilities());
        ok.plain_ok(StatusFlags::AUTOCOMMIT);
        Self::playing(vec![(ok.out.into(), 1)])
    }

    /// The reply to every query and execution in pieces, none of them empty.
    pub fn playing(result: Vec<Piece>) -> Self {
        let (turns, _) = login_turns(LoginKind::Native, OFFER, &login(Transport::Network));
        let mut ok = Writer::new(1, capabilities());
        ok.plain_ok(StatusFlags::AUTOCOMMIT);
        let mut prepared = Writer::new(1, capabilities());
        prepared.prepared(1, &[]);
        let mut pieces = VecDeque::with_capacity(16 + result.len());
        pieces.push_back((turns[0].as_slice().into(), 1));
        let answers = Answers {
            login_ok: turns[1].as_slice().into(),
            ok: ok.out.into(),
            prepared: prepared.out.into(),
            result: result.into_iter().filter(|&(_, times)| times > 0).collect(),
        };
        Self { pieces, at: 0, answers }
    }
}

/// What such a server and its client agree on.
pub fn capabilities() -> Capabilities {
    login_turns(LoginKind::Native, OFFER, &login(Transport::Network)).1
}

impl AsyncRead for Synthesiser {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Whoever reads has written before, in the same poll: nothing has to be woken.
        let Some((piece, times)) = this.pieces.front_mut() else { return Poll::Pending };
        let n = buf.remaining().min(piece.len() - this.at);
        buf.put_slice(&piece[this.at..this.at + n]);
        this.at += n;
        if this.at == piece.len() {
            this.at = 0;
            *times -= 1;
            if *times == 0 {
                this.pieces.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Synthesiser {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Answers { login_ok, ok, prepared, result } = self.answers.clone();
        let pieces = &mut self.pieces;
        match bytes {
            [_, _, _, 0, 0x03 | 0x17, ..] => pieces.extend(result.iter().cloned()),
            [_, _, _, 0, 0x16, ..] => pieces.push_back((prepared, 1)),
            [_, _, _, 0, 0x18, ..] => {}
            [_, _, _, 0, ..] => pieces.push_back((ok, 1)),
            _ => pieces.push_back((login_ok, 1)),
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

pub async fn session(server: Synthesiser) -> Session {
    let config = Config::default().user("app").password("x").ssl_mode(SslMode::Disabled);
    Session::from_stream(server, &config).await.unwrap()
}
