//! A disk of `--spill` that hangs, fails, is full or is gone: the stream goes on, what cannot be kept is named as missing, and the log says
//! once why.

use super::spill::{FRAMES, Recorder, Scene, assert_whole, bytes_below, leave_chunks, wait};
use crate::support::film::RecordingReader;
use crate::support::inside::Network;
use crate::support::machine::{Call, Fault, Machine};
use crate::support::procs::{Camcast, Ended, Program};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// One who is about to be away, and one who stays.
fn two(scene: &Scene, camcast: &Camcast) -> [Recorder; 2] {
    ["away", "here"].map(|name| scene.record(name, camcast))
}

/// Who was away names what he misses, and has all the rest.
#[track_caller]
fn assert_named(ended: Ended, films: &[RecordingReader]) -> u64 {
    let ended = ended.expect(12);
    let shots: usize = films.iter().map(|film| film.shots.len()).sum();
    let (all, missing) = (ended.account("frames from the camera"), ended.account("missing"));
    assert!(missing > 0, "{}", ended.log);
    assert_eq!((ended.account("recorded"), all - missing), (shots as u64, shots as u64), "{}", ended.log);
    films.iter().for_each(RecordingReader::assert_times_rise);
    missing
}

/// camcast ends well, and has warned so often.
#[track_caller]
fn assert_warned(camcast: Camcast, times: usize) -> String {
    let ended = camcast.program.stop(Signal::SIGTERM).expect(0);
    assert_eq!(ended.log.matches("warning: ").count(), times, "{}", ended.log);
    ended.log
}

/// Who stayed has all, who was away names what he misses, and camcast has warned so often.
#[track_caller]
fn end([away, here]: [Recorder; 2], camcast: Camcast, warnings: usize) {
    let (ended, films) = here.stop();
    assert_whole(&ended.expect(0), &films);
    let (ended, films) = away.stop();
    assert_named(ended, &films);
    assert_warned(camcast, warnings);
}

#[test]
fn a_disk_that_hangs_costs_what_leaves_the_reel_and_keeps_nobody_waiting() {
    let (machine, mut scene) = (Machine::new(), Scene::new());
    let camcast = scene.start_as(machine.under(&mut scene.command()));
    let [away, here] = two(&scene, &camcast);
    away.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES / 2);
    machine.threaten(Call::Write, Fault::Hang);
    camcast.wait_line("does not keep up: choose a faster disk");
    // from memory, though what is kept for him is not to be had
    let lines = away.program.lines();
    away.come_back();
    camcast.wait_line("does not answer");
    away.program.wait_line_after(lines, "back after");
    let before = camcast.program.status("VmRSS");
    here.wait_more(20_000_000);
    away.wait_more(1_000_000);
    let grown = camcast.program.status("VmRSS").saturating_sub(before);
    assert!(grown < 5_000, "{grown} kB");
    machine.relent();
    scene.wait_empty();
    end([away, here], camcast, 2);
}

#[test]
fn a_write_that_fails_once_costs_no_frame() {
    for call in [Call::Write, Call::Sync, Call::Open] {
        let machine = Machine::new();
        let mut scene = Scene::of(10_000, "200", &["--spill-size", "32M"]);
        scene.reel = "8M";
        let camcast = scene.start_as(machine.under(&mut scene.command()));
        let [recorder, here] = two(&scene, &camcast);
        recorder.leave();
        camcast.wait_line("a recorder is away");
        scene.wait_frames(FRAMES);
        // others wait behind it when it fails
        machine.threaten(call, Fault::Hang);
        here.wait_more(1_000_000);
        machine.inflict(call, Fault::Fail(Errno::EIO));
        camcast.wait_line("Input/output error");
        camcast.wait_line("works again");
        scene.wait_frames(2 * FRAMES);
        recorder.come_back();
        camcast.wait_line("has all that it missed");
        let (ended, films) = recorder.stop();
        let shots = assert_whole(&ended.expect(0), &films);
        assert!(shots > 2 * FRAMES as u64, "{call:?}: {shots}");
        assert_warned(camcast, 1);
    }
}

#[test]
fn a_disk_that_takes_nothing_is_tried_until_it_does() {
    for (errno, remedy) in [(Errno::EIO, "another disk"), (Errno::EROFS, "mount it read-write")] {
        let (machine, mut scene) = (Machine::new(), Scene::new());
        let camcast = scene.start_as(machine.under(&mut scene.command()));
        let [away, here] = two(&scene, &camcast);
        away.leave();
        camcast.wait_line("a recorder is away");
        scene.wait_frames(FRAMES / 2);
        machine.threaten(Call::Write, Fault::Refuse(errno));
        let line = camcast.wait_line("cannot be kept: cannot write to ");
        assert!(line.contains(remedy), "{line}");
        here.wait_more(10_000_000);
        machine.relent();
        camcast.wait_line("frames were not kept meanwhile");
        scene.wait_frames(FRAMES);
        away.come_back();
        camcast.wait_line("has all that it missed");
        scene.wait_empty();
        end([away, here], camcast, 1);
    }
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_had() {
    let machine = Machine::new();
    let mut scene = Scene::of(10_000, "200", &["--spill-size", "32M"]);
    let camcast = scene.start_as(machine.under(&mut scene.command()));
    let recorder = scene.record("rec", &camcast);
    recorder.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES);
    machine.threaten(Call::Read, Fault::Fail(Errno::EIO));
    recorder.come_back();
    camcast.wait_line("cannot be read: cannot read from ");
    camcast.wait_line("has all that it missed");
    scene.wait_empty();
    let (ended, films) = recorder.stop();
    let missing = assert_named(ended, &films);
    assert!(missing <= 105, "more than one file: {missing}");
    assert_warned(camcast, 1);
}

#[test]
fn a_folder_that_is_gone_keeps_nobody_waiting_and_is_taken_again() {
    let mut scene = Scene::new();
    let camcast = scene.start();
    let [away, here] = two(&scene, &camcast);
    away.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES);
    let elsewhere = scene.folder.with_extension("elsewhere");
    fs::rename(&scene.folder, &elsewhere).unwrap();
    camcast.wait_line("cannot be kept: cannot find ");
    let lines = away.program.lines();
    away.come_back();
    away.program.wait_line_after(lines, "back after");
    away.wait_more(1_000_000);
    // and for the next outage
    fs::rename(&elsewhere, &scene.folder).unwrap();
    let lines = camcast.program.lines();
    away.leave();
    camcast.program.wait_line_after(lines, "a recorder is away");
    wait("new frames", || scene.frames().last().is_some_and(|(_, numbers)| numbers.len() >= FRAMES));
    away.come_back();
    camcast.program.wait_line_after(lines, "has all that it missed");
    scene.wait_empty();
    end([away, here], camcast, 1);
}

/// A disk of its own, of 96 MiB, of which 64 stay free.
const OWN_DISK: Network<'_> = Network {
    unshare: "-rnm",
    setup: "ip link set lo up && mount -t tmpfs -o size=96M tmpfs /mnt",
    needs: &["true"],
};

/// Others take all there is.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
}

#[test]
fn a_full_disk_is_told_once_and_used_again_when_there_is_room() {
    if !OWN_DISK.is_inside("both::spill_disks::a_full_disk_is_told_once_and_used_again_when_there_is_room") {
        return;
    }
    let (mut scene, others) = (Scene::new(), Path::new("/mnt/others"));
    scene.folder = "/mnt/spill".into();
    let camcast = scene.start();
    let [away, here] = two(&scene, &camcast);
    away.leave();
    camcast.wait_line("a recorder is away");
    scene.wait_frames(FRAMES / 2);
    fill(others);
    camcast.wait_line("cannot be kept: /mnt/spill: the disk is full: delete something");
    let full = bytes_below(&scene.folder);
    here.wait_more(10_000_000);
    assert!(bytes_below(&scene.folder) <= full + 4096);
    fs::remove_file(others).unwrap();
    camcast.wait_line("frames were not kept meanwhile");
    scene.wait_frames(FRAMES);
    away.come_back();
    camcast.wait_line("has all that it missed");
    scene.wait_empty();
    end([away, here], camcast, 1);
}

/// A disk that dies takes no stream with it, and one that lives again has what was kept.
#[test]
fn a_disk_that_hangs_or_fails_at_the_start_keeps_no_stream_from_beginning() {
    for (fault, said, warnings) in [
        // and what has left the reel meanwhile
        (Fault::Hang, "does not answer: the stream begins without", 2),
        (Fault::Refuse(Errno::EIO), "cannot be kept: cannot lock ", 1),
    ] {
        let (machine, mut scene) = (Machine::new(), Scene::new());
        leave_chunks(&scene, 3);
        machine.threaten(Call::Lock, fault);
        let camcast = scene.start_as(machine.under(&mut scene.command()));
        camcast.wait_line(said);
        let [away, here] = two(&scene, &camcast);
        here.wait_more(1_000_000);
        if let Fault::Hang = fault {
            away.leave();
            camcast.wait_line("a recorder is away");
            machine.relent();
            camcast.wait_line("wait for 1 recorder that was away");
        } else {
            // it is tried though nobody is away
            machine.relent();
            camcast.wait_line("wait for 1 recorder that was away");
            away.leave();
            camcast.wait_line("a recorder is away");
        }
        scene.wait_frames(FRAMES);
        let old = scene.frames().iter().find(|(of, _)| *of == 7).map(|(_, numbers)| numbers.len());
        assert_eq!(old, Some(3), "what an earlier start has kept");
        away.come_back();
        camcast.wait_line("has all that it missed");
        let (ended, films) = here.stop();
        assert_whole(&ended.expect(0), &films);
        away.stop();
        assert_warned(camcast, warnings);
    }
}

/// What another word would mend is said at once.
#[test]
fn a_folder_that_cannot_be_one_ends_the_program() {
    let scene = Scene::new();
    fs::write(&scene.folder, "").unwrap();
    let ended = Program::start("camcast", &mut scene.command()).wait_exit().expect(1);
    assert!(ended.log.lines().last().unwrap().contains("--spill cannot make "), "{}", ended.log);
}

/// A disk of its own that fstab has, and that nobody has plugged in.
const ABSENT_DISK: Network<'_> = Network {
    unshare: "-rnm",
    setup: "ip link set lo up && mount -t tmpfs tmpfs /mnt && mkdir /mnt/disk &&
        echo 'LABEL=disk /mnt/disk ext4 nofail 0 2' > /mnt/fstab && mount --bind /mnt/fstab /etc/fstab",
    needs: &["test", "-f", "/etc/fstab"],
};

#[test]
fn where_a_disk_should_be_mounted_the_one_beneath_is_spared() {
    if !ABSENT_DISK.is_inside("both::spill_disks::where_a_disk_should_be_mounted_the_one_beneath_is_spared") {
        return;
    }
    let mut scene = Scene::new();
    scene.folder = "/mnt/disk/spill".into();
    let camcast = scene.start();
    camcast.wait_line("cannot be kept: /mnt/disk/spill: nothing is mounted at /mnt/disk");
    let [away, here] = two(&scene, &camcast);
    away.leave();
    camcast.wait_line("a recorder is away");
    here.wait_more(10_000_000);
    assert!(!scene.folder.exists());
    let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/mnt/disk"]).status().unwrap();
    assert!(mounted.success());
    camcast.wait_line("frames were not kept meanwhile");
    scene.wait_frames(FRAMES);
    away.come_back();
    camcast.wait_line("has all that it missed");
    scene.wait_empty();
    end([away, here], camcast, 2);
}

#[test]
fn a_file_that_cannot_be_opened_at_the_start_stays() {
    let (machine, mut scene) = (Machine::new(), Scene::new());
    leave_chunks(&scene, 3);
    // all of them, so that the new ones may not take their names
    machine.threaten(Call::Open, Fault::Refuse(Errno::EIO));
    let camcast = scene.start_as(machine.under(&mut scene.command()));
    // it waits for him who was away, and tries to keep on for him
    camcast.wait_line("cannot be kept: cannot make a file in ");
    machine.relent();
    camcast.wait_line("works again");
    scene.wait_frames(FRAMES);
    let old =
        |scene: &Scene| scene.frames().iter().find(|(of, _)| *of == 7).map(|(_, numbers)| numbers.len());
    assert_eq!(old(&scene), Some(3));
    let log = assert_warned(camcast, 2);
    assert!(log.contains("warning: 3 files in ") && log.contains("Input/output error"), "{log}");
    // and the next start has them
    let camcast = scene.start();
    camcast.wait_line("wait for 1 recorder");
    assert_eq!(old(&scene), Some(3));
}
