use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Contents;

/// Bytes of one file; ten thousand workloads fit in.
const MAX_BYTES: u64 = 16 << 20;

/// Files in all.
const MAX_FILES: usize = 10_000;

/// Why a file or a folder can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", .path.display())]
pub(crate) struct Unreadable {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

impl Unreadable {
    fn new(path: &Path, why: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

/// Reads files, and of folders the `*.yaml` and `*.yml` in them by name. A file named twice is read once.
pub(crate) fn read(paths: &[PathBuf]) -> Contents {
    let (mut texts, mut unreadable) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for path in paths.iter().flat_map(|path| files(path)) {
        let read = path.and_then(|path| {
            if seen.len() >= MAX_FILES {
                return Err(Unreadable::new(
                    &path,
                    format!("more than {MAX_FILES} files"),
                ));
            }
            let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
            if !seen.insert(identity) {
                return Ok(None);
            }
            match text(&path) {
                Ok(text) => Ok(Some((path, text))),
                Err(why) => Err(Unreadable::new(&path, why)),
            }
        });
        match read {
            Ok(read) => texts.extend(read),
            Err(why) => unreadable.push(why),
        }
    }
    if unreadable.is_empty() {
        Ok(texts)
    } else {
        Err(unreadable)
    }
}

/// The file itself, or what is in the folder.
fn files(path: &Path) -> Vec<Result<PathBuf, Unreadable>> {
    if !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    match in_folder(path) {
        // Missing data is no wish to have no workloads: a mount that is not there yet looks the same.
        Ok(files) if files.is_empty() => vec![Err(Unreadable::new(
            path,
            "no *.yaml or *.yml file is in this folder; an empty one would say that there are no workloads",
        ))],
        Ok(files) => files.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(Unreadable::new(path, error))],
    }
}

fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && !hidden && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<String, String> {
    // Opening a pipe would wait for its writer.
    let kind = fs::metadata(path).map_err(|error| plain(&error))?;
    if !kind.is_file() {
        return Err("it is neither a file nor a folder".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| plain(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 text: byte {at} is not")
    })
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        _ => error.to_string(),
    }
}
