//! A file or a folder that somebody deletes, moves or unmounts while it is written: it is named, the account is true, and the recording
//! goes on.

use crate::support::books::{last, of_kind};
use crate::support::film::{self, RecordingReader};
use crate::support::json;
use crate::support::procs::{Camcast, Program, camrec_into};
use crate::support::{deadline, is_over, left_out, pause};
use nix::sys::signal::Signal;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn shots(folder: &Path) -> u64 {
    RecordingReader::read_folder(folder).iter().map(|film| film.shots.len() as u64).sum()
}

/// The file that it writes to, once it has been brought to the disk.
fn the_file(camrec: &Program, folder: &Path) -> PathBuf {
    let line = camrec.wait_line("writing ");
    let path = PathBuf::from(line.split_once("writing ").unwrap().1);
    assert!(path.starts_with(folder));
    let until = deadline(crate::support::PATIENCE);
    while !path.metadata().is_ok_and(|found| found.len() > 50_000) {
        assert!(!is_over(until), "it does not grow");
        pause();
    }
    path
}

#[test]
fn a_file_that_is_deleted_is_missing_and_another_goes_on() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let camrec = camrec_into(folder.path(), camcast.address, &["--json"]);
    let path = the_file(&camrec, folder.path());
    let lines = camrec.lines();
    fs::remove_file(&path).unwrap();
    let said = camrec.wait_line_after(lines, "was deleted while it was written");
    assert!(said.contains(path.to_str().unwrap()) && said.contains("frames are lost"), "{said}");
    camrec.wait_line_after(lines, "writing ");
    let ended = camrec.stop(Signal::SIGINT).expect(12);
    let events = json::events(&ended.text());
    let (account, lost) = (last(&events, "account"), last(&events, "segment-lost"));
    assert_eq!((lost.text("why"), lost.text("path")), ("deleted", path.to_str().unwrap()));
    assert!(lost.number("frames") > 0);
    assert_eq!(account.number("missing"), lost.number("frames"));
    assert_eq!(account.number("missing_outside_sidecars"), lost.number("frames"));
    let ranges: Vec<_> =
        of_kind(&events, "missing").into_iter().filter(|event| event.text("why") == "deleted").collect();
    assert_eq!(ranges.iter().map(|range| range.number("count")).sum::<u64>(), lost.number("frames"));
    assert_eq!(account.number("frames"), shots(folder.path()));
    // the numbers of the lost ones are those before the first that is left
    let [(_, sidecar)] = &json::sidecars(folder.path())[..] else { panic!("not one sidecar") };
    assert!(json::missing(account).iter().all(|number| *number < sidecar.number("first_frame")));
}

#[test]
fn pictures_that_are_deleted_are_missing_and_another_folder_goes_on() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let camrec = camrec_into(folder.path(), camcast.address, &["--json", "--format", "jpg"]);
    let line = camrec.wait_line("writing ");
    let pictures = PathBuf::from(line.split_once("writing ").unwrap().1);
    let count = |folder: &Path| fs::read_dir(folder).unwrap().count() as u64;
    let until = deadline(crate::support::PATIENCE);
    while count(&pictures) < 20 {
        assert!(!is_over(until), "no pictures come");
        pause();
    }
    let lines = camrec.lines();
    // as rm does it, beside what comes meanwhile
    for picture in fs::read_dir(&pictures).unwrap() {
        fs::remove_file(picture.unwrap().path()).unwrap();
    }
    camrec.wait_line_after(lines, "frames are lost");
    camrec.wait_line_after(lines, "writing ");
    let ended = camrec.stop(Signal::SIGINT).expect(12);
    let events = json::events(&ended.text());
    let (account, lost) = (last(&events, "account"), last(&events, "segment-lost"));
    assert!(account.number("missing") >= 20, "{account:?}");
    assert_eq!(account.number("missing"), lost.number("frames"), "{account:?}");
    let days =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let folders = days.flat_map(|day| fs::read_dir(day).unwrap()).map(|entry| entry.unwrap().path());
    let left: u64 = folders.filter(|path| path.is_dir()).map(|path| count(&path)).sum();
    assert_eq!(account.number("frames"), left, "{account:?}");
    let finished = of_kind(&events, "segment-finished");
    assert_eq!(finished.iter().map(|segment| segment.number("frames")).sum::<u64>(), left);
}

#[test]
fn a_file_that_is_moved_ends_whole_where_it_is() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let into = folder.path().join("rec");
    let camrec = camrec_into(&into, camcast.address, &["--json"]);
    let (path, lines) = (the_file(&camrec, &into), camrec.lines());
    let elsewhere = folder.path().join("moved.mkv");
    fs::rename(&path, &elsewhere).unwrap();
    let said = camrec.wait_line_after(lines, "was moved to");
    assert!(said.contains(elsewhere.to_str().unwrap()), "{said}");
    camrec.wait_line_after(lines, "writing ");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let (account, lost) = (last(&events, "account"), last(&events, "segment-lost"));
    assert_eq!((lost.text("why"), lost.text("now")), ("moved", elsewhere.to_str().unwrap()));
    let moved = RecordingReader::read(&elsewhere);
    assert!(moved.is_finished && folder.path().join("moved.json").exists());
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert_eq!(account.number("frames"), shots(&into) + moved.shots.len() as u64);
    // nothing is left to the next start
    let next = camrec_into(&into, camcast.address, &["--frames", "1"]).wait_exit().expect(0);
    assert!(!next.log.contains("was not finished"), "{}", next.log);
}

#[test]
fn a_folder_that_is_moved_keeps_its_recordings_and_another_is_made() {
    let (root, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let [into, elsewhere] = ["rec", "elsewhere"].map(|name| root.path().join(name));
    let camrec = camrec_into(&into, camcast.address, &["--json"]);
    let (path, lines) = (the_file(&camrec, &into), camrec.lines());
    fs::rename(&into, &elsewhere).unwrap();
    let said = camrec.wait_line_after(lines, "the folder ");
    assert!(said.contains(&format!("was moved to {}", elsewhere.display())), "{said}");
    camrec.wait_line_after(lines, "is recreated");
    camrec.wait_line_after(lines, "writing ");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let account = last(&events, "account");
    assert_eq!(account.number("missing"), 0, "{account:?}");
    assert_eq!(account.number("frames"), shots(&into) + shots(&elsewhere));
    let moved = elsewhere.join(path.strip_prefix(&into).unwrap());
    assert!(RecordingReader::read(&moved).is_finished && moved.with_extension("json").exists());
    // it is whole there as well, index and all
    let next = camrec_into(&elsewhere, camcast.address, &["--frames", "1"]).wait_exit().expect(0);
    assert!(!next.log.contains("was not finished"), "{}", next.log);
}

#[test]
fn a_folder_that_is_deleted_is_made_anew_unless_it_must_exist() {
    for must_exist in [false, true] {
        let (root, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
        let into = root.path().join("rec");
        fs::create_dir(&into).unwrap();
        let args: &[&str] = if must_exist { &["--json", "--must-exist"] } else { &["--json"] };
        let camrec = camrec_into(&into, camcast.address, args);
        the_file(&camrec, &into);
        let lines = camrec.lines();
        // camrec may be quicker with another file in it, which goes as well
        while fs::remove_dir_all(&into).is_err_and(|why| why.kind() != ErrorKind::NotFound) {}
        camrec.wait_line_after(lines, "frames are lost");
        let code = if must_exist {
            camrec.wait_line_after(lines, "not recording: ");
            assert!(!into.exists());
            11
        } else {
            camrec.wait_line_after(lines, "is recreated");
            camrec.wait_line_after(lines, "writing ");
            12
        };
        let ended = camrec.stop(Signal::SIGINT).expect(code);
        let events = json::events(&ended.text());
        let (account, lost) = (last(&events, "account"), last(&events, "segment-lost"));
        assert!(account.number("missing") >= lost.number("frames"), "{account:?}");
        assert_eq!(account.number("frames"), if must_exist { 0 } else { shots(&into) });
    }
}

#[test]
fn a_folder_that_must_exist_is_not_made() {
    let (root, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let into = root.path().join("disk/rec");
    let refused = camrec_into(&into, camcast.address, &["--must-exist"]).wait_exit().expect(11);
    assert!(
        refused.log.contains("--must-exist says not to make it: is the disk mounted?"),
        "{}",
        refused.log
    );
    assert!(!into.exists());
    let made = camrec_into(&into, camcast.address, &["--frames", "1"]).wait_exit().expect(0);
    assert!(made.log.contains(&format!("made the folder {}", into.display())), "{}", made.log);
    camrec_into(&into, camcast.address, &["--frames", "1", "--must-exist"]).wait_exit().expect(0);
}

#[test]
fn a_mount_that_fstab_has_and_the_system_has_not_is_said_aloud() {
    let (root, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let (point, fstab) = (root.path().join("disk"), root.path().join("fstab"));
    fs::create_dir(&point).unwrap();
    fs::write(&fstab, format!("LABEL=disk {} ext4 nofail 0 2\n", point.display())).unwrap();
    let run = |args: &[&str]| {
        let script = format!("mount --bind {} /etc/fstab && exec \"$0\" \"$@\"", fstab.display());
        let mut command = Command::new("unshare");
        command.args([
            "-rm",
            "sh",
            "-c",
            &script,
            env!("CARGO_BIN_EXE_camrec"),
            &camcast.address.to_string(),
        ]);
        command
            .args(["--frames", "1", "-o", point.join("rec").to_str().unwrap()])
            .args(args)
            .stdin(Stdio::null());
        Program::start("camrec", &mut command).wait_exit()
    };
    if !Path::new("/etc/fstab").exists() || !has_mounts() {
        left_out("no mount in a user namespace here (unshare -rm), or no /etc/fstab");
        return;
    }
    let said = format!("{} should be mounted, as /etc/fstab says, and is not", point.display());
    let ended = run(&[]).expect(0);
    assert!(ended.log.contains(&said), "{}", ended.log);
    let refused = run(&["--must-exist"]).expect(11);
    assert!(refused.log.contains("/etc/fstab says that something should be: mount it"), "{}", refused.log);
}

#[test]
fn a_file_that_is_cut_is_left_and_another_goes_on() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    let camrec = camrec_into(folder.path(), camcast.address, &[]);
    let (path, lines) = (the_file(&camrec, folder.path()), camrec.lines());
    // as a repair by somebody else does; what is written meanwhile is behind a hole, so it is done until it is seen
    let until = deadline(crate::support::PATIENCE);
    while !camrec.log().contains("another program has cut") {
        assert!(!is_over(until), "it is not seen");
        fs::File::options().write(true).open(&path).unwrap().set_len(10_000).unwrap();
        pause();
    }
    camrec.wait_line_after(lines, "writing ");
    camrec.stop(Signal::SIGINT).expect(0);
}

/// Whether this user may have mounts of their own.
fn has_mounts() -> bool {
    let can = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    can.is_ok_and(|can| can.status.success())
}

#[test]
fn a_disk_that_is_unmounted_is_waited_for() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    if !has_mounts() {
        left_out("no mount in a user namespace here (unshare -rm)");
        return;
    }
    let into = folder.path().join("disk");
    fs::create_dir(&into).unwrap();
    let mount = format!("mount -t tmpfs tmpfs {0}", into.display());
    let mut command = Command::new("unshare");
    command.args([
        "-rm",
        "sh",
        "-c",
        &format!("{mount} && exec \"$0\" \"$@\""),
        env!("CARGO_BIN_EXE_camrec"),
    ]);
    command.args([&camcast.address.to_string(), "--json", "-o", into.to_str().unwrap()]).stdin(Stdio::null());
    let camrec = Program::start("camrec", &mut command);
    camrec.wait_line("writing ");
    let (lines, pid) = (camrec.lines(), camrec.pid().to_string());
    let within = |command: &str| {
        let entered = Command::new("nsenter")
            .args(["-t", &pid, "-U", "-m", "--preserve-credentials", "sh", "-c", command])
            .output()
            .unwrap();
        assert!(entered.status.success(), "{command}: {}", String::from_utf8_lossy(&entered.stderr));
    };
    within(&format!("umount -l {}", into.display()));
    camrec.wait_line_after(lines, "was unmounted while it was written");
    camrec.wait_line_after(lines, "not recording: ");
    assert_eq!(film::files(&into), [] as [PathBuf; 0], "nothing goes to the disk beneath");
    // another disk, on which camrec has recorded before
    within(&format!("{mount} && touch {}/.camrec.index", into.display()));
    camrec.wait_line_after(lines, "recording again");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    assert_eq!(last(&events, "segment-lost").text("why"), "unmounted");
    assert_eq!(last(&events, "account").number("missing"), 0, "{}", ended.log);
}

#[test]
fn an_index_and_a_lock_that_are_deleted_are_made_anew() {
    let (folder, camcast) = (tempfile::tempdir().unwrap(), Camcast::pattern(30));
    camrec_into(folder.path(), camcast.address, &["--frames", "1"]).wait_exit().expect(0);
    let camrec = camrec_into(folder.path(), camcast.address, &[]);
    the_file(&camrec, folder.path());
    let [index, lock] = [".camrec.index", ".camrec.lock"].map(|name| folder.path().join(name));
    let before = fs::read_to_string(&index).unwrap();
    fs::remove_file(&index).unwrap();
    fs::remove_file(&lock).unwrap();
    camrec.wait_line(".camrec.lock was deleted");
    camrec.wait_line(".camrec.index was deleted");
    assert_eq!(fs::read_to_string(&index).unwrap(), before);
    let refused = camrec_into(folder.path(), camcast.address, &["--frames", "1"]).wait_exit().expect(11);
    assert!(refused.log.contains("one folder, one camrec"), "{}", refused.log);
    camrec.stop(Signal::SIGINT).expect(0);
    let text = fs::read_to_string(&index).unwrap();
    assert_eq!(text.matches("finished ").count(), 2, "{text}");
}
