//! What a server may make us hold, skip or wait through, and how much we send it.

use std::time::Duration;

/// Bounds on what a server can cost its client.
///
/// Memory follows the bytes that really arrive, never a length that the server claims; these limits
/// say where it stops. Going over one is a protocol error that closes the session, except for
/// `max_error_message`, which cuts, `max_discard`, `max_skip_time` and `max_discard_time`, which
/// decide how a result is left early, and `max_command`, which is about what we send: a command
/// beyond it is an error of the caller.
/// Each field has a setter of the same name.
///
/// ```
/// use mywire::Limits;
///
/// let limits = Limits::default().max_packet(64 << 20);
/// assert_eq!(limits.max_packet, 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest payload received, in bytes, after its 16 MiB parts are joined. See
    /// [`Limits::DEFAULT_MAX_PACKET`].
    pub max_packet: usize,
    /// Largest command sent, in bytes. See [`Limits::DEFAULT_MAX_COMMAND`].
    pub max_command: usize,
    /// Most columns in one result. See [`Limits::DEFAULT_MAX_COLUMNS`].
    pub max_columns: usize,
    /// Most bytes of column definitions held for one result. See
    /// [`Limits::DEFAULT_MAX_METADATA_BYTES`].
    pub max_metadata_bytes: usize,
    /// Most packets from the server in one authentication. See
    /// [`Limits::DEFAULT_MAX_AUTH_PACKETS`].
    pub max_auth_packets: usize,
    /// Most results of one command that are drained when it is left early. See
    /// [`Limits::DEFAULT_MAX_RESULTS`].
    pub max_results: u64,
    /// Most MariaDB progress packets in one command. See [`Limits::DEFAULT_MAX_PROGRESS_PACKETS`].
    pub max_progress_packets: u64,
    /// Bytes kept of a server's error message. See [`Limits::DEFAULT_MAX_ERROR_MESSAGE`].
    pub max_error_message: usize,
    /// Bytes skipped of a result that is left early before it is killed. See
    /// [`Limits::DEFAULT_MAX_DISCARD`].
    pub max_discard: u64,
    /// How long a result that is left early is skipped before it is killed. See
    /// [`Limits::DEFAULT_MAX_SKIP_TIME`].
    pub max_skip_time: Duration,
    /// How long somebody waits for the end of a result that is left early, and anew for that of a
    /// kill, before the session is closed. See
    /// [`Limits::DEFAULT_MAX_DISCARD_TIME`].
    pub max_discard_time: Duration,
    /// Largest session-state block in an OK packet, in bytes. See
    /// [`Limits::DEFAULT_MAX_STATE_BYTES`].
    pub max_state_bytes: usize,
}

impl Limits {
    /// 1 GiB and 1 MiB: the largest value that any server sends (its `max_allowed_packet` is 1 GiB at
    /// most) with a row around it. A row with several such values needs more.
    ///
    /// It can be this large because the buffer grows with the bytes received; a caller who never
    /// expects large values does well to set less.
    pub const DEFAULT_MAX_PACKET: usize = (1 << 30) + (1 << 20);
    /// 1 GiB: the largest that any server takes. Servers that take less (their
    /// `max_allowed_packet`, 64 or 16 MiB unless set) close the session over a larger command; with
    /// their value here it is an error before anything is sent, and the session goes on (T-113).
    pub const DEFAULT_MAX_COMMAND: usize = 1 << 30;
    /// 4096: the most columns that a MySQL table can have. Only a SELECT that lists more values, and
    /// joins of wide tables, need more. The parameters of a statement do not
    /// count: the protocol itself stops them at 65 535.
    pub const DEFAULT_MAX_COLUMNS: usize = 4096;
    /// 16 MiB: 4096 columns of 4 KiB each, far beyond the six short names that a definition holds.
    pub const DEFAULT_MAX_METADATA_BYTES: usize = 16 << 20;
    /// 32: the longest built-in exchange takes fewer than ten; a question-and-answer plugin may
    /// take more (H-45).
    pub const DEFAULT_MAX_AUTH_PACKETS: usize = 32;
    /// 65 536: a `CALL` gives a handful; a script of this many statements is left faster by closing
    /// the session.
    pub const DEFAULT_MAX_RESULTS: u64 = 65_536;
    /// 1 048 576: at the server's one report in five seconds this is sixty days, and a flood ends
    /// within seconds.
    pub const DEFAULT_MAX_PROGRESS_PACKETS: u64 = 1 << 20;
    /// 4 KiB: eight times the 512 bytes that servers cut their messages to.
    pub const DEFAULT_MAX_ERROR_MESSAGE: usize = 4 << 10;
    /// 16 MiB: about what a local link delivers in the time that a kill on a side connection takes.
    pub const DEFAULT_MAX_DISCARD: u64 = 16 << 20;
    /// 25 milliseconds: with what a kill takes on a local link, the next answer is there within 50. The
    /// skip goes on while the second connection is made, and what ends meanwhile is not killed, so
    /// over a wide area this costs no time.
    pub const DEFAULT_MAX_SKIP_TIME: Duration = Duration::from_millis(25);
    /// 60 seconds: more than a server's own wait for a lock (50 seconds), and less than a caller
    /// takes for a hang.
    pub const DEFAULT_MAX_DISCARD_TIME: Duration = Duration::from_secs(60);
    /// 1 MiB: tracked variables, schema and GTIDs are short; the largest, a GTID set, stays far
    /// below.
    pub const DEFAULT_MAX_STATE_BYTES: usize = 1 << 20;

    /// Sets the largest payload received, in bytes: at least 1024.
    pub fn max_packet(mut self, bytes: usize) -> Self {
        self.max_packet = bytes;
        self
    }

    /// Sets the largest command sent, in bytes: at least 128 KiB. More than 1 GiB counts as 1 GiB.
    pub fn max_command(mut self, bytes: usize) -> Self {
        self.max_command = bytes;
        self
    }

    /// Sets the most columns in one result.
    pub fn max_columns(mut self, columns: usize) -> Self {
        self.max_columns = columns;
        self
    }

    /// Sets the most bytes of column definitions held for one result.
    pub fn max_metadata_bytes(mut self, bytes: usize) -> Self {
        self.max_metadata_bytes = bytes;
        self
    }

    /// Sets the most packets from the server in one authentication.
    pub fn max_auth_packets(mut self, packets: usize) -> Self {
        self.max_auth_packets = packets;
        self
    }

    /// Sets the most results of one command that are drained when it is left early.
    pub fn max_results(mut self, results: u64) -> Self {
        self.max_results = results;
        self
    }

    /// Sets the most MariaDB progress packets in one command.
    pub fn max_progress_packets(mut self, packets: u64) -> Self {
        self.max_progress_packets = packets;
        self
    }

    /// Sets how many bytes of a server's error message are kept.
    pub fn max_error_message(mut self, bytes: usize) -> Self {
        self.max_error_message = bytes;
        self
    }

    /// Sets how many bytes of a result that is left early are skipped before it is killed.
    pub fn max_discard(mut self, bytes: u64) -> Self {
        self.max_discard = bytes;
        self
    }

    /// Sets how long a result that is left early is skipped before it is killed.
    pub fn max_skip_time(mut self, time: Duration) -> Self {
        self.max_skip_time = time;
        self
    }

    /// Sets how long leaving a result early may take before the session is closed.
    pub fn max_discard_time(mut self, time: Duration) -> Self {
        self.max_discard_time = time;
        self
    }

    /// Sets the largest session-state block in an OK packet, in bytes.
    pub fn max_state_bytes(mut self, bytes: usize) -> Self {
        self.max_state_bytes = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_packet: Self::DEFAULT_MAX_PACKET,
            max_command: Self::DEFAULT_MAX_COMMAND,
            max_columns: Self::DEFAULT_MAX_COLUMNS,
            max_metadata_bytes: Self::DEFAULT_MAX_METADATA_BYTES,
            max_auth_packets: Self::DEFAULT_MAX_AUTH_PACKETS,
            max_results: Self::DEFAULT_MAX_RESULTS,
            max_progress_packets: Self::DEFAULT_MAX_PROGRESS_PACKETS,
            max_error_message: Self::DEFAULT_MAX_ERROR_MESSAGE,
            max_discard: Self::DEFAULT_MAX_DISCARD,
            max_skip_time: Self::DEFAULT_MAX_SKIP_TIME,
            max_discard_time: Self::DEFAULT_MAX_DISCARD_TIME,
            max_state_bytes: Self::DEFAULT_MAX_STATE_BYTES,
        }
    }
}
