//! How a call runs: who may, the handler, its transaction, and what a retry gets.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use carillon_protocol::{Access, Cid, Codec, Command, Effect, ErrorCode, Raw};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};

use crate::{
    Asked, BoxFuture, Caller, Committed, Ctx, Error, Expect, Host, Result, Statement,
    duties::Owner,
    plugin::{Entry, Ran},
};

/// How often a handler runs again because somebody else was faster.
const RACES_MAX: u32 = 3;
/// How long a call may take: longer, and its outcome is unknown.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Which operation, and how.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The operation's name.
    pub op: &'a str,
    /// The intent.
    pub cid: Option<Cid>,
    /// The intent before this one in the same conversation.
    pub prev: Option<Cid>,
    /// The arguments; the answer comes in the same codec.
    pub args: Raw<'a>,
}

/// A result, written in the codec of the request.
pub type Answer = Vec<u8>;

/// What is known of a call before it runs.
#[derive(Clone, Copy)]
pub(crate) struct Called {
    pub(crate) op: &'static str,
    pub(crate) effect: Effect,
    pub(crate) access: Access,
    pub(crate) caller: Caller,
}

/// A call in two steps, so that a connection can keep the order of its calls without waiting for
/// each commit.
pub enum Outcome {
    /// It is answered.
    Done(Result<Answer>),
    /// It has its place in the commit queue; what comes after it will be committed after it.
    Queued(BoxFuture<'static, Result<Answer>>),
}

/// The hash that is kept with a `cid`: the first 8 bytes of SHA-256 over the operation and its
/// arguments in canonical JSON.
pub(crate) fn hash(op: &str, json: &[u8]) -> i64 {
    let digest = Sha256::new().chain_update(op).chain_update([0]).chain_update(json).finalize();
    i64::from_be_bytes(digest[..8].try_into().expect("SHA-256 has 32 bytes"))
}

impl Host {
    /// Calls an operation and waits for its answer.
    ///
    /// # Errors
    /// What the operation refuses, or the host on its behalf.
    pub async fn call(&self, caller: Caller, request: Request<'_>) -> Result<Answer> {
        match self.begin(caller, request).await {
            Outcome::Done(answer) => answer,
            Outcome::Queued(rest) => rest.await,
        }
    }

    /// Calls an operation by the type of its arguments.
    ///
    /// # Errors
    /// What the operation refuses, or the host on its behalf.
    pub async fn call_typed<C: Command>(
        &self,
        caller: Caller,
        cid: Option<Cid>,
        args: &C,
    ) -> Result<C::Reply> {
        let bytes = Codec::Json.encode(args);
        let args = Raw { codec: Codec::Json, bytes: &bytes };
        let answer = self.call(caller, Request { op: C::OP, cid, prev: None, args }).await?;
        Ok(Codec::Json.decode(&answer)?)
    }

    /// Calls an operation; if it takes effect once, what it commits begins with these statements.
    pub(crate) async fn call_with(
        &self,
        caller: Caller,
        request: Request<'_>,
        with: &[Statement],
    ) -> Result<Answer> {
        match self.begin_with(caller, request, with).await {
            Outcome::Done(answer) => answer,
            Outcome::Queued(rest) => rest.await,
        }
    }

    /// Runs a call until it is answered or has its place in the commit queue.
    pub async fn begin(&self, caller: Caller, request: Request<'_>) -> Outcome {
        self.begin_with(caller, request, &[]).await
    }

    async fn begin_with(
        &self,
        caller: Caller,
        request: Request<'_>,
        with: &[Statement],
    ) -> Outcome {
        // How long a call took is a measurement, not a time that anything depends on.
        #[allow(clippy::disallowed_methods)]
        let started = std::time::Instant::now();
        if let Some(node) = &self.0.node {
            return node.call(caller, request);
        }
        let Some((entry, owner)) = self.0.table.entries.get(request.op) else {
            if Asked::is_programs(request.op) {
                return self.ask(caller, request);
            }
            let msg = format!("there is no operation `{}`", request.op.escape_debug());
            return Outcome::Done(Err(Error::new(ErrorCode::UnknownOp, msg)));
        };
        let (admitted, caller) = (Self::admit(entry, caller, request), caller.inside());
        let called = Called { op: entry.op, effect: entry.effect, access: entry.access, caller };
        let (op, live) = (entry.op, self.0.live.clone());
        let host = self.clone();
        let finish = move |result: Result<Answer>| {
            let result = result.inspect_err(|error| host.note_refusal(&called, error));
            let result = result.map_err(|error| host.log_failure(op, error));
            let (code, took) = (result.as_ref().err().map(Error::code), started.elapsed());
            tracing::debug!(op, code = code.map_or("ok", ErrorCode::as_str), ?took, "called");
            live.called(op, code, took);
            result
        };
        match admitted {
            Err(error) => Outcome::Done(finish(Err(error))),
            Ok(()) => match self.run((entry, owner), caller, request, with).await {
                Outcome::Done(result) => Outcome::Done(finish(result)),
                Outcome::Queued(rest) => {
                    Outcome::Queued(Box::pin(async move { finish(rest.await) }))
                }
            },
        }
    }

    /// Checks what the table says of the operation.
    fn admit(entry: &Entry, caller: Caller, request: Request<'_>) -> Result<()> {
        if !caller.may(entry.access) {
            return Err(match (entry.access, caller.is_stranger()) {
                (Access::System, _) => {
                    let msg = format!("there is no operation `{}`", entry.op);
                    Error::new(ErrorCode::UnknownOp, msg)
                }
                (_, true) => Error::new(ErrorCode::Unauth, "sign in first"),
                (Access::Scope(_), false) if caller.is_guest() => {
                    Error::denied("guests of a meeting cannot do this; sign in with an account")
                }
                (Access::Scope(scope) | Access::Room(scope), false) => {
                    Error::denied(format!("this needs the scope `{scope}`; ask an administrator"))
                }
                (Access::Public, false) => unreachable!("everybody may"),
            });
        }
        if entry.effect == Effect::Once && request.cid.is_none() {
            return Err(Error::bad_arg(
                "cid",
                "a `cid` is needed: an id made once for each intent",
            ));
        }
        Ok(())
    }

    async fn run(
        &self,
        (entry, owner): (&Entry, &Arc<Owner>),
        caller: Caller,
        request: Request<'_>,
        with: &[Statement],
    ) -> Outcome {
        // A `cid` sent along with a state that is set would make a second, different one look
        // like a repetition of the first: it means nothing there.
        let (cid, prev) = match entry.effect {
            Effect::Once => (request.cid, request.prev),
            Effect::Read | Effect::State => (None, None),
        };
        let ctx_of = |hash| {
            let owner = (owner.clone(), entry.op);
            Ctx::new(self.clone(), caller, self.now(), (cid, prev, hash), owner)
        };
        for races in 0.. {
            let error =
                match self.attempt(entry, (caller, cid), &ctx_of, (request.args, with)).await {
                    Ok(outcome) => return outcome,
                    Err(error) if error.is_raced() && races < RACES_MAX => continue,
                    Err(error) => error,
                };
            // A refusal must not hide that an earlier try succeeded: the person may have left the
            // group since, but the message is there.
            let earlier = self.earlier(entry, (caller, cid), request.args).await;
            return Outcome::Done(earlier.and_then(|answer| answer.ok_or(error)));
        }
        unreachable!("the loop ends after RACES_MAX")
    }

    /// Runs the handler once. A transaction that can lose a race is waited for, so that the
    /// handler can look again; any other only takes its place in the queue.
    async fn attempt(
        &self,
        entry: &Entry,
        intent: (Caller, Option<Cid>),
        ctx_of: &(dyn Fn(i64) -> Ctx + Sync),
        (args, with): (Raw<'_>, &[Statement]),
    ) -> Result<Outcome> {
        let codec = args.codec;
        let handler = async { (entry.run)(ctx_of, args, codec)?.await };
        let mut tx = match bounded(handler).await? {
            Ran::Answer(answer) => {
                // Nothing is left to be done, perhaps because an earlier try did it.
                let earlier = self.earlier(entry, intent, args).await?;
                return Ok(Outcome::Done(Ok(earlier.unwrap_or(answer))));
            }
            Ran::Commit(tx) => *tx,
        };
        // Before the handler's own, which may put something new in the place of what goes.
        tx.value.statements.splice(0..0, with.iter().cloned());
        let replier = entry.replier.clone().expect("an operation that commits has a reply");
        let can_race = !tx.value.rewrites.is_empty()
            || tx.value.statements.iter().any(|statement| statement.expect == Expect::One);
        let commit = self.commit(tx);
        let rest = bounded(async move { replier(&commit.await?, codec) });
        if can_race {
            return Ok(Outcome::Done(Ok(rest.await?)));
        }
        Ok(Outcome::Queued(Box::pin(rest)))
    }

    /// What an earlier try with the same `cid` answered, if there was one.
    async fn earlier(
        &self,
        entry: &Entry,
        (caller, cid): (Caller, Option<Cid>),
        args: Raw<'_>,
    ) -> Result<Option<Answer>> {
        let (Some(cid), Some(replier)) = (cid, &entry.replier) else { return Ok(None) };
        let find = async {
            match self.0.storage.find(caller.user, cid).await? {
                Some((event, hash)) if hash == self::hash(entry.op, &(entry.json)(args)?) => {
                    replier(&Committed { dup: true, events: vec![event] }, args.codec).map(Some)
                }
                Some(_) => Err(Error::new(
                    ErrorCode::IdempotencyConflict,
                    "this `cid` was used for something else; make a new one for each intent",
                )),
                None => Ok(None),
            }
        };
        bounded(find).await
    }
}

impl Host {
    /// Faults of the server are logged here and nowhere else, under the number that the caller
    /// can tell to support.
    fn log_failure(&self, op: &str, error: Error) -> Error {
        let Some(source) = error.source() else { return error };
        let reference = self.new_id().to_string();
        tracing::error!(op, code = %error.code(), reference, %source, "call failed");
        error.reference(reference)
    }
}

/// A plugin's function that panics or takes too long fails its call and nothing else: whoever
/// waits for the call gets an answer.
pub(crate) async fn bounded<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let caught = AssertUnwindSafe(future).catch_unwind();
    match tokio::time::timeout(CALL_TIMEOUT, caught).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Error::internal(std::io::Error::other(panic_text(&*panic)))),
        Err(_) => Err(Error::new(
            ErrorCode::TimeoutUnknown,
            "no answer in time: it may have happened; send the same `cid` again",
        )),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}
