//! camrec's options as typed. What they mean is decided in [`config`](super::config).

use crate::app::argument::Argument;
use argh::{ArgsInfo, FromArgs};

/// Records a camcast stream: every frame that the camera delivered is in the files, or named as missing.
#[derive(FromArgs, ArgsInfo, Clone, Debug, Default)]
#[argh(help_triggers("-h", "--help"))]
pub struct Options {
    /// where camcast runs: HOST or HOST:PORT; the port's default is 9999. With --check,
    /// --export and --sheet: recordings
    #[argh(positional)]
    pub host: Vec<Argument>,

    /// folder for the recording; NAME.mkv or NAME.avi: one file; '-': standard output; default: this folder
    #[argh(option, short = 'o', arg_name = "folder")]
    pub output: Option<Argument>,

    /// do not make that folder: if it is not there, a disk may not be mounted
    #[argh(switch)]
    pub must_exist: bool,

    /// length of a file, such as 10m or 1h; default 10m
    #[argh(option, arg_name = "duration")]
    pub segment: Option<String>,

    /// files begin at round times: with --segment 15m at :00, :15, :30 and :45, by local time or --utc
    #[argh(switch)]
    pub align: bool,

    /// mkv, avi, jpg (folders of pictures), or mjpeg with '-o -'; default mkv
    #[argh(option, arg_name = "mkv|avi|jpg|mjpeg")]
    pub format: Option<String>,

    /// names of files and their folders, as strftime has it; default %Y-%m-%d/%H-%M-%S.mkv
    #[argh(option, arg_name = "template")]
    pub name: Option<String>,

    /// names in UTC; default: local time
    #[argh(switch)]
    pub utc: bool,

    /// keep so much of the recordings, such as 100G: the oldest go; default: all
    #[argh(option, arg_name = "size")]
    pub keep: Option<String>,

    /// keep recordings for so long, such as 7d; default: for ever
    #[argh(option, arg_name = "duration")]
    pub keep_for: Option<String>,

    /// delete the oldest recordings so that so much of the disk is free, such as 10G
    #[argh(option, arg_name = "size")]
    pub min_free: Option<String>,

    /// when the disk is full: stop until there is space again, or rotate: delete the oldest recordings; default stop
    #[argh(option, arg_name = "stop|rotate")]
    pub when_full: Option<String>,

    /// memory for frames that wait for the disk, such as 256M; default 64M
    #[argh(option, arg_name = "size")]
    pub buffer: Option<String>,

    /// run this command with each finished file; it finds CAMREC_FILE and more in its environment
    #[argh(option, arg_name = "command")]
    pub on_segment: Option<Argument>,

    /// end that command if it takes longer; default 1h
    #[argh(option, arg_name = "duration")]
    pub on_segment_timeout: Option<String>,

    /// wait for camcast if it is not there yet; default: only once it was there
    #[argh(switch)]
    pub wait: bool,

    /// stop after this much of the stream, such as 90s
    #[argh(option, arg_name = "duration")]
    pub duration: Option<String>,

    /// stop after so many frames
    #[argh(option, arg_name = "n")]
    pub frames: Option<u64>,

    /// want every frame, late if need be; the default, but for '-o -'
    #[argh(switch)]
    pub every: bool,

    /// want the newest frame, skipping what comes too late; the default for '-o -'
    #[argh(switch)]
    pub newest: bool,

    /// speak the original protocol, with this UDP port for the frames; 0 takes any
    #[argh(option, arg_name = "udp-port")]
    pub plain: Option<u16>,

    /// tell programs what happens, a JSON object a line, on standard output; with '-o -' on standard error, in place of
    /// the log
    #[argh(switch)]
    pub json: bool,

    /// read recordings back instead: is everything there, does every picture decode?
    #[argh(switch)]
    pub check: bool,

    /// copy a recording instead, its frames untouched, to -o: NAME.mov, NAME.avi, NAME.mkv, or a FOLDER/ of JPEGs
    #[argh(switch)]
    pub export: bool,

    /// make a sheet of small pictures of a recording instead, with their times; -o: NAME.jpg
    #[argh(switch)]
    pub sheet: bool,

    /// say more; twice: trace
    #[argh(switch, short = 'v')]
    pub verbose: u16,

    /// print the version
    #[argh(switch)]
    pub version: bool,
}

impl Options {
    /// The first option that has to do with recording only.
    pub fn first_of_recording(&self) -> Option<&'static str> {
        let given = [
            ("--format", self.format.is_some()),
            ("--buffer", self.buffer.is_some()),
            ("--duration", self.duration.is_some()),
            ("--frames", self.frames.is_some()),
            ("--every", self.every),
            ("--newest", self.newest),
            ("--plain", self.plain.is_some()),
            ("--wait", self.wait),
        ];
        self.first_of_files()
            .or_else(|| given.into_iter().find_map(|(option, is_given)| is_given.then_some(option)))
    }

    /// The first option that has to do with the files of a recording only.
    pub fn first_of_files(&self) -> Option<&'static str> {
        let given = [("--must-exist", self.must_exist), ("--on-segment", self.on_segment.is_some())];
        self.first_of_folders()
            .or_else(|| given.into_iter().find_map(|(option, is_given)| is_given.then_some(option)))
    }

    /// The first option that has to do with many files only.
    pub fn first_of_folders(&self) -> Option<&'static str> {
        let given = [
            ("--segment", self.segment.is_some()),
            ("--align", self.align),
            ("--name", self.name.is_some()),
            ("--utc", self.utc),
            ("--keep", self.keep.is_some()),
            ("--keep-for", self.keep_for.is_some()),
            ("--min-free", self.min_free.is_some()),
            ("--when-full", self.when_full.is_some()),
        ];
        given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
    }
}
