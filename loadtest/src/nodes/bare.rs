//! What Redis alone takes from a publish until the message has arrived, over two connections: of a
//! program that waits for nothing else, and of one that serves many, as any server does.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
    sync::mpsc,
};

use crate::clock::now_ns;

const CHANNEL: &str = "bare";
const PATIENCE: Duration = Duration::from_secs(5);

/// What is sent and what is to be heard, byte for byte.
struct Script {
    request: Vec<u8>,
    subscribe: Vec<u8>,
    subscribed: Vec<u8>,
    message: Vec<u8>,
}

/// One listens.
const HEARD_BY_ONE: &[u8] = b":1\r\n";

impl Script {
    fn new(channel: &str, payload_len: usize) -> Script {
        let payload = "x".repeat(payload_len);
        let confirmed =
            format!("*3\r\n$9\r\nsubscribe\r\n${}\r\n{channel}\r\n:1\r\n", channel.len());
        Script {
            request: command(&["PUBLISH", channel, &payload]),
            subscribe: command(&["SUBSCRIBE", channel]),
            subscribed: confirmed.into_bytes(),
            message: command(&["message", channel, &payload]),
        }
    }
}

/// Two blocking sockets of one thread: whoever reads sleeps in the very call that brings the
/// message.
pub struct Blocking {
    publisher: TcpStream,
    listener: TcpStream,
    script: Script,
}

impl Blocking {
    pub fn connect(port: u16, payload_len: usize) -> io::Result<Blocking> {
        let script = Script::new(CHANNEL, payload_len);
        let (publisher, mut listener) = (open(port)?, open(port)?);
        listener.write_all(&script.subscribe)?;
        hear(&mut listener, &script.subscribed)?;
        Ok(Blocking { publisher, listener, script })
    }

    /// From the publish until the message has arrived, in nanoseconds.
    pub fn one(&mut self) -> io::Result<u64> {
        let start = now_ns();
        self.publisher.write_all(&self.script.request)?;
        hear(&mut self.listener, &self.script.message)?;
        let took = now_ns().saturating_sub(start);
        hear(&mut self.publisher, HEARD_BY_ONE)?;
        Ok(took)
    }
}

/// A task that publishes and one that listens, on the runtime of a server: whoever reads sleeps
/// until any socket is readable, is woken, and reads then.
pub struct Tasks {
    runtime: Runtime,
    publish: mpsc::Sender<()>,
    done: mpsc::Receiver<io::Result<u64>>,
}

impl Tasks {
    pub fn connect(port: u16, payload_len: usize) -> io::Result<Tasks> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let script = Script::new("tasks", payload_len);
        let (publish, asked) = mpsc::channel(1);
        let (arrived, arrivals) = mpsc::channel(1);
        let (answer, done) = mpsc::channel(1);
        let (publisher, mut listener) = (open(port)?, open(port)?);
        listener.write_all(&script.subscribe)?;
        hear(&mut listener, &script.subscribed)?;
        let (publisher, listener) =
            runtime.block_on(async { io::Result::Ok((adopt(publisher)?, adopt(listener)?)) })?;
        runtime.spawn(listen(listener, script.message, arrived));
        runtime.spawn(serve(publisher, script.request, (asked, arrivals), answer));
        Ok(Tasks { runtime, publish, done })
    }

    /// From the publish until the message has arrived, in nanoseconds.
    pub fn one(&mut self) -> io::Result<u64> {
        let Tasks { runtime, publish, done } = self;
        runtime.block_on(async {
            let gone = || io::Error::other("Redis ended the connection");
            publish.send(()).await.map_err(|_| gone())?;
            let took = tokio::time::timeout(PATIENCE, done.recv()).await?;
            took.ok_or_else(gone)?
        })
    }
}

/// Publishes when it is asked to, and says how long it took.
async fn serve(
    mut publisher: tokio::net::TcpStream,
    request: Vec<u8>,
    (mut asked, mut arrivals): (mpsc::Receiver<()>, mpsc::Receiver<io::Result<u64>>),
    answer: mpsc::Sender<io::Result<u64>>,
) {
    while let Some(()) = asked.recv().await {
        let one = async {
            let start = now_ns();
            publisher.write_all(&request).await?;
            let mut heard = [0; HEARD_BY_ONE.len()];
            publisher.read_exact(&mut heard).await?;
            same(&heard, HEARD_BY_ONE)?;
            let arrived = arrivals.recv().await;
            let arrived = arrived.ok_or_else(|| io::Error::other("the listener has ended"))??;
            Ok(arrived.saturating_sub(start))
        };
        let took = one.await;
        if answer.send(took).await.is_err() {
            return;
        }
    }
}

/// Says when each message came.
async fn listen(
    mut listener: tokio::net::TcpStream,
    message: Vec<u8>,
    arrived: mpsc::Sender<io::Result<u64>>,
) {
    let mut heard = vec![0; message.len()];
    loop {
        let came = listener.read_exact(&mut heard).await;
        let at = now_ns();
        let came = came.and_then(|_| same(&heard, &message)).map(|()| at);
        let ends = came.is_err();
        if arrived.send(came).await.is_err() || ends {
            return;
        }
    }
}

fn open(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn adopt(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    stream.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(stream)
}

/// Words as Redis reads and writes them.
fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes += &format!("${}\r\n{word}\r\n", word.len());
    }
    bytes.into_bytes()
}

fn hear(stream: &mut TcpStream, wanted: &[u8]) -> io::Result<()> {
    let mut heard = vec![0; wanted.len()];
    stream.read_exact(&mut heard)?;
    same(&heard, wanted)
}

fn same(heard: &[u8], wanted: &[u8]) -> io::Result<()> {
    if heard == wanted {
        return Ok(());
    }
    Err(io::Error::other(format!("Redis said {}", String::from_utf8_lossy(heard))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_redis_reads_them() {
        let ping = b"*2\r\n$4\r\nPING\r\n$2\r\nab\r\n";
        assert_eq!(command(&["PING", "ab"]), ping);
    }

    #[test]
    fn both_ways_bring_every_message() {
        let redis = carillon_rig::Redis::start();
        let mut blocking = Blocking::connect(redis.port(), 200).unwrap();
        let mut tasks = Tasks::connect(redis.port(), 200).unwrap();
        for _ in 0..20 {
            assert!(blocking.one().unwrap() > 0 && tasks.one().unwrap() > 0);
        }
    }
}
