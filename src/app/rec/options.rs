//! camrec's options as typed. What they mean is decided in [`config`](super::config); what a new one takes stands in camcast's
//! [`options`](crate::app::cast::options).

use crate::app::argument::Argument;
use crate::app::config_file::InFile;
use crate::app::merge::Or;
use argh::{ArgsInfo, FromArgs};

/// Records a camcast stream: every frame that the camera delivered is in the files, or named as missing.
#[derive(FromArgs, ArgsInfo, Clone, Debug, Default, PartialEq, Eq)]
#[argh(
    help_triggers("-h", "--help"),
    note = "Recordings that are there, each with its own --help:\n  camrec check FILE...         is everything there, does every picture decode?\n  camrec export FILE -o NAME   copy one into another form, its frames untouched\n  camrec sheet FILE -o NAME    small pictures of one, with their times\nA host of such a name: camrec -- check"
)]
pub struct Options {
    /// where camcast runs: HOST or HOST:PORT; the port's default is 9999; default: the one camera that --find finds
    #[argh(positional)]
    pub host: Option<Argument>,

    /// list the cameras that are announced on the local network (camcast --announce), and end
    #[argh(switch)]
    pub find: bool,

    /// look at this machine, its disk and the way to HOST, and say what is in the way and what helps; for whoever asks for help, too
    #[argh(switch)]
    pub doctor: bool,

    /// hide addresses and the host's name in what --doctor says
    #[argh(switch)]
    pub mask: bool,

    /// another way to the same camcast, as by a VPN: HOST2 or HOST2:PORT; the stream comes by both, and one may fail
    #[argh(option, arg_name = "host2")]
    pub also: Option<Argument>,

    /// address of this machine that the way to HOST goes out from, such as 192.168.1.7; default: as routed
    #[argh(option, arg_name = "address")]
    pub from: Option<String>,

    /// address of this machine that the way to HOST2 goes out from
    #[argh(option, arg_name = "address")]
    pub also_from: Option<String>,

    /// a file with camcast's key: what is not sealed with it is not recorded; default: the credential
    /// camrec-own.key or camrec.key, or in the open
    #[argh(option, arg_name = "file")]
    pub key_file: Option<Argument>,

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

    /// keep at most this much, such as 100G, and delete the oldest; default: keep everything
    #[argh(option, arg_name = "size")]
    pub keep: Option<String>,

    /// keep recordings for this long, such as 7d; default: for ever
    #[argh(option, arg_name = "duration")]
    pub keep_for: Option<String>,

    /// delete the oldest recordings to keep this much of the disk free, such as 10G
    #[argh(option, arg_name = "size")]
    pub min_free: Option<String>,

    /// when the disk is full: wait until there is space again, or rotate: delete the oldest recordings; default wait
    #[argh(option, arg_name = "wait|rotate")]
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

    /// keep trying if camcast is not there yet; default: only once it has been there
    #[argh(switch)]
    pub wait: bool,

    /// stop after this much of the stream, such as 90s
    #[argh(option, arg_name = "duration")]
    pub duration: Option<String>,

    /// stop after this many frames
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

    /// lines of the log of any one kind a minute, 1 to 10000; more are counted; default 9
    #[argh(option, arg_name = "n")]
    pub log_lines: Option<u16>,

    /// a file of options, one a line without its hyphens, such as 'keep 100G'; what is typed wins over it
    #[argh(option, arg_name = "file")]
    pub config: Option<Argument>,

    /// read what was typed, and the file of --config, say what is wrong with it, and end
    #[argh(switch)]
    pub check_config: bool,

    /// say more; twice: trace
    #[argh(switch, short = 'v')]
    pub verbose: u16,

    /// print the version
    #[argh(switch)]
    pub version: bool,
}

impl Options {
    /// What was typed, and what a file says where nothing was typed. A switch is on if either of them says so; of options
    /// that exclude each other, the one that was typed wins.
    #[must_use]
    pub fn or(self, mut file: Self) -> Self {
        if self.every || self.newest || self.plain.is_some() {
            (file.every, file.newest) = (false, false);
        }
        if self.every {
            file.plain = None;
        }
        Options {
            host: self.host.or(file.host),
            find: self.find.or(file.find),
            doctor: self.doctor.or(file.doctor),
            mask: self.mask.or(file.mask),
            also: self.also.or(file.also),
            from: self.from.or(file.from),
            also_from: self.also_from.or(file.also_from),
            key_file: self.key_file.or(file.key_file),
            output: self.output.or(file.output),
            must_exist: self.must_exist.or(file.must_exist),
            segment: self.segment.or(file.segment),
            align: self.align.or(file.align),
            format: self.format.or(file.format),
            name: self.name.or(file.name),
            utc: self.utc.or(file.utc),
            keep: self.keep.or(file.keep),
            keep_for: self.keep_for.or(file.keep_for),
            min_free: self.min_free.or(file.min_free),
            when_full: self.when_full.or(file.when_full),
            buffer: self.buffer.or(file.buffer),
            on_segment: self.on_segment.or(file.on_segment),
            on_segment_timeout: self.on_segment_timeout.or(file.on_segment_timeout),
            wait: self.wait.or(file.wait),
            duration: self.duration.or(file.duration),
            frames: self.frames.or(file.frames),
            every: self.every.or(file.every),
            newest: self.newest.or(file.newest),
            plain: self.plain.or(file.plain),
            json: self.json.or(file.json),
            config: self.config.or(file.config),
            check_config: self.check_config.or(file.check_config),
            log_lines: self.log_lines.or(file.log_lines),
            verbose: self.verbose.or(file.verbose),
            version: self.version.or(file.version),
        }
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

impl InFile for Options {
    const TYPED_ONLY: &'static [&'static str] =
        &["config", "check-config", "doctor", "find", "help", "mask", "version"];

    fn file(&self) -> Option<&Argument> {
        self.config.as_ref()
    }

    fn over(self, file: Self) -> Self {
        self.or(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::merge::keeps_what_was_typed;

    #[test]
    fn what_was_typed_wins_over_the_file() {
        keeps_what_was_typed(Options::or);
    }

    #[test]
    fn of_options_that_exclude_each_other_the_typed_one_stays() {
        let every = Options { every: true, ..Options::default() };
        let newest = Options { newest: true, ..Options::default() };
        let plain = Options { plain: Some(0), ..Options::default() };
        assert_eq!(newest.clone().or(every.clone()), newest);
        assert_eq!(every.clone().or(newest), every);
        assert_eq!(plain.clone().or(every.clone()), plain);
        assert_eq!(every.clone().or(plain), every);
        assert_eq!(Options::default().or(every.clone()), every);
    }
}
