//! camcast's options as typed. What they mean is decided in [`config`](super::config).
//!
//! A new one is a field here, whose doc comment is its help, and a line in [`or`](Options::or); in `config` a field, its line in
//! `try_from`, and what checks it. Tests then ask for it in `docs/camcast.md` and in the golden help. An `arg_name` of `file`,
//! `folder` or `name` makes it a path, in which `~` is expanded.

#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::bare_urls,
    reason = "the doc comments are the help text, brackets and all"
)]

use crate::app::argument::Argument;
use crate::app::config_file::InFile;
use crate::app::merge::Or;
use argh::{ArgsInfo, FromArgs};

/// Streams a camera's MJPEG over UDP, as the camera delivers it, to any number of viewers and recorders.
#[derive(FromArgs, ArgsInfo, Clone, Debug, Default, PartialEq, Eq)]
#[argh(help_triggers("-h", "--help"))]
pub struct Options {
    /// camera (/dev/video0, or a link in /dev/v4l/by-id), 'pattern' (a test picture), a file or folder of JPEGs,
    /// or '-' (MJPEG on standard input); default /dev/video0
    #[argh(positional)]
    pub source: Option<Argument>,

    /// picture size, such as 1280x720; default: the camera's own
    #[argh(option, short = 'r', arg_name = "WxH")]
    pub resolution: Option<String>,

    /// frames a second; default: the camera's own; 30 for a pattern or files; standard input is played as it arrives (with
    /// -f, no faster than that)
    #[argh(option, short = 'f', arg_name = "fps")]
    pub desired_fps: Option<String>,

    /// what to take of the camera: auto, mjpeg, or yuyv (uncompressed pictures, compressed here, as auto does for a camera
    /// without MJPEG); default auto
    #[argh(option, short = 'm', arg_name = "mode")]
    pub mode: Option<String>,

    /// JPEG quality of pictures that are compressed here, 1 to 100; default 80
    #[argh(option, arg_name = "n")]
    pub quality: Option<u8>,

    /// set a control of the camera, such as brightness=100; may be given again, and is done in this order each time
    /// the camera is opened
    #[argh(option, arg_name = "name=value")]
    pub control: Vec<String>,

    /// address to listen on, TCP and UDP; may be given again; default [::]:9999, which is IPv4 too
    #[argh(option, arg_name = "addr:port")]
    pub listen: Vec<String>,

    /// tell the local network that this camera is here, so that camrec --find finds it (mDNS); default: nobody is told
    #[argh(switch)]
    pub announce: bool,

    /// what it is called there, such as 'front door'; default: this machine's name
    #[argh(option, arg_name = "text")]
    pub name: Option<String>,

    /// serve the stream by HTTP at this address, such as :8080, or at a socket file, such as /run/camcast/http; may be given
    /// again; default: not at all
    #[argh(option, arg_name = "addr:port|path")]
    pub http: Vec<Argument>,

    /// who may connect to socket files of --http, as chmod has it; default 666: whoever is on this machine
    #[argh(option, arg_name = "mode")]
    pub http_mode: Option<String>,

    /// let in those of this address or network alone, such as 192.168.1.0/24, whatever they ask for; may be given again;
    /// default: whoever reaches it
    #[argh(option, arg_name = "net")]
    pub allow: Vec<String>,

    /// do not speak the original protocol, in which anybody can end another one's stream; default: it is spoken
    #[argh(switch)]
    pub no_plain: bool,

    /// a name by which browsers know this machine; may be given again; addresses, names without a dot and those of a home
    /// network (.local, .lan ...) are known anyhow
    #[argh(option, arg_name = "host")]
    pub allow_host: Vec<String>,

    /// a web site whose pages may read what HTTP serves, such as https://mainsail.example, or '*'; may be given again
    #[argh(option, arg_name = "origin")]
    pub allow_origin: Vec<String>,

    /// a file of NAME:PASSWORD lines: what HTTP and RTSP serve is for these alone; default: the credential camcast.password, or for
    /// whoever reaches it
    #[argh(option, arg_name = "file")]
    pub password_file: Option<Argument>,

    /// a file with a key, as --new-key makes it: the stream is sealed, for those alone that have the key; default: the credential
    /// camcast.key, or in the open
    #[argh(option, arg_name = "file")]
    pub key_file: Option<Argument>,

    /// a file with a key, as --new-sign-key makes it: each frame is signed with it; default: the credential camcast.sign, or not
    /// at all
    #[argh(option, arg_name = "file")]
    pub sign: Option<Argument>,

    /// serve the stream by RTSP at this address, such as :8554; may be given again; default: not at all
    #[argh(option, arg_name = "addr:port")]
    pub rtsp: Vec<String>,

    /// send one stream by RTSP to all who ask for it at this multicast address, such as 239.255.42.1:5004, through so many
    /// routers, such as /4; default: none
    #[argh(option, arg_name = "addr:port[/ttl]")]
    pub rtsp_multicast: Option<String>,

    /// write frames anew for RTSP, without loss, that have Huffman tables of their own or are progressive, which it cannot carry;
    /// default: they are refused
    #[argh(switch)]
    pub rtsp_recode: bool,

    /// let whoever may see what HTTP serves see and set the camera's controls too; default: nobody
    #[argh(switch)]
    pub allow_control: bool,

    /// memory for the newest frames, which recorders can still fetch; default 32M
    #[argh(option, arg_name = "size")]
    pub reel: Option<String>,

    /// folder for what recorders miss that are away for longer than --reel lasts: it is written to only while one is; default: none
    #[argh(option, arg_name = "folder")]
    pub spill: Option<Argument>,

    /// largest size of what is in the folder of --spill, of which the oldest goes; default 8G
    #[argh(option, arg_name = "size")]
    pub spill_size: Option<String>,

    /// how long a recorder may be away until nothing more is kept for it, such as 90m or 2d; default 12h
    #[argh(option, arg_name = "time")]
    pub spill_for: Option<String>,

    /// clients at once, 1 to 64; default 16
    #[argh(option, arg_name = "n")]
    pub max_clients: Option<u16>,

    /// joins of one address at once that take no frame, 1 to 4096, and then a sixteenth of them a second; default 64
    #[argh(option, arg_name = "n")]
    pub max_joins: Option<u16>,

    /// largest IP packet that the network takes whole, in bytes; default 1500
    #[argh(option, arg_name = "bytes")]
    pub mtu: Option<u16>,

    /// mark video for networks that sort by it (DSCP): 0 to 63, or a name such as af41 or cs5; default: unmarked
    #[argh(option, arg_name = "mark")]
    pub dscp: Option<String>,

    /// append a line for each join and leave: time, client, joined or left
    #[argh(option, arg_name = "file")]
    pub client_log: Option<Argument>,

    /// size of that file before it is moved to FILE.1 and a new one begins; default 10M
    #[argh(option, arg_name = "size")]
    pub client_log_size: Option<String>,

    /// lines of the log of any one kind a minute, 1 to 10000; more are counted; default 40
    #[argh(option, arg_name = "n")]
    pub log_lines: Option<u16>,

    /// play a file or folder once, then end; default: in a loop
    #[argh(switch)]
    pub once: bool,

    /// play what arrives in a folder, each file once, after what is there; default: what is there, in a loop
    #[argh(switch)]
    pub follow: bool,

    /// begin to play a file or a folder, or to read standard input, when the first client is there; default: at once
    #[argh(switch)]
    pub wait_for_client: bool,

    /// send frames that lack their end (EOI) too, for cameras that often leave it out; default: only whole ones
    #[argh(switch)]
    pub allow_truncated_frames: bool,

    /// have the camera on only while somebody watches; default: always
    #[argh(switch)]
    pub on_demand: bool,

    /// end when the camera cannot be had or is lost; default: wait for it
    #[argh(switch)]
    pub exit_on_device_error: bool,

    /// make this file, with a new key for --key-file, and end
    #[argh(option, arg_name = "file")]
    pub new_key: Option<Argument>,

    /// make this file, with a new key for --sign, say its public key, and end
    #[argh(option, arg_name = "file")]
    pub new_sign_key: Option<Argument>,

    /// list this machine's cameras with their formats, sizes, rates and controls
    #[argh(switch)]
    pub list: bool,

    /// look at the machine, the camera and the ports, and say what is in the way and what helps; for whoever asks for help, too
    #[argh(switch)]
    pub doctor: bool,

    /// hide addresses in what --doctor says
    #[argh(switch)]
    pub mask: bool,

    /// a file of options, one a line without its hyphens, such as 'http :8080'; what is typed wins over it
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
    /// What was typed, and what a file says where nothing was typed. A switch is on if either of them says so, and a list is
    /// that of one of them; of options that exclude each other, the one that was typed wins.
    #[must_use]
    pub fn or(self, mut file: Self) -> Self {
        if self.once || self.follow {
            (file.once, file.follow) = (false, false);
        }
        Options {
            source: self.source.or(file.source),
            resolution: self.resolution.or(file.resolution),
            desired_fps: self.desired_fps.or(file.desired_fps),
            mode: self.mode.or(file.mode),
            quality: self.quality.or(file.quality),
            control: self.control.or(file.control),
            listen: self.listen.or(file.listen),
            announce: self.announce.or(file.announce),
            name: self.name.or(file.name),
            http: self.http.or(file.http),
            http_mode: self.http_mode.or(file.http_mode),
            allow: self.allow.or(file.allow),
            no_plain: self.no_plain.or(file.no_plain),
            allow_host: self.allow_host.or(file.allow_host),
            allow_origin: self.allow_origin.or(file.allow_origin),
            password_file: self.password_file.or(file.password_file),
            key_file: self.key_file.or(file.key_file),
            sign: self.sign.or(file.sign),
            rtsp: self.rtsp.or(file.rtsp),
            rtsp_multicast: self.rtsp_multicast.or(file.rtsp_multicast),
            rtsp_recode: self.rtsp_recode.or(file.rtsp_recode),
            allow_control: self.allow_control.or(file.allow_control),
            reel: self.reel.or(file.reel),
            spill: self.spill.or(file.spill),
            spill_size: self.spill_size.or(file.spill_size),
            spill_for: self.spill_for.or(file.spill_for),
            max_clients: self.max_clients.or(file.max_clients),
            max_joins: self.max_joins.or(file.max_joins),
            mtu: self.mtu.or(file.mtu),
            dscp: self.dscp.or(file.dscp),
            client_log: self.client_log.or(file.client_log),
            client_log_size: self.client_log_size.or(file.client_log_size),
            log_lines: self.log_lines.or(file.log_lines),
            once: self.once.or(file.once),
            follow: self.follow.or(file.follow),
            wait_for_client: self.wait_for_client.or(file.wait_for_client),
            allow_truncated_frames: self.allow_truncated_frames.or(file.allow_truncated_frames),
            on_demand: self.on_demand.or(file.on_demand),
            exit_on_device_error: self.exit_on_device_error.or(file.exit_on_device_error),
            new_key: self.new_key.or(file.new_key),
            new_sign_key: self.new_sign_key.or(file.new_sign_key),
            list: self.list.or(file.list),
            doctor: self.doctor.or(file.doctor),
            mask: self.mask.or(file.mask),
            config: self.config.or(file.config),
            check_config: self.check_config.or(file.check_config),
            verbose: self.verbose.or(file.verbose),
            version: self.version.or(file.version),
        }
    }
}

impl InFile for Options {
    const TYPED_ONLY: &'static [&'static str] =
        &["config", "check-config", "doctor", "help", "list", "mask", "new-key", "new-sign-key", "version"];

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
        let once = Options { once: true, ..Options::default() };
        let follow = Options { follow: true, ..Options::default() };
        assert_eq!(once.clone().or(follow.clone()), once);
        assert_eq!(follow.clone().or(once), follow);
    }
}
