//! A command for each finished file: it finds the file whole, one at a time, and never keeps the recording from going on.

use crate::support::film;
use crate::support::json;
use crate::support::procs::{Camcast, camrec_into};
use nix::sys::signal::Signal;
use std::fs;

#[test]
fn each_finished_file_is_handed_over_with_its_facts() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "30"]);
    // each fails if another is under way
    let command = format!(
        "cd '{}' && mkdir busy && cp \"$CAMREC_FILE\" \"$CAMREC_SIDECAR\" . &&
        echo \"$CAMREC_FRAMES $CAMREC_MISSING $CAMREC_START $CAMREC_END $CAMREC_NAME\" >>facts && rmdir busy",
        elsewhere.path().display()
    );
    let args = ["--segment", "1s", "--frames", "80", "--on-segment", &command];
    let ended = camrec_into(folder.path(), camcast.address, &args).wait_exit().expect(0);
    assert!(!ended.log.contains("warning"), "{}", ended.log);
    let files = film::files(folder.path());
    assert!(files.len() >= 3);
    let facts = fs::read_to_string(elsewhere.path().join("facts")).unwrap();
    assert_eq!(facts.lines().count(), files.len());
    for (path, facts) in files.iter().zip(facts.lines()) {
        let copy = elsewhere.path().join(path.file_name().unwrap());
        assert!(fs::read(path).unwrap() == fs::read(copy).unwrap(), "{} was not finished", path.display());
        let (_, sidecar) = json::sidecars(folder.path())
            .into_iter()
            .find(|(sidecar, _)| *sidecar == path.with_extension("json"))
            .unwrap();
        let [frames, missing] = ["frames", "missing"].map(|name| sidecar.number(name));
        let name = path.strip_prefix(folder.path()).unwrap().display();
        let [start, end] = ["start", "end"].map(|name| sidecar.text(name));
        assert_eq!(facts, format!("{frames} {missing} {start} {end} {name}"));
    }
}

#[test]
fn a_command_that_fails_or_takes_too_long_is_said_and_the_recording_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "30"]);
    let args = ["--segment", "1s", "--on-segment", "echo spoken; exit 3", "--json"];
    let camrec = camrec_into(folder.path(), camcast.address, &args);
    camrec.wait_line("it ended with status 3");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    let events = json::events(&ended.text());
    let failed: Vec<_> = events.iter().filter(|event| event.text("event") == "command-failed").collect();
    assert_eq!(failed.len(), film::files(folder.path()).len());
    assert!(ended.log.contains("spoken"), "what it says is not among the events");

    let late =
        ["--segment", "1s", "--on-segment", "sleep 100", "--on-segment-timeout", "1s", "--frames", "40"];
    let ended = camrec_into(folder.path(), camcast.address, &late).wait_exit().expect(0);
    assert_eq!(ended.log.matches("it was ended after 1.0 s").count(), 2, "{}", ended.log);
}

#[test]
fn a_second_signal_does_not_wait_for_commands() {
    let folder = tempfile::tempdir().unwrap();
    let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "30"]);
    // it outlives camrec, and must not keep hold of what we read
    let args = ["--frames", "10", "--on-segment", "exec >/dev/null 2>&1; sleep 30"];
    let camrec = camrec_into(folder.path(), camcast.address, &args);
    camrec.wait_line("waiting for --on-segment, 1 to do");
    let ended = camrec.stop(Signal::SIGINT).expect(0);
    assert!(ended.log.contains("1 not waited for"), "{}", ended.log);
}
