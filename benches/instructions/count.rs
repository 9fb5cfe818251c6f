//! Counting: callgrind says how many instructions a process has taken.

use crate::counted::{Counted, sources};
use crate::work::WORK;
use std::process::{Command, Stdio};

/// How often work is done in the first process and in the second. In the first few frames there is something to get used to.
const TIMES: [usize; 2] = [60, 90];

/// The processor, and what of it code chooses by: memchr, and libc's copies. valgrind has no AVX-512.
pub(crate) fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let vector = if std::is_x86_feature_detected!("avx2") { " avx2" } else { "" };
    #[cfg(not(target_arch = "x86_64"))]
    let vector = "";
    format!("{}{vector}", std::env::consts::ARCH)
}

/// Counts all works.
pub(crate) fn all() -> Counted {
    let said = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let us = std::env::current_exe().unwrap();
    let valgrind = || {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(&us).stdin(Stdio::null());
        valgrind
    };
    let (features, _) = said(valgrind().arg("features"));
    let (rustc, _) = said(Command::new("rustc").arg("--version"));
    let count = |name: &str, times: usize| {
        let (_, told) = said(valgrind().args(["run", name, &times.to_string()]));
        let collected = told.split("Collected : ").nth(1).and_then(|rest| rest.split_whitespace().next());
        collected.and_then(|count| count.parse::<u64>().ok()).expect("callgrind says what it has collected")
    };
    let each = WORK.iter().map(|(name, _)| {
        let [few, more] = TIMES.map(|times| count(name, times));
        ((*name).to_owned(), (more - few) / (TIMES[1] - TIMES[0]) as u64)
    });
    let works = each.collect();
    let [rustc, processor] = [rustc, features].map(|said| said.trim().to_owned());
    Counted { rustc, processor, sources: sources(), works }
}
