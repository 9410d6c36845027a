//! Twilio as its reference of the API says, as far as a server that is killed has to do with it: it
//! takes messages and calls, remembers them, and lists what went to a number.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::json;

use super::judge::Asked;
use crate::{clock::now_ns, dice::Dice};

/// The account that it knows.
pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
/// The longest body that it reads.
const BODY_LEN_MAX: usize = 64 * 1024;
/// It thinks for up to so many milliseconds, so that servers are killed while they wait.
const THINKS_MS: u64 = 200;

/// Something that it was asked for, and did.
struct Entry {
    key: String,
    resource: &'static str,
    to: String,
    body: String,
    at_ms: i64,
}

/// The vendor; its threads end with the process.
pub struct Vendor {
    address: SocketAddr,
    entries: Arc<Mutex<Vec<Entry>>>,
}

struct Request {
    method: String,
    target: String,
    form: Vec<(String, String)>,
}

impl Vendor {
    /// Begins to listen.
    pub fn start(seed: u64) -> io::Result<Vendor> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let entries = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&entries);
        let mut dice = Dice::new(seed);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (entries, dice) = (Arc::clone(&noted), Dice::new(dice.next()));
                thread::spawn(move || {
                    // Whoever was killed leaves half a request: nothing was asked then.
                    if let Err(error) = serve(&stream, &entries, dice)
                        && error.kind() == io::ErrorKind::InvalidData
                    {
                        eprintln!("the vendor was asked something wrong: {error}");
                    }
                });
            }
        });
        Ok(Vendor { address, entries })
    }

    /// Where its API is.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it did, in order.
    pub fn asked(&self) -> Vec<Asked> {
        let entries = self.entries.lock().expect("no thread of it panics");
        let asked = |entry: &Entry| Asked { key: entry.key.clone(), at: entry.at_ms };
        entries.iter().map(asked).collect()
    }
}

fn now_ms() -> i64 {
    (now_ns() / 1_000_000) as i64
}

fn serve(stream: &TcpStream, entries: &Mutex<Vec<Entry>>, mut dice: Dice) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        thread::sleep(Duration::from_millis(dice.below(THINKS_MS)));
        let (status, answer) = match request.method.as_str() {
            "POST" => take(&request, entries)?,
            _ => list(&request, entries)?,
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        let mut stream = stream;
        stream.write_all(format!("{head}{answer}").as_bytes())?;
    }
    Ok(())
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(wrong(line));
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| wrong(value))?;
        }
    }
    let mut body = vec![0; BODY_LEN_MAX.min(length)];
    reader.read_exact(&mut body)?;
    let form = form_urlencoded::parse(&body).into_owned().collect();
    Ok(Some(Request { method, target, form }))
}

/// Which of its two resources a path is.
fn resource(target: &str) -> io::Result<&'static str> {
    let path = target.split('?').next().unwrap_or_default();
    let name = path.strip_prefix(&format!("/2010-04-01/Accounts/{ACCOUNT}/"));
    match name {
        Some("Messages.json") => Ok("messages"),
        Some("Calls.json") => Ok("calls"),
        _ => Err(wrong(target)),
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> io::Result<&'a str> {
    let pair = pairs.iter().find(|(key, _)| key == name);
    pair.map(|(_, value)| value.as_str()).ok_or_else(|| wrong(format!("no {name}")))
}

fn query(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// A message or a call, which is made.
fn take(request: &Request, entries: &Mutex<Vec<Entry>>) -> io::Result<(&'static str, String)> {
    let resource = resource(&request.target)?;
    let said = if resource == "messages" { "Body" } else { "Twiml" };
    let entry = Entry {
        key: value(&query(value(&request.form, "StatusCallback")?), "key")?.to_owned(),
        resource,
        to: value(&request.form, "To")?.to_owned(),
        body: value(&request.form, said)?.to_owned(),
        at_ms: now_ms(),
    };
    let mut entries = entries.lock().expect("no thread of it panics");
    entries.push(entry);
    Ok(("201 Created", json!({"sid": sid(entries.len()), "status": "queued"}).to_string()))
}

fn sid(number: usize) -> String {
    format!("SM{number}")
}

/// What went to a number, the newest first.
fn list(request: &Request, entries: &Mutex<Vec<Entry>>) -> io::Result<(&'static str, String)> {
    let resource = resource(&request.target)?;
    let query = query(&request.target);
    let to = value(&query, "To")?;
    let entries = entries.lock().expect("no thread of it panics");
    let its = entries.iter().enumerate().rev();
    let its = its.filter(|(_, entry)| entry.resource == resource && entry.to == to);
    let shown = its.map(|(number, entry)| {
        json!({
            "sid": sid(number + 1), "to": entry.to, "direction": "outbound-api",
            "date_created": date(entry.at_ms), "status": "sent", "body": entry.body,
        })
    });
    let shown: Vec<_> = shown.take(50).collect();
    Ok(("200 OK", json!({ resource: shown }).to_string()))
}

/// As RFC 2822 writes it.
fn date(at_ms: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(at_ms.unsigned_abs());
    httpdate::fmt_http_date(time).replace("GMT", "+0000")
}
