//! A TCP proxy between clients and a server. It cuts connections at random bytes, and it holds
//! clients while there is no server.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// One connection in so many is cut while it is made: in the upgrade, in `hello`, in the catch-up.
const EARLY_IN: u64 = 6;
/// Such a connection carries less than this in each direction.
const EARLY_LEN_MAX: u64 = 2 * 1024;
/// Others carry less than this to the server,
const UP_LEN_MAX: u64 = 48 * 1024;
/// and back. A page of 200 events fits often enough for everybody to get on.
const DOWN_LEN_MAX: u64 = 256 * 1024;

/// Random numbers that a seed repeats.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From the environment variable `SEED`, or a new one. It is printed, and a test that fails
    /// shows it. What a run draws is repeated by it; how threads interleave is not.
    pub fn from_environment() -> Chance {
        let seed = match std::env::var("SEED") {
            Ok(seed) => seed.parse().expect("SEED is a number"),
            Err(_) => getrandom::u64().unwrap(),
        };
        println!("SEED={seed}");
        Chance(seed)
    }

    /// A number below `end`; SplitMix64 (Steele, Lea, Flood 2014).
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// A seed for somebody else's random numbers.
    pub fn seed(&mut self) -> u64 {
        self.below(u64::MAX)
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Bytes that pass from the client to the server, and back.
    up: u64,
    down: u64,
    /// Whether the ends see a reset, which drops what they have not read, or an orderly end.
    reset: bool,
}

impl Cut {
    const NEVER: Cut = Cut { up: u64::MAX, down: u64::MAX, reset: false };

    fn random(chance: &mut Chance) -> Cut {
        let early = chance.below(EARLY_IN) == 0;
        let (up, down) =
            if early { (EARLY_LEN_MAX, EARLY_LEN_MAX) } else { (UP_LEN_MAX, DOWN_LEN_MAX) };
        let reset = chance.below(2) == 0;
        Cut { up: chance.below(up), down: chance.below(down), reset }
    }
}

/// The proxy; its connections end with it.
pub struct Proxy {
    url: String,
    target: watch::Sender<Option<SocketAddr>>,
    cuts: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy that cuts no connection.
    pub async fn start() -> Proxy {
        Proxy::run(None).await
    }

    /// A proxy that cuts every connection sooner or later.
    pub async fn cutting(seed: u64) -> Proxy {
        Proxy::run(Some(Chance(seed))).await
    }

    async fn run(mut chance: Option<Chance>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (target, targets) = watch::channel(None);
        let cuts = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&cuts);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let cut = chance.as_mut().map_or(Cut::NEVER, Cut::random);
                let (targets, counter) = (targets.clone(), Arc::clone(&counter));
                connections.spawn(async move {
                    if relay(client, targets, cut).await {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Proxy { url, target, cuts, accepting }
    }

    /// Where clients connect, as `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server, as `http://127.0.0.1:…`; while there is none, new connections wait. Those to
    /// another one than before end.
    pub fn aim(&self, url: Option<&str>) {
        let address = url.map(|url| url.strip_prefix("http://").unwrap().parse().unwrap());
        self.target.send_replace(address);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries bytes until one side ends or the connection is cut; says whether it was cut. A
/// connection that cannot be made or breaks is the same to a client as one that ends.
async fn relay(
    mut client: TcpStream,
    mut targets: watch::Receiver<Option<SocketAddr>>,
    cut: Cut,
) -> bool {
    let Ok(target) = targets.wait_for(Option::is_some).await.map(|target| *target) else {
        return false;
    };
    let Ok(mut server) = TcpStream::connect(target.expect("it was waited for")).await else {
        return false;
    };
    for end in [&client, &server] {
        end.set_nodelay(true).unwrap();
        let linger = cut.reset.then_some(Duration::ZERO);
        socket2::SockRef::from(end).set_linger(linger).unwrap();
    }
    let ((from_client, mut to_client), (from_server, mut to_server)) =
        (client.split(), server.split());
    let (mut up, mut down) = (from_client.take(cut.up), from_server.take(cut.down));
    tokio::select! {
        carried = copy(&mut up, &mut to_server) => carried.is_ok_and(|len| len == cut.up),
        carried = copy(&mut down, &mut to_client) => carried.is_ok_and(|len| len == cut.down),
        _elsewhere = targets.wait_for(|now| *now != target) => false,
    }
}
