//! Requests as pages send them. No two have the same events, unless one is sent again on purpose.

use std::io::Write;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use lamplight_wire::Producer;

/// The key that requests to Lamplight carry. The other peers ignore it.
pub(crate) const KEY: &str = "wk_bench0000000000000000000000000";
/// Pages that are open at the same time and send in turn.
const PAGES: u64 = 1_000;
/// Events of a page before it is closed and another one is opened.
const PAGE_EVENTS: u64 = 100;
/// One request in this many is sent again, as browsers do that saw no answer.
const AGAIN_EVERY: u64 = 50;
/// How many requests later that is.
const AGAIN_AFTER: u64 = 25;
/// Requests of one millisecond, by the times of their events.
const REQUESTS_PER_MS: u64 = 32;
/// When the first event happened, in milliseconds since 1970: a minute ago.
static BEGIN_MS: LazyLock<u64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(now).unwrap_or_default().saturating_sub(60_000)
});
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const NAMES: [&str; 8] = [
    "page",
    "product_viewed",
    "added_to_cart",
    "cart_opened",
    "search_changed",
    "video_opened",
    "order_changed",
    "signed_up",
];

/// How events are written and told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, by producer and sequence number, as Lamplight's SDK does it.
    Numbers,
    /// JSON, by an id that begins with the time, as teams do it with UUIDs of version 7.
    Ids,
    /// The line protocol of `InfluxDB`.
    Lines,
}

/// The requests of one turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    /// How events are written.
    pub(crate) format: Format,
    /// Events in each request.
    pub(crate) events: usize,
    /// Whether some requests are sent again.
    pub(crate) repeats: bool,
}

impl Traffic {
    /// Writes the request with this number, head and body.
    pub(crate) fn write(&self, number: u64, out: &mut Vec<u8>) -> std::io::Result<()> {
        let number = if self.is_repeat(number) { number - AGAIN_AFTER } else { number };
        let mut body = Vec::with_capacity(self.events * 512);
        self.write_body(number, &mut body)?;
        let target = match self.format {
            Format::Numbers | Format::Ids => format!("/v1/events?key={KEY}"),
            Format::Lines => "/write?db=bench".to_owned(),
        };
        out.clear();
        write!(
            out,
            "POST {target} HTTP/1.1\r\nHost: bench\r\nUser-Agent: {AGENT}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        out.extend_from_slice(&body);
        Ok(())
    }

    /// The events that are in the first `requests` requests, each counted once.
    pub(crate) fn distinct_events(&self, requests: u64) -> u64 {
        let repeats = if self.repeats { requests / AGAIN_EVERY } else { 0 };
        (requests - repeats) * self.events as u64
    }

    const fn is_repeat(&self, number: u64) -> bool {
        self.repeats && number % AGAIN_EVERY == AGAIN_EVERY - 1
    }

    fn write_body(&self, number: u64, body: &mut Vec<u8>) -> std::io::Result<()> {
        if self.format == Format::Lines {
            return (0..self.events as u64).try_for_each(|at| self.write_line(number, at, body));
        }
        body.push(b'[');
        for at in 0..self.events as u64 {
            if at > 0 {
                body.push(b',');
            }
            self.write_event(number, at, body)?;
        }
        body.push(b']');
        Ok(())
    }

    /// An event of a shop: about 400 bytes.
    fn write_event(&self, number: u64, at: u64, body: &mut Vec<u8>) -> std::io::Result<()> {
        let Event { page, begun_ms, seq, global } = self.event(number, at);
        let (name, random) = (name(global), mixed(global));
        let ts = time_ms(number);
        write!(body, r#"{{"name":"{name}","ts":{ts},"#)?;
        match self.format {
            Format::Ids => {
                let (high, low) = (random & 0x0fff, mixed(global ^ u64::MAX));
                write!(
                    body,
                    r#""id":"{:08x}-{:04x}-7{high:03x}-{:04x}-{:012x}","#,
                    ts >> 16,
                    ts & 0xffff,
                    0x8000 | (low >> 50),
                    low & 0xffff_ffff_ffff
                )?;
            }
            _ => write!(body, r#""producer":"{}","seq":{seq},"#, producer(page, begun_ms))?,
        }
        let session = mixed(page);
        write!(
            body,
            r#""user":{{"id":"user-{}"}},"session":"{session:016x}","properties":{{"product":"{:012x}","price":{}.{:02},"currency":"EUR","list":"recommended","position":{},"note":"{:016x}{random:016x}"}},"context":{{"page":{{"url":"https://shop.example/products/{:08x}","title":"Products"}},"locale":"en-GB"}}}}"#,
            page % 50_000,
            random >> 16,
            random % 900,
            random % 100,
            random % 40,
            mixed(random),
            random >> 32,
        )
    }

    /// The same event as a point of a series for each name.
    fn write_line(&self, number: u64, at: u64, body: &mut Vec<u8>) -> std::io::Result<()> {
        let Event { page, begun_ms, seq, global } = self.event(number, at);
        let (name, random) = (name(global), mixed(global));
        writeln!(
            body,
            r#"events,name={name} producer="{}",seq={seq}i,user="user-{}",session="{:016x}",product="{:012x}",price={}.{:02},currency="EUR",list="recommended",position={}i,note="{:016x}{random:016x}",url="https://shop.example/products/{:08x}",title="Products",locale="en-GB" {}"#,
            producer(page, begun_ms),
            page % 50_000,
            mixed(page),
            random >> 16,
            random % 900,
            random % 100,
            random % 40,
            mixed(random),
            random >> 32,
            *BEGIN_MS * 1_000_000 + global,
        )
    }

    /// Which event is at this place of a request.
    fn event(&self, number: u64, at: u64) -> Event {
        let events = self.events as u64;
        // A page is closed when its events are used up. Requests of more events are one each.
        let requests_of_page = (PAGE_EVENTS / events).max(1);
        let round = number / PAGES;
        let page = (round / requests_of_page) * PAGES + number % PAGES;
        let sent = round % requests_of_page;
        let begun_ms = time_ms(number - sent * PAGES);
        Event { page, begun_ms, seq: sent * events + at + 1, global: number * events + at }
    }
}

/// Where an event is from.
struct Event {
    page: u64,
    /// When the page sent its first request.
    begun_ms: u64,
    /// Its number in the page.
    seq: u64,
    /// Its number among all.
    global: u64,
}

/// The name of an event.
fn name(global: u64) -> &'static str {
    let at = usize::try_from(global % NAMES.len() as u64).unwrap_or_default();
    NAMES[at]
}

/// When the events of a request happened.
fn time_ms(number: u64) -> u64 {
    *BEGIN_MS + number / REQUESTS_PER_MS
}

/// The name of a page, as the SDK draws it.
fn producer(page: u64, begun_ms: u64) -> Producer {
    let random = u128::from(mixed(page)) << 64 | u128::from(mixed(page ^ u64::MAX));
    Producer::begun_at(begun_ms, random)
}

/// A number that looks random (`SplitMix64`), so that it compresses as badly as real values.
const fn mixed(number: u64) -> u64 {
    let mut value = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The identities of the events in the first requests.
    fn identities(traffic: Traffic, requests: u64) -> Vec<String> {
        let mut found = Vec::new();
        for number in 0..requests {
            let mut request = Vec::new();
            traffic.write(number, &mut request).unwrap();
            let text = String::from_utf8(request).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
            let events: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
            assert_eq!(events.len(), traffic.events);
            found.extend(events.iter().map(|event| match traffic.format {
                Format::Ids => event["id"].to_string(),
                _ => format!("{} {}", event["producer"], event["seq"]),
            }));
        }
        found
    }

    #[test]
    fn as_many_events_differ_as_are_said_to() {
        for format in [Format::Numbers, Format::Ids] {
            for (events, repeats) in [(1, true), (10, true), (100, false), (100, true)] {
                let traffic = Traffic { format, events, repeats };
                let all = identities(traffic, 2_100);
                let distinct: BTreeSet<_> = all.iter().collect();
                assert_eq!(distinct.len() as u64, traffic.distinct_events(2_100), "{traffic:?}");
                assert_eq!(repeats, distinct.len() < all.len(), "{traffic:?}");
            }
        }
    }

    #[test]
    fn points_of_influxdb_differ_in_their_time() {
        let traffic = Traffic { format: Format::Lines, events: 3, repeats: false };
        let mut request = Vec::new();
        let mut times = BTreeSet::new();
        for number in 0..4 {
            traffic.write(number, &mut request).unwrap();
            let text = String::from_utf8(request.clone()).unwrap();
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            times.extend(body.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()));
        }
        assert_eq!(times.len(), 12);
    }
}
