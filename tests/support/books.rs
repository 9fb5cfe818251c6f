//! What camrec tells adds up: files, sidecars, events and the account say the same.

use super::film::{self, RecordingReader};
use super::json::{self, Object};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The events of this kind, in their order.
#[track_caller]
pub fn of_kind<'a>(events: &'a [Object], kind: &str) -> Vec<&'a Object> {
    events.iter().filter(|event| event.text("event") == kind).collect()
}

/// The last of them.
#[track_caller]
pub fn last<'a>(events: &'a [Object], kind: &str) -> &'a Object {
    of_kind(events, kind).pop().unwrap_or_else(|| panic!("no {kind}: {events:?}"))
}

/// Each number from the first to the last is in exactly one sidecar, as recorded or as missing; and the sidecars together
/// are the account.
#[track_caller]
pub fn assert_adds_up(folder: &Path, account: &Object) {
    let (mut recorded, mut missing) = (BTreeSet::new(), BTreeSet::new());
    let sum = |name: &str, sidecars: &[(_, Object)]| {
        sidecars.iter().map(|(_, sidecar)| sidecar.number(name)).sum::<u64>()
    };
    let sidecars = json::sidecars(folder);
    let mut recordings = Vec::new();
    // what is known of the camera's clock may be that much older when a file is finished: 300 ppm is the most that clocks drift
    let ends = |name: &str| sidecars.iter().map(|(_, sidecar)| sidecar.time(name)).collect::<Vec<_>>();
    let took = ends("start")
        .iter()
        .min()
        .zip(ends("end").iter().max())
        .map_or(0, |(start, end)| i64::try_from(start.duration_until(*end).as_micros()).unwrap());
    let drift = 1_000 + took * 300 / 1_000_000;
    for (path, sidecar) in &sidecars {
        let lost = json::missing(sidecar);
        let frames = (sidecar.number("first_frame")..=sidecar.number("last_frame"))
            .filter(|number| !lost.contains(number));
        let frames: Vec<u64> = frames.collect();
        let film = RecordingReader::read(&path.with_extension("mkv"));
        assert_eq!((frames.len(), frames.len() as u64), (film.shots.len(), sidecar.number("frames")));
        assert_eq!(sidecar.number("file_bytes"), fs::metadata(&film.path).unwrap().len());
        let (first, last) = (film.times().next().unwrap(), film.times().last().unwrap());
        // the file's own date is set right while the camera's clock becomes better known: earlier by what the first frames
        // waited, later by no more than what clocks drift apart meanwhile
        let renewed = sidecar.time("start").as_microsecond() - first;
        assert!((-drift..200_000).contains(&renewed), "{renewed} us of {took}");
        let span = sidecar.time("start").duration_until(sidecar.time("end")).as_micros();
        let off = span - i128::from(last - first);
        assert!(off.abs() <= 1, "the file's time base is the microsecond: {off}");
        frames.into_iter().for_each(|number| assert!(recorded.insert(number), "{number} is in two files"));
        lost.into_iter().for_each(|number| assert!(missing.insert(number), "{number} is missing twice"));
        recordings.push(film.path);
    }
    recordings.sort();
    assert_eq!(recordings, film::files(folder), "each file has a sidecar");
    assert!(recorded.is_disjoint(&missing));
    let all: Vec<u64> = recorded.union(&missing).copied().collect();
    assert!(all.windows(2).all(|two| two[0] + 1 == two[1]), "neither recorded nor missing: {all:?}");
    for name in
        ["frames", "bytes", "repaired", "skipped", "camera_drops", "camera_absences", "camera_away_ms"]
    {
        assert_eq!(sum(name, &sidecars), account.number(name), "{name}");
    }
    let outside = account.number("missing_outside_sidecars");
    assert_eq!(sum("missing", &sidecars) + outside, account.number("missing"));
}
