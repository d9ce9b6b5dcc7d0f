//! Bytes that are to go out, in order.

use std::fmt;

use zeroize::Zeroize;

/// The capacity that an empty buffer keeps, in bytes: enough for ordinary statements.
const KEPT_CAPACITY: usize = 16 << 10;

/// One buffer and a cursor.
#[derive(Default)]
pub(super) struct SendBuf {
    buf: Vec<u8>,
    sent: usize,
    /// Whether the buffer holds a secret, to be wiped once it was sent.
    secret: bool,
}

impl SendBuf {
    /// The bytes not sent yet.
    pub(super) fn pending(&self) -> &[u8] {
        self.buf.get(self.sent..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent >= self.buf.len()
    }

    /// Where packets are appended.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        // Whoever appends before all was sent, again and again, must not keep what was sent.
        if self.sent >= KEPT_CAPACITY && self.sent >= self.buf.len() / 2 && !self.secret {
            self.buf.drain(..self.sent);
            self.sent = 0;
        }
        &mut self.buf
    }

    /// Whether it holds a secret.
    #[cfg(feature = "compress")]
    pub(super) fn is_secret(&self) -> bool {
        self.secret
    }

    /// What is appended now, `len` bytes at most, is wiped once it was sent (T-81). There is space
    /// for it, so that nothing of it stays behind where the buffer moved from.
    pub(super) fn mark_secret(&mut self, len: usize) {
        if self.buf.capacity() - self.buf.len() < len {
            let mut roomy = Vec::with_capacity(self.buf.len() + len);
            roomy.extend_from_slice(&self.buf);
            if self.secret {
                self.buf.zeroize();
            }
            self.buf = roomy;
        }
        self.secret = true;
    }

    /// Takes the first `n` pending bytes as sent.
    pub(super) fn sent(&mut self, n: usize) {
        self.sent += n;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        if self.secret {
            self.buf.zeroize();
            self.secret = false;
        }
        self.buf.clear();
        self.buf.shrink_to(KEPT_CAPACITY);
        self.sent = 0;
    }
}

impl fmt::Debug for SendBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what is in it, and of a secret not the length either (T-80).
        let pending = self.pending().len();
        f.debug_struct("SendBuf")
            .field("pending", &Some(pending).filter(|_| !self.secret))
            .finish_non_exhaustive()
    }
}

impl Drop for SendBuf {
    fn drop(&mut self) {
        self.clear();
    }
}
