//! Ctrl-C: the statement is ended on the server, and the program in order.

use std::io::{self, Write};
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use mywire::blocking::CancelHandle;

use crate::failure::Failure;

/// How long the working thread may take to end in order once its statement was killed. It can be
/// waiting for standard input, which nothing interrupts.
const GRACE: Duration = Duration::from_secs(3);

static ASKED: AtomicBool = AtomicBool::new(false);
static COMMITTING: AtomicBool = AtomicBool::new(false);
static STATEMENT: Mutex<Option<CancelHandle>> = Mutex::new(None);

/// Whether the program was told to end, and does not finish a commit in spite of it.
pub(crate) fn was_asked() -> bool {
    ASKED.load(Ordering::SeqCst) && !COMMITTING.load(Ordering::SeqCst)
}

/// Has to come right before a commit: an error if the program was told to end, and from here on only
/// a second signal ends it. What is sent cannot be taken back, so its outcome is what counts.
pub(crate) fn before_commit() -> Result<(), Failure> {
    // Set before the look, and looked at behind the other one by who sets that: one of both sees.
    COMMITTING.store(true, Ordering::SeqCst);
    if ASKED.load(Ordering::SeqCst) {
        COMMITTING.store(false, Ordering::SeqCst);
        return Err(Failure::Interrupted);
    }
    Ok(())
}

/// From here on, Ctrl-C (also SIGTERM and SIGHUP) ends the statement of `handle` first. Another one
/// ends the program at once.
pub(crate) fn guard(handle: CancelHandle) -> Result<(), Failure> {
    static HEARD: OnceLock<Result<(), String>> = OnceLock::new();
    *STATEMENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    let heard = HEARD.get_or_init(|| listen().map_err(|error| error.to_string()));
    heard.clone().map_err(|error| Failure::work(format_args!("cannot handle Ctrl-C: {error}")))
}

#[cfg(unix)]
fn listen() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let ignored = ignored();
    let listened_to = [SIGTERM, SIGINT, SIGHUP].into_iter().filter(|signal| {
        // Who started the program in a background, or with nohup, does not want it to end by these.
        *signal == SIGTERM || ignored & 1 << (signal - 1) == 0
    });
    let mut signals = signal_hook::iterator::Signals::new(listened_to)?;
    thread::Builder::new().spawn(move || signals.forever().for_each(|_| on_signal()))?;
    Ok(())
}

/// The signals that the program was started to ignore, a bit each; none where the system does not tell.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

#[cfg(not(unix))]
fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(on_signal)
}

fn on_signal() {
    let again = ASKED.swap(true, Ordering::SeqCst);
    let committing = COMMITTING.load(Ordering::SeqCst);
    if again && committing {
        let _ = io::stderr().write_all(
            b"mywire: the commit was sent, and whether the server did it is not known\n",
        );
    }
    if again {
        leave();
    }
    if committing {
        return;
    }
    let handle = STATEMENT.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Not here: a second signal must find somebody at home.
    thread::spawn(move || {
        if let Some(Err(error)) = handle.map(|handle| handle.cancel()) {
            let _ = writeln!(io::stderr(), "mywire: {error}");
        }
        thread::sleep(GRACE);
        leave();
    });
}

fn leave() -> ! {
    exit(i32::from(Failure::Interrupted.exit_code()))
}
