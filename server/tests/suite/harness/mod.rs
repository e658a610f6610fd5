//! Runs the real binary on a free port, with a plain client.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use described::Seen;

pub(crate) mod described;
pub(crate) mod ending;
mod inner_queue;
pub(crate) mod postgres;
pub(crate) mod tls;

pub(crate) const WRITE_KEY: &str = "wk_test_write_key";
pub(crate) const SECRET_KEY: &str = "sk_test_secret_key_long";
pub(crate) const ADMIN_TOKEN: &str = "at_test_admin_token_long";

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) output: String,
    log: Arc<Mutex<String>>,
    agent: ureq::Agent,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Checks that the document describes this answer.
    pub(crate) fn check(&self, method: &str, target: &str) {
        let (status, content_type) = (self.status, self.header("content-type"));
        described::check(Seen { method, target, status, content_type, body: &self.text });
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of a problem document. Checks the document's form.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        let code = json["code"].as_str().unwrap().to_owned();
        assert_eq!(json["type"], format!("urn:lamplight:problem:{code}"));
        assert!(!json["title"].as_str().unwrap().is_empty());
        assert!(json["detail"].as_str().unwrap().len() > 10);
        code
    }
}

/// The command that runs the server on a free port with known keys.
pub(crate) fn command(subcommand: &str, data: &Path) -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_lamplight")), subcommand, data)
}

/// The same of another build of the server.
pub(crate) fn command_of(program: &Path, subcommand: &str, data: &Path) -> Command {
    let mut command = Command::new(program);
    // Variables of the tests are no settings, and a developer's own settings do not belong here.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMPLIGHT_") {
            command.env_remove(name);
        }
    }
    command
        .arg(subcommand)
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("LAMPLIGHT_WRITE_KEY", WRITE_KEY)
        .env("LAMPLIGHT_SECRET_KEY", SECRET_KEY)
        .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN)
        .stdin(Stdio::null());
    command
}

impl Server {
    pub(crate) fn serve(data: &Path) -> Self {
        Self::start(command("serve", data))
    }

    pub(crate) fn demo(data: &Path) -> Self {
        Self::start(command("demo", data))
    }

    pub(crate) fn start(mut command: Command) -> Self {
        let command = ending::by_itself(&mut command);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let log = collect(child.stderr.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut output = String::new();
        lines.read_line(&mut output).unwrap();
        let url = output
            .strip_prefix("lamplight is listening on ")
            .unwrap_or_else(|| panic!("it said {output:?}"))
            .trim()
            .to_owned();
        while !output.contains("Stop with Ctrl-C") {
            assert!(lines.read_line(&mut output).unwrap() > 0, "it said {output:?}");
        }
        Self { child, url, output, log, agent: agent() }
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.described("GET", path, reply(request.call().unwrap()))
    }

    pub(crate) fn options(&self, path: &str) -> Reply {
        let answer = self.agent.options(format!("{}{path}", self.url)).call();
        self.described("OPTIONS", path, reply(answer.unwrap()))
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_post(path, headers, body).unwrap()
    }

    /// Any other request.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply_of = if body.is_empty() {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        self.described(method, path, reply(reply_of.unwrap()))
    }

    pub(crate) fn try_post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body).map(|answer| self.described("POST", path, reply(answer)))
    }

    /// Whether it is a demo, which has addresses that are not in the document.
    pub(crate) fn is_demo(&self) -> bool {
        self.output.contains("/demo/")
    }

    /// Checks that the document describes an answer.
    fn described(&self, method: &str, target: &str, reply: Reply) -> Reply {
        if !self.is_demo() {
            reply.check(method, target);
        }
        reply
    }

    /// Sends events the way a page does.
    pub(crate) fn send(&self, body: &str) -> Reply {
        let path = format!("/v1/events?key={WRITE_KEY}");
        self.post(&path, &[("content-type", "text/plain")], body.as_bytes())
    }

    /// Reads with the admin token.
    pub(crate) fn read(&self, path: &str) -> Reply {
        self.get(path, &[("authorization", &format!("Bearer {ADMIN_TOKEN}"))])
    }

    pub(crate) fn totals(&self) -> Value {
        let reply = self.read("/api/totals");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// Waits until the payload queue is empty, and returns the totals of what was received, which
    /// a restart does not change.
    pub(crate) fn settled(&self) -> Value {
        let begun = now();
        loop {
            let mut totals = self.totals();
            if totals["queue"]["depth"] == 0 {
                totals.as_object_mut().unwrap().remove("refused");
                return totals;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "still waiting: {totals}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every stored event, from all pages.
    pub(crate) fn all_events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        self.each_event(|event| events.push(event.clone()));
        events
    }

    /// Looks at every stored event, of which there may be more than fit into memory.
    pub(crate) fn each_event(&self, mut look: impl FnMut(&Value)) {
        let mut cursor = String::new();
        loop {
            let page = self.read(&format!("/api/events?limit=500{cursor}")).json();
            page["events"].as_array().unwrap().iter().for_each(&mut look);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return,
            }
        }
    }

    /// Sends raw bytes on a new connection and returns everything that comes back until it closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset after the response counts as the end, too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Asks it to stop, and gives all that it logged.
    pub(crate) fn stop_with_log(self) -> String {
        let log = Arc::clone(&self.log);
        assert_eq!(self.stop(), Some(0));
        // Whoever collects it drops its part at the end.
        let begun = now();
        while Arc::strong_count(&log) > 1 {
            assert!(begun.elapsed() < Duration::from_secs(10), "the log has no end");
            std::thread::sleep(Duration::from_millis(5));
        }
        log.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process.
    pub(crate) fn kill_9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and returns the exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        ending::ask_to_stop(self.pid());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a log while it is written, so that its pipe never fills up.
fn collect(stderr: ChildStderr) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut collected = collected.lock().unwrap();
            collected.push_str(&line);
            collected.push('\n');
        }
    });
    log
}

/// A client that returns every status as a response.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_mins(1)))
        .build()
        .into()
}

pub(crate) fn reply(mut response: ureq::http::Response<ureq::Body>) -> Reply {
    Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.body_mut().read_to_string().unwrap(),
    }
}

// Tests wait for real time.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
