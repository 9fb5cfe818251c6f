//! Whether a log is as quiet as it has to be, whatever others do.

use std::collections::HashMap;
use std::ops::Range;

/// What a line is about: its words without numbers, and without most of what a peer has said.
fn kind(line: &str) -> String {
    let (_, text) = line.split_once(": ").expect("a line has the time of day, and who speaks");
    let text = text.strip_prefix("warning: ").unwrap_or(text);
    let text = text.split_once(" more like it in the last minute: ").map_or(text, |(_, text)| text);
    text.chars().filter(|it| !it.is_ascii_digit()).take(24).collect()
}

/// `14:03:27.123` in milliseconds.
fn millis(line: &str) -> u64 {
    let number = |at: Range<usize>| line[at].parse::<u64>().expect("the time of day");
    ((number(0..2) * 60 + number(3..5)) * 60 + number(6..8)) * 1000 + number(9..12)
}

/// No minute has so many lines of one kind, and a terminal shows what they are. What has no time of day is not of the log.
#[track_caller]
pub fn assert_quiet(log: &str, lines: usize) {
    let is_obeyed = |it: char| it.is_control() && it != '\n';
    assert!(!log.contains(is_obeyed) && !log.contains(['\u{202e}', '\u{fffd}']), "{log:?}");
    let mut kinds: HashMap<String, Vec<u64>> = HashMap::new();
    for line in log.lines().filter(|line| line.as_bytes().get(2) == Some(&b':')) {
        kinds.entry(kind(line)).or_default().push(millis(line));
    }
    for (kind, times) in kinds {
        let most = times.windows(lines).find(|of| of[lines - 1].wrapping_sub(of[0]) < 60_000);
        assert_eq!(most, None, "{lines} lines within a minute, {kind:?}:\n{log}");
    }
}
