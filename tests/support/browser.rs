//! A real browser without a screen: Chromium, told what to do over two pipes (the Chrome DevTools Protocol: JSON, with a zero byte
//! behind each message).

use super::{PATIENCE, deadline, is_over, pause};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tinyjson::JsonValue;

/// A browser with one page open.
pub struct Browser {
    program: Child,
    to: File,
    from: BufReader<File>,
    session: String,
    count: u32,
    _home: TempDir,
}

impl Browser {
    /// Starts it with this page. None: there is no Chromium on this machine.
    pub fn open(url: &str) -> Option<Self> {
        Command::new("chromium").arg("--version").stdout(Stdio::null()).status().ok()?;
        let home = tempfile::tempdir().unwrap();
        let [into, out] = ["into", "out"].map(|name| home.path().join(name));
        [&into, &out].iter().for_each(|path| mkfifo(*path, Mode::S_IRWXU).unwrap());
        let script = "exec chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --mute-audio \
             --disable-dev-shm-usage --user-data-dir=\"$1\" --remote-debugging-pipe 3<\"$2\" 4>\"$3\"";
        let program = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([&home.path().join("profile"), &into, &out])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // each waits for its other end, in the order in which the shell opens them
        let to = OpenOptions::new().write(true).open(&into).unwrap();
        let from = BufReader::new(File::open(&out).unwrap());
        let mut browser = Browser { program, to, from, session: String::new(), count: 0, _home: home };
        let target = browser.ask("Target.createTarget", r#"{"url":"about:blank"}"#);
        let target: String = target["targetId"].get::<String>().unwrap().clone();
        let attached =
            browser.ask("Target.attachToTarget", &format!(r#"{{"targetId":"{target}","flatten":true}}"#));
        browser.session = attached["sessionId"].get::<String>().unwrap().clone();
        browser.ask("Page.enable", "{}");
        browser.ask("Page.navigate", &format!(r#"{{"url":"{url}"}}"#));
        browser.wait_for(&format!("location.href == '{url}' && document.readyState == 'complete'"));
        Some(browser)
    }

    /// One command, and what it gave.
    pub fn ask(&mut self, method: &str, params: &str) -> JsonValue {
        self.count += 1;
        let session = match self.session.as_str() {
            "" => String::new(),
            session => format!(r#","sessionId":"{session}""#),
        };
        let id = self.count;
        write!(self.to, "{{\"id\":{id},\"method\":\"{method}\",\"params\":{params}{session}}}\0").unwrap();
        loop {
            let mut message = Vec::new();
            assert!(self.from.read_until(0, &mut message).unwrap() > 0, "the browser has ended");
            message.pop();
            let message: JsonValue = String::from_utf8(message).unwrap().parse().unwrap();
            let of = message.get::<std::collections::HashMap<String, JsonValue>>().unwrap();
            if of.get("id").and_then(|id| id.get::<f64>()) == Some(&f64::from(id)) {
                return of.get("result").cloned().unwrap_or_else(|| panic!("{method}: {message:?}"));
            }
        }
    }

    /// What an expression comes to in the page, as text; a promise is waited for.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> String {
        self.try_value(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_value(&mut self, expression: &str) -> Result<String, String> {
        let text =
            JsonValue::from(format!("Promise.resolve({expression}).then(String)")).stringify().unwrap();
        let params = format!(r#"{{"expression":{text},"awaitPromise":true,"returnByValue":true}}"#);
        let result = self.ask("Runtime.evaluate", &params);
        let value = &result["result"];
        let text = value.get::<std::collections::HashMap<String, JsonValue>>().unwrap().get("value");
        text.and_then(|text| text.get::<String>()).cloned().ok_or_else(|| format!("{result:?}"))
    }

    /// Waits until the expression is true.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        let until = deadline(PATIENCE);
        loop {
            // it may be an error yet: the page is being loaded
            let is_so = self.try_value(&format!("Boolean({expression})"));
            if is_so.as_deref() == Ok("true") {
                return;
            }
            assert!(!is_over(until), "not within {PATIENCE:?}: {expression}: {is_so:?}");
            pause();
        }
    }

    /// As a phone or a large screen would show it, dark or light.
    pub fn appear(&mut self, width: u32, height: u32, is_dark: bool) {
        let is_phone = width < 600;
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            &format!(r#"{{"width":{width},"height":{height},"deviceScaleFactor":1,"mobile":{is_phone}}}"#),
        );
        let scheme = if is_dark { "dark" } else { "light" };
        self.ask(
            "Emulation.setEmulatedMedia",
            &format!(r#"{{"features":[{{"name":"prefers-color-scheme","value":"{scheme}"}}]}}"#),
        );
    }

    /// The page as a PNG, in base64.
    pub fn screenshot(&mut self) -> String {
        self.ask("Page.captureScreenshot", r#"{"format":"png"}"#)["data"].get::<String>().unwrap().clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
