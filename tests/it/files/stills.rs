//! `camrec --format jpg`: folders of JPEGs, each with its time in its name.

use crate::support::books::{last, of_kind};
use crate::support::film;
use crate::support::json;
use crate::support::pictures::decoded_size;
use crate::support::procs::{Camcast, Program, camrec_into};
use crate::support::{PATIENCE, deadline, is_over, pause};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders with pictures below this one, and these.
fn recordings(folder: &Path) -> BTreeMap<PathBuf, Vec<PathBuf>> {
    let mut recordings: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for picture in film::files(folder) {
        recordings.entry(picture.parent().unwrap().to_owned()).or_default().push(picture);
    }
    recordings
}

fn check(path: &Path, code: i32) -> json::Object {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    let ended =
        Program::start("camrec", command.args(["check", "--json"]).arg(path)).wait_exit().expect(code);
    json::events(&ended.text()).pop().unwrap()
}

#[test]
fn each_picture_is_a_file_and_each_segment_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let args = ["--format", "jpg", "--segment", "1s", "--frames", "75", "--json"];
    let ended = camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0);
    let recordings = recordings(folder.path());
    assert_eq!(recordings.values().map(Vec::len).sum::<usize>(), 75);
    let events = json::events(&ended.text());
    assert_eq!(last(&events, "account").number("missing"), 0);
    let finished = of_kind(&events, "segment-finished");
    assert!(recordings.len() >= 3 && finished.len() == recordings.len());
    for event in finished {
        let path = Path::new(event.text("path"));
        let pictures = &recordings[path];
        assert_eq!(event.number("frames"), pictures.len() as u64);
        assert_eq!(decoded_size(&fs::read(&pictures[0]).unwrap()), (320, 240));
        let report = check(path, 0);
        assert_eq!((report.number("frames"), report.flag("sound")), (pictures.len() as u64, true));
        assert_eq!(report.time("start"), event.time("start"));
        let sizes = pictures.iter().map(|picture| fs::metadata(picture).unwrap().len());
        assert_eq!(event.number("file_bytes"), sizes.sum::<u64>());
        assert!(event.text("sidecar").ends_with(".json"));
    }
}

#[test]
fn pictures_that_a_crash_has_torn_go_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let first = camrec_into(folder.path(), camcast.address, &["--format", "jpg"]);
    let until = deadline(PATIENCE);
    while film::files(folder.path()).len() < 40 {
        assert!(!is_over(until), "no pictures come");
        pause();
    }
    drop(first.stop(Signal::SIGKILL));
    let pictures = film::files(folder.path());
    // the disk had neither the whole of this one nor anything of that
    let [.., cut, _, empty] = &pictures[..] else { panic!("{pictures:?}") };
    assert!(fs::metadata(cut).unwrap().len() > 500);
    File::options().write(true).open(cut).unwrap().set_len(500).unwrap();
    File::create(empty).unwrap();
    let path = pictures[0].parent().unwrap();
    assert!(check(path, 13).number("bad_frames_in_all") >= 2);
    let second = camrec_into(folder.path(), camcast.address, &["--format", "jpg", "--frames", "3"]);
    let second = second.wait_exit().expect(0);
    assert!(second.log.contains("was not finished: repaired"), "{}", second.log);
    assert_eq!(recordings(folder.path())[path].len(), pictures.len() - 2);
    check(path, 0);
    let third = camrec_into(folder.path(), camcast.address, &["--frames", "3"]).wait_exit().expect(0);
    assert!(!third.log.contains("not finished"), "{}", third.log);
}

#[test]
fn the_oldest_folders_go_and_what_somebody_put_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::pattern(30);
    let args = ["--format", "jpg", "--segment", "1s", "--keep", "1M", "--json"];
    let camrec = camrec_into(folder.path(), camcast.address, &args);
    camrec.wait_line("writing ");
    let first = recordings(folder.path()).into_keys().next().unwrap();
    let notes = first.join("notes.txt");
    fs::write(&notes, b"mine").unwrap();
    for _ in 0..3 {
        let lines = camrec.lines();
        camrec.wait_line_after(lines, "deleted ");
    }
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let deleted = of_kind(&events, "segment-deleted");
    assert_eq!(deleted[0].text("path"), first.to_str().unwrap());
    assert_eq!(fs::read_dir(&first).unwrap().count(), 1, "only the notes");
    assert!(deleted[1..].iter().all(|event| !Path::new(event.text("path")).exists()));
    fs::remove_file(&notes).unwrap();
    let sizes = film::files(folder.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    assert!(sizes <= 1 << 20, "{sizes}");
}
