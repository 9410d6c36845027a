//! Answers every message of others with the same text, each once, also across restarts.

use carillon_client::{Client, Error, Options, Update, text};

#[tokio::main]
pub(crate) async fn main() -> Result<(), Error> {
    let [url, token] = ["CARILLON_URL", "CARILLON_TOKEN"].map(|k| std::env::var(k).expect(k));
    let bot = Client::connect(Options::new(url, token).state_dir("echo-bot")).await?;
    let mut events = bot.events();
    while let Some(update) = events.next().await {
        let Update::Event(event) = update else { continue };
        let Some(text) = text(&event).filter(|_| event.by != bot.me()) else { continue };
        bot.reply(&event, text).await?;
    }
    Ok(())
}
