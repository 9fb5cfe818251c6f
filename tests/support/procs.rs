//! The programs as guarded processes: started, listened to line by line, and never left behind.

use super::{PATIENCE, deadline, left};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, Once};
use std::thread;
use std::time::Duration;

/// A running program. Dropped, it is killed and reaped.
pub struct Program {
    name: &'static str,
    child: Child,
    out: Arc<Stream>,
    log: Arc<Stream>,
}

/// What a program has said so far, on one of its two outputs.
#[derive(Default)]
struct Stream {
    said: Mutex<Said>,
    news: Condvar,
}

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    is_over: bool,
}

/// A program that has ended.
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub log: String,
}

impl Stream {
    fn listen(mut to: impl Read + Send + 'static) -> Arc<Stream> {
        let stream = Arc::new(Stream::default());
        let ours = Arc::clone(&stream);
        thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            loop {
                let count = match to.read(&mut bytes) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    count => count.unwrap_or(0),
                };
                let mut said = ours.said.lock().unwrap();
                said.bytes.extend_from_slice(&bytes[..count]);
                said.is_over = count == 0;
                ours.news.notify_all();
                if said.is_over {
                    return;
                }
            }
        });
        stream
    }

    /// Waits until `find` finds something; the error says why it never will, or that it took too long.
    fn wait<T>(&self, wait: Duration, find: impl Fn(&Said) -> Option<T>) -> Result<T, &'static str> {
        let until = deadline(wait);
        let mut said = self.said.lock().unwrap();
        loop {
            if let Some(found) = find(&said) {
                return Ok(found);
            }
            if said.is_over {
                return Err("the program has ended");
            }
            let (again, timeout) = self.news.wait_timeout(said, left(until)).unwrap();
            said = again;
            if timeout.timed_out() && find(&said).is_none() {
                return Err("time is up");
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.said.lock().unwrap().bytes.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

fn whole_lines(bytes: &[u8]) -> Vec<String> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    String::from_utf8_lossy(&bytes[..end]).lines().map(str::to_owned).collect()
}

/// A script ignores SIGINT for what it starts in the background, nohup SIGHUP, and a child inherits that. What is
/// handled here is back at its default there.
fn hear_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let always = Arc::new(AtomicBool::new(true));
            signal_hook::flag::register_conditional_default(signal as i32, always).unwrap();
        }
    });
}

impl Program {
    /// Starts it, with its output and its log collected.
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        Program::start_to(name, command, Stdio::piped())
    }

    /// Starts it with its output to somebody else.
    pub fn start_to(name: &'static str, command: &mut Command, out: impl Into<Stdio>) -> Self {
        command.stdout(out).stderr(Stdio::piped());
        hear_signals();
        command.env_remove("RUST_LOG").env_remove("JOURNAL_STREAM");
        if command.get_envs().all(|(name, _)| name != "TZ") {
            command.env("TZ", "UTC");
        }
        let mut child = command.spawn().unwrap_or_else(|why| panic!("{name}: {why}"));
        // the command must not keep the other end of a pipe open
        command.stdout(Stdio::null());
        let out = match child.stdout.take() {
            Some(out) => Stream::listen(out),
            None => Stream::listen(io::empty()),
        };
        let log = Stream::listen(child.stderr.take().unwrap());
        Program { name, child, out, log }
    }

    /// The first line of the log that holds `text`, as soon as it is there.
    pub fn wait_line(&self, text: &str) -> String {
        self.wait_line_after(0, text)
    }

    /// The same of the lines after the first `lines`: see [`lines`](Self::lines).
    pub fn wait_line_after(&self, lines: usize, text: &str) -> String {
        self.wait_line_within(PATIENCE, lines, text)
    }

    /// The same, for something that is promised to come soon.
    pub fn wait_line_within(&self, wait: Duration, lines: usize, text: &str) -> String {
        let find =
            |said: &Said| whole_lines(&said.bytes).into_iter().skip(lines).find(|line| line.contains(text));
        self.log.wait(wait, find).unwrap_or_else(|why| {
            panic!("{} never said {text:?}: {why}. It said:\n{}", self.name, self.log.text())
        })
    }

    /// How many lines the log has by now.
    pub fn lines(&self) -> usize {
        whole_lines(&self.log.bytes()).len()
    }

    /// What it has logged by now.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Its standard output, once there are this many bytes.
    pub fn wait_output(&self, count: usize) -> Vec<u8> {
        let find = |said: &Said| (said.bytes.len() >= count).then(|| said.bytes.clone());
        self.out.wait(PATIENCE, find).unwrap_or_else(|why| {
            panic!("{} did not write {count} bytes: {why}. It said:\n{}", self.name, self.log.text())
        })
    }

    /// Its standard input, if it was asked for.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub fn signal(&self, which: Signal) {
        signal::kill(self.pid(), which).unwrap();
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// A number of its `/proc/PID/status`, such as `VmHWM` in kB.
    #[track_caller]
    pub fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok())
            .expect("a number of that name")
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// From now on it may have so many descriptors; what is open stays so.
    pub fn limit_descriptors(&self, most: usize) {
        let (pid, most) = (self.pid().to_string(), format!("--nofile={most}:"));
        let set = Command::new("prlimit").args(["--pid", &pid, &most]).status().unwrap();
        assert!(set.success());
    }

    /// Waits for its end. Both outputs end with it.
    pub fn wait_exit(self) -> Ended {
        self.wait_exit_within(PATIENCE)
    }

    /// The same, for what takes its time.
    pub fn wait_exit_within(mut self, wait: Duration) -> Ended {
        for stream in [&self.log, &self.out] {
            let ended = stream.wait(wait, |said| said.is_over.then_some(()));
            ended.unwrap_or_else(|why| panic!("{} does not end: {why}. It said:\n{}", self.name, self.log()));
        }
        let status = self.child.wait().unwrap();
        let (code, signal) = (status.code(), status.signal());
        Ended { code, signal, out: self.out.bytes(), log: self.log.text() }
    }

    /// Sends the signal, then waits for the end.
    pub fn stop(self, which: Signal) -> Ended {
        self.signal(which);
        self.wait_exit()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // not an error if it has ended: then it is reaped, and kill() does nothing
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("---- {} said:\n{}----", self.name, self.log.text());
        }
    }
}

impl Ended {
    /// The program ended by itself, with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let out = String::from_utf8_lossy(&self.out[..self.out.len().min(2000)]);
        assert_eq!(
            (self.code, self.signal),
            (Some(code), None),
            "exit code, signal; log:\n{}\n{out}",
            self.log
        );
        self
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// The number of the first frame that a camrec with `-v` was to get.
    #[track_caller]
    pub fn first_frame(&self) -> u32 {
        let (_, rest) = self.log.split_once("next frame ").expect("with -v it says where it begins");
        rest.split(',').next().unwrap().parse().unwrap()
    }

    /// A number of camrec's account, which is on standard output, or in the log if that is for frames.
    #[track_caller]
    pub fn account(&self, name: &str) -> u64 {
        let label = format!("{name}: ");
        let text = format!("{}\n{}", self.log, String::from_utf8_lossy(&self.out));
        let value = text.lines().find_map(|line| {
            let (before, value) = line.split_once(&label)?;
            (before.is_empty() || before.ends_with(' ')).then(|| value.to_owned())
        });
        let value = value.unwrap_or_else(|| panic!("no {name:?} in the account:\n{text}"));
        let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
    }
}

/// A running camcast.
pub struct Camcast {
    pub program: Program,
    /// Where clients can join.
    pub address: SocketAddr,
}

impl Camcast {
    /// On any port of 127.0.0.1.
    pub fn start(args: &[&str]) -> Self {
        Camcast::start_at("127.0.0.1:0", args)
    }

    /// The test picture, small, at this many frames a second.
    pub fn pattern(fps: u32) -> Self {
        Camcast::start(&["pattern", "-r", "320x240", "-f", &fps.to_string()])
    }

    pub fn start_at(listen: &str, args: &[&str]) -> Self {
        Camcast::from(Program::start("camcast", camcast(args).args(["--listen", listen])))
    }

    /// It streams what is written to its standard input.
    pub fn piped(args: &[&str]) -> (Self, ChildStdin) {
        let args = [&["-", "--listen", "127.0.0.1:0"], args].concat();
        let mut program = Program::start("camcast", camcast(&args).stdin(Stdio::piped()));
        let stdin = program.take_stdin();
        (Camcast::from(program), stdin)
    }

    /// A program that has been started as camcast.
    pub fn from(program: Program) -> Self {
        let line = program.wait_line("listening on ");
        let (_, rest) = line.split_once("listening on ").unwrap();
        let (address, _) = rest.split_once(" (TCP and UDP)").unwrap();
        Camcast { address: address.parse().unwrap(), program }
    }

    pub fn wait_line(&self, text: &str) -> String {
        self.program.wait_line(text)
    }

    pub fn pid(&self) -> Pid {
        self.program.pid()
    }

    /// Where it listens for what its log calls by this name, such as HTTP.
    pub fn listening(&self, by: &str) -> SocketAddr {
        let by = format!(" ({by})");
        let line = self.program.wait_line(&by);
        let (_, rest) = line.split_once("listening on ").unwrap();
        rest.split_once(&by).unwrap().0.parse().unwrap()
    }
}

/// A command that is not started yet.
pub fn camcast(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camcast"));
    command.args(args).stdin(Stdio::null());
    command
}

/// The same for camrec.
pub fn camrec_command(host: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    command.arg(host).args(args).stdin(Stdio::null());
    command
}

pub fn camrec(from: SocketAddr, args: &[&str]) -> Program {
    Program::start("camrec", &mut camrec_command(&from.to_string(), args))
}

/// camrec that records into `folder`.
pub fn camrec_into(folder: &Path, from: SocketAddr, args: &[&str]) -> Program {
    let args = [&["-o", folder.to_str().unwrap()], args].concat();
    camrec(from, &args)
}

/// A loopback address that no other test listens on, for servers that have to come back on the same port: between
/// two runs of one on 127.0.0.1 another test's socket might get it.
pub fn own_loopback() -> String {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    format!("127.{}.{high}.{low}", 64 + COUNT.fetch_add(1, Ordering::Relaxed) % 128)
}

/// Where nobody listens: a port that was free a moment ago, on an address that no other test has.
pub fn nowhere() -> String {
    let at = TcpListener::bind((own_loopback(), 0)).unwrap();
    at.local_addr().unwrap().to_string()
}
