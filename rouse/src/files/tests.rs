use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::time::timeout;

use super::{Contents, Reloads, Watcher, load, read, reload};

/// Ends a test that hangs.
const DEADLINE: Duration = Duration::from_secs(20);

fn workload(name: &str) -> String {
    format!(
        "apiVersion: rouse.dev/v1alpha1
kind: ScaledWorkload
metadata: {{name: {name}}}
spec:
  target: {{process: {{command: [{name}]}}}}
  http: {{hosts: [{name}.example.com]}}
"
    )
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn names(contents: &Contents) -> Vec<String> {
    let files = contents.as_ref().unwrap().iter();
    files
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn refusals(paths: &[PathBuf]) -> String {
    load(&read(paths)).unwrap_err().to_string()
}

#[test]
fn of_a_folder_the_yaml_files_are_read_by_name() {
    let folder = folder(&[
        ("b.yml", ""),
        ("a.yaml", ""),
        ("c.txt", ""),
        (".hidden.yaml", ""),
    ]);
    fs::create_dir(folder.path().join("d.yaml")).unwrap();
    let paths = [folder.path().join("a.yaml"), folder.path().to_owned()];
    assert_eq!(names(&read(&paths[1..])), ["a.yaml", "b.yml"]);
    assert_eq!(
        names(&read(&paths)),
        ["a.yaml", "b.yml"],
        "a file named twice is read once"
    );
}

#[test]
fn everything_unreadable_is_told_with_its_cause() {
    let folder = folder(&[]);
    let latin = folder.path().join("latin");
    fs::write(&latin, b"caf\xe9").unwrap();
    let missing = folder.path().join("missing.yaml");
    let text = refusals(&[missing, folder.path().to_owned(), latin, "/dev/null".into()]);
    for part in [
        "missing.yaml: there is no such file",
        "no *.yaml or *.yml file",
        "latin: it is not UTF-8 text: byte 3",
        "/dev/null: it is neither a file nor a folder",
        "\n4 problems",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn files_are_one_set() {
    let folder = folder(&[
        ("a.yaml", &workload("hello")),
        ("b.yaml", &workload("hello")),
    ]);
    let text = refusals(&[folder.path().to_owned()]);
    assert!(text.contains("b.yaml:"), "{text}");
    assert!(text.contains("problem"), "{text}");
}

async fn next(watcher: &mut Watcher) -> Contents {
    timeout(DEADLINE, watcher.changed())
        .await
        .expect("a change is seen")
}

fn watch(path: &Path) -> Watcher {
    let paths = vec![path.to_owned()];
    let seen = read(&paths);
    Watcher::new(paths, seen)
}

#[tokio::test]
async fn a_file_is_followed_through_rewriting_replacing_and_deleting() {
    let folder = folder(&[("a.yaml", "# 1")]);
    let file = folder.path().join("a.yaml");
    let mut watcher = watch(&file);
    let text = |contents: Contents| contents.unwrap()[0].1.clone();
    fs::write(&file, "# 2").unwrap();
    assert_eq!(text(next(&mut watcher).await), "# 2");
    let other = folder.path().join("other");
    fs::write(&other, "# 3").unwrap();
    fs::rename(&other, &file).unwrap();
    assert_eq!(text(next(&mut watcher).await), "# 3");
    fs::remove_file(&file).unwrap();
    assert!(next(&mut watcher).await.is_err());
    fs::write(&file, "# 4").unwrap();
    assert_eq!(text(next(&mut watcher).await), "# 4");
}

#[tokio::test]
async fn a_new_file_in_a_folder_is_seen() {
    let folder = folder(&[("a.yaml", "")]);
    let mut watcher = watch(folder.path());
    fs::write(folder.path().join("b.yaml"), "").unwrap();
    assert_eq!(names(&next(&mut watcher).await), ["a.yaml", "b.yaml"]);
}

#[tokio::test]
async fn without_notice_the_files_are_polled() {
    // The folder that is watched is the link's; nothing happens in it.
    let (real, links) = (folder(&[("a.yaml", "# 1")]), folder(&[]));
    let link = links.path().join("a.yaml");
    std::os::unix::fs::symlink(real.path().join("a.yaml"), &link).unwrap();
    let mut watcher = watch(&link);
    fs::write(real.path().join("a.yaml"), "# 2").unwrap();
    assert_eq!(next(&mut watcher).await.unwrap()[0].1, "# 2");
}

#[tokio::test]
async fn the_same_contents_written_again_are_no_change() {
    let folder = folder(&[("a.yaml", "# 1")]);
    let file = folder.path().join("a.yaml");
    let mut watcher = watch(&file);
    fs::write(&file, "# 1").unwrap();
    let changed = timeout(Duration::from_millis(300), watcher.changed()).await;
    assert!(changed.is_err(), "{changed:?}");
}

/// Everything that was applied, by the workloads' names.
type Applied = Arc<Mutex<Vec<Vec<String>>>>;

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect(what);
}

#[tokio::test]
async fn a_good_set_is_applied_whole_and_a_bad_one_refused() {
    let folder = folder(&[("a.yaml", &workload("a"))]);
    let mut registry = Registry::default();
    let reloads = Reloads::register(&mut registry);
    let counted = |sample: &str| {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.contains(sample)
    };
    let applied = Applied::default();
    let (watcher, sink) = (watch(folder.path()), applied.clone());
    let task = tokio::spawn(reload(watcher, reloads, async move |workloads| {
        let names = workloads.iter().map(|one| one.id.name().to_owned());
        sink.lock().unwrap().push(names.collect());
    }));
    fs::write(folder.path().join("b.yaml"), "kind: Nonsense").unwrap();
    until("refused", || counted("outcome=\"refused\"} 1")).await;
    assert!(
        applied.lock().unwrap().is_empty(),
        "also the good file is not applied alone"
    );
    fs::write(folder.path().join("b.yaml"), workload("b")).unwrap();
    until("applied", || counted("outcome=\"applied\"} 1")).await;
    assert_eq!(*applied.lock().unwrap(), [["a", "b"]]);
    task.abort();
}
