//! The other end of mail: a server on this machine that keeps to RFC 5321 and refuses who does not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// What it takes, and what it says.
#[derive(Clone, Default)]
pub struct Manners {
    /// Speaks TLS from the first byte.
    pub wrapped: bool,
    /// Can begin TLS, and insists on it.
    pub starttls: bool,
    /// Insists on this login.
    pub login: Option<(&'static str, &'static str)>,
    /// Says this in place of taking a recipient.
    pub recipient: Option<&'static str>,
    /// Says this in place of taking a letter.
    pub letter: Option<&'static str>,
}

/// What came in, one for each letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    pub from: String,
    pub to: String,
    pub letter: String,
    pub encrypted: bool,
}

pub struct Mailbox {
    pub port: u16,
    handed: Arc<Mutex<Vec<Handed>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Mailbox {
    pub async fn open(manners: Manners, acceptor: TlsAcceptor) -> Mailbox {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handed = Arc::default();
        let taken = Arc::clone(&handed);
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let session = Session {
                    manners: manners.clone(),
                    handed: Arc::clone(&taken),
                    encrypted: manners.wrapped,
                    known: false,
                };
                tokio::spawn(session.run(stream, acceptor.clone()));
            }
        });
        Mailbox { port, handed, connections, task }
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn handed(&self) -> Vec<Handed> {
        self.handed.lock().unwrap().clone()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Session {
    manners: Manners,
    handed: Arc<Mutex<Vec<Handed>>>,
    encrypted: bool,
    known: bool,
}

impl Session {
    async fn run(mut self, stream: TcpStream, acceptor: TlsAcceptor) {
        if self.manners.wrapped {
            // Who does not trust the certificate goes away.
            if let Ok(stream) = acceptor.accept(stream).await {
                self.greet(&mut BufStream::new(stream)).await;
            }
            return;
        }
        let mut stream = BufStream::new(stream);
        if self.greet(&mut stream).await
            && let Ok(stream) = acceptor.accept(stream.into_inner()).await
        {
            self.encrypted = true;
            self.talk(&mut BufStream::new(stream)).await;
        }
    }

    async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufStream<S>,
    ) -> bool {
        say(stream, "220 mail.example ready").await;
        self.talk(stream).await
    }

    /// Talks until the end, or until TLS begins.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufStream<S>) -> bool {
        let (mut from, mut to) = (None, None);
        while let Some(line) = line(stream).await {
            let verb = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
            let wants_tls = self.manners.starttls && !self.encrypted;
            let wants_login = self.manners.login.is_some() && !self.known;
            let answer: &str = match verb.as_str() {
                "EHLO" => {
                    let tls = if wants_tls { "250-STARTTLS\r\n" } else { "" };
                    let login =
                        if wants_login && self.encrypted { "250-AUTH PLAIN\r\n" } else { "" };
                    &format!("250-mail.example\r\n{tls}{login}250 8BITMIME")
                }
                "STARTTLS" if wants_tls => {
                    say(stream, "220 go ahead").await;
                    return true;
                }
                "AUTH" if self.encrypted => self.login(&line),
                "QUIT" => {
                    say(stream, "221 bye").await;
                    return false;
                }
                "MAIL" if wants_tls => "530 5.7.0 begin TLS first",
                "MAIL" if wants_login => "530 5.7.0 log in first",
                "MAIL" => {
                    from = Some(between(&line));
                    "250 ok"
                }
                "RCPT" if from.is_some() => {
                    to = Some(between(&line));
                    self.manners.recipient.unwrap_or("250 ok")
                }
                "DATA" if to.is_some() => {
                    say(stream, "354 go on").await;
                    let letter = letter(stream).await;
                    let answer = self.manners.letter.unwrap_or("250 taken");
                    if answer.starts_with("250")
                        && let (Some(from), Some(to)) = (from.take(), to.take())
                    {
                        let encrypted = self.encrypted;
                        self.handed.lock().unwrap().push(Handed { from, to, letter, encrypted });
                    }
                    answer
                }
                "RSET" | "NOOP" => "250 ok",
                _ => "503 5.5.1 not now",
            };
            say(stream, answer).await;
        }
        false
    }

    fn login(&mut self, line: &str) -> &'static str {
        let (user, password) = self.manners.login.unwrap();
        let wanted = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        self.known = line == format!("AUTH PLAIN {wanted}");
        if self.known { "235 welcome" } else { "535 5.7.8 no" }
    }
}

/// What stands between `<` and `>`.
fn between(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufStream<S>, answer: &str) {
    stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// A line, whose end must be CR LF.
async fn line<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufStream<S>) -> Option<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    Some(line.strip_suffix("\r\n").expect("lines end with CR LF").to_owned())
}

/// What comes until a dot stands alone, with its own dots as they were.
async fn letter<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufStream<S>) -> String {
    let mut whole = String::new();
    loop {
        let line = line(stream).await.unwrap();
        if line == "." {
            return whole;
        }
        assert!(line.len() <= 998, "RFC 5322 2.1.1");
        whole.push_str(line.strip_prefix('.').unwrap_or(&line));
        whole.push_str("\r\n");
    }
}
