//! The limit that a room is compared with: a loop that does nothing but forward, over the same
//! library, as a process of its own ([`serve`]) that is spoken to by lines of JSON.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::Ipv4Addr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
};

use carillon_sfu::kit::Forwarder;
use serde::{Deserialize, Serialize};

use super::{
    gathering::Gathering,
    seat::{Part, Seat},
};
use crate::{
    fleet::{Failed, Target},
    process::Process,
};

/// The socket's buffers, as the room's.
const SOCKET_LEN: usize = 4 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
enum Asked {
    /// The offer of whoever sends.
    Publish(String),
    /// Another receiver: answers an offer.
    Subscribe,
    /// The receiver's answer.
    Answer(usize, String),
}

/// The loop as whoever measures it sees it. It ends with this value.
pub struct Bare {
    child: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
    receivers: usize,
}

impl Bare {
    /// Starts it.
    pub fn start() -> Result<Bare, Failed> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("room-forwarder")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let asks = child.stdin.take().expect("it is piped");
        let says = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Bare { child, asks, says, receivers: 0 })
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// One who sends, and so many who receive.
    pub fn fill(
        &mut self,
        gathering: &mut Gathering,
        part: &Part,
        receivers: usize,
    ) -> Result<(), Failed> {
        let target = Target { address: (Ipv4Addr::LOCALHOST, 0).into(), path: String::new() };
        let mut sender = Seat::new(&target, part, 0)?;
        let (offer, _) = sender.client.offer(&part.tracks())?;
        sender.client.answered(&self.ask(&Asked::Publish(offer))?)?;
        gathering.seat(sender, false)?;
        for number in 0..receivers {
            let mut seat = Seat::new(&target, &Part::default(), number + 1)?;
            let offer = self.ask(&Asked::Subscribe)?;
            let answer = seat.client.accept(&offer)?;
            self.ask(&Asked::Answer(self.receivers, answer))?;
            self.receivers += 1;
            gathering.seat(seat, true)?;
        }
        Ok(())
    }

    fn ask(&mut self, asked: &Asked) -> Result<String, Failed> {
        let mut line = serde_json::to_string(asked).map_err(io::Error::from)?;
        line.push('\n');
        self.asks.write_all(line.as_bytes())?;
        let mut answer = String::new();
        if self.says.read_line(&mut answer)? == 0 {
            return Err(io::Error::other("the bare forwarder ended").into());
        }
        Ok(serde_json::from_str(&answer).map_err(io::Error::from)?)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(|_| ())) {
            eprintln!("the bare forwarder is not over: {error}");
        }
    }
}

/// The loop itself, until standard input ends.
pub fn serve() -> Result<(), Failed> {
    let (asks, asked) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if asks.send(line).is_err() {
                return;
            }
        }
    });
    let mut forwarder = Forwarder::new()?;
    let buffers = socket2::SockRef::from(forwarder.socket());
    buffers.set_recv_buffer_size(SOCKET_LEN)?;
    buffers.set_send_buffer_size(SOCKET_LEN)?;
    loop {
        match asked.try_recv() {
            Ok(line) => {
                let said = match serde_json::from_str(&line).map_err(io::Error::from)? {
                    Asked::Publish(offer) => forwarder.publish(&offer)?,
                    Asked::Subscribe => forwarder.subscribe()?,
                    Asked::Answer(number, answer) => {
                        forwarder.answer(number, &answer)?;
                        String::new()
                    }
                };
                println!("{}", serde_json::to_string(&said).map_err(io::Error::from)?);
            }
            Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
            Err(mpsc::TryRecvError::Empty) => {}
        }
        forwarder.turn()?;
    }
}
