//! Option files and login files: they are read the same twice, include no end of each other, and the
//! password in them is shown nowhere.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use mywire::{Config, OptionFiles};

use super::auth::contains;
use super::source::Source;

const PASSWORD: &str = "swordfish";

/// Pieces of files; `%` stands for the file's own path.
const PIECES: [&str; 40] = [
    "[client]\n",
    "[mywire]\n",
    "[mysqld]\n",
    "[client",
    "]",
    "\n",
    "\r\n",
    "=",
    " ",
    "\t",
    "\"",
    "'",
    "#",
    ";",
    "\\",
    "\\n",
    "\\s",
    "\\\\",
    "host=db",
    "user=app",
    "password=x",
    "password",
    "port=3307",
    "socket=/run/s",
    "ssl",
    "ssl-ca=/c",
    "ssl_mode=VERIFY_CA",
    "skip-ssl",
    "loose-",
    "database=shop",
    "connect_timeout=5",
    "max-allowed-packet=1M",
    "default-character-set=utf8",
    "!include %\n",
    "!include nowhere\n",
    "!includedir nowhere\n",
    "!",
    "ä",
    "\u{feff}",
    "\0",
];

/// The first byte says whether the rest is bytes, a list of pieces, either around a password, or
/// an obfuscated login file.
pub fn option_files(data: &[u8]) {
    let mut source = Source::new(data);
    let file = File::new();
    let (mut text, mut is_secret) = (Vec::new(), false);
    let kind = source.below(5);
    if kind == 4 {
        file.write(source.rest());
        read(&OptionFiles::none().login_file(&file.0), false);
        return;
    }
    let before = 1 + source.below(12);
    part(&mut source, kind % 2 == 1, before, &file.0, &mut text);
    if kind >= 2 {
        // Whatever stands around it, the password is a value, or a part of one.
        text.extend_from_slice(b"\n[client]\npassword = ");
        text.extend_from_slice(PASSWORD.as_bytes());
        is_secret = true;
    }
    part(&mut source, kind % 2 == 1, usize::MAX, &file.0, &mut text);
    if contains(data, PASSWORD.as_bytes()) {
        return;
    }
    file.write(&text);
    let groups = OptionFiles::none().file(&file.0);
    read(&groups, is_secret);
    read(&groups.group_suffix("_x"), is_secret);
}

fn part(source: &mut Source<'_>, pieces: bool, most: usize, own: &Path, text: &mut Vec<u8>) {
    if !pieces {
        let bytes = if most == usize::MAX { source.rest() } else { source.slice(most) };
        // Other files of this machine are not the input's to choose.
        text.extend(bytes.iter().map(|byte| if *byte == b'!' { b'#' } else { *byte }));
        return;
    }
    for _ in 0..most {
        if source.is_empty() {
            break;
        }
        let piece = source.pick(&PIECES);
        text.extend_from_slice(piece.replace('%', &own.to_string_lossy()).as_bytes());
    }
}

fn read(files: &OptionFiles, is_secret: bool) {
    let shown = outcome(files);
    assert_eq!(shown, outcome(files), "the same file is read otherwise");
    assert!(!is_secret || !shown.contains(PASSWORD), "{shown}");
}

/// All that a caller is shown.
fn outcome(files: &OptionFiles) -> String {
    let options = match files.read() {
        Ok(options) => options,
        Err(error) => return format!("{error} {error:?}"),
    };
    let ignored: Vec<String> = options.ignored().iter().map(ToString::to_string).collect();
    let applied = match options.apply(Config::default()) {
        Ok(config) => format!("{config} {config:?} {:?}", config.validate()),
        Err(error) => format!("{error} {error:?}"),
    };
    format!("{options:?} {ignored:?} {applied}")
}

/// A file of its owner's alone, removed in the end.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mywire-fuzz-{}-{number}.cnf", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn write(&self, text: &[u8]) {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.0).expect("a folder for temporary files");
        file.write_all(text).expect("room for a temporary file");
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
