//! A bot that goes into a meeting, says nothing, records what it hears and sees, and writes who
//! spoke. Ends with the meeting.
//!
//!     cargo run -p carillon-client --features rooms --example meeting_recorder -- \
//!         --server http://localhost:8080 --token … --room …

use std::{collections::BTreeSet, path::PathBuf};

use carillon_client::{
    Client, Options,
    protocol::{
        RoomId,
        room::{Source, View},
    },
    rooms::{Happening, Meeting},
};
use clap::Parser;

#[derive(Parser)]
struct Args {
    /// The server's address.
    #[arg(long, default_value = "http://localhost:8080")]
    server: String,
    /// A token of somebody who may come in.
    #[arg(long, env = "CARILLON_TOKEN")]
    token: String,
    /// Which room.
    #[arg(long)]
    room: RoomId,
    /// Where the files go.
    #[arg(long, default_value = "recording")]
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let client = Client::connect(Options::new(args.server, args.token)).await?;
    // All that matters here is told by the meeting.
    drop(client.events());
    let meeting = client.join_room(args.room).await?;
    let recording = tokio::spawn(meeting.frames().record(args.folder));
    look_at_all(&meeting).await?;

    let (mut spoke, mut happenings) = (BTreeSet::new(), meeting.happenings());
    while let Some(happening) = happenings.next().await {
        match happening {
            Happening::Speaking(loudest) => spoke.extend(loudest),
            Happening::Came(_) | Happening::Changed(_) | Happening::Refreshed => {
                look_at_all(&meeting).await?;
            }
            Happening::Ended(why) => println!("the end: {why:?}"),
            _ => {}
        }
    }
    for participant in spoke {
        println!("{participant} spoke");
    }
    for file in recording.await?? {
        println!("{}", file.display());
    }
    Ok(())
}

/// Asks for every picture there is: screens first, as the server gives what is first the most.
async fn look_at_all(meeting: &Meeting) -> Result<(), carillon_client::Error> {
    let (me, room) = (meeting.participant(), meeting.room());
    let mut views = Vec::new();
    for source in [Source::Screen, Source::Camera] {
        let others = room.participants.iter().filter(|it| it.participant != me);
        let senders = others.filter(|it| it.publications.contains_key(&source));
        views.extend(senders.map(|it| View {
            participant: it.participant,
            source,
            width: 640,
            height: 360,
        }));
    }
    views.truncate(16);
    meeting.subscribe(views).await
}
