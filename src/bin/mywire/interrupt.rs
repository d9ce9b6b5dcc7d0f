//! Ctrl-C: the statement is ended on the server, and the program in order.

use std::io::Write;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
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
    *STATEMENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    match ctrlc::try_set_handler(on_signal) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(Failure::work(format_args!("cannot handle Ctrl-C: {error}"))),
    }
}

fn on_signal() {
    let again = ASKED.swap(true, Ordering::SeqCst);
    let committing = COMMITTING.load(Ordering::SeqCst);
    if again && committing {
        let _ = std::io::stderr().write_all(
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
            let _ = writeln!(std::io::stderr(), "mywire: {error}");
        }
        thread::sleep(GRACE);
        leave();
    });
}

fn leave() -> ! {
    exit(i32::from(Failure::Interrupted.exit_code()))
}
