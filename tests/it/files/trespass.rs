//! Whoever may write to the recording folder, or has written a file, means us ill: what is outside the folder stays as it is, and what
//! a few bytes claim is not believed.

use crate::support::film;
use crate::support::json;
use crate::support::pictures::noise;
use crate::support::procs::{Camcast, Ended, Program, camrec_into};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Folders {
    root: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["rec", "outside"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        for name in ["a.mkv", "a.json", "b.mkv"] {
            fs::write(root.path().join("outside").join(name), b"precious").unwrap();
        }
        Folders { root }
    }

    fn rec(&self) -> PathBuf {
        self.root.path().join("rec")
    }

    fn outside(&self) -> PathBuf {
        self.root.path().join("outside")
    }

    #[track_caller]
    fn assert_nothing_was_touched(&self) {
        let entries = fs::read_dir(self.outside()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = entries.collect();
        files.sort();
        assert_eq!(files, ["a.json", "a.mkv", "b.mkv"].map(|name| self.outside().join(name)));
        files.iter().for_each(|file| assert_eq!(fs::read(file).unwrap(), b"precious", "{}", file.display()));
    }
}

/// Old recordings behind a linked folder, one of them unfinished, and links under the names of files that are rewritten.
#[test]
fn what_links_lead_to_is_not_written_cut_or_deleted() {
    let (folders, camcast) = (Folders::new(), Camcast::pattern(30));
    let rec = folders.rec();
    symlink(folders.outside(), rec.join("day")).unwrap();
    symlink(folders.outside().join("a.mkv"), rec.join(".camrec.index.part")).unwrap();
    symlink(folders.outside().join("a.json"), rec.join("new.json.part")).unwrap();
    let ended = 1_000_000_000;
    let index = format!(
        "camrec-index 1\nbegun day/a.mkv\nfinished {} {ended} day/a.mkv\nbegun day/b.mkv\nbegun c.mkv\n\
         finished 1 {ended} c.mkv\n",
        u64::MAX
    );
    fs::write(rec.join(".camrec.index"), index).unwrap();
    fs::write(rec.join("c.mkv"), b"x").unwrap();
    let args = ["--name", "new.mkv", "--keep", "100G", "--keep-for", "1d", "--frames", "30"];
    let ended = camrec_into(&rec, camcast.address, &args).wait_exit().expect(0);
    assert!(ended.log.contains("2 recordings of its index are behind links"), "{}", ended.log);
    assert_eq!(fs::read(rec.join("new.json")).unwrap().first(), Some(&b'{'));
    assert!(!rec.join(".camrec.index").is_symlink() && !rec.join("new.json").is_symlink());
    folders.assert_nothing_was_touched();
    let index = fs::read_to_string(rec.join(".camrec.index")).unwrap();
    assert!(index.contains("finished") && index.contains("new.mkv"), "{index}");
}

#[test]
fn a_wrong_number_in_the_index_deletes_nothing() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let mut index = String::from("camrec-index 1\n");
    for name in ["a.mkv", "b.mkv", "c.mkv"] {
        fs::write(folder.path().join(name), b"x").unwrap();
        index += &format!("begun {name}\nfinished {} 1000000000 {name}\n", u64::MAX / 4);
    }
    fs::write(folder.path().join(".camrec.index"), index).unwrap();
    let args = ["--keep", "100G", "--frames", "30"];
    let ended = camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0);
    assert!(!ended.log.contains("deleted"), "{}", ended.log);
    assert_eq!(film::files(folder.path()).len(), 4);
}

#[test]
fn a_lock_that_is_a_link_or_a_pipe_is_named() {
    let folders = Folders::new();
    let lock = folders.rec().join(".camrec.lock");
    let nobody = "127.0.0.1:1".parse().unwrap();
    symlink(folders.outside().join("a.mkv"), &lock).unwrap();
    let refused = camrec_into(&folders.rec(), nobody, &[]).wait_exit().expect(11);
    assert!(refused.log.contains(".camrec.lock: a link is in the way"), "{}", refused.log);
    fs::remove_file(&lock).unwrap();
    mkfifo(&lock, Mode::S_IRWXU).unwrap();
    let refused = camrec_into(&folders.rec(), nobody, &[]).wait_exit();
    assert!(refused.log.contains("it is no regular file"), "{}", refused.log);
    folders.assert_nothing_was_touched();
}

fn camrec(args: &[&str], files: &[&Path]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    Program::start("camrec", command.args(args).args(files)).wait_exit()
}

/// A folder of one picture, as `--format jpg` leaves it.
fn stills(folder: &Path, jpeg: &[u8]) {
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("000000_2026-11-23_14-03-27.512345+0100.jpg"), jpeg).unwrap();
}

/// A small picture whose header says that it is this large.
fn claiming(side: u16) -> Vec<u8> {
    let mut jpeg = noise(16, 16, 50, 1);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let [high, low] = side.to_be_bytes();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[high, low, high, low]);
    jpeg
}

#[test]
fn files_that_claim_the_world_are_judged_and_shown_in_no_time() {
    let root = tempfile::tempdir().unwrap();
    for (name, side, code) in [("hollow", 4_000, 13), ("huge", 32_000, 15), ("largest", 65_500, 15)] {
        let folder = root.path().join(name);
        stills(&folder, &claiming(side));
        let said = camrec(&["check"], &[&folder]).expect(code).text();
        assert!(said.contains(&format!("{side}x{side}")), "{said}");
        let sheet = root.path().join(format!("{name}.jpg"));
        camrec(&["sheet", "-o", sheet.to_str().unwrap()], &[&folder]).expect(code);
        assert!(fs::metadata(&sheet).unwrap().len() < 1_000_000);
    }
}

#[test]
fn what_is_no_file_and_names_that_a_terminal_would_obey() {
    let root = tempfile::tempdir().unwrap();
    mkfifo(&root.path().join("pipe.mkv"), Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", root.path().join("zero.avi")).unwrap();
    fs::write(root.path().join("\u{1b}[2J\u{202e}.mkv"), b"x").unwrap();
    let ended = camrec(&["check"], &[root.path()]).expect(13);
    let said = ended.text() + &ended.log;
    assert_eq!(said.matches("it is no regular file").count(), 2, "{said}");
    assert!(!said.contains(['\u{1b}', '\u{202e}']) && said.contains("\\u{1b}[2J\\u{202e}.mkv"), "{said}");
    let lines = json::events(&camrec(&["check", "--json"], &[root.path()]).expect(13).text());
    assert_eq!(lines.len(), 3);
    // a sidecar without end is no sidecar
    let folder = root.path().join("stills");
    stills(&folder, &noise(16, 16, 50, 1));
    symlink("/dev/zero", root.path().join("stills.json")).unwrap();
    let said = camrec(&["check"], &[&folder]).expect(13).text();
    assert!(said.contains("its sidecar: ") && said.contains("it is no regular file"), "{said}");
}
