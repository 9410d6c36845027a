//! A proxy on loopback whose links can freeze: both ends stay open, and nothing goes through.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Each direction of each connection has a thread: it needs little.
const STACK_LEN: usize = 64 * 1024;
const BUFFER_LEN: usize = 16 * 1024;
/// How long the other side may take to answer.
const DIAL_MAX: Duration = Duration::from_secs(3);

/// What all connections of a proxy share.
struct Link {
    /// Where connections go.
    to: Mutex<SocketAddr>,
    frozen: Mutex<bool>,
    thawed: Condvar,
    carried: AtomicU64,
}

impl Link {
    /// Waits while nothing may go through.
    fn pass(&self) {
        let mut frozen = self.frozen.lock().expect("nobody panics with it");
        while *frozen {
            frozen = self.thawed.wait(frozen).expect("nobody panics with it");
        }
    }
}

/// A proxy. It stays until the program ends.
#[derive(Clone)]
pub struct Proxy {
    link: Arc<Link>,
    address: SocketAddr,
}

impl Proxy {
    /// Listens on a free port of loopback, for what listens there.
    pub fn start(to: SocketAddr) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let link = Arc::new(Link {
            to: Mutex::new(to),
            frozen: Mutex::new(false),
            thawed: Condvar::new(),
            carried: AtomicU64::new(0),
        });
        let accepting = link.clone();
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let link = accepting.clone();
                spawn(move || carry(stream, &link))?;
            }
            Ok(())
        })?;
        Ok(Proxy { link, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections go there.
    pub fn lead_to(&self, to: SocketAddr) {
        *self.link.to.lock().expect("nobody panics with it") = to;
    }

    /// From now on nothing goes through.
    pub fn freeze(&self) {
        *self.link.frozen.lock().expect("nobody panics with it") = true;
    }

    /// Everything goes through again, also what was held back.
    pub fn thaw(&self) {
        *self.link.frozen.lock().expect("nobody panics with it") = false;
        self.link.thawed.notify_all();
    }

    /// How many bytes went through.
    #[cfg(test)]
    pub fn carried(&self) -> u64 {
        self.link.carried.load(Ordering::Relaxed)
    }
}

fn spawn(run: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    // How a connection ends is nobody's concern here: both its ends learn of it.
    let run = move || drop(run());
    thread::Builder::new().stack_size(STACK_LEN).spawn(run).map(drop)
}

fn carry(near: TcpStream, link: &Arc<Link>) -> io::Result<()> {
    link.pass();
    let to = *link.to.lock().expect("nobody panics with it");
    let far = TcpStream::connect_timeout(&to, DIAL_MAX)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (back_from, back_to, back_link) = (far.try_clone()?, near.try_clone()?, link.clone());
    spawn(move || pump(back_from, back_to, &back_link))?;
    pump(near, far, link)
}

/// One direction, until either end closes.
fn pump(mut from: TcpStream, mut to: TcpStream, link: &Link) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_LEN];
    let mut carry = || -> io::Result<()> {
        loop {
            let len = from.read(&mut buffer)?;
            link.pass();
            if len == 0 {
                return Ok(());
            }
            link.carried.fetch_add(len as u64, Ordering::Relaxed);
            to.write_all(&buffer[..len])?;
        }
    };
    let carried = carry();
    // Whichever end is left reads its end, and the other direction ends too.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
    carried
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says back what it hears.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        spawn(move || {
            for mut stream in listener.incoming().flatten() {
                spawn(move || io::copy(&mut stream.try_clone()?, &mut stream).map(drop))?;
            }
            Ok(())
        })
        .unwrap();
        address
    }

    #[test]
    fn a_frozen_link_holds_back_and_loses_nothing() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        let mut said = [0; 4];
        stream.write_all(b"one.").unwrap();
        stream.read_exact(&mut said).unwrap();
        let carried = proxy.carried();
        proxy.freeze();
        stream.write_all(b"two.").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        assert!(stream.read(&mut said).is_err(), "nothing comes through");
        assert_eq!(proxy.carried(), carried);
        proxy.thaw();
        stream.set_read_timeout(None).unwrap();
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"two.");
    }

    #[test]
    fn who_connects_later_is_led_elsewhere() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let proxy = Proxy::start(nobody).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(stream.read(&mut [0; 4]).unwrap_or_default(), 0, "nobody listens there");
        proxy.lead_to(echo());
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        let mut said = [0; 4];
        stream.write_all(b"here").unwrap();
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"here");
    }
}
