//! Signed frames: what camcast has signed and camrec has recorded is held against the camera's key, whole and tampered with.

use crate::support::film::{self, RecordingReader};
use crate::support::http;
use crate::support::json::{self, Object};
use crate::support::pictures::decoded_size;
use crate::support::plain::PlainClient;
use crate::support::procs::{Camcast, Ended, Program, camcast, camrec_into};
use camcast::record::container::{Container, Form as Recorded};
use camcast::sign::{PublicKey, Seen, Signer, SigningKey, claimed, look};
use camcast::store::copy::{Copy, Form};
use camcast::store::read::{self, Part};
use jiff::tz::Offset;
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A camera's key, and what it has to do with recordings in a folder.
struct Camera {
    folder: TempDir,
    key: String,
    public: String,
}

impl Camera {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("sign").to_str().unwrap().to_owned();
        let ended = Program::start("camcast", &mut camcast(&["--new-sign-key", &key])).wait_exit().expect(0);
        let public = ended.text().lines().last().unwrap().to_owned();
        assert!(PublicKey::parse(&public).is_ok(), "{}", ended.text());
        Camera { folder, key, public }
    }

    fn start(&self) -> Camcast {
        let camcast = Camcast::start(&["pattern", "-r", "320x240", "-f", "30", "--sign", &self.key]);
        assert!(camcast.wait_line("frames are signed").ends_with(&self.public));
        camcast
    }

    fn keys(&self) -> [PublicKey; 1] {
        [PublicKey::parse(&self.public).unwrap()]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Forty frames in a file, or a folder of JPEGs.
    fn record(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        let args: &[&str] = if name.contains('.') { &[] } else { &["--format", "jpg"] };
        camrec_into(&to, self.start().address, &[&["--frames", "40"], args].concat()).wait_exit().expect(0);
        if name.contains('.') { to } else { film::sidecars(&to)[0].with_extension("") }
    }

    fn check(&self, args: &[&str], files: &[&Path]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
        command.args(["check", "--signed-by", &self.public]).args(args).args(files);
        Program::start("camrec", &mut command).wait_exit()
    }

    /// What is said of this file, which has this fault.
    #[track_caller]
    fn says(&self, path: &Path, words: &[&str]) -> String {
        let text = self.check(&[], &[path]).expect(13).text();
        for word in words {
            assert!(text.contains(word), "{word:?}: {text}");
        }
        assert!(text.lines().last().unwrap().starts_with("NOT as the camera made it: "), "{text}");
        text
    }
}

/// Its frames, by our own reader.
fn frames(path: &Path) -> Vec<(Duration, Vec<u8>)> {
    let mut film = read::RecordingReader::open(path).unwrap();
    let (mut frames, mut jpeg) = (Vec::new(), Vec::new());
    loop {
        match film.next(&mut jpeg).unwrap() {
            Part::Frame(time) => frames.push((time, jpeg.clone())),
            Part::Damage(range) => panic!("{range:?}"),
            Part::End => return frames,
        }
    }
}

/// The same recording with other frames, as our own writer would have it, beside it.
fn rewritten(path: &Path, name: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> PathBuf {
    let film = read::RecordingReader::open(path).unwrap();
    let to = path.with_file_name(name);
    let form = match Container::of(name) {
        Some(container) => Recorded::File(container),
        None => Recorded::Stills,
    };
    let mut jpegs: Vec<Vec<u8>> = frames(path).into_iter().map(|(_, jpeg)| jpeg).collect();
    change(&mut jpegs);
    let mut copy = Copy::new(&film, &to, Form::Recorded(form), Offset::UTC);
    for (jpeg, at) in jpegs.iter().zip(0..) {
        copy.append(jpeg, Duration::from_millis(at * 33)).unwrap();
    }
    copy.finish().unwrap();
    to
}

/// The number that the camera gave it.
fn number(jpeg: &[u8]) -> u32 {
    claimed(jpeg).unwrap().0.number.0
}

/// A picture that somebody else has made.
fn alien() -> Vec<u8> {
    crate::support::pictures::noise(320, 240, 50, 1)
}

#[test]
fn what_was_recorded_is_as_the_camera_made_it() {
    let camera = Camera::new();
    for name in ["a.mkv", "c.avi", "stills"] {
        let path = camera.record(name);
        let jpegs: Vec<Vec<u8>> = frames(&path).into_iter().map(|(_, jpeg)| jpeg).collect();
        assert!(jpegs.iter().all(|jpeg| matches!(look(jpeg, &camera.keys()), Seen::Proved(_))));
        assert!(jpegs.iter().all(|jpeg| decoded_size(jpeg) == (320, 240)));
        let text = camera.check(&[], &[&path]).expect(0).text();
        let (first, last) = (number(&jpegs[0]), number(&jpegs[39]));
        let words = format!("as the camera made it, nothing left out: frames {first} to {last} from 20");
        assert!(text.lines().last().unwrap().starts_with(&words), "{text}");
        let sidecar = Object::parse(&fs::read_to_string(path.with_extension("json")).unwrap());
        assert_eq!(sidecar.text("signed_by"), camera.public);
        // in another form too
        let copy = rewritten(&path, "copy.mkv", |_| {});
        camera.check(&[], &[&copy]).expect(0);
        fs::remove_file(copy).unwrap();
        // but not for another camera
        let text = Camera { public: Camera::new().public, ..camera_of(&camera) }
            .says(&path, &["signed by another key"]);
        assert!(text.contains(&camera.public) && text.contains("no frame is signed by that key"), "{text}");
        if name.contains('.') {
            let args = ["-v", "warning", "-i", path.to_str().unwrap(), "-f", "rawvideo", "-"];
            let ffmpeg = Command::new("ffmpeg").args(args).output().unwrap();
            assert!(ffmpeg.stderr.is_empty(), "{}", String::from_utf8_lossy(&ffmpeg.stderr));
        }
    }
}

#[test]
fn a_file_s_times_are_held_against_those_that_were_signed() {
    let camera = Camera::new();
    let path = camera.record("a.mkv");
    let words = "at another time in the file than was signed";
    let text = camera.check(&[], &[&path]).expect(0).text();
    assert!(!text.contains(words), "{text}");
    // a bit of a cluster's time: four seconds
    let (mut bytes, jpeg) = (fs::read(&path).unwrap(), frames(&path).remove(20).1);
    let at = bytes.windows(jpeg.len()).position(|bytes| bytes == jpeg).unwrap();
    let cluster = bytes[..at].windows(4).rposition(|id| id == [0x1f, 0x43, 0xb6, 0x75]).unwrap();
    // behind its id and its size, whose bytes may be any
    let time = cluster + 4 + bytes[cluster + 4].leading_zeros() as usize + 1;
    assert_eq!(bytes[time], 0xe7, "a cluster begins with its time");
    let length = usize::from(bytes[time + 1] & 0x7f);
    bytes[time + 2 + length - 3] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    let text = camera.check(&[], &[&path]).expect(13).text();
    assert!(text.contains(&format!("1 frame {words}, the first by 4.194 s: frame 20 at 0:00:0")), "{text}");
    assert!(
        text.contains("\nNOT as the camera made it: 1 finding in 1 file, 1 file not sound; proved: "),
        "{text}"
    );
}

#[test]
fn what_is_around_the_frames_is_as_camrec_writes_it() {
    let camera = Camera::new();
    for name in ["a.mkv", "c.avi"] {
        let path = camera.record(name);
        fs::remove_file(path.with_extension("json")).unwrap();
        let whole = fs::read(&path).unwrap();
        let jpeg = frames(&path).remove(0).1;
        let first = whole.windows(jpeg.len()).position(|bytes| bytes == jpeg).unwrap();
        let last = frames(&path).remove(39).1;
        let end = whole.windows(last.len()).position(|bytes| bytes == last).unwrap() + last.len();
        // a byte in each line of the head, and one of an index behind the frames
        let head = if name == "a.mkv" { (0..1100).step_by(17) } else { (0..first).step_by(40) };
        let places = head.chain(end + 40..whole.len().min(end + 41));
        let (mut told, mut silent) = (0, Vec::new());
        for at in places {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            match camcast::store::outline::is_as_written(&match read::RecordingReader::open(&path) {
                Ok(film) => film,
                Err(_) => continue,
            }) {
                Ok(false) => told += 1,
                _ => silent.push(at),
            }
        }
        assert!(told > 20, "{name}: {told}, not {silent:?}");
        fs::write(&path, &whole).unwrap();
        camera.check(&[], &[&path]).expect(0);
        let mut bytes = whole;
        // the scale of its times, or the first entry of its index
        let at = match name {
            "a.mkv" => bytes.windows(3).position(|id| id == [0x2a, 0xd7, 0xb1]).unwrap() + 4,
            _ => bytes.windows(4).rposition(|id| id == b"idx1").unwrap() + 8 + 8,
        };
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        camera.says(
            &path,
            &["changed: the file's own head or index is not as camrec writes it", "1 finding in 1 file"],
        );
    }
}

#[test]
fn only_sound_files_are_as_the_camera_made_them() {
    let camera = Camera::new();
    let path = camera.record("a.mkv");
    let whole = fs::read(&path).unwrap();
    let first = whole.windows(4).position(|id| id == [0x1f, 0x43, 0xb6, 0x75]).unwrap();
    let sidecar = path.with_extension("json");
    let account = fs::read_to_string(&sidecar).unwrap();
    // a sidecar that knows of more frames, one that is none, and one whose numbers cannot be read
    for text in [
        account.replace(r#""frames": 40"#, r#""frames": 41"#),
        "{".to_owned(),
        account.replace(r#""missing_ranges": []"#, r#""missing_ranges": [{"first": "x"}]"#),
    ] {
        assert_ne!(text, account);
        fs::write(&sidecar, text).unwrap();
        let text = camera.says(&path, &["its sidecar"]);
        assert!(text.contains("\nNOT as the camera made it: 1 file not sound; proved: "), "{text}");
        let said = json::events(&camera.check(&["--json"], &[&path]).expect(13).text());
        assert!(!said.last().unwrap().flag("as_made"));
    }
    // the first frame's head, and nobody who knows of that frame
    fs::remove_file(&sidecar).unwrap();
    let mut bytes = whole;
    bytes[first + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    camera.says(&path, &["are no frame", "1 file not sound"]);
}

#[test]
fn a_picture_that_is_not_proved_counts_beside_recordings() {
    let camera = Camera::new();
    let path = camera.record("a.mkv");
    let picture = camera.path("b.jpg");
    fs::write(&picture, alien()).unwrap();
    let text = camera.check(&[], &[&path, &picture]).expect(13).text();
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("NOT as the camera made it: ") && last.contains("1 picture not proved"),
        "{text}"
    );
}

/// The same key in a folder of its own.
fn camera_of(camera: &Camera) -> Camera {
    Camera { folder: tempfile::tempdir().unwrap(), key: camera.key.clone(), public: camera.public.clone() }
}

#[test]
fn one_flipped_bit_is_named_in_each_form() {
    let camera = Camera::new();
    for name in ["a.mkv", "c.avi", "stills"] {
        let path = camera.record(name);
        let jpeg = frames(&path).remove(17).1;
        let which = format!("the camera's frame {} is not as the camera made it", number(&jpeg));
        let file = match path.is_dir() {
            true => {
                let mut files: Vec<PathBuf> =
                    fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()).collect();
                files.sort();
                files.remove(17)
            }
            false => path.clone(),
        };
        let whole = fs::read(&file).unwrap();
        let at = whole.windows(jpeg.len()).position(|bytes| bytes == jpeg).unwrap();
        // in the picture, in its tables, and in its statement
        for place in [jpeg.len() - 100, 500, 60] {
            let mut bytes = whole.clone();
            bytes[at + place] ^= 0x04;
            fs::write(&file, &bytes).unwrap();
            let text = camera.says(&path, &["frame 17 at 0:00:0", "changed: ", &which]);
            assert!(text.contains("1 finding in 1 file"), "{text}");
        }
    }
}

#[test]
fn what_is_left_out_or_put_in_is_named_in_each_form() {
    let camera = Camera::new();
    for (name, made) in [("a.mkv", "b.mkv"), ("c.avi", "b.avi"), ("stills", "b")] {
        let path = camera.record(name);
        let jpegs: Vec<Vec<u8>> = frames(&path).into_iter().map(|(_, jpeg)| jpeg).collect();
        let says = |place: u32, words: &str, change: fn(&mut Vec<Vec<u8>>)| {
            let made = rewritten(&path, made, change);
            let text = camera.says(&made, &[words, &format!("frame {place} at 0:00:00.")]);
            assert!(text.contains("1 finding in 1 file"), "{text}");
            if made.is_dir() { fs::remove_dir_all(made).unwrap() } else { fs::remove_file(made).unwrap() }
        };
        let at = |place: usize| number(&jpegs[place]);
        let one = format!("left out: the camera's frame {} is not here", at(12));
        says(12, &one, |jpegs| drop(jpegs.remove(12)));
        let some = format!("left out: the camera's frames {} to {} are not here", at(12), at(14));
        says(12, &some, |jpegs| drop(jpegs.drain(12..15)));
        says(12, "put in: ", |jpegs| jpegs.insert(12, alien()));
        says(12, "it has no signature", |jpegs| jpegs.insert(12, alien()));
        let again = format!("put in: the camera's frame {} once more", at(12));
        says(13, &again, |jpegs| jpegs.insert(13, jpegs[12].clone()));
        let other = format!(
            "changed: the camera's frame {} is not as the camera made it: it has no signature",
            at(12)
        );
        says(12, &other, |jpegs| jpegs[12] = alien());
        says(12, "it is signed by another key, camcast-ed25519:", |jpegs| {
            let (mark, _) = claimed(&jpegs[12]).unwrap();
            let forged = alien();
            let [before, behind] = Signer::part(&forged);
            let signed = Signer::new(SigningKey::new(&[1; 32])).sign(&mark, [before, behind]);
            jpegs[12] = [before, signed.segment(), behind].concat();
        });
    }
}

#[test]
fn a_file_that_is_cut_short_says_so() {
    let camera = Camera::new();
    for name in ["a.mkv", "c.avi"] {
        let path = camera.record(name);
        let last = number(&frames(&path)[39].1);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() * 6 / 10]).unwrap();
        let ends = format!("cut short: its sidecar says that it ends with the camera's frame {last}");
        camera.says(&path, &["cut short: the file's end is not there", &ends]);
        // as somebody would write it anew who knows how
        fs::write(&path, &whole).unwrap();
        let made =
            rewritten(&path, if name == "a.mkv" { "b.mkv" } else { "b.avi" }, |jpegs| jpegs.truncate(30));
        fs::rename(made, &path).unwrap();
        camera.says(&path, &[&ends]);
    }
    // of a folder the sidecar knows it, or else nobody
    let path = camera.record("stills");
    let mut files: Vec<PathBuf> = fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    files[30..].iter().for_each(|file| fs::remove_file(file).unwrap());
    camera.says(&path, &["cut short: its sidecar says that it ends with the camera's frame "]);
}

#[test]
fn a_whole_folder_is_one_row_whatever_its_files_are_called() {
    let camera = Camera::new();
    let (folder, camcast) = (camera.path("recordings"), camera.start());
    let args = ["--segment", "1s", "--frames", "130", "--name", "door.mkv"];
    camrec_into(&folder, camcast.address, &args).wait_exit().expect(0);
    let mut films = RecordingReader::read_folder(&folder);
    assert!(films.len() >= 3, "{}", films.len());
    let text = camera.check(&[], &[&folder]).expect(0).text();
    assert!(text.contains("\nas the camera made it, nothing left out: frames "), "{text}");
    let said = json::events(&camera.check(&["--json"], &[&folder]).expect(0).text());
    let (last, files) = said.split_last().unwrap();
    assert_eq!((last.text("event"), last.flag("as_made"), last.number("frames")), ("proved", true, 130));
    assert_eq!((last.number("findings"), last.list("stretches").len()), (0, 1));
    let tables = include_str!("../../../docs/json.md");
    last.names().into_iter().for_each(|name| assert!(tables.contains(&format!("`{name}`")), "{name}"));
    let checked: u64 =
        files.iter().filter(|it| it.text("event") == "checked").map(|it| it.number("frames")).sum();
    assert_eq!(checked, 130);
    // names are not signed: the frames say what comes when
    fs::rename(&films[0].path, folder.join("zebra.mkv")).unwrap();
    fs::rename(films[0].path.with_extension("json"), folder.join("zebra.json")).unwrap();
    camera.check(&[], &[&folder]).expect(0);
    // nor is what a frame only claims to be: a bit of the first one's number
    let second = fs::read(&films[1].path).unwrap();
    let jpeg = &films[1].shots[0].jpeg;
    let mut bytes = second.clone();
    let at = bytes.windows(jpeg.len()).position(|bytes| bytes == *jpeg).unwrap();
    let digits = at + jpeg.windows(6).position(|text| text == b"frame=").unwrap() + 6;
    bytes[digits + 6] ^= 1;
    fs::write(&films[1].path, bytes).unwrap();
    camera.says(&folder, &["2 findings in 1 file", "changed: ", "its sidecar says that it begins with"]);
    fs::write(&films[1].path, second).unwrap();
    // a file that is not there
    let gone = films.remove(1);
    fs::remove_file(&gone.path).unwrap();
    let [first, last] = [0, gone.shots.len() - 1].map(|at| number(&gone.shots[at].jpeg));
    camera.says(&folder, &[&format!("left out: the camera's frames {first} to {last} are not here")]);
}

#[test]
fn a_picture_does_not_hide_the_folder_that_it_is_in() {
    let camera = Camera::new();
    let stills = camera.record("stills");
    let folder = camera.path("recordings");
    fs::create_dir(&folder).unwrap();
    let mut pictures: Vec<PathBuf> = fs::read_dir(&stills).unwrap().map(|it| it.unwrap().path()).collect();
    pictures.sort();
    fs::copy(&pictures[0], folder.join(pictures[0].file_name().unwrap())).unwrap();
    let forged = rewritten(&stills, "forged.mkv", |jpegs| jpegs[3] = alien());
    fs::rename(forged, folder.join("forged.mkv")).unwrap();
    camera.says(&folder, &["forged.mkv: NOT SOUND", "changed: "]);
    // and what stands among a recording's pictures
    camera.check(&[], &[&stills]).expect(0);
    let inner = stills.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::copy(folder.join("forged.mkv"), inner.join("a.mkv")).unwrap();
    camera.says(&stills, &["a.mkv: NOT SOUND"]);
    fs::remove_dir_all(&inner).unwrap();
    for (name, words) in [
        ("000007.jpg", "000007.jpg: NOT as the camera made it: it has no signature"),
        ("notes.txt", "notes.txt: it stands among a recording's pictures, and is none of them"),
    ] {
        fs::write(stills.join(name), alien()[..].get(usize::from(name == "notes.txt")..).unwrap()).unwrap();
        camera.says(&stills, &[words]);
        fs::remove_file(stills.join(name)).unwrap();
    }
}

#[test]
fn a_sidecar_alone_says_that_its_recording_is_gone() {
    let camera = Camera::new();
    let (folder, camcast) = (camera.path("recordings"), camera.start());
    camrec_into(&folder, camcast.address, &["--segment", "1s", "--frames", "70"]).wait_exit().expect(0);
    let films = RecordingReader::read_folder(&folder);
    let last = films.last().unwrap();
    fs::remove_file(&last.path).unwrap();
    let [first, end] = [0, last.shots.len() - 1].map(|at| number(&last.shots[at].jpeg));
    let gone = format!("with the camera's frames {first} to {end} is not here");
    camera.says(&folder, &[&gone, "1 finding in 1 file"]);
    // nobody else minds
    let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
    Program::start("camrec", command.arg("check").arg(&folder)).wait_exit().expect(0);
}

#[test]
fn what_is_still_recorded_to_is_told_and_is_no_fault() {
    let camera = Camera::new();
    let (folder, camcast) = (camera.path("recordings"), camera.start());
    camrec_into(&folder, camcast.address, &["--frames", "20"]).wait_exit().expect(0);
    let closed = film::files(&folder);
    let recorder = camrec_into(&folder, camcast.address, &[]);
    recorder.wait_line("writing ");
    let text = camera.check(&[], &[&folder]).expect(0).text();
    assert!(text.contains(": still recorded to: not looked at"), "{text}");
    assert!(text.contains("\nas the camera made it, nothing left out: frames "), "{text}");
    let open = film::files(&folder).into_iter().find(|path| !closed.contains(path)).unwrap();
    let ended = camera.check(&[], &[&open]).expect(13);
    assert!(ended.log.contains("nothing but what is still recorded to"), "{}", ended.log);
    // nobody records to it any more
    recorder.stop(Signal::SIGKILL);
    camera.says(&open, &["cut short: the file's end is not there"]);
}

#[test]
fn another_start_of_camcast_is_told_and_is_no_fault() {
    let camera = Camera::new();
    let folder = camera.path("recordings");
    for _ in 0..2 {
        let camcast = camera.start();
        camrec_into(&folder, camcast.address, &["--frames", "20"]).wait_exit().expect(0);
        drop(camcast.program.stop(Signal::SIGTERM));
    }
    let text = camera.check(&[], &[&folder]).expect(0).text();
    assert!(
        text.contains("frame 0 at 0:00:00.000: another start of camcast; its frames begin with "),
        "{text}"
    );
    assert!(
        text.contains("\nas the camera made it, nothing left out within each start of camcast: "),
        "{text}"
    );
    let (_, last) = text.split_once("\n  after another start of camcast").unwrap();
    assert!(
        last.contains(": frames ") && last.contains(" not here") != last.contains(": frames 1 to"),
        "{text}"
    );
    // whatever the files are called
    let films = RecordingReader::read_folder(&folder);
    for extension in ["mkv", "json"] {
        fs::rename(films[0].path.with_extension(extension), folder.join("zebra").with_extension(extension))
            .unwrap();
    }
    camera.check(&[], &[&folder]).expect(0);
}

#[test]
fn what_camrec_misses_is_named_as_left_out_with_its_reason() {
    let camera = Camera::new();
    let path = camera.record("a.mkv");
    let jpegs: Vec<Vec<u8>> = frames(&path).into_iter().map(|(_, jpeg)| jpeg).collect();
    let made = rewritten(&path, "b.mkv", |jpegs| drop(jpegs.drain(12..15)));
    let sidecar = fs::read_to_string(path.with_extension("json")).unwrap();
    let (first, last) = (number(&jpegs[12]), number(&jpegs[14]));
    let range =
        format!(r#"[{{"first":{first},"last":{last},"count":3,"why":"network","from":null,"to":null}}]"#);
    let sidecar = sidecar.replace(r#""missing_ranges": []"#, &format!(r#""missing_ranges": {range}"#));
    fs::write(made.with_extension("json"), sidecar).unwrap();
    camera.says(&made, &["are not here, before this one (camrec's own account has that: network)"]);
}

#[test]
fn plain_clients_and_browsers_get_signed_frames() {
    let camera = Camera::new();
    let args = ["pattern", "-r", "320x240", "--sign", &camera.key, "--http", "127.0.0.1:0"];
    let camcast = Camcast::start(&args);
    let of_plain = PlainClient::join(camcast.address).take_frames(3);
    let of_http = http::get(http::address(&camcast), "/snapshot").body;
    for jpeg in of_plain.iter().chain([&of_http]) {
        assert!(matches!(look(jpeg, &camera.keys()), Seen::Proved(_)));
        assert_eq!(decoded_size(jpeg), (320, 240));
    }
}

#[test]
fn a_picture_by_itself_proves_itself() {
    let camera = Camera::new();
    let jpeg = frames(&camera.record("a.mkv")).remove(5).1;
    let (file, other) = (camera.path("snapshot.jpg"), camera.path("other.jpg"));
    fs::write(&file, &jpeg).unwrap();
    fs::write(&other, alien()).unwrap();
    let text = camera.check(&[], &[&file]).expect(0).text();
    let words = format!("snapshot.jpg: as the camera made it: its frame {}, at 20", number(&jpeg));
    assert!(text.contains(&words), "{text}");
    let text = camera.check(&[], &[&other]).expect(13).text();
    assert!(text.contains("other.jpg: NOT as the camera made it: it has no signature"), "{text}");
    let [event] = &json::events(&camera.check(&["--json"], &[&file]).expect(0).text())[..] else { panic!() };
    assert_eq!((event.text("event"), event.number("frame")), ("picture", number(&jpeg).into()));
}

#[test]
fn a_recording_that_is_played_is_signed_again() {
    let (old, new) = (Camera::new(), Camera::new());
    let clip = old.path("clip.mjpeg");
    fs::write(
        &clip,
        frames(&old.record("a.mkv")).into_iter().flat_map(|(_, jpeg)| jpeg).collect::<Vec<u8>>(),
    )
    .unwrap();
    let camcast =
        Camcast::start(&[clip.to_str().unwrap(), "--once", "--wait-for-client", "--sign", &new.key]);
    let path = new.path("again.mkv");
    camrec_into(&path, camcast.address, &["--frames", "40"]).wait_exit().expect(0);
    new.check(&[], &[&path]).expect(0);
    // without the newer signature the older one holds, and so does the row
    let older = rewritten(&path, "older.mkv", |jpegs| {
        for jpeg in jpegs {
            let at = Signer::part(jpeg)[0].len();
            drop(jpeg.drain(at..at + camcast::sign::SEGMENT_LEN));
        }
    });
    old.check(&[], &[&older]).expect(0);
}

#[test]
fn what_is_not_signed_is_not_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    camrec_into(folder.path(), Camcast::pattern(30).address, &["--frames", "30"]).wait_exit().expect(0);
    let path = film::files(folder.path()).pop().unwrap();
    let sidecar = Object::parse(&fs::read_to_string(path.with_extension("json")).unwrap());
    assert!(sidecar.is_null("signed_by"));
    let text = Camera::new()
        .says(&path, &["NOT SOUND", "\n  put in: the file is not signed: no frame of it has a signature\n"]);
    assert!(text.ends_with("no frame is signed by that key\n"), "{text}");
}

#[test]
fn a_wrong_key_is_named() {
    let camera = Camera::new();
    let check = |key: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_camrec"));
        Program::start("camrec", command.args(["check", "a.mkv", "--signed-by", key]))
            .wait_exit()
            .expect(2)
            .log
    };
    assert!(check(&camera.key).contains("has to stay there"));
    assert!(check(&camera.public[..40]).contains("copy it again"));
    assert!(check("/nowhere").contains("--signed-by /nowhere: No such file"));
    fs::set_permissions(&camera.key, fs::Permissions::from_mode(0o644)).unwrap();
    let ended =
        Program::start("camcast", &mut camcast(&["pattern", "--sign", &camera.key])).wait_exit().expect(2);
    assert!(ended.log.contains("--sign") && ended.log.contains("chmod 600"), "{}", ended.log);
    // what systemd hands over
    let folder = camera.folder.path();
    fs::rename(&camera.key, folder.join("camcast.sign")).unwrap();
    let mut command = camcast(&["pattern", "--listen", "127.0.0.1:0"]);
    let camcast = Camcast::from(Program::start("camcast", command.env("CREDENTIALS_DIRECTORY", folder)));
    assert!(camcast.wait_line("frames are signed").ends_with(&camera.public));
}

/// The script in docs/PROTOCOL.md, which knows nothing of our code.
#[test]
fn anybody_can_verify_a_frame_with_openssl() {
    let has_openssl = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
    if !has_openssl.is_ok_and(|status| status.success()) {
        return crate::support::left_out("there is no openssl here");
    }
    let doc = include_str!("../../../docs/PROTOCOL.md");
    let (_, rest) = doc.split_once("```sh verify-frame\n").unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    let camera = Camera::new();
    let jpeg = frames(&camera.record("a.mkv")).remove(5).1;
    let file = camera.path("frame.jpg");
    let verify = |jpeg: &[u8]| {
        fs::write(&file, jpeg).unwrap();
        let mut sh = Command::new("sh");
        sh.args(["-c", script, "sh", "frame.jpg", &camera.public])
            .current_dir(camera.folder.path())
            .output()
            .unwrap()
    };
    let output = verify(&jpeg);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Signature Verified Successfully"), "{output:?}");
    let mut flipped = jpeg;
    let at = flipped.len() - 90;
    flipped[at] ^= 1;
    assert!(!verify(&flipped).status.success());
}
