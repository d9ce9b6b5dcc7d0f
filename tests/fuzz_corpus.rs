//! The fuzz targets' bodies over their corpus and over every input that once broke something.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(dead_code, reason = "the other users of the shared file need the rest")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[path = "support/fuzz_seeds.rs"]
mod seeds;

use std::path::{Path, PathBuf};

use fuzz::meter::{METER, Meter};

/// The bodies measure the heap here as they do in a target.
#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

type Body = fn(&[u8]);

/// Every target with its body.
const TARGETS: &[(&str, Body)] = &[
    ("auth", fuzz::auth::auth),
    ("binary_row", fuzz::rows::binary_row),
    ("chunked", fuzz::chunked::chunked),
    ("columns", fuzz::columns::columns),
    ("compressed", fuzz::compressed::compressed),
    ("conversation", fuzz::conversation::conversation),
    ("factors", fuzz::factors::factors),
    ("handshake", fuzz::handshake::handshake),
    ("messages", fuzz::messages::messages),
    ("named", fuzz::named::named),
    ("option_files", fuzz::option_files::option_files),
    ("recorded", fuzz::recorded::recorded),
    #[cfg(feature = "codec")]
    ("server_side", fuzz::server_side::server_side),
    #[cfg(feature = "tokio")]
    ("session", fuzz::session::session),
    ("session_state", fuzz::session_state::session_state),
    ("text_row", fuzz::rows::text_row),
    ("url", fuzz::url::url),
    ("values", fuzz::values::values),
];

/// Targets that want a feature that is off.
const LEFT_OUT: &[&str] = &[
    #[cfg(not(feature = "codec"))]
    "server_side",
    #[cfg(not(feature = "tokio"))]
    "session",
];

/// G1 to G6
#[test]
fn the_corpus_of_each_target_passes() {
    measure();
    for &(name, body) in TARGETS {
        let files = files(&fuzz_dir().join("corpus").join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            run(body, &file);
        }
    }
}

#[test]
fn what_once_broke_stays_mended_and_is_explained() {
    measure();
    let regressions = fuzz_dir().join("regressions");
    let readme = std::fs::read_to_string(regressions.join("README.md")).expect("the explanations");
    for &(name, body) in TARGETS {
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
        let replayed = TARGETS.iter().any(|(name, _)| *name == stem);
        assert!(replayed || LEFT_OUT.contains(&&*stem), "{stem} is not replayed");
    }
}

/// Inputs that no corpus has: each prefix of each input, and each with one byte changed.
#[test]
fn damaged_corpus_inputs_pass() {
    measure();
    for &(name, body) in TARGETS {
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

/// What fuzzing starts from is what real servers sent: the corpus has each seed that the vectors
/// give, and no seed besides. With `MYWIRE_WRITE_SEEDS` set, this test writes them.
#[test]
fn the_seeds_are_those_of_the_vectors() {
    let corpus = fuzz_dir().join("corpus");
    let seeds = seeds::all();
    let write = std::env::var_os("MYWIRE_WRITE_SEEDS").is_some();
    for &(name, _) in TARGETS {
        let folder = corpus.join(name);
        let stored = files(&folder);
        let is_seed = |file: &&PathBuf| {
            file.file_name().expect("a name").to_string_lossy().starts_with("seed-")
        };
        let mut stored: Vec<_> = stored.iter().filter(is_seed).collect();
        for seed in seeds.iter().filter(|seed| seed.target == name) {
            let file = folder.join(format!("seed-{}", seed.name));
            if write {
                std::fs::create_dir_all(&folder).expect("a folder in the corpus");
                std::fs::write(&file, &seed.input).expect("a file in the corpus");
            }
            let found = std::fs::read(&file).unwrap_or_default();
            assert_eq!(
                found,
                seed.input,
                "{}: run this test with MYWIRE_WRITE_SEEDS=1",
                file.display()
            );
            stored.retain(|other| **other != file);
        }
        if write {
            stored.iter().for_each(|file| std::fs::remove_file(file).expect("it was listed"));
        } else {
            assert!(stored.is_empty(), "no vector gives {stored:?}: run with MYWIRE_WRITE_SEEDS=1");
        }
    }
}

/// The target of recorded sessions knows all of them.
#[test]
fn every_recorded_session_is_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-spec/vectors/sessions");
    let recorded: Vec<_> = files(&folder)
        .iter()
        .map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    let known: Vec<_> = fuzz::recorded::SESSIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(known, recorded);
}

fn measure() {
    METER.get_or_init(|| Meter { start: counting_alloc::start, peak: counting_alloc::peak });
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
