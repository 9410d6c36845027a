//! Two people who talk while somebody else misbehaves.

use carillon::config::Config;
use carillon_protocol::{
    Codec, ConvId, DeviceId, ErrorBody, ServerFrame,
    frame::{Hello, client},
    msg,
};

use crate::{
    client::TestClient,
    kit::{Person, TestServer, new_id},
    wire::{BINARY, TEXT, Wire},
};

/// Two people who talk while somebody else misbehaves.
pub struct Shop {
    pub server: TestServer,
    pub amy: Person,
    pub conv: ConvId,
    pub writer: TestClient,
    pub reader: TestClient,
}

impl Shop {
    pub async fn open() -> Shop {
        Shop::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Shop {
        let server = TestServer::with(change).await;
        let org = server.org("Harbour").await;
        let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
        let conv = server.group(&[&amy, &bob]).await;
        // In a session of her own: one that misbehaves must not use up what the other may do.
        let token = server.token(org, "amy", false).await;
        let phone = Person { token, device: DeviceId(new_id()), ..amy.clone() };
        let writer = TestClient::connect(&server, &phone).await;
        let reader = TestClient::connect(&server, &bob).await;
        Shop { server, amy, conv, writer, reader }
    }

    /// Another device of Amy's.
    pub fn device(&self) -> Person {
        Person { device: DeviceId(new_id()), ..self.amy.clone() }
    }

    pub async fn client(&self, codec: Codec) -> TestClient {
        TestClient::resume(&self.server, &self.device(), codec, None).await
    }

    pub fn hello(&self, token: Option<String>) -> Hello {
        let device = self.device().device;
        let (caps, handles, listens) = (Vec::new(), Vec::new(), Vec::new());
        Hello { v: 1, token, device, tab: None, sync: None, caps, handles, listens }
    }

    /// A WebSocket by its bytes that is signed in.
    pub async fn wire(&self, codec: Codec) -> Wire {
        let mut wire = Wire::upgrade(self.server.url(), codec).await;
        wire.frame(kind(codec), &client::hello(codec, &self.hello(Some(self.amy.token.clone()))))
            .await;
        wire
    }

    /// The others still talk; then everything ends in order.
    pub async fn close(mut self) {
        let sent = self.writer.say(self.conv, "still here").await;
        while self.reader.event_of(msg::kind::SENT).await.seq < sent.seq {}
        drop((self.writer, self.reader));
        self.server.stop().await;
    }
}

pub fn kind(codec: Codec) -> u8 {
    match codec {
        Codec::Json => TEXT,
        Codec::MsgPack => BINARY,
    }
}

/// The frame that answers something which should be refused.
pub async fn refusal(client: &mut TestClient) -> (Option<u64>, ErrorBody) {
    match client.frame().await {
        ServerFrame::Err { re, error } => (re, *error),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The code of `bye`, and that of the close frame after it.
pub fn goodbye(frames: &[ServerFrame], closed: Option<u16>) -> (u16, u16) {
    match frames.last() {
        Some(ServerFrame::Bye { code, .. }) => (*code, closed.expect("a close frame")),
        other => panic!("expected a bye, got {other:?}"),
    }
}
