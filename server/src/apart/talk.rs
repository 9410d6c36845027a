//! One end of a link: frames out and in, and whether the other end is still there.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::timeout,
};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Message, protocol::WebSocketConfig};

use super::frame::{BEAT_EVERY, FRAME_LEN_MAX, SILENCE_MAX, decode};

/// What is to be written next.
#[derive(Debug)]
pub(super) enum Say {
    /// A frame.
    Frame(String),
    /// A frame with an order, and where it is noted that the other end may have it.
    Order(String, Arc<AtomicBool>),
    /// That this is the end.
    End,
}

/// Where frames wait to be written.
pub(super) type Mouth = mpsc::Sender<Say>;

type Received = Option<tungstenite::Result<Message>>;

pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(FRAME_LEN_MAX))
        .max_frame_size(Some(FRAME_LEN_MAX))
}

/// Writes what is to be said and hands on what is heard, until the link ends; answers why. Both
/// directions go on by themselves: neither end may wait for the other's silence.
pub(super) async fn converse<S, T>(
    socket: WebSocketStream<S>,
    say: mpsc::Receiver<Say>,
    hear: impl FnMut(T) -> Result<(), String>,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: DeserializeOwned,
{
    let (sink, stream) = socket.split();
    tokio::select! {
        why = write(sink, say) => why,
        why = read(stream, hear) => why,
    }
}

async fn write(
    sink: impl Sink<Message, Error = tungstenite::Error>,
    mut say: mpsc::Receiver<Say>,
) -> String {
    let mut sink = pin!(sink);
    loop {
        let said = match timeout(BEAT_EVERY, say.recv()).await {
            Ok(Some(said)) => Some(said),
            Ok(None) => Some(Say::End),
            Err(_) => None,
        };
        // Who asks and takes no answers is as good as gone.
        match timeout(SILENCE_MAX, put(&mut sink, said, &mut say)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return "it ended".to_owned(),
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return format!("nothing was taken for {} s", SILENCE_MAX.as_secs()),
        }
    }
}

/// Writes what is to be said, and with it what waits; or that one is there, if there is nothing.
/// Answers whether it goes on.
async fn put(
    sink: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
    mut next: Option<Say>,
    say: &mut mpsc::Receiver<Say>,
) -> tungstenite::Result<bool> {
    if next.is_none() {
        sink.feed(Message::Ping(<_>::default())).await?;
    }
    while let Some(said) = next {
        let text = match said {
            Say::End => return sink.close().await.map(|()| false),
            Say::Frame(text) => text,
            Say::Order(text, begun) => {
                begun.store(true, Ordering::Release);
                text
            }
        };
        sink.feed(Message::Text(text.into())).await?;
        next = say.try_recv().ok();
    }
    sink.flush().await.map(|()| true)
}

async fn read<T: DeserializeOwned>(
    stream: impl Stream<Item = tungstenite::Result<Message>>,
    mut hear: impl FnMut(T) -> Result<(), String>,
) -> String {
    let mut stream = pin!(stream);
    loop {
        let Ok(received) = timeout(SILENCE_MAX, stream.next()).await else {
            return format!("nothing was heard for {} s", SILENCE_MAX.as_secs());
        };
        let heard = text_of(received).and_then(|text| match text {
            Some(text) => decode(&text).and_then(&mut hear),
            None => Ok(()),
        });
        if let Err(why) = heard {
            return why;
        }
    }
}

/// The next frame alone.
pub(super) async fn hear_one<S, T>(socket: &mut WebSocketStream<S>) -> Result<T, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: DeserializeOwned,
{
    loop {
        if let Some(text) = text_of(socket.next().await)? {
            return decode(&text);
        }
    }
}

fn text_of(received: Received) -> Result<Option<String>, String> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err("the other side ended it".to_owned()),
        Some(Ok(_)) => Err("a frame is not text".to_owned()),
        Some(Err(error)) => Err(error.to_string()),
    }
}
