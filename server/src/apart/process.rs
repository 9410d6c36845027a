//! The process of a plugin that runs apart: it links itself to nodes, and does what they order.

use std::{future::pending, sync::Arc, time::Duration};

use carillon_plugin::{Plugin, apart::Apart};
use carillon_protocol::{Codec, ErrorBody};
use futures_util::{SinkExt as _, future::join_all};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tungstenite::{
    Message,
    client::IntoClientRequest,
    http::{HeaderValue, header},
};

use super::{
    address::{Address, Stream},
    frame::{FromNode, FromProcess, HELLO_TIMEOUT, PROGRAM, PROTOCOL, QUEUE_MAX, encode},
    orders::Orders,
    talk::{Say, config, converse, hear_one},
};
use crate::clock::SystemClock;

/// The shortest pause before a node is tried again …
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// … and the longest: a node that was away is served soon after it is back.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long orders under way may take when the process ends: as long as a call may.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of what a node says of a refusal is shown, in characters.
const REFUSAL_LEN_MAX: usize = 500;

/// Runs the handlers of a plugin for these nodes, until `down` says that it is to end; then what is
/// under way is done.
///
/// # Panics
/// If the plugin may not run apart.
pub async fn run(
    plugin: Plugin,
    nodes: Vec<Address>,
    token: HeaderValue,
    down: watch::Receiver<bool>,
) {
    let name = plugin.name();
    let apart = Apart::new(plugin, Arc::new(SystemClock::default()));
    let links = nodes.into_iter().map(|node| {
        let (apart, token, down) = (apart.clone(), token.clone(), down.clone());
        tokio::spawn(Worker { plugin: name, apart, node, token, down }.keep_linked())
    });
    for ended in join_all(links).await {
        ended.expect("a link does not panic");
    }
}

/// The link to one node.
struct Worker {
    plugin: &'static str,
    apart: Apart,
    node: Address,
    /// `Bearer …`.
    token: HeaderValue,
    down: watch::Receiver<bool>,
}

impl Worker {
    /// Links itself again and again.
    async fn keep_linked(mut self) {
        let (mut pause, mut said) = (PAUSE_MIN, String::new());
        let node = self.node.authority().to_owned();
        while !*self.down.borrow() {
            match self.link().await {
                Ok(why) => {
                    (pause, said) = (PAUSE_MIN, String::new());
                    tracing::info!(plugin = self.plugin, node, why, "not linked any more");
                }
                // Once is enough, however long it lasts.
                Err(why) if why == said => {}
                Err(why) => {
                    tracing::warn!(plugin = self.plugin, node, why, "not linked; it is tried on");
                    said = why;
                }
            }
            tokio::select! {
                () = sleep(jittered(pause)) => {}
                () = ends(&mut self.down) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Is linked until it is not any more; answers why.
    async fn link(&mut self) -> Result<String, String> {
        let socket = timeout(HELLO_TIMEOUT, self.connect()).await;
        let socket = socket.unwrap_or_else(|_| Err("it does not answer".into()))?;
        let node = self.node.authority();
        tracing::info!(plugin = self.plugin, node, "linked");
        let (say, said) = mpsc::channel(QUEUE_MAX);
        let orders = Arc::new(Orders::new(self.apart.clone(), say));
        let hears = Arc::clone(&orders);
        let why = tokio::select! {
            why = converse(socket, said, move |frame| hears.hear(frame)) => why,
            () = leave(&orders, &mut self.down) => "it ended".to_owned(),
        };
        orders.end();
        Ok(why)
    }

    async fn connect(&self) -> Result<WebSocketStream<Stream>, String> {
        let words = |error: tungstenite::Error| error.to_string();
        let stream = self.node.connect().await.map_err(|error| error.to_string())?;
        let mut request = self.node.link(self.plugin).into_client_request().map_err(words)?;
        request.headers_mut().insert(header::AUTHORIZATION, self.token.clone());
        let upgraded = client_async_with_config(request, stream, Some(config())).await;
        let (mut socket, _) = upgraded.map_err(refused)?;
        let hello = FromProcess::Hello { protocol: PROTOCOL, program: PROGRAM.to_owned() };
        let hello = encode(&hello).map_err(|error| error.to_string())?;
        socket.send(Message::Text(hello.into())).await.map_err(words)?;
        match hear_one(&mut socket).await? {
            FromNode::Welcome {} => Ok(socket),
            FromNode::Refused { error } => Err(error.msg),
            _ => Err("the node speaks another version of this: run the same program there".into()),
        }
    }
}

/// Waits until the process is to end.
async fn ends(down: &mut watch::Receiver<bool>) {
    // Whoever could say so is gone: that is the end, too.
    drop(down.wait_for(|down| *down).await);
}

/// Waits until the process is to end, and gives up what takes too long then: the node ends the link
/// when nothing is under way.
async fn leave(orders: &Orders, down: &mut watch::Receiver<bool>) {
    ends(down).await;
    orders.leave().await;
    sleep(LEAVE_TIMEOUT).await;
    tracing::warn!("what was under way is given up");
    orders.say(Say::End).await;
    // What was said last is written first; then the link ends.
    pending().await
}

/// What a node answers instead of an upgrade, for people.
fn refused(error: tungstenite::Error) -> String {
    let tungstenite::Error::Http(response) = error else { return error.to_string() };
    let status = response.status();
    let body = response.body().as_deref().unwrap_or_default();
    let msg = match Codec::Json.decode::<ErrorBody>(body) {
        Ok(error) => error.msg,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let msg: String = msg.chars().take(REFUSAL_LEN_MAX).collect();
    format!("the node answers {status}: {msg}")
}

/// Half of a pause to all of it: those who lost a node together come back one after another.
fn jittered(pause: Duration) -> Duration {
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    pause.mul_f64(0.5 + share / 2.0)
}
