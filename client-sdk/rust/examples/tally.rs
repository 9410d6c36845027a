//! Counts what each person writes, each message once; tells whoever asks how many theirs were.

use std::{
    collections::HashMap,
    env, fs, io,
    sync::{Arc, Mutex},
};

use carillon_client::{
    Client, Error, Options,
    protocol::{Event, Json, Topic, UserId},
};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Tally {
    /// Of each conversation, the last message that was counted.
    seen: HashMap<Topic, u64>,
    counts: HashMap<UserId, u64>,
}

impl Tally {
    /// Counts a message, unless it is told again; it is on disk before it is acknowledged.
    fn hear(&mut self, event: &Event) -> io::Result<()> {
        let seen = self.seen.entry(event.topic.clone()).or_default();
        if event.seq > *seen {
            *seen = event.seq;
            *self.counts.entry(event.by).or_default() += 1;
        }
        fs::write("tally.new", serde_json::to_vec(self)?)?;
        fs::rename("tally.new", "tally.json")
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Error> {
    let [url, token] = ["CARILLON_URL", "CARILLON_TOKEN"].map(|k| env::var(k).expect(k));
    let kept = fs::read("tally.json").unwrap_or_else(|_| b"{\"seen\":{},\"counts\":{}}".to_vec());
    let kept: Tally = serde_json::from_slice(&kept).expect("tally.json is as it was written");
    let tally = Arc::new(Mutex::new(kept));
    let listening = Arc::clone(&tally);
    let options = Options::new(url, token)
        .handle("app.tally.mine", move |asked| {
            let tally = tally.lock().expect("nothing panics while it counts");
            let count = tally.counts.get(&asked.caller.user).copied().unwrap_or(0);
            async move { Ok(Json::of(&HashMap::from([("count", count)]))) }
        })
        .listen(["msg.sent"], move |event| {
            let heard = listening.lock().expect("nothing panics while it counts").hear(&event);
            async { heard }
        });
    let program = Client::connect(options).await?;
    // What it has to deal with it is told; the stream says when the server wants it no more.
    let mut updates = program.events();
    while updates.next().await.is_some() {}
    Ok(())
}
