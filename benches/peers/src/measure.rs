//! What a client process cost.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The outcome of one run of a client.
#[derive(Clone, Debug)]
pub struct Run {
    /// User and system time of the whole process.
    pub cpu: Duration,
    pub user: Duration,
    /// From the process's start to its end.
    pub elapsed: Duration,
    pub sum: u64,
    /// How often memory was asked for, if the client counts.
    pub allocations: Option<u64>,
    pub peak_kib: u64,
}

/// Runs a client to its end.
pub fn run(command: &mut Command) -> Run {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the client starts");
    let mut output = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut output).expect("text");
    let (user, system) = wait(&mut child);
    let elapsed = start.elapsed();
    let mut words = output.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("{command:?} said {output:?}"));
    Run {
        cpu: user + system,
        user,
        elapsed,
        sum: word().parse().expect("a checksum"),
        allocations: word().parse().ok(),
        peak_kib: word().parse().expect("kibibytes"),
    }
}

/// Waits for the process and tells its own user and system time.
fn wait(child: &mut Child) -> (Duration, Duration) {
    let id = libc::pid_t::try_from(child.id()).expect("a process id");
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are valid for writing, and zeros are a valid rusage.
    let (waited, usage) = unsafe {
        let waited = libc::wait4(id, &mut status, 0, usage.as_mut_ptr());
        (waited, usage.assume_init())
    };
    assert_eq!(waited, id, "the client is our child");
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the client failed");
    let time =
        |value: libc::timeval| Duration::new(value.tv_sec as u64, value.tv_usec as u32 * 1000);
    (time(usage.ru_utime), time(usage.ru_stime))
}

/// The most memory that this process had, in KiB.
pub fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}
