//! What was measured, for programs (JSON) and for people (Markdown).

use crate::calls::Calls;
use crate::machine::Machine;
use crate::model::{self, Model, Speed};
use crate::peers::Peers;
use crate::plan::{FPS, Plan};
use crate::summary::{LEAST_FOR_P99, figure};
use crate::{loss, peers, recorder, sender, work};
use camcast::app::quantity::counted;
use serde::Serialize;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    command: String,
    rounds: usize,
    /// Measurements that are missing because they failed, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sender: Option<Vec<sender::Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorder: Option<Vec<recorder::Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peers: Option<Peers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loss: Option<Vec<loss::Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Model>,
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (machine, command, rounds) = (Machine::look(), plan.command(), plan.rounds);
        Report {
            machine,
            command,
            rounds,
            failed: Vec::new(),
            sender: None,
            recorder: None,
            peers: None,
            loss: None,
            model: None,
        }
    }

    /// Prints it, and leaves it in `target/bench`; in `docs` too if `UPDATE_DOCS=1` asks for it.
    pub(crate) fn write(&mut self) {
        self.machine.look_again();
        let text = wrapped(&self.text());
        print!("{text}");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let is_kept = std::env::var("UPDATE_DOCS").is_ok_and(|update| update == "1");
        let folders = [Some(target.join("bench")), is_kept.then(|| root.join("docs"))];
        for folder in folders.into_iter().flatten() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("BENCHMARKS.md"), &text).unwrap();
            let json = serde_json::to_string_pretty(self).unwrap();
            fs::write(folder.join("benchmarks.json"), json + "\n").unwrap();
            eprintln!("written to {}", folder.display());
        }
    }

    /// Whether all frames came that should have, where figures of others do not count; and nothing has failed.
    pub(crate) fn is_sound(&self) -> bool {
        let lost: Vec<&sender::Row> = self.sender.iter().flatten().filter(|row| row.is_wrong).collect();
        for row in &lost {
            eprintln!(
                "{}, {}: {} lost",
                row.picture,
                counted(row.clients as u64, "client"),
                counted(row.camcast_lost, "frame")
            );
        }
        self.failed.iter().for_each(|failed| eprintln!("failed: {failed}"));
        lost.is_empty() && self.failed.is_empty()
    }

    /// What is known of this run to make it rough; what else was running meanwhile, nobody knows.
    fn rough(&self) -> Vec<String> {
        let load = self.machine.load[0];
        let busy = (load > BUSY).then(|| format!("the machine had other work before it ({load:.2})"));
        let few = (self.rounds < 3).then(|| format!("only {}", counted(self.rounds as u64, "round")));
        busy.into_iter().chain(few).collect()
    }

    fn text(&self) -> String {
        let mut text = String::from(HEAD);
        let Machine { cpu, cpus, kernel, system, rustc, commit, date, load, rmem_max } = &self.machine;
        let _ = write!(
            text,
            "- machine: {cpu}, {cpus} CPUs; {kernel}; {system}; receive buffers of up to {rmem_max} bytes\n\
             - program: {commit}, {rustc}\n\
             - command: `{}`, on {date}; {} in turn, medians\n\
             - load average before and after: {:.2}, {:.2}\n",
            self.command,
            counted(self.rounds as u64, "round"),
            load[0],
            load[1]
        );
        let rough = self.rough();
        if !rough.is_empty() {
            let _ = writeln!(text, "- **rough**: {}", rough.join("; "));
        }
        failing(&mut text, &self.failed);
        self.sender.iter().for_each(|rows| sending(&mut text, rows));
        self.recorder.iter().for_each(|rows| recording(&mut text, rows));
        self.peers.iter().for_each(|peers| beside(&mut text, peers));
        self.loss.iter().for_each(|rows| losing(&mut text, rows));
        instructions(&mut text);
        self.model.iter().for_each(|model| modelled(&mut text, model));
        text
    }
}

/// The load average of a machine that has something else to do.
const BUSY: f64 = 0.5;

const HEAD: &str = "\
# Benchmarks

Written by `make bench` (`UPDATE_DOCS=1`), together with `benchmarks.json`, which has the same for programs. Anybody can \
run it. Machines differ, and have other work: compare what stands in one row, which was measured in turn, and not one run \
with another. A run is rough if the machine had other work before it or meanwhile, if there were fewer than the usual three \
rounds, or if they were shorter: a ratio of one round has no spread that would say what it is worth. Other guests on a virtual \
machine's host do the same, and no figure here shows them.

";

fn failing(text: &mut String, failed: &[String]) {
    if failed.is_empty() {
        return;
    }
    text.push_str("\n## What failed\n\nThese measurements are missing from what follows.\n\n");
    failed.iter().for_each(|failed| {
        let _ = writeln!(text, "- {failed}");
    });
}

fn sending(text: &mut String, rows: &[sender::Row]) {
    let _ = write!(
        text,
        "\n## Sending\n\n\
         camcast with native clients, beside a bare loop: it has no protocol and no pacing, and sends the same number of \
         bytes, which lie ready in memory, to as many sockets, {FPS} times a second, in trains of 45 datagrams a call \
         (GSO). All receivers are in another process, and use GRO. CPU is that of the sending process, the kernel's work \
         for it included, in µs a frame and client. The source (reading a file, splitting it into frames, checking them, \
         the copy into the reel) was measured with nobody watching, and is taken off.\n\n\
         | frame | clients | bare loop, µs | camcast, µs | camcast / bare loop | source, µs a frame |\n\
         |---|---|---|---|---|---|\n"
    );
    for row in rows {
        let sender::Row { picture, bytes, clients, bare_us, camcast_us, source_us, ratio, .. } = row;
        let source = match source_us.is_nan() {
            true if row.bare_lost + row.camcast_lost > 0 => "not all frames came".to_owned(),
            _ => figure(*source_us, 0),
        };
        let _ = writeln!(
            text,
            "| {picture}, {} kB | {clients} | {} | {} | {} | {source} |",
            bytes / 1000,
            bare_us.shown(0),
            camcast_us.shown(0),
            ratio.shown(2)
        );
    }
    let _ = write!(
        text,
        "\nDelay is from capture (the file source stamps a frame when it reads it) to the frame's last datagram at the \
         receiver, p50 / p99 / longest in ms, of all rounds together; of fewer than {LEAST_FOR_P99} delays there is no p99 \
         (one client has so many with FRAMES=100). Wake-ups and system calls are those of the sending process, a frame, its \
         source included; system calls were counted in a run of their own with strace. A round in which not all frames came does not count. \
         Processors wanted are what each has used, and has waited for while others used it: close to 1, this machine is too small \
         or too busy.\n\n\
         | frame | clients | bare loop: delay | camcast: delay | wake-ups: bare, camcast | calls: bare | calls: camcast | \
         lost: bare, camcast; sent again | processors wanted: camcast, its receivers |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {}, {} | {} | {} | {}, {}; {} | {:.2}, {:.2} |",
            row.picture,
            row.clients,
            row.bare_delay.shown(),
            row.camcast_delay.shown(),
            figure(row.bare_wakes, 1),
            figure(row.camcast_wakes, 1),
            calls(row.bare_calls),
            calls(row.camcast_calls),
            row.bare_lost,
            row.camcast_lost,
            row.repaired,
            row.busy[0],
            row.busy[1]
        );
    }
}

fn percent(value: f64, digits: usize) -> String {
    figure(value, digits) + if value.is_nan() { "" } else { " %" }
}

fn calls(calls: Option<Calls>) -> String {
    let Some(Calls { all, sends, polls, receives }) = calls else { return "not counted".into() };
    format!("{all:.1} (send {sends:.1}, poll {polls:.1}, receive {receives:.1})")
}

fn recording(text: &mut String, rows: &[recorder::Row]) {
    let _ = write!(
        text,
        "\n## Recording\n\n\
         1080p, {FPS} frames of 200 kB a second, to a file. The bare loop receives what the bare loop above sends, puts frames \
         together and writes each. camrec records from camcast by its own protocol, ffmpeg (`-c copy`) from the same camcast. \
         The bare loop gets its datagrams all at once, the others as camcast spaces them.\n\n\
         | recorder | CPU s a minute | by the bare loop's | most memory, MiB | wake-ups a frame | frames that are in the file |\n\
         |---|---|---|---|---|---|\n"
    );
    for recorder::Row { name, cpu, ratio, peak_mib, wakes, share } in rows {
        let (cpu, ratio, share) = (cpu.shown(2), ratio.shown(2), percent(share * 100.0, 0));
        let (peak, wakes) = (figure(*peak_mib, 1), figure(*wakes, 1));
        let _ = writeln!(text, "| {name} | {cpu} | {ratio} | {peak} | {wakes} | {share} |");
    }
    if !rows.iter().any(|row| row.name.starts_with("ffmpeg")) {
        text.push_str("\nNot run here: ffmpeg, which is not installed.\n");
    }
}

fn beside(text: &mut String, peers: &Peers) {
    let _ = write!(
        text,
        "\n## Beside others\n\n\
         1080p, {FPS} frames of 200 kB a second; CPU of the sending process in µs a frame and receiver. What each takes to read \
         its pictures, measured without receivers, is taken off. A round in which not all came does not count; lost are RTP packets, \
         or frames of the bare loop and camcast.\n\n\
         | sender | receivers | µs | by the bare loop's | source, µs a frame | lost |\n|---|---|---|---|---|---|\n"
    );
    for peers::Row { name, clients, us, source_us, ratio, lost, rounds: _ } in &peers.rows {
        let _ = writeln!(
            text,
            "| {name} | {clients} | {} | {} | {} | {lost} |",
            us.shown(0),
            ratio.shown(2),
            figure(*source_us, 0)
        );
    }
    let _ = writeln!(text, "\nNot run here: {}.", peers.not_run.join("; "));
}

fn losing(text: &mut String, rows: &[loss::Row]) {
    let _ = write!(
        text,
        "\n## Loss and repair\n\n\
         720p, {FPS} frames of 100 kB a second, one recorder behind a path of 10 ms each way that loses datagrams both ways, each \
         by itself. CPU of camcast, its source included, and of the receiver, by what it is without loss. Delay is from \
         capture to a whole frame, of all rounds together.\n\n\
         | lost | camcast | receiver | sent again | delay p50 / p99 / longest, ms | missing |\n|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} % | {} | {} | {} | {} | {} |",
            row.percent,
            row.sender_ratio.shown(2),
            row.receiver_ratio.shown(2),
            percent(row.again_percent, 1),
            row.delay.shown(),
            row.missing
        );
    }
}

/// What is not measured by running the programs.
pub(crate) fn last_parts(model: &Model) -> String {
    let mut text = String::new();
    instructions(&mut text);
    modelled(&mut text, model);
    wrapped(&text)
}

fn instructions(text: &mut String) {
    let kinds = [model::here(), model::ARM].map(|kind| (kind, model::counted(kind)));
    let _ = write!(
        text,
        "\n## Instructions\n\n\
         What the work of the pure rooms takes for a frame of 200 kB (`benches/instructions/work.rs`), as \
         `UPDATE_GOLDEN=1 make bench-instructions` counted it last with callgrind; for aarch64 with qemu \
         (`UPDATE_GOLDEN=1 TESTS=instructions make cross`). hub-1, hub-16 and receive have the copy into the reel in them; hub-1 and \
         hub-16 are for all clients together. Columns compare only if both were counted of the same sources.\n\n\
         | work | {} | {} |\n|---|---|---|\n",
        kinds[0].0, kinds[1].0
    );
    let of = |nth: usize, name: &str| {
        let works = kinds[nth].1.iter().flat_map(|(counted, _)| &counted.works);
        let count = works.filter(|(known, _)| known == name).map(|(_, count)| *count as f64).next();
        figure(count.unwrap_or(f64::NAN), 0)
    };
    for (name, _) in &work::WORK {
        let _ = writeln!(text, "| {name} | {} | {} |", of(0, name), of(1, name));
    }
    let [here, there] = kinds.map(|(_, counted)| match counted {
        Some((_, true)) => "these",
        Some((_, false)) => "others",
        None => "none",
    });
    let _ = writeln!(text, "| of which sources | {here} | {there} |");
}

fn modelled(text: &mut String, model: &Model) {
    let Model { parts_us, off_percent, speed, boards } = model;
    let parts = model::PARTS.iter().zip(parts_us).map(|(part, us)| format!("{us:.2} µs a {part}"));
    let _ = write!(
        text,
        "\n## A model of sending\n\n\
         Fitted to the first table by least squares (by what each row took with its source; none negative), the source left \
         out: {}. It is off by {:.0} % of that in the middle, by {:.0} % at most.\n\n",
        parts.collect::<Vec<String>>().join(", "),
        off_percent[0],
        off_percent[1],
    );
    let Some(Speed { a_ns, ratio, .. }) = speed else {
        text.push_str(
            "What follows for other boards is not computed here: instructions have not been counted of these sources for both kinds of \
             processors (above).\n",
        );
        return;
    };
    let (cut, cut_a_ns) = (model::CUT_US, model::CUT_A_NS);
    let _ = write!(
        text,
        "For other boards it is an estimate, and nothing was measured on one. Assumed: kernel and program slow down alike; a \
         core does so many instructions a cycle as the table says (this one does {a_ns:.1} a ns of our own work, \
         and aarch64 takes {ratio:.2} instructions for one here: the part of it that was checked, under qemu); the network card cuts \
         no trains, and to cut a datagram takes the kernel as long as it took on the author's machine on a veth (by hand, once: {cut} µs, \
         at {cut_a_ns} instructions a ns), slowed down alike; memory is no limit. The camera's own work, its interrupts and the Wi-Fi \
         driver's come on top. {FPS} frames a second, in percent of one core.\n\n",
    );
    let heads = boards.first().map_or(&[][..], |board| &board.asked);
    let columns: String = heads.iter().map(|(asked, _)| format!(" {asked} |")).collect();
    let _ =
        writeln!(text, "| board | instructions a cycle |{columns}\n|---|---|{}", "---|".repeat(heads.len()));
    for model::Prediction { board, a_cycle: [few, many], asked } in boards {
        let cells: String =
            asked.iter().map(|(_, [least, most])| format!(" {least:.1} to {most:.1} |")).collect();
        let _ = writeln!(text, "| {board} | {few} to {many} |{cells}");
    }
}

/// Lines as long as those of the other documents; tables stay as they are.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 110;
    let mut all = String::new();
    for line in text.lines() {
        let indent = if line.starts_with("- ") { "  " } else { "" };
        let mut column = 0;
        for word in line.split(' ').filter(|_| !line.starts_with('|')) {
            if column > 0 && column + 1 + word.chars().count() > WIDTH {
                all.push('\n');
                all.push_str(indent);
                column = indent.len();
            } else if column > 0 {
                all.push(' ');
                column += 1;
            }
            all.push_str(word);
            column += word.chars().count();
        }
        if line.starts_with('|') {
            all.push_str(line);
        }
        all.push('\n');
    }
    all
}
