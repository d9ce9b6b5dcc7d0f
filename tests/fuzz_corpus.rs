//! The fuzz targets' bodies over their corpus and over every input that once broke something.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(dead_code, reason = "the other users of the shared file need the rest")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::path::{Path, PathBuf};

type Body = fn(&[u8]);

/// Every target with its body.
const TARGETS: [(&str, Body); 4] = [
    ("session", fuzz::session::session),
    ("compressed", fuzz::compressed::compressed),
    ("reply", fuzz::reply::reply),
    ("handshake", fuzz::handshake::handshake),
];

/// G1 to G6
#[test]
fn the_corpus_of_each_target_passes() {
    for (name, body) in TARGETS {
        let files = files(&fuzz_dir().join("corpus").join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            run(body, &file);
        }
    }
}

#[test]
fn what_once_broke_stays_mended_and_is_explained() {
    let regressions = fuzz_dir().join("regressions");
    let readme = std::fs::read_to_string(regressions.join("README.md")).expect("the explanations");
    for (name, body) in TARGETS {
        for file in files(&regressions.join(name)) {
            let id = format!("{name}/{}", file.file_name().expect("a name").to_string_lossy());
            assert!(readme.contains(&id), "regressions/README.md does not say what {id} is");
            run(body, &file);
        }
    }
}

/// A target that nobody replays here would rot.
#[test]
fn every_target_is_replayed() {
    for target in files(&fuzz_dir().join("fuzz_targets")) {
        let stem = target.file_stem().expect("a name").to_string_lossy();
        assert!(TARGETS.iter().any(|(name, _)| *name == stem), "{stem} is not replayed");
    }
}

/// Inputs that no corpus has: each prefix of each input, and each with one byte changed.
#[test]
fn damaged_corpus_inputs_pass() {
    for (name, body) in TARGETS {
        for (number, file) in files(&fuzz_dir().join("corpus").join(name)).into_iter().enumerate() {
            let data = std::fs::read(&file).expect("a file of the corpus");
            let step = 1 + data.len() / 8;
            for at in (number % step..data.len()).step_by(step) {
                body(&data[..at]);
                let mut changed = data.clone();
                changed[at] = changed[at].wrapping_add(0x5F);
                body(&changed);
            }
        }
    }
}

fn run(body: Body, file: &Path) {
    let data = std::fs::read(file).expect("a file that was just listed");
    if std::panic::catch_unwind(|| body(&data)).is_err() {
        panic!("the input {} failed", file.display());
    }
}

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a folder, sorted; none if there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}
