//! Keeps a place in a meeting: in step with the room's log, and connected.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use carillon_protocol::{
    Ephemeral, ErrorCode, Event, Topic,
    room::{self, Gone, LoudData, ReactionData, Source, WantedData, ephemeral},
};
use tokio::{
    sync::{broadcast, watch},
    time::sleep,
};

use super::{
    Ended, Happening, lock,
    place::Place,
    roster::{Change, Roster, admitted, muted},
};
use crate::{Error, Update, clock::Chance, error::backoff};

/// So often a connection is made anew until the client gives up: for longer than the server keeps
/// the place of somebody of whom it hears nothing.
const TRIES_MAX: u32 = 30;
/// The longest wait between two of them.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What there is to do.
enum Do {
    Nothing,
    /// Ask what the room is like.
    Refresh,
    /// Make the connections anew, because of this.
    Join(String),
    /// Ask for the views that wait for something.
    Look,
}

/// Starts the task, which ends when the meeting is over or nobody holds the place any more.
pub(super) fn start(place: &Arc<Place>, heard: broadcast::Receiver<Update>) {
    let over = place.over.subscribe();
    tokio::spawn(keep(Arc::downgrade(place), heard, over));
}

async fn keep(
    place: Weak<Place>,
    mut heard: broadcast::Receiver<Update>,
    mut over: watch::Receiver<bool>,
) {
    let Some(changed) = place.upgrade().map(|place| Arc::clone(&place.changed)) else { return };
    let Some(unknown) = place.upgrade().map(|place| Arc::clone(&place.unknown)) else { return };
    let mut flowing = false;
    loop {
        let to_do = tokio::select! {
            // An error says that nobody holds the place any more.
            _over = over.changed() => return,
            () = changed.notified() => {
                let Some(place) = place.upgrade() else { return };
                state(&place, &mut flowing).await
            }
            () = unknown.notified() => Do::Join("the server has no connection".to_owned()),
            update = heard.recv() => {
                let Some(place) = place.upgrade() else { return };
                match update {
                    Ok(update) => hear(&place, &update).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => Do::Refresh,
                    Err(broadcast::error::RecvError::Closed) => {
                        place.end(Some(Ended::Failed(Error::Stopped))).await;
                        return;
                    }
                }
            }
        };
        let Some(place) = place.upgrade() else { return };
        let done = perform(&place, to_do, &mut flowing);
        tokio::select! {
            _over = over.changed() => return,
            () = done => {}
        }
    }
}

async fn perform(place: &Arc<Place>, to_do: Do, flowing: &mut bool) {
    match to_do {
        Do::Nothing => {}
        Do::Refresh => refresh(place).await,
        Do::Join(reason) => {
            *flowing = false;
            join(place, reason).await;
        }
        Do::Look => {
            if let Err(error) = place.look_again().await {
                tracing::debug!(%error, "what is to be seen could not be asked for");
            }
        }
    }
}

/// What follows from the states of the connections.
async fn state(place: &Place, flowing: &mut bool) -> Do {
    match place.flows().await {
        Some(true) if !*flowing => {
            *flowing = true;
            place.tell(Happening::Connected);
            Do::Nothing
        }
        Some(false) => Do::Join("nothing is heard of the server".to_owned()),
        _ => Do::Nothing,
    }
}

async fn hear(place: &Arc<Place>, update: &Update) -> Do {
    match update {
        Update::Event(event) => match &event.topic {
            Topic::Plugin(topic) if *topic.id == *place.room.to_string() => {
                logged(place, event).await
            }
            Topic::User(_) => match admitted(event, place.participant) {
                Some(true) => {
                    place.tell(Happening::Admitted);
                    Do::Join("let in".to_owned())
                }
                Some(false) => {
                    place.end(Some(Ended::Refused)).await;
                    Do::Nothing
                }
                None => Do::Nothing,
            },
            _ => Do::Nothing,
        },
        Update::Ephemeral(eph) => {
            told(place, eph);
            Do::Nothing
        }
        // Events may have been left out meanwhile.
        Update::Online(_) => Do::Refresh,
        Update::Ended(error) => {
            place.end(Some(Ended::Failed(error.clone()))).await;
            Do::Nothing
        }
        _ => Do::Nothing,
    }
}

/// An event of the room's log.
async fn logged(place: &Place, event: &Event) -> Do {
    let change = lock(&place.roster).apply(event);
    match change {
        Change::Came(participant) => place.tell(Happening::Came(participant)),
        Change::Changed(participant, muted) => {
            let me = participant.participant == place.participant;
            place.tell(Happening::Changed(participant));
            if !me {
                return Do::Look;
            }
            place.follow();
            // What this person did they know.
            if event.by != place.client.me() {
                tell_muted(place, &muted);
            }
        }
        Change::Went(left) => {
            let me = left.participant == place.participant;
            let gone = left.gone;
            place.tell(Happening::Went(left));
            if me {
                place.end(Some(Ended::Gone(gone))).await;
            }
        }
        Change::Updated(head) => place.tell(Happening::Updated(head)),
        Change::Moved => return Do::Join("the room is on another node".to_owned()),
        Change::Missing => return Do::Refresh,
        Change::Nothing => {}
    }
    Do::Nothing
}

/// Says what others have muted.
fn tell_muted(place: &Place, muted: &[Source]) {
    for source in muted.iter().filter(|source| place.sends(**source)) {
        place.tell(Happening::Muted(*source));
    }
}

/// What matters only now.
fn told(place: &Place, eph: &Ephemeral) {
    let here = matches!(&eph.topic, Some(Topic::Plugin(it)) if *it.id == *place.room.to_string());
    match &*eph.k {
        ephemeral::SPEAKING if here => {
            if let Ok(LoudData { speaking }) = eph.data.to() {
                place.tell(Happening::Speaking(speaking));
            }
        }
        ephemeral::REACTION if here => {
            if let Ok(reaction) = eph.data.to::<ReactionData>() {
                place.tell(Happening::Reaction(reaction));
            }
        }
        ephemeral::WANTED => {
            if let Ok(wanted) = eph.data.to::<WantedData>()
                && wanted.participant == place.participant
            {
                place.want(wanted.source, wanted.layers > 0);
            }
        }
        _ => {}
    }
}

/// Takes the room as it is.
async fn refresh(place: &Place) {
    match place.client.call(&room::Get { room: place.room }).await {
        Ok(room) => {
            let own = |roster: &Roster| roster.find(place.participant).cloned();
            let (before, now) = {
                let mut roster = lock(&place.roster);
                let before = own(&roster);
                if !roster.replace(room) {
                    return;
                }
                (before, own(&roster))
            };
            let Some(now) = now else {
                return place.end(Some(Ended::Gone(Gone::Lost))).await;
            };
            place.follow();
            place.tell(Happening::Refreshed);
            tell_muted(place, &before.map(|before| muted(&before, &now)).unwrap_or_default());
        }
        Err(error) if is_final(&error) => place.end(Some(Ended::Failed(error))).await,
        Err(error) => tracing::debug!(%error, "the room could not be looked at"),
    }
}

/// Makes the connections anew, and tries again until it works or there is no place any more.
async fn join(place: &Place, mut reason: String) {
    let mut chance = Chance::new(None);
    for attempt in 0..TRIES_MAX {
        let wait = if attempt == 0 { 0 } else { backoff(attempt, &mut chance) };
        let retry_in = Duration::from_millis(wait).min(WAIT_MAX);
        place.tell(Happening::Disconnected { retry_in, reason });
        sleep(retry_in).await;
        match place.join_again().await {
            Ok(true) => return,
            Ok(false) => return place.end(Some(Ended::Gone(Gone::Lost))).await,
            Err(error) if is_final(&error) || attempt + 1 == TRIES_MAX => {
                return place.end(Some(Ended::Failed(error))).await;
            }
            Err(error) => reason = error.to_string(),
        }
    }
}

/// Whether trying again comes to the same.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Refused(refused) => matches!(
            refused.code,
            ErrorCode::NotFound | ErrorCode::Forbidden | ErrorCode::Conflict | ErrorCode::Quota
        ),
        Error::Media(_) => false,
        _ => true,
    }
}
