//! How many instructions the work takes that is done for each frame, and whether it is more than it was.
//!
//! A count of instructions is the same in each run, whatever else the machine does, so it can be held against a baseline:
//! `make bench-instructions`, `UPDATE_GOLDEN=1` to renew it. Each piece of work is done a few times in one process and more often
//! in a second one: what the two differ by is the work alone, without what surrounds it, and no symbols are needed to find it.
//!
//! `run WORK TIMES` does it, for `valgrind`, or for an emulator of another processor; without arguments all is counted. What was
//! counted elsewhere comes in by `compare`: that program's own kind of processor, a line `compiler: ` and one for each work.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)]

mod baseline;
mod count;
mod counted;
mod work;

use counted::Counted;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<&str>>()[..] {
        ["run", name, times] => work::run(name, times.parse().expect("a number of times")),
        ["features"] => println!("{}", count::features()),
        ["list"] => work::WORK.iter().for_each(|(name, _)| println!("{name}")),
        ["compare"] => {
            let text = std::io::read_to_string(std::io::stdin()).expect("what was counted");
            let of_here = Counted {
                processor: count::features(),
                sources: counted::sources(),
                ..Counted::parse(&text)
            };
            end(baseline::compare(&of_here));
        }
        [] => end(baseline::compare(&count::all())),
        _ => {
            eprintln!("instructions [run WORK TIMES | features | list | compare]");
            std::process::exit(2);
        }
    }
}

fn end(is_good: bool) {
    if !is_good {
        std::process::exit(1);
    }
}
