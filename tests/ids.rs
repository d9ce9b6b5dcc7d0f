//! The ids of `protocol-spec/`: each that is cited is described, and each case (E-) and threat (T-) is
//! cited by a test.

#![allow(missing_docs, clippy::print_stdout, reason = "a test, which prints what it found")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Cases and threats that no test can show, with the reason.
const WITHOUT_TEST: [(&str, &str); 2] = [
    ("E-57", "COM_STATISTICS is not spoken"),
    ("T-58", "faults of dependencies are looked up in the advisories' database, by cargo-deny"),
];

#[test]
fn each_id_that_is_cited_is_described() {
    let described = described();
    let mut citing = files("protocol-spec", "md");
    for folder in ["src", "tests", "examples", "fuzz/src"] {
        citing.extend(files(folder, "rs"));
    }
    citing.extend(files("protocol-spec/vectors", "txt"));
    for (file, text) in &citing {
        for id in ids(text) {
            assert!(described.contains(&id), "{} cites {id}", file.display());
        }
    }
}

/// An id is cited by a test if a file of tests has it in a comment or in a test's name, `t20_…`.
#[test]
fn each_case_and_each_threat_has_a_test() {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut tests = files("tests", "rs");
    tests.extend(files("fuzz/src", "rs"));
    // Sources hold unit tests: at their end, or in files of their own.
    for (file, text) in files("src", "rs") {
        let inside =
            file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests");
        let from = if inside { Some(0) } else { text.find("mod tests {") };
        tests.extend(from.map(|from| (file, text[from..].to_owned())));
    }
    tests.retain(|(file, _)| !file.ends_with("tests/ids.rs"));
    for (file, text) in &tests {
        let file = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        for id in ids(text).into_iter().chain(ids_in_names(text)) {
            places.entry(id).or_default().insert(file.clone());
        }
    }
    let mut faults = Vec::new();
    for id in described().into_iter().filter(|id| id.starts_with(['E', 'T'])) {
        let reason = WITHOUT_TEST.iter().find(|(without, _)| *without == id);
        match (places.get(&id), reason) {
            (Some(files), None) => {
                println!("{id:6} {}", files.iter().cloned().collect::<Vec<_>>().join(" "));
            }
            (None, Some((_, reason))) => println!("{id:6} no test: {reason}"),
            (None, None) => faults.push(format!("{id} has no test")),
            (Some(files), Some(_)) => faults.push(format!("{id} has tests after all: {files:?}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn ids_are_found_in_text_and_in_names() {
    let text = "R-20, E-100: KE-20 T-1 fn t07_e08_rows() part_t09 xt10_ t123abc";
    assert_eq!(ids(text), ["E-100", "R-20"].map(str::to_owned).into());
    assert_eq!(ids_in_names(text), ["E-08", "T-07", "T-09"].map(str::to_owned).into());
}

/// The ids that pages describe: entries of lists that begin with one.
fn described() -> BTreeSet<String> {
    let mut described = BTreeSet::new();
    for (page, text) in files("protocol-spec", "md") {
        for line in text.lines().filter_map(|line| line.strip_prefix("- **")) {
            let id = ids(line.get(..6).unwrap_or(line)).pop_first();
            let Some(id) = id.filter(|id| line.starts_with(id.as_str())) else { continue };
            // `K-00a` is a statement of its own with the id of `K-00`.
            let new = described.insert(id.clone()) || id == "K-00";
            assert!(new, "{id} stands twice, in {}", page.display());
        }
    }
    described
}

/// Ids such as `R-20` in a text: a letter, a hyphen, at least two digits.
fn ids(text: &str) -> BTreeSet<String> {
    let bytes = text.as_bytes();
    let mut found = BTreeSet::new();
    for (at, pair) in bytes.windows(2).enumerate() {
        let alone = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'-');
        if !alone || pair[1] != b'-' || !b"FCHAKREST".contains(&pair[0]) {
            continue;
        }
        let digits = bytes[at + 2..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits >= 2 {
            found.insert(text[at..at + 2 + digits].to_owned());
        }
    }
    found
}

/// Ids as names of tests have them: `t20_…`, `…_e07_…`.
fn ids_in_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let ids = words.filter_map(|word| {
        let (letter, digits) = word.split_at_checked(1)?;
        let number = (2..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        (number && ["e", "t"].contains(&letter))
            .then(|| format!("{}-{digits}", letter.to_ascii_uppercase()))
    });
    ids.collect()
}

fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut texts = Vec::new();
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), extension, &mut texts);
    texts
}

fn read_folder(folder: &Path, extension: &str, texts: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, extension, texts);
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).unwrap();
            texts.push((path, text));
        }
    }
}
