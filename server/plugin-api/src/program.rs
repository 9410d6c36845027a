//! Operations of programs: `app.{name}.{verb}`, answered by whoever is connected as that program.
//!
//! They stand in no table, and the host keeps nothing of them: the same intent may reach a program
//! more than once, and what it answers is passed on.

use carillon_protocol::{Access, Cid, Json, operation::WRITE};

use crate::{Caller, Error, Host, Outcome, Request, Result};

/// What the names of all operations of programs begin with.
const PREFIX: &str = "app.";
/// What the sign-in names of all programs begin with, before the name that they were made with.
const LOGIN_PREFIX: &str = "app:";
/// The verb that people reach by a card of the program only: who calls it has seen the card, and
/// what was filled in fits.
const CARD_VERB: &str = ".act";
/// The longest name: a sign-in name has 64 bytes at most.
const OP_LEN_MAX: usize = 128;

/// A call for a program.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Somebody of the program's organisation.
    pub caller: Caller,
    /// The operation.
    pub op: String,
    /// The caller's intent, if there is one.
    pub cid: Option<Cid>,
    /// The arguments.
    pub args: Json,
}

impl Asked {
    /// What the operation with this verb is called, of the program with this sign-in name; nothing
    /// if it is no program that connects.
    pub fn op_of(login: &str, verb: &str) -> Option<String> {
        Some(format!("{PREFIX}{}.{verb}", login.strip_prefix(LOGIN_PREFIX)?))
    }

    /// Whether an operation with this name would be a program's.
    pub fn is_programs(op: &str) -> bool {
        op.starts_with(PREFIX) && op.len() <= OP_LEN_MAX
    }
}

impl Host {
    /// Hands a call to the program that answers it.
    pub(crate) fn ask(&self, caller: Caller, request: Request<'_>) -> Outcome {
        let codec = request.args.codec;
        let asked = match asked(caller, request) {
            Ok(asked) => asked,
            Err(error) => return Outcome::Done(Err(error)),
        };
        let live = self.0.live.clone();
        Outcome::Queued(Box::pin(async move { Ok(codec.encode(&live.ask(asked).await?)) }))
    }
}

fn asked(caller: Caller, request: Request<'_>) -> Result<Asked> {
    let Request { op, cid, args, .. } = request;
    if caller.is_stranger() {
        return Err(Error::new(carillon_protocol::ErrorCode::Unauth, "sign in first"));
    }
    if !caller.may(WRITE) {
        return Err(Error::denied("this needs the scope `write`; ask an administrator"));
    }
    if op.ends_with(CARD_VERB) && !caller.may(Access::System) {
        return Err(Error::denied("a card's button or form does this; press it there"));
    }
    let args = if args.bytes.is_empty() { Json::default() } else { args.decode()? };
    Ok(Asked { caller: caller.inside(), op: op.to_owned(), cid, args })
}
