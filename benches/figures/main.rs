//! What it costs to stream and to record, beside the least that it could cost, on the machine that this runs on.
//!
//! `make bench` runs it; `cargo bench --bench figures -- sender` runs one part, and `model` fits that of docs/ anew. Nothing is held against a limit: it reports. What
//! is compared is measured in turn, several rounds of it, because machines have other work: ratios within a run count.
//!
//! | module | what |
//! |---|---|
//! | `sender` | camcast beside a bare loop that sends the same frames: CPU, wake-ups, system calls, delay |
//! | `recorder` | camrec beside a bare loop that receives and writes, and beside ffmpeg |
//! | `peers` | ffmpeg and GStreamer, which send RTP, beside both |
//! | `model` | what sending costs as a sum, and what follows for smaller boards |
//! | `again` | the model of an earlier run, with instructions counted since |
//! | `loss` | what lost datagrams cost both ends |
//! | `bare` | the bare loops: who sends, who receives, who writes |
//! | `crowd` | native clients, as many as wanted, in one process |
//! | `gauge` | what a process has used up |
//! | `frames` | JPEGs of a given length |
//! | `calls` | its system calls |
//! | `machine` | what it was measured on |
//! | `attempt` | what fails costs its own figure alone |
//! | `stage` | senders and receivers, started and measured |
//! | `roles` | this program as other processes |
//! | `report` | the JSON and `docs/BENCHMARKS.md` |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod again;
mod attempt;
mod bare;
mod calls;
#[path = "../instructions/counted.rs"]
#[allow(dead_code, reason = "benches/instructions writes it")]
mod counted;
mod crowd;
mod frames;
mod gauge;
mod loss;
mod machine;
mod model;
mod peers;
mod plan;
mod recorder;
mod report;
mod roles;
mod sender;
mod stage;
mod summary;
#[path = "../instructions/work.rs"]
mod work;

#[path = "../../tests/support/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests/it uses all of it")]
mod support;

use attempt::Failures;
use model::Measured;
use plan::Plan;
use report::Report;

fn main() {
    // cargo bench adds --bench
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [role, args @ ..] = &args[..] {
        if roles::play(role, args) {
            return;
        }
    }
    if args == ["model"] {
        return again::fit();
    }
    let plan = Plan::new(args);
    let (mut report, failures) = (Report::new(&plan), Failures::default());
    if plan.has("sender") {
        report.sender = failures.attempt("sender", || sender::run(&plan, &failures));
        let rows = report.sender.as_deref().map(Measured::of).unwrap_or_default();
        report.model = failures.attempt("model", || model::fit(&rows)).flatten();
    }
    if plan.has("recorder") {
        report.recorder = failures.attempt("recorder", || recorder::run(&plan, &failures));
    }
    if plan.has("peers") {
        report.peers = failures.attempt("peers", || peers::run(&plan, &failures));
    }
    if plan.has("loss") {
        report.loss = failures.attempt("loss", || loss::run(&plan, &failures));
    }
    report.failed = failures.told();
    report.write();
    if !report.is_sound() {
        std::process::exit(1);
    }
}
