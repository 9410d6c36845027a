//! Who is in a conversation.

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result, Tx, Value};
use carillon_protocol::{
    ConvId, UserId,
    conv::{
        AddMembers, Changed, ListMembers, Member, MembersChangedData, MembersListed, RemoveMembers,
        Role, kind,
    },
    limits::PEOPLE_PER_PAGE_MAX,
};

use super::{
    Chat,
    people::{People, all_are_here, all_exist},
    roster::{Conversation, Person, Roster},
    rules,
    unsettled::MOVE_CURSORS,
    who,
};

/// `conv.member.add`.
pub(super) async fn add(ctx: Ctx, args: AddMembers) -> Result<Decision<Changed>> {
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let (added, mut change) = {
        let roster = conv.read();
        let caller = rules::member((&conv, &roster), who(&ctx))?;
        let added = rules::newcomers((&conv, &roster), caller, &args.users)?;
        if added.is_empty() {
            return Ok(Decision::Answer(Changed { seq: roster.head }));
        }
        let data = MembersChangedData { added: added.clone(), removed: Vec::new() };
        let members = roster.active + added.len();
        (added, MembersChange::begin(&ctx, &conv, &roster, &data, members))
    };
    all_are_here(&ctx, "users", &args.users, &added).await?;
    change.tx.audit(Audited::of("conv", conv.id).after(&added));
    let people = added.into_iter().map(|user| (user, Role::Member));
    bring(&mut change.tx, conv.id, people, change.event);
    Ok(change.tx.into())
}

/// `conv.member.remove`.
pub(super) async fn remove(ctx: Ctx, args: RemoveMembers) -> Result<Decision<Changed>> {
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let unknown: Vec<UserId> = {
        let roster = conv.read();
        let caller = rules::member((&conv, &roster), who(&ctx))?;
        rules::leavers((&conv, &roster), caller, &args.users)?;
        args.users.iter().copied().filter(|user| roster.person(*user).is_none()).collect()
    };
    all_exist(&ctx, "users", &args.users, &unknown).await?;
    let roster = conv.read();
    let caller = rules::member((&conv, &roster), who(&ctx))?;
    let removed = rules::leavers((&conv, &roster), caller, &args.users)?;
    if removed.is_empty() {
        return Ok(Decision::Answer(Changed { seq: roster.head }));
    }
    let data = MembersChangedData { added: Vec::new(), removed };
    let members = roster.active - data.removed.len();
    let MembersChange { mut tx, event } =
        MembersChange::begin(&ctx, &conv, &roster, &data, members);
    // Whoever leaves administers nobody.
    if data.removed != [ctx.caller().user] {
        tx.audit(Audited::of("conv", conv.id).before(&data.removed));
    }

    let rows = |row: &dyn Fn(UserId, u64) -> Vec<Value>| -> Vec<Vec<Value>> {
        let people = data.removed.iter().filter_map(|&user| roster.person(user));
        people.map(|person| row(person.user, person.joined_seq())).collect()
    };
    tx.run_rows(
        "INSERT INTO chat_span (conv, user_id, from_seq, to_seq) VALUES {rows}
         ON CONFLICT (conv, user_id, from_seq) DO UPDATE SET to_seq = excluded.to_seq",
        rows(&|user, from| vec![conv.id.into(), user.into(), from.into(), Value::Seq(event)]),
    );
    tx.run_rows(
        "UPDATE chat_member SET active = 0 WHERE (conv, user_id) IN (VALUES {rows})",
        rows(&|user, _| vec![conv.id.into(), user.into()]),
    );
    // Devices that are away learn of it by this position.
    tx.run_rows(
        "INSERT INTO chat_cursor (conv, user_id, read_seq, read_n, changed_pos) VALUES {rows}
         ON CONFLICT (conv, user_id) DO UPDATE SET changed_pos = excluded.changed_pos",
        rows(&|user, from| vec![conv.id.into(), user.into(), from.into(), 0.into(), Value::Pos]),
    );
    if let Some(heir) = rules::heir(&roster, &data.removed) {
        tx.run(
            "UPDATE chat_member SET role = $1 WHERE conv = $2 AND user_id = $3",
            vec![rules::role_text(Role::Owner).into(), conv.id.into(), heir.into()],
        );
    }
    Ok(tx.into())
}

/// A transaction that changes the members, and its event.
struct MembersChange {
    tx: Tx,
    event: usize,
}

impl MembersChange {
    /// The event, on the condition that nobody changed the members since they were looked at.
    fn begin(
        ctx: &Ctx,
        conv: &Conversation,
        roster: &Roster,
        data: &MembersChangedData,
        members: usize,
    ) -> MembersChange {
        let mut tx = ctx.tx();
        let event = tx.emit(conv.topic(), kind::MEMBERS_CHANGED, data);
        tx.run_one(
            "UPDATE chat_conversation SET changed_seq = $1, members = $2
             WHERE id = $3 AND changed_seq = $4",
            vec![Value::Seq(event), members.into(), conv.id.into(), roster.changed_seq.into()],
        );
        MembersChange { tx, event }
    }
}

/// The rows of people who come with an event of this transaction. What was before them is not
/// unread to them.
pub(super) fn bring(
    tx: &mut Tx,
    conv: ConvId,
    people: impl Iterator<Item = (UserId, Role)>,
    event: usize,
) {
    let (mut members, mut spans, mut cursors) = (Vec::new(), Vec::new(), Vec::new());
    let (seq, n) = (Value::Seq(event), Value::N(event));
    for (user, role) in people {
        members.push(vec![conv.into(), user.into(), rules::role_text(role).into(), 1.into()]);
        spans.push(vec![conv.into(), user.into(), seq.clone()]);
        cursors.push(vec![conv.into(), user.into(), seq.clone(), n.clone(), Value::Pos]);
    }
    tx.run_rows(
        "INSERT INTO chat_member (conv, user_id, role, active) VALUES {rows}
         ON CONFLICT (conv, user_id) DO UPDATE SET role = excluded.role, active = 1",
        members,
    );
    tx.run_rows("INSERT INTO chat_span (conv, user_id, from_seq) VALUES {rows}", spans);
    tx.run_rows(MOVE_CURSORS, cursors);
}

/// The answer of `conv.update`, `conv.member.add` and `conv.member.remove`.
pub(super) fn changed(done: &Committed) -> Result<Changed> {
    let event = done.events.first().ok_or_else(|| Error::not_found("change"))?;
    Ok(Changed { seq: event.seq })
}

/// `conv.member.list`.
pub(super) async fn list(ctx: Ctx, args: ListMembers) -> Result<MembersListed> {
    let limit = rules::limit(args.limit, PEOPLE_PER_PAGE_MAX)? as usize;
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let mut page: Vec<Member> = {
        let roster = conv.read();
        rules::member((&conv, &roster), who(&ctx))?;
        let after = roster.members().filter(|person| Some(person.user) > args.after);
        let stand_in = rules::stand_in(&conv, &roster);
        let member = |person: &Person| Member {
            user: person.user,
            name: String::new(),
            role: if stand_in == Some(person.user) { Role::Owner } else { person.role },
            joined_seq: person.joined_seq(),
            left: person.away,
        };
        after.take(limit + 1).map(member).collect()
    };
    let more = page.len() > limit;
    page.truncate(limit);
    let users: Vec<UserId> = page.iter().map(|member| member.user).collect();
    let people = People::ours(&ctx, &users).await?;
    page.iter_mut().for_each(|member| member.name = people.name(member.user));
    Ok(MembersListed { members: page, more })
}
