//! Files of a volume as kubelet keeps them: all in one folder, replaced together by one rename.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Relative paths and contents.
pub(crate) type Payload = BTreeMap<String, Vec<u8>>;

const DATA: &str = "..data";

/// A folder whose files change at one moment.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    mode: u32,
    written: Option<Payload>,
    generation: u64,
}

impl Folder {
    /// `mode` is that of the files, as in `0o644`.
    pub(crate) fn new(path: PathBuf, mode: u32) -> Self {
        Self {
            path,
            mode,
            written: None,
            generation: 0,
        }
    }

    /// Makes the folder hold exactly `payload`.
    ///
    /// # Errors
    /// The file system's. The former files stand then.
    pub(crate) fn write(&mut self, payload: Payload) -> io::Result<()> {
        if self.written.as_ref() == Some(&payload) {
            return Ok(());
        }
        fs::create_dir_all(&self.path)?;
        let before = fs::read_link(self.path.join(DATA)).ok();
        self.generation += 1;
        // A start that found only some of its volumes leaves a folder behind, and the next one counts anew.
        if before.as_deref() == Some(Path::new(&format!("..{}", self.generation))) {
            self.generation += 1;
        }
        let fresh = format!("..{}", self.generation);
        self.fill(&self.path.join(&fresh), &payload)?;
        let next = self.path.join("..data_tmp");
        symlink(&fresh, &next)?;
        fs::rename(&next, self.path.join(DATA))?;
        self.links(&payload)?;
        if let Some(before) = before {
            fs::remove_dir_all(self.path.join(before))?;
        }
        self.written = Some(payload);
        Ok(())
    }

    fn fill(&self, dir: &Path, payload: &Payload) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        for (name, content) in payload {
            let file = dir.join(name);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, content)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(self.mode))?;
        }
        Ok(())
    }

    /// One link into the data for each first part of a path.
    fn links(&self, payload: &Payload) -> io::Result<()> {
        let first = |path: &String| path.split('/').next().unwrap_or_default().to_owned();
        for name in payload.keys().map(first) {
            let link = self.path.join(&name);
            if fs::symlink_metadata(&link).is_err() {
                symlink(Path::new(DATA).join(&name), link)?;
            }
        }
        let stale = self.written.iter().flat_map(|old| old.keys().map(first));
        for name in stale.filter(|name| !payload.keys().any(|path| first(path) == *name)) {
            // Two stale paths may share their first part.
            let _ = fs::remove_file(self.path.join(name));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let files = files.iter();
        files
            .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn files_change_together_and_stale_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("volume");
        let mut folder = Folder::new(root.clone(), 0o400);
        folder
            .write(payload(&[("a", "1"), ("sub/b", "2")]))
            .unwrap();
        assert_eq!(fs::read(root.join("a")).unwrap(), b"1");
        assert_eq!(fs::read(root.join("sub/b")).unwrap(), b"2");
        let mode = fs::metadata(root.join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);

        let held = fs::canonicalize(root.join("a")).unwrap();
        folder.write(payload(&[("a", "3")])).unwrap();
        assert_eq!(fs::read(root.join("a")).unwrap(), b"3");
        assert!(!root.join("sub").exists());
        assert!(!held.exists(), "the former folder is removed");
    }

    #[test]
    fn who_begins_anew_finds_what_another_has_left() {
        let dir = tempfile::tempdir().unwrap();
        for content in ["1", "2", "3"] {
            let mut folder = Folder::new(dir.path().to_owned(), 0o644);
            folder.write(payload(&[("a", content)])).unwrap();
            assert_eq!(fs::read(dir.path().join("a")).unwrap(), content.as_bytes());
        }
    }

    #[test]
    fn same_payload_touches_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(dir.path().to_owned(), 0o644);
        folder.write(payload(&[("a", "1")])).unwrap();
        let before = fs::read_link(dir.path().join(DATA)).unwrap();
        folder.write(payload(&[("a", "1")])).unwrap();
        assert_eq!(fs::read_link(dir.path().join(DATA)).unwrap(), before);
    }
}
