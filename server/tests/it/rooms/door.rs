//! Networks that let nothing out but the port of the web app: media go there too.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use carillon::config::Tls;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    task::AbortHandle,
};

use super::{
    Meeting,
    attendee::{Attendee, at},
    open,
};
use crate::kit::{TestServer, http};

/// More than one, so that whoever accepts has to find the right one.
const THREADS: u8 = 3;

/// The way over TCP, for a client that believes to use UDP.
pub struct Tunnel {
    through: SocketAddr,
    task: AbortHandle,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tunnel {
    /// To this port of this machine.
    pub async fn to(port: u16) -> Tunnel {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let through = here.local_addr().unwrap();
        Tunnel { through, task: tokio::spawn(carry(here, stream)).abort_handle() }
    }

    /// A description that knows only this way; what it said of the port must have been among its
    /// own.
    pub fn lead(&self, sdp: &str, port: u16) -> String {
        let (ways, rest): (Vec<&str>, Vec<&str>) =
            sdp.lines().partition(|line| line.starts_with("a=candidate:"));
        let door = format!(" 127.0.0.1 {port} typ host tcptype passive");
        assert!(ways.iter().any(|way| way.contains(" tcp ") && way.contains(&door)), "{ways:?}");
        let Tunnel { through, .. } = self;
        let (ip, port) = (through.ip(), through.port());
        let way = format!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host");
        let after = rest.iter().position(|line| line.starts_with("a=mid:")).unwrap() + 1;
        let (head, tail) = rest.split_at(after);
        let lines = head.iter().copied().chain([way.as_str()]).chain(tail.iter().copied());
        lines.map(|line| format!("{line}\r\n")).collect()
    }
}

/// Each datagram goes with its length before it, in both directions.
async fn carry(here: UdpSocket, stream: TcpStream) {
    let (mut down, mut up) = stream.into_split();
    let client = Mutex::new(None);
    let client = || client.lock().unwrap_or_else(PoisonError::into_inner);
    let go_up = async {
        let mut buffer = [0; 2_048];
        while let Ok((len, from)) = here.recv_from(&mut buffer).await {
            *client() = Some(from);
            let frame = [&(len as u16).to_be_bytes(), &buffer[..len]].concat();
            if up.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    let go_down = async {
        while let Ok(len) = down.read_u16().await {
            let mut datagram = vec![0; usize::from(len)];
            if down.read_exact(&mut datagram).await.is_err() {
                return;
            }
            let to = *client();
            here.send_to(&datagram, to.expect("the client spoke first")).await.unwrap();
        }
    };
    tokio::join!(go_up, go_down);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reaches_only_the_port_of_the_web_app_meets_the_others_all_the_same() {
    for tls in [None, Some(Tls::Own)] {
        let server = TestServer::with(|config| {
            config.tls = tls;
            config.rooms.threads = THREADS;
        });
        let server = server.await;
        let meeting = Meeting::at(&server).await;
        let mut calls = at(&server, &meeting.amy).await;
        let room = open(&mut calls, meeting.conv).await;
        let amy = Attendee::join(calls, "amy", room).await;
        let (_, port) = server.url().rsplit_once(':').unwrap();
        let bobs = at(&server, &meeting.bob).await;
        let bob = Attendee::join_by(port.parse().unwrap(), bobs, "bob", room).await;
        tokio::join!(amy.hears("bob"), bob.hears("amy"));
        let (status, _) = http(server.url(), "GET", "/readyz", &[], Vec::new()).await;
        assert_eq!(status, 200, "the port speaks HTTP as before");
        tokio::join!(amy.hears("bob"), bob.hears("amy"));
        drop((amy, bob));
        server.stop().await;
    }
}
