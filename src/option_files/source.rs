//! Files, and what they include.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::parse::{Line, parse};
use super::{
    IgnoredFile, MAX_FILE_BYTES, MAX_FILES, MAX_INCLUDE_DEPTH, OptionLine, Place, ReadOptions,
};
use crate::config::ConfigError;
use crate::secret::Secret;

/// The bits of a file's mode that let anybody write to it.
#[cfg(unix)]
const WORLD_WRITABLE: u32 = 0o002;

/// The bits that let anybody but the owner do anything.
#[cfg(unix)]
const NOT_THE_OWNER: u32 = 0o077;

/// Why a file that this user may not read is ignored.
const NOT_ALLOWED: &str = "this user may not read it";

/// Reads files, one after the other.
pub(super) struct Reader {
    groups: Vec<String>,
    seen: Vec<String>,
    options: Vec<OptionLine>,
    files: Vec<PathBuf>,
    ignored: Vec<IgnoredFile>,
}

impl Reader {
    pub(super) fn new(groups: Vec<String>) -> Self {
        let (seen, options) = (Vec::new(), Vec::new());
        Self { groups, seen, options, files: Vec::new(), ignored: Vec::new() }
    }

    /// Whether a file had this group.
    pub(super) fn has_seen(&self, group: &str) -> bool {
        self.seen.iter().any(|seen| seen == group)
    }

    /// What may explain that a group is missing.
    pub(super) fn why_not(&self) -> String {
        let why = |ignored: &IgnoredFile| {
            format!("; {} is ignored: {}", ignored.path.display(), ignored.reason)
        };
        self.ignored.iter().map(why).collect()
    }

    pub(super) fn finish(self) -> ReadOptions {
        ReadOptions { options: self.options, files: self.files, ignored: self.ignored }
    }

    /// Reads a file and what it includes.
    pub(super) fn read(&mut self, place: &Place) -> Result<(), ConfigError> {
        let Place { path, optional, login } = place;
        let unreadable = |error: std::io::Error| failed(path, &format!("cannot be read: {error}"));
        let file = match File::open(path) {
            Err(error) if *optional && is_absent(&error) => return Ok(()),
            Err(error) if *optional && error.kind() == ErrorKind::PermissionDenied => {
                self.ignored.push(IgnoredFile { path: path.clone(), reason: NOT_ALLOWED });
                return Ok(());
            }
            file => file.map_err(unreadable)?,
        };
        if let Some(reason) = distrust(&file, *login).map_err(unreadable)? {
            if !optional {
                return Err(failed(path, &format!("is not used: {reason}")));
            }
            self.ignored.push(IgnoredFile { path: path.clone(), reason });
            return Ok(());
        }
        let text = read_whole(path, &file)?;
        #[cfg(feature = "login-path")]
        let text = if *login { super::login_file::plain(path, &text)? } else { text };
        self.take(path, &text, 0)
    }

    /// Takes a file's lines.
    fn take(&mut self, path: &Path, text: &[u8], depth: usize) -> Result<(), ConfigError> {
        if self.files.len() >= MAX_FILES {
            return Err(failed(path, &format!("is one too many: {MAX_FILES} were read")));
        }
        self.files.push(path.to_owned());
        let mut group: Option<String> = None;
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let wrong = |reason: &str| at_line(path, number, reason);
            match parse(line).map_err(|error| wrong(error.reason()))? {
                Line::Nothing => {}
                Line::Group(name) => {
                    self.seen.push(name.to_owned());
                    group = Some(name.to_owned());
                }
                Line::Option { key, value } => {
                    let Some(group) = &group else {
                        return Err(wrong("an option stands before the first group"));
                    };
                    if self.groups.contains(group) {
                        let value = value.map(|value| Secret::from(value.to_vec()));
                        let (group, file) = (group.clone(), path.to_owned());
                        self.options.push(OptionLine { group, key, value, file, line: number });
                    }
                }
                Line::Include(other) => {
                    self.include(path, number, &resolve(path, other), depth)?;
                }
                Line::IncludeFolder(folder) => {
                    let folder = resolve(path, folder);
                    let files = match std::fs::read_dir(&folder) {
                        Err(error) => match why_skipped(&error) {
                            Some(reason) => {
                                self.ignored.push(IgnoredFile { path: folder, reason });
                                continue;
                            }
                            None => Err(error),
                        },
                        Ok(entries) => folder_files(entries),
                    };
                    let unreadable = |error| {
                        wrong(&format!("the folder {} cannot be read: {error}", folder.display()))
                    };
                    for file in files.map_err(unreadable)? {
                        self.include(path, number, &file, depth)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        by: &Path,
        line: usize,
        path: &Path,
        depth: usize,
    ) -> Result<(), ConfigError> {
        if depth >= MAX_INCLUDE_DEPTH {
            let reason = format!("files include each other more than {MAX_INCLUDE_DEPTH} deep");
            return Err(at_line(by, line, &reason));
        }
        let unreadable = |error: std::io::Error| {
            at_line(by, line, &format!("{} cannot be read: {error}", path.display()))
        };
        let file = match File::open(path) {
            Err(error) => match why_skipped(&error) {
                Some(reason) => {
                    self.ignored.push(IgnoredFile { path: path.to_owned(), reason });
                    return Ok(());
                }
                None => return Err(unreadable(error)),
            },
            Ok(file) => file,
        };
        if let Some(reason) = distrust(&file, false).map_err(unreadable)? {
            self.ignored.push(IgnoredFile { path: path.to_owned(), reason });
            return Ok(());
        }
        let text = read_whole(path, &file)?;
        self.take(path, &text, depth + 1)
    }
}

/// A folder on the way may be missing as well, or be none.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Why an included file or folder that cannot be opened is skipped, as the servers' clients do.
fn why_skipped(error: &std::io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::PermissionDenied => Some(NOT_ALLOWED),
        _ if is_absent(error) => Some("it is included and is not there"),
        _ => None,
    }
}

/// Why a file is not to be believed, as the servers' clients see it.
fn distrust(file: &File, login: bool) -> std::io::Result<Option<&'static str>> {
    let metadata = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode();
        if metadata.is_file() && mode & WORLD_WRITABLE != 0 {
            return Ok(Some("anybody can write to it (chmod o-w)"));
        }
        if login && mode & NOT_THE_OWNER != 0 {
            return Ok(Some("others than its owner can get at it (chmod 600)"));
        }
    }
    if login && !cfg!(feature = "login-path") {
        return Ok(Some("this build of mywire lacks the feature login-path"));
    }
    if metadata.is_dir() {
        return Ok(Some("it is a folder"));
    }
    Ok(None)
}

fn read_whole(path: &Path, file: &File) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    // The whole space at once, so that no copy of a password is left behind (T-81).
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let space = usize::try_from(size).unwrap_or(usize::MAX).min(MAX_FILE_BYTES) + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(space));
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most)
        .read_to_end(&mut text)
        .map_err(|error| failed(path, &format!("cannot be read: {error}")))?;
    if text.len() > MAX_FILE_BYTES {
        return Err(failed(path, &format!("has more than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// The files of a folder that end as option files do, by name.
fn folder_files(entries: std::fs::ReadDir) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let ends_so = path.extension().is_some_and(|extension| extension == "cnf");
        if ends_so && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A server's RSA key, which is far smaller than an option file may be.
pub(super) fn public_key(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut pem)?;
    Ok(pem)
}

fn resolve(by: &Path, path: &str) -> PathBuf {
    by.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
}

fn failed(path: &Path, what: &str) -> ConfigError {
    ConfigError::new(format!("The option file {} {what}.", path.display()))
}

/// An error in a line; the reason holds nothing of the line.
pub(super) fn at_line(path: &Path, line: usize, reason: &str) -> ConfigError {
    ConfigError::new(format!("The option file {}, line {line}: {reason}.", path.display()))
}
