//! Which windows of which installations are open: a window that connects again replaces itself,
//! on whichever node it was.

use std::sync::{Arc, OnceLock};

use carillon_plugins::presence::Presence;
use carillon_protocol::{DeviceId, SessionId, UserId, limits::TABS_PER_DEVICE_MAX};
use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ConnId;

/// A window of an installation that connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Whose.
    pub user: UserId,
    /// The installation.
    pub device: DeviceId,
    /// Which of its windows, if it has several.
    pub tab: Option<Box<str>>,
    /// When it connected, in milliseconds since the epoch.
    pub at: i64,
}

#[derive(Debug)]
struct Open {
    tab: Option<Box<str>>,
    at: i64,
    session: SessionId,
    conn: ConnId,
}

type Conns = SmallVec<[ConnId; 1]>;
/// Tells the other nodes of a window.
pub type Announce = Arc<dyn Fn(&Window) + Send + Sync>;

/// Those of this node.
#[derive(Default)]
pub(super) struct Windows {
    open: DashMap<(UserId, DeviceId), SmallVec<[Open; 1]>>,
    announce: OnceLock<Announce>,
    /// Who is online because of them.
    pub(super) presence: Arc<Presence>,
}

impl std::fmt::Debug for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Windows").field("installations", &self.open.len()).finish_non_exhaustive()
    }
}

impl Windows {
    /// None yet.
    pub(super) fn new(presence: Arc<Presence>) -> Windows {
        Windows { presence, ..Windows::default() }
    }

    /// Who tells the other nodes. Only the first call counts: there is one cluster.
    pub(super) fn announce(&self, announce: Announce) {
        drop(self.announce.set(announce));
    }

    /// Notes a window, and whose session it is; answers the connections that it replaces.
    pub(super) fn attach(&self, window: Window, session: SessionId, conn: ConnId) -> Conns {
        if let Some(announce) = self.announce.get() {
            announce(&window);
        }
        let Window { user, device, tab, at } = window;
        let mut open = self.open.entry((user, device)).or_default();
        // Before those that it replaces are gone: the person was here all the time.
        self.presence.came(user, session);
        let mut replaced = self.take(user, &mut open, |other| other.tab == tab);
        while open.len() >= TABS_PER_DEVICE_MAX {
            let oldest = open[0].conn;
            replaced.extend(self.take(user, &mut open, |other| other.conn == oldest));
        }
        open.push(Open { tab, at, session, conn });
        replaced
    }

    /// A window connected to another node; answers its connections here from before. By the clocks
    /// of the machines: a window that comes and goes within what they differ by is told the wrong
    /// way round, and connects again when somebody looks at it.
    pub(super) fn moved(&self, window: &Window) -> Conns {
        let mut replaced = Conns::new();
        self.open.remove_if_mut(&(window.user, window.device), |_, open| {
            let is_before = |other: &Open| other.tab == window.tab && other.at < window.at;
            replaced = self.take(window.user, open, is_before);
            open.is_empty()
        });
        replaced
    }

    /// A window is gone.
    pub(super) fn detach(&self, user: UserId, device: DeviceId, conn: ConnId) {
        self.open.remove_if_mut(&(user, device), |_, open| {
            self.take(user, open, |other| other.conn == conn);
            open.is_empty()
        });
    }

    /// Takes out those of somebody's windows that are so.
    fn take(
        &self,
        user: UserId,
        open: &mut SmallVec<[Open; 1]>,
        is: impl Fn(&Open) -> bool,
    ) -> Conns {
        let mut taken = Conns::new();
        open.retain(|other| {
            let goes = is(other);
            if goes {
                self.presence.went(user, other.session);
                taken.push(other.conn);
            }
            !goes
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    fn window(tab: &str, at: i64) -> Window {
        let tab = Some(tab.into());
        Window { user: UserId(Ulid(1)), device: DeviceId(Ulid(2)), tab, at }
    }

    const SESSION: SessionId = SessionId(Ulid(3));

    fn conn(slot: u32) -> ConnId {
        ConnId { shard: 0, slot, generation: 0 }
    }

    #[test]
    fn a_window_replaces_itself_and_no_other() {
        let windows = Windows::default();
        assert_eq!(windows.attach(window("a", 1), SESSION, conn(1)).as_slice(), []);
        assert_eq!(windows.attach(window("b", 2), SESSION, conn(2)).as_slice(), []);
        assert_eq!(windows.attach(window("a", 3), SESSION, conn(3)).as_slice(), [conn(1)]);
    }

    #[test]
    fn a_window_that_went_to_another_node_leaves_only_what_is_older() {
        let windows = Windows::default();
        windows.attach(window("a", 10), SESSION, conn(1));
        assert_eq!(windows.moved(&window("a", 9)).as_slice(), [], "it came here later");
        assert_eq!(windows.moved(&window("b", 11)).as_slice(), [], "it is another window");
        assert_eq!(windows.moved(&window("a", 11)).as_slice(), [conn(1)]);
        assert!(windows.open.is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn more_windows_than_an_installation_may_have_push_out_the_oldest() {
        let windows = Windows::default();
        for number in 0..TABS_PER_DEVICE_MAX {
            let number = u32::try_from(number).unwrap();
            assert!(
                windows.attach(window(&number.to_string(), 1), SESSION, conn(number)).is_empty()
            );
        }
        assert_eq!(windows.attach(window("one more", 2), SESSION, conn(999)).as_slice(), [conn(0)]);
    }
    #[test]
    fn whoever_has_no_window_left_has_no_session_that_is_connected() {
        let windows = Windows::default();
        let (user, device) = (UserId(Ulid(1)), DeviceId(Ulid(2)));
        let connected = || windows.presence.sessions(user).0;
        windows.attach(window("a", 10), SESSION, conn(1));
        windows.attach(window("a", 11), SESSION, conn(2));
        // The connection that was replaced ends only now.
        windows.detach(user, device, conn(1));
        assert_eq!(connected(), [SESSION]);
        windows.attach(window("b", 12), SESSION, conn(3));
        windows.moved(&window("a", 13));
        windows.detach(user, device, conn(2));
        assert_eq!(connected(), [SESSION], "b is still open");
        windows.detach(user, device, conn(3));
        assert_eq!(connected(), []);
    }
}
